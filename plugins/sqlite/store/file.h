/* plugins/sqlite/store/file.h - what is checked and made before sqlite opens the database file. */
#ifndef SQ_FILE_H
#define SQ_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

/* Which file a path leads to. born: its birth in ns, 0 where the filesystem keeps none: numbers are used again. */
struct sq_file_identity {
    uint64_t device, number;
    int64_t born;
};

bool sq_file_same(const struct sq_file_identity *, const struct sq_file_identity *);

/* The path without a working directory, whatever becomes of it later; symbolic links stay, so that one that leads elsewhere
 * by now is noticed. The caller frees it; NULL: no memory, or no working directory. */
char *sq_file_absolute(const char *path);

/* The one name behind all symbolic links, which the caller frees. make: makes the folders (0700) and an empty file (0600)
 * where there is none; a symbolic link to nothing gets its file, but no folders. EB_EMPTY: there is none. */
int32_t sq_file_resolve(const char *path, bool make, char **real, struct eb_error *);

/* EB_OK: a regular file; EB_EMPTY: nothing there; EB_PERMANENT: something else. The identity, which may be NULL, is set
 * where there is a file. */
int32_t sq_file_look(const char *path, struct sq_file_identity *, struct eb_error *);

/* The same of an open file. False: it cannot be looked at. */
bool sq_file_of(int fd, struct sq_file_identity *);

/* EB_PERMANENT when the file has other names, or other places, that symbolic links do not explain: SQLite would keep another
 * log beside each. */
int32_t sq_file_has_one_name(const char *real, struct eb_error *);

/* EB_PERMANENT when it lies on a network filesystem, whose locks and shared memory cannot be relied on. */
int32_t sq_file_is_local(const char *path, struct eb_error *);

#endif
