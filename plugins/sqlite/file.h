/* plugins/sqlite/file.h - what is checked and made before sqlite opens the database file. */
#ifndef SQ_FILE_H
#define SQ_FILE_H

#include <stdint.h>
#include <eventbus/plugin.h>

/* Makes the folders (0700) and an empty file (0600) where they are missing. */
int32_t sq_file_make(const char *path, struct eb_error *);

/* Which file a path leads to. */
struct sq_file_identity {
    uint64_t device, number;
};

/* EB_OK: a regular file; EB_EMPTY: nothing there; EB_PERMANENT: something else. The identity, which may be NULL, is set
 * where there is a file. */
int32_t sq_file_look(const char *path, struct sq_file_identity *, struct eb_error *);

/* EB_PERMANENT when it lies on a network filesystem, whose locks and shared memory cannot be relied on. */
int32_t sq_file_is_local(const char *path, struct eb_error *);

#endif
