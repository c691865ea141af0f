/* plugins/sqlite/store/file.h - checks and creates the database file before SQLite opens it. */
#ifndef SQ_FILE_H
#define SQ_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

/* Which file a path leads to. born: its birth in ns, since numbers are used again; 0 where the filesystem keeps none. */
struct sq_file_identity {
    uint64_t device, number;
    int64_t born;
};

bool sq_file_same(const struct sq_file_identity *, const struct sq_file_identity *);

/* The path with the working directory in front, so that it stays valid when that changes. Symbolic links stay, so that one
 * that leads elsewhere later is noticed. The caller frees it; NULL: no memory, or no working directory. */
char *sq_file_absolute(const char *path);

/* Finds the one name behind all symbolic links, which the caller frees. make: creates the folders (0700) and an empty file
 * (0600) where there is none; a symbolic link to nothing gets its file, but no folders. EB_EMPTY: there is no file. */
int32_t sq_file_resolve(const char *path, bool make, char **real, struct eb_error *);

/* EB_OK: a regular file; EB_EMPTY: nothing is there; EB_PERMANENT: something else. Sets the identity, which may be NULL,
 * where there is a file. */
int32_t sq_file_look(const char *path, struct sq_file_identity *, struct eb_error *);

/* The identity of an open file. False: it cannot be read. */
bool sq_file_of(int fd, struct sq_file_identity *);

/* EB_PERMANENT: the file has other names (hard links) or places (mounts), beside each of which SQLite would keep another
 * log. */
int32_t sq_file_has_one_name(const char *real, struct eb_error *);

/* EB_PERMANENT: the file is on a network filesystem, whose locks and shared memory are unreliable. */
int32_t sq_file_is_local(const char *path, struct eb_error *);

#endif
