/* plugins/sqlite/store/connect.c - see store.h: opens the database file: is it the event bus's, usable, new? */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help/error.h>

#include "store/disk_space.h"
#include "store/file.h"
#include "store/fork.h"
#include "store/stale_log.h"
#include "store/tables.h"

/* What is read from a file before anything in it is touched. */
struct identity {
    int64_t application, format, tables;
};

static int32_t query(struct sq_store *store, const char *sql, int64_t *number, struct eb_error *err) {
    sqlite3_stmt *statement = NULL;
    int32_t status = EB_OK;

    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        status = sq_store_error(store, err);
    else
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static int32_t execute(struct sq_store *store, const char *sql, struct eb_error *err) {
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? EB_OK : sq_store_error(store, err);
}

static int32_t identify(struct sq_store *store, struct identity *is, struct eb_error *err) {
    int32_t status = query(store, "PRAGMA application_id", &is->application, err);

    if (status == EB_OK)
        status = query(store, "PRAGMA user_version", &is->format, err);
    if (status == EB_OK)
        status = query(store, "SELECT count(*) FROM sqlite_schema", &is->tables, err);
    return status;
}

static bool is_new(const struct identity *is) {
    return is->application == 0 && is->format == 0 && is->tables == 0;
}

/* EB_OK: a file of the event bus; EB_EMPTY: nothing is in it yet. */
static int32_t check_identity(const struct sq_store *store, const struct identity *is, struct eb_error *err) {
    if (is_new(is))
        return EB_EMPTY;
    if (is->application != SQ_APPLICATION)
        return ebp_error(err, EB_PERMANENT, 0, "%s is a database of another program: set path to another file", store->path);
    if (is->format > SQ_FORMAT)
        return ebp_error(err, EB_PERMANENT, 0, "%s has format %lld, this plugin knows up to %d: install a newer one",
                         store->path, (long long)is->format, SQ_FORMAT);
    if (is->format < 1)
        return ebp_error(err, EB_PERMANENT, 0, "%s has no format this plugin knows: set path to another file", store->path);
    return EB_OK;
}

/* All in one transaction: otherwise the format could be from before another process created the tables, and the tables
 * from after. EB_OK: a file of the event bus; EB_EMPTY: nothing is in it yet. */
static int32_t look_at_once(struct sq_store *store, struct eb_error *err) {
    struct identity is;
    int32_t status = execute(store, "BEGIN", err);

    if (status == EB_OK)
        status = identify(store, &is, err);
    if (status == EB_OK)
        status = check_identity(store, &is, err);
    if (status == EB_OK)
        status = sq_tables_check(store, is.format, err);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* The log has to be on before there are tables. A second process that comes to the same file waits at BEGIN and finds the
 * tables. */
static int32_t make_tables(struct sq_store *store, struct eb_error *err) {
    struct identity is;
    int32_t status = execute(store,
                             "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                             "BEGIN IMMEDIATE",
                             err);
    char mark[80];

    if (status == EB_OK)
        status = identify(store, &is, err);
    if (status == EB_OK && is_new(&is))
        status = execute(store, sq_sql_schema, err);
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", SQ_APPLICATION, SQ_FORMAT);
    if (status == EB_OK)
        status = is_new(&is) ? execute(store, mark, err) : execute(store, "COMMIT", err);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static int32_t check_log(struct sq_store *store, struct eb_error *err) {
    sqlite3_stmt *statement = NULL;
    const char *mode = NULL;
    int32_t status = EB_OK;

    if (sqlite3_prepare_v2(store->db, "PRAGMA journal_mode=WAL", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        status = sq_store_error(store, err);
    else
        mode = (const char *)sqlite3_column_text(statement, 0);
    if (status == EB_OK && (!mode || strcmp(mode, "wal") != 0))
        status = ebp_error(err, EB_PERMANENT, 0,
                           "%s cannot have a write-ahead log (its journal mode is %s): set path to a "
                           "local disk",
                           store->path, mode ? mode : "unknown");
    sqlite3_finalize(statement);
    return status;
}

static int32_t limit_cache(struct sq_store *store, struct eb_error *err) {
    char text[40];

    sqlite3_snprintf(sizeof text, text, "PRAGMA cache_size=%d", store->cache_pages);
    return execute(store, text, err);
}

static int32_t set_up(struct sq_store *store, struct eb_error *err) {
    bool read_only = sqlite3_db_readonly(store->db, "main") == 1;
    int32_t status = look_at_once(store, err);

    if (status == EB_EMPTY && !read_only)
        status = make_tables(store, err);
    if (status == EB_OK && !read_only)
        status = check_log(store, err);
    if (status == EB_OK && !read_only)
        sq_disk_space_prepare(store);
    if (status == EB_OK)
        status = execute(store, store->power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
    if (status == EB_OK) /* overwriting free pages, as Debian's SQLite does, doubles what a removal writes */
        status = execute(store, "PRAGMA journal_size_limit=8388608; PRAGMA secure_delete=FAST", err);
    if (status == EB_OK && store->cache_pages)
        status = limit_cache(store, err);
    return status == EB_OK ? sq_store_note_tables(store, err) : status;
}

/* ---- where the file is, and what lies beside it ---- */

/* Opens the side file and makes sure that the log beside the database is not of another one. */
static int32_t open_shm(struct sq_store *store, struct eb_error *err) {
    int32_t status = EB_OK;

    if (!store->shm.map)
        status = sq_shm_open(&store->shm, store->shm_path, err);
    if (status != EB_OK)
        return store->need == SQ_LOOK ? EB_OK : status; /* an instance that only reads needs no side file */
    status = sq_stale_log_clear(store, err);
    if (status != EB_OK)
        sq_shm_close(&store->shm);
    return status;
}

/* Sets the names that all processes on this file use. */
static int32_t take_names(struct sq_store *store, char *real, struct eb_error *err) {
    char *shm = NULL;

    if (asprintf(&shm, "%s-side", real) < 0) {
        free(real);
        return ebp_no_memory(err);
    }
    if (store->real && strcmp(store->real, real) != 0)
        sq_shm_close(&store->shm); /* it belongs to the file that the path led to before */
    free(store->real);
    free(store->shm_path);
    store->real = real;
    store->shm_path = shm;
    return EB_OK;
}

/* Checked here because SQLite opens the file without that right and fails later. */
static int32_t may_write(const struct sq_store *store, struct eb_error *err) {
    if (faccessat(AT_FDCWD, store->real, R_OK | W_OK, AT_EACCESS) == 0)
        return EB_OK;
    return ebp_errno(err, errno == ENOENT ? EB_RETRIABLE : EB_PERMANENT,
                     "%s can only be read: give this user the right to write "
                     "it, or set path to another file",
                     store->path);
}

static int32_t find_file(struct sq_store *store, struct eb_error *err) {
    char *real;
    int32_t status;

    if (!store->absolute)
        store->absolute = sq_file_absolute(store->path);
    if (!store->absolute)
        return ebp_errno(err, EB_PERMANENT, "cannot find %s", store->path);
    status = sq_file_resolve(store->absolute, store->need == SQ_WRITE, &real, err);
    if (status == EB_OK)
        status = take_names(store, real, err);
    if (status == EB_OK)
        status = sq_file_look(store->real, NULL, err);
    if (status == EB_OK)
        status = sq_file_is_local(store->real, err);
    if (status == EB_OK)
        status = sq_file_has_one_name(store->real, err);
    return status == EB_OK && store->need == SQ_WRITE ? may_write(store, err) : status;
}

/* Checks that SQLite has opened the same file as the store. */
static int32_t is_the_same(struct sq_store *store, struct eb_error *err) {
    struct sq_file_identity log = { 0 };
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(store->db, "main"));
    int moved = 0;

    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved || !sq_store_is_in_place(store))
        return sq_store_replaced(store, err);
    if (store->shm.map && path && sq_file_look(path, &log, NULL) == EB_OK)
        sq_shm_set_record(&store->shm, &store->file, &log);
    return EB_OK;
}

/* Counts a change of contents if what was known of the file does not hold for this one. */
static void note_contents(struct sq_store *store, bool shm_is_new) {
    const struct sq_file_identity *now = sq_extender_file(store->extender);

    if (!sq_file_same(now, &store->file) || store->changed || shm_is_new)
        store->contents++;
    store->changed = false;
    store->file = *now;
}

/* A cause that may pass while the service runs (a disk that is mounted read-only for a while) is permanent at the start. */
static int32_t classify_failure(const struct sq_store *store, int32_t status, struct eb_error *err) {
    int extended = sqlite3_extended_errcode(store->db), number = (int)(err ? err->native : 0);
    bool forbidden = number == EACCES || number == EPERM || number == EROFS ||
                     (number == extended && (extended & 0xff) == SQLITE_CANTOPEN);

    if (status == EB_RETRIABLE && forbidden)
        status = ebp_error(err, EB_PERMANENT, number,
                           "%s cannot be used by this user, who has to be allowed to write it and its "
                           "folder",
                           store->path);
    return status;
}

static int32_t open_database(struct sq_store *store, int64_t wait_ms, struct eb_error *err) {
    int32_t status;

    if (sqlite3_open_v2(store->real, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) !=
        SQLITE_OK)
        return store->db ? sq_store_error(store, err) : ebp_no_memory(err);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, (int)wait_ms);
    status = sq_tables_defend(store, err);
    return status == EB_OK ? set_up(store, err) : status;
}

/* ---- a file that this user may only read, and that nobody has open ---- */

/* SQLite cannot open a file without the right to create the index of a log beside it, though without a log no index is
 * needed. A log that exists belongs to a process at work, whose index can be read. */
static bool may_open_immutable(const struct sq_store *store) {
    struct sq_file_identity log;
    char *path = NULL;
    bool immutable = store->need == SQ_LOOK && faccessat(AT_FDCWD, store->real, W_OK, AT_EACCESS) != 0 &&
                     asprintf(&path, "%s-wal", store->real) >= 0 && sq_file_look(path, &log, NULL) != EB_OK;

    free(path);
    return immutable;
}

/* The path as a URI, the only form in which SQLite accepts `immutable`; the caller frees it. NULL: no memory. */
static char *immutable_uri(const char *path) {
    char *uri = malloc(3 * strlen(path) + sizeof "file:?immutable=1"), *to = uri;

    if (!uri)
        return NULL;
    to += sprintf(to, "file:");
    for (; *path; path++)
        to += strchr("%?#", *path) ? sprintf(to, "%%%02X", (unsigned char)*path) : sprintf(to, "%c", *path);
    sprintf(to, "?immutable=1");
    return uri;
}

static int32_t open_immutable(struct sq_store *store, struct eb_error *err) {
    char *uri = immutable_uri(store->real);
    int32_t status = EB_OK;

    sqlite3_close(store->db);
    store->db = NULL;
    errno = 0;
    if (!uri)
        return ebp_no_memory(err);
    if (sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK)
        status = store->db ? sq_store_error(store, err) : ebp_no_memory(err);
    free(uri);
    if (status == EB_OK) {
        sqlite3_extended_result_codes(store->db, 1);
        status = set_up(store, err);
    }
    store->immutable = status == EB_OK;
    return status;
}

static int32_t open_again(struct sq_store *store, int64_t wait_ms, struct eb_error *err) {
    sqlite3_close(store->db);
    store->db = NULL;
    errno = 0;
    return open_database(store, wait_ms, err);
}

int32_t sq_connect(struct sq_store *store, int64_t wait_ms, struct eb_error *err) {
    int32_t status = find_file(store, err);
    bool shm_is_new = !store->shm.map;

    if (sq_fork_inherited())
        return ebp_error(err, EB_PERMANENT, 0,
                         "%s cannot be used in this process: it was forked while its parent had a bus on SQLite open; close "
                         "that bus before the fork, and open one after it in each process",
                         store->path);
    if (!store->counted)
        sq_fork_opened();
    store->counted = true;
    if (status == EB_EMPTY)
        return store->need == SQ_LOOK ? EB_EMPTY : sq_store_replaced(store, err);
    if (status == EB_OK)
        status = sq_extender_get(store->real, &store->extender, err);
    if (status == EB_OK)
        status = open_shm(store, err);
    if (status != EB_OK)
        return status;
    note_contents(store, shm_is_new);
    errno = 0;
    status = open_database(store, wait_ms, err);
    if (status == EB_RETRIABLE && err && err->native == SQLITE_FULL && store->shm.map && sq_shm_release_reserve(&store->shm))
        status = open_again(store, wait_ms, err);
    store->immutable = false;
    if (status < 0 && may_open_immutable(store))
        status = open_immutable(store, err);
    if (status == EB_OK)
        status = is_the_same(store, err);
    return status < 0 && store->db ? classify_failure(store, status, err) : status;
}
