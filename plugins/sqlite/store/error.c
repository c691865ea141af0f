/* plugins/sqlite/store/error.c - turns what SQLite reports, or what stands in the file, into an error of the plugin: its
 * class, the file, and what to do about it. */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "store/lock_owner.h"

enum { FULL_BLOCKS = 16 }; /* a disk with fewer free ones has no room for what SQLite creates first */

static bool is_full(const char *path) {
    struct statvfs about;

    return path && statvfs(path, &about) == 0 && (about.f_bavail < FULL_BLOCKS || (about.f_files > 0 && about.f_favail == 0));
}

/* SQLite does not always say why it cannot create its log or the index of it. */
static bool no_room(const struct sq_store *store, int code, int number) {
    if (code == SQLITE_FULL)
        return true;
    if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)
        return false;
    return number == ENOSPC || number == EDQUOT || number == EFBIG || (number == 0 && is_full(store->real));
}

int32_t sq_store_full(const struct sq_store *store, struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, SQLITE_FULL, "disk full at %s: free space there, then it goes on by itself",
                     store->path);
}

/* Who has the lock is looked up only once it has lasted. */
static int32_t is_locked(struct sq_store *store, struct eb_error *err) {
    char owner[160] = "";

    if (store->busy_since_ms != 0 && ebp_monotonic_ms() - store->busy_since_ms >= SQ_BUSY_REPORT_MS)
        sq_lock_owner_describe(store->real, owner, sizeof owner);
    return ebp_error(err, EB_RETRIABLE, SQLITE_BUSY, "%s is locked by another program%s", store->path,
                     owner[0] ? owner : ": end what keeps it locked");
}

int32_t sq_store_error(struct sq_store *store, struct eb_error *err) {
    int extended = sqlite3_extended_errcode(store->db), code = extended & 0xff, number = errno;
    const char *path = store->path;

    if (sqlite3_system_errno(store->db) != 0) /* SQLite keeps none for a failed commit */
        number = sqlite3_system_errno(store->db);

    if (no_room(store, code, number))
        return sq_store_full(store, err);
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return is_locked(store, err);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
        errno = number;
        return number ? ebp_errno(err, EB_RETRIABLE, "cannot read or write %s", path)
                      : ebp_error(err, EB_RETRIABLE, extended, "cannot read or write %s: %s", path, sqlite3_errmsg(store->db));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ebp_error(err, EB_RETRIABLE, extended,
                         "%s can only be read: give this user the right to write it and its "
                         "folder",
                         path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ebp_error(err, EB_FATAL, extended,
                         "%s is damaged (%s): restore it from a copy, or move it away to start with an empty file", path,
                         sqlite3_errmsg(store->db));
    case SQLITE_INTERRUPT:
        return sq_damaged(store, err, "a search in it does not end");
    case SQLITE_NOMEM:
        return ebp_no_memory(err);
    default:
        return ebp_error(err, EB_FATAL, extended, "%s: %s", path, sqlite3_errmsg(store->db));
    }
}

int32_t sq_damaged(const struct sq_store *store, struct eb_error *err, const char *format, ...) {
    char what[160];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return ebp_error(err, EB_FATAL, SQLITE_CORRUPT,
                     "%s is damaged (%s): restore it from a copy, or move it away to start with an empty file", store->path,
                     what);
}
