/* plugins/sqlite/store/store.c - see store.h: transactions, statements, and what is told about the way to the file. */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/boot.h"
#include "store/clock.h"
#include "store/connect.h"
#include "error.h"
#include "store/lock_owner.h"

enum {
    CHECKPOINT_PAGES = 1000,    /* the log is moved into the file when it is this long */
    RESTART_PAGES = 1400,       /* from here on readers are waited for, a little, so that it can start again */
    RESTART_WAIT_MS = 5,
    TRY_AGAIN_PAGES = 200,
    BUSY_TOLD_MS = 1000,
    UNFAIR_MS = 1000,           /* the queue is passed by so long when a process was stopped that has the turn: */
    NO_TURN_MS = 1000,          /*   nobody else keeps it that long without writing */
    LOOK_MS = 1000,             /* how often it is made sure that we write to the file at that path */
    FULL_BLOCKS = 16,           /* of a disk that has no room for what sqlite begins with */
    FIRST_BACKOFF_MS = 10, LAST_BACKOFF_MS = 1000
};

void sq_store_init(struct sq_store *store, const struct eb_host *host, const char *path, enum sq_need need, bool power) {
    *store = (struct sq_store){ .host = host, .path = path, .need = need, .power = power, .shm.fd = -1 };
}

static void disconnect(struct sq_store *store) {
    for (int i = 0; i < SQ_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
    store->boot_rebased = false;
    sq_extender_put(store->extender);
    store->extender = NULL;
}

void sq_store_close(struct sq_store *store) {
    disconnect(store);
    sq_shm_close(&store->shm);
    free(store->absolute);
    free(store->real);
    free(store->shm_path);
}

static int left_in_wal(void *arg, sqlite3 *db, const char *name, int pages) {
    struct sq_store *store = arg;

    (void)db;
    (void)name;
    store->wal_pages = pages;
    return SQLITE_OK;
}

/* Statements are prepared once. SQLite prepares one again when the tables are no longer those that it knew, as after a copy
 * was restored into the file, and sometimes when a transaction has failed. */
static int may_prepare(void *arg, int what, const char *a, const char *b, const char *c, const char *d) {
    struct sq_store *store = arg;

    (void)what, (void)a, (void)b, (void)c, (void)d;
    store->prepared_again = store->prepared_again || !store->preparing;
    return SQLITE_OK;
}

static int32_t read_schema_version(struct sq_store *store, int64_t *number, struct eb_error *err) {
    sqlite3_stmt *version = NULL;
    int32_t status = EB_OK;

    if (sqlite3_prepare_v2(store->db, "PRAGMA schema_version", -1, &version, NULL) != SQLITE_OK
        || sqlite3_step(version) != SQLITE_ROW)
        status = sq_store_error(store, err);
    else
        *number = sqlite3_column_int64(version, 0);
    sqlite3_finalize(version);
    store->prepared_again = false;
    return status;
}

int32_t sq_store_note_tables(struct sq_store *store, struct eb_error *err) {
    return read_schema_version(store, &store->schema_version, err);
}

/* EB_OK: the tables are those that we have connected to. */
static int32_t check_tables(struct sq_store *store, struct eb_error *err) {
    int64_t number = 0;
    int32_t status = read_schema_version(store, &number, err);

    store->changed = status == EB_OK && number != store->schema_version;
    if (!store->changed)
        return status;
    return sq_error(err, EB_RETRIABLE, SQLITE_SCHEMA, "the tables of %s were made anew while it was in use, as by a restored "
                    "copy: it is opened anew", store->path);
}

/* ---- is it still the file at the path ---- */

bool sq_store_is_in_place(struct sq_store *store) {
    struct sq_file_identity is;

    return sq_file_look(store->absolute, &is, NULL) == EB_OK && sq_file_same(&is, &store->file);
}

int32_t sq_store_replaced(const struct sq_store *store, struct eb_error *err) {
    return sq_error(err, EB_RETRIABLE, 0, "%s was moved, removed or replaced while it was in use: it is opened anew", store->path);
}

/* What is written to a file that was removed is lost: better to begin anew with the one that is there, or none. One that was
 * moved gets all of its log, which nobody looks for at its new place. */
static int32_t look_for_file(struct sq_store *store, struct eb_error *err) {
    struct sq_shm_values values;
    int64_t now_ms = sq_ticks_ms();

    if (now_ms - store->looked_ms < LOOK_MS)
        return EB_OK;
    store->looked_ms = now_ms;
    if (sq_store_is_in_place(store) && sq_shm_in_place(&store->shm, store->shm_path)) {
        if (store->shm.map)
            sq_shm_read(&store->shm, &values);
        return EB_OK;
    }
    sq_pass_turn(store);
    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    disconnect(store);
    sq_shm_close(&store->shm);
    return sq_store_replaced(store, err);
}

int32_t sq_store_connect(struct sq_store *store, int64_t wait_ms, struct eb_error *err) {
    if (store->db && store->immutable)
        disconnect(store);
    int32_t status = store->db ? look_for_file(store, err) : EB_OK;

    if (store->db || (status != EB_OK && store->link != SQ_UNREPORTED))     /* who tells of the link tells why it is down first */
        return status;
    status = sq_connect(store, wait_ms, err);
    if (status != EB_OK) {
        disconnect(store);
        return status;
    }
    store->connections++;
    store->looked_ms = sq_ticks_ms();
    store->wal_pages = store->wal_tried = 0;
    sqlite3_wal_hook(store->db, left_in_wal, store);
    sqlite3_set_authorizer(store->db, may_prepare, store);
    return EB_OK;
}

/* ---- what went wrong ---- */

static bool is_full(const char *path) {
    struct statvfs about;

    return path && statvfs(path, &about) == 0 && (about.f_bavail < FULL_BLOCKS || (about.f_files > 0 && about.f_favail == 0));
}

/* Where SQLite cannot make its log or the index of it, it does not always say why. */
static bool no_room(const struct sq_store *store, int code, int number) {
    if (code == SQLITE_FULL)
        return true;
    if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)
        return false;
    return number == ENOSPC || number == EDQUOT || number == EFBIG || (number == 0 && is_full(store->real));
}

int32_t sq_store_full(const struct sq_store *store, struct eb_error *err) {
    return sq_error(err, EB_RETRIABLE, SQLITE_FULL, "disk full at %s: free space there, then it goes on by itself",
                    store->path);
}

/* Who it is, is found out once it has lasted. */
static int32_t is_locked(struct sq_store *store, struct eb_error *err) {
    char owner[160] = "";

    if (store->busy_since_ms != 0 && sq_ticks_ms() - store->busy_since_ms >= BUSY_TOLD_MS)
        sq_lock_owner_describe(store->real, owner, sizeof owner);
    return sq_error(err, EB_RETRIABLE, SQLITE_BUSY, "%s is locked by another program%s", store->path,
                    owner[0] ? owner : ": end what keeps it locked");
}

int32_t sq_store_error(struct sq_store *store, struct eb_error *err) {
    int extended = sqlite3_extended_errcode(store->db), code = extended & 0xff, number = errno;
    const char *path = store->path;

    if (sqlite3_system_errno(store->db) != 0)           /* which it does not tell of a failed commit */
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
        return number ? sq_errno(err, EB_RETRIABLE, "cannot read or write %s", path)
                      : sq_error(err, EB_RETRIABLE, extended, "cannot read or write %s: %s", path, sqlite3_errmsg(store->db));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return sq_error(err, EB_RETRIABLE, extended, "%s can only be read: give this user the right to write it and its "
                        "folder", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return sq_error(err, EB_FATAL, extended, "%s is damaged (%s): restore it from a copy, or move it away to begin anew",
                        path, sqlite3_errmsg(store->db));
    case SQLITE_INTERRUPT:
        return sq_damaged(store, err, "a search in it has no end");
    case SQLITE_NOMEM:
        return sq_no_memory(err);
    default:
        return sq_error(err, EB_FATAL, extended, "%s: %s", path, sqlite3_errmsg(store->db));
    }
}

/* Whether it helps to open the file anew. */
static bool connection_is_bad(int64_t native) {
    return native != SQLITE_BUSY && native != SQLITE_FULL;
}

static void schedule(struct sq_store *store, bool busy, int64_t now) {
    int64_t next = store->backoff_ms * 2;

    store->backoff_ms = next < FIRST_BACKOFF_MS ? FIRST_BACKOFF_MS : next > LAST_BACKOFF_MS ? LAST_BACKOFF_MS : next;
    if (busy)
        store->backoff_ms = FIRST_BACKOFF_MS;           /* the waiting was done in line */
    store->retry_ms = now + store->backoff_ms;
}

static void went_wrong(struct sq_store *store, const struct eb_error *err) {
    int64_t now = sq_ticks_ms();
    bool busy = err->native == SQLITE_BUSY;

    schedule(store, busy, now);
    if (busy && store->busy_since_ms == 0)
        store->busy_since_ms = now;
    if (store->link != SQ_DOWN && (!busy || now - store->busy_since_ms >= BUSY_TOLD_MS)) {
        store->link = SQ_DOWN;
        store->host->link(store->host, 0, err);
    }
    if (connection_is_bad(err->native))
        disconnect(store);
}

void sq_store_link(struct sq_store *store, int32_t status, const struct eb_error *err) {
    if (status < 0) {
        went_wrong(store, err);
        return;
    }
    store->busy_since_ms = store->retry_ms = store->backoff_ms = 0;
    if (store->link != SQ_UP) {
        store->link = SQ_UP;
        store->host->link(store->host, 1, NULL);
    }
}

/* ---- statements ---- */

sqlite3_stmt *sq_sql(struct sq_store *store, enum sq_sql name) {
    sqlite3_stmt **statement = &store->statements[name];

    if (!*statement) {
        store->preparing = true;
        sqlite3_prepare_v3(store->db, sq_sql_text(name), -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
        store->preparing = false;
    }
    return *statement;
}

int32_t sq_step(struct sq_store *store, sqlite3_stmt *statement, struct eb_error *err) {
    int32_t status = EB_OK;
    int code;

    errno = 0;
    store->looks = 0;
    code = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (code == SQLITE_ROW && !store->prepared_again)
        return 1;
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        status = sq_store_error(store, err);
    else if (store->prepared_again)
        status = check_tables(store, err);
    if (status == EB_OK && code == SQLITE_ROW)
        return 1;
    sqlite3_reset(statement);
    return status;
}

/* ---- what the file says ---- */

int32_t sq_damaged(const struct sq_store *store, struct eb_error *err, const char *format, ...) {
    char what[160];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return sq_error(err, EB_FATAL, SQLITE_CORRUPT, "%s is damaged (%s): restore it from a copy, or move it away to begin anew",
                    store->path, what);
}

/* Of an integer. */
static bool is_between(sqlite3_stmt *row, int column, int64_t least, int64_t most) {
    int64_t number = sqlite3_column_int64(row, column);

    return number >= least && number <= most;
}

static bool is_name(sqlite3_stmt *row, int column) {
    const unsigned char *text = sqlite3_column_type(row, column) == SQLITE_TEXT ? sqlite3_column_text(row, column) : NULL;
    int len = text ? sqlite3_column_bytes(row, column) : 0;

    return len > 0 && len <= SQ_NAME_MAX && memchr(text, 0, (size_t)len) == NULL;
}

static bool fits(sqlite3_stmt *row, int column, char kind) {
    int type = sqlite3_column_type(row, column);

    switch (kind) {
    case 'i': return type == SQLITE_INTEGER;
    case 'O': return type == SQLITE_INTEGER || type == SQLITE_NULL;
    case 's': return type == SQLITE_INTEGER && is_between(row, column, 0, SQ_SEQ_MAX);
    case 'M': return type == SQLITE_NULL || fits(row, column, 'm');
    case 'm': return type == SQLITE_INTEGER && is_between(row, column, sq_id(1, 0), sq_id(SQ_TOPIC_MAX, SQ_SEQ_MAX));
    case 't': return type == SQLITE_INTEGER && is_between(row, column, 1, SQ_TOPIC_MAX);
    case 'g': return type == SQLITE_INTEGER && is_between(row, column, 1, INT64_MAX);
    case 'o': return type == SQLITE_INTEGER && is_between(row, column, 0, SQ_MEMBER_MAX);
    case 'T': return type == SQLITE_INTEGER && is_between(row, column, -SQ_TIME_MAX, SQ_TIME_MAX);
    case 'n': return is_name(row, column);
    case 'x': return type == SQLITE_TEXT;
    case 'X': return type == SQLITE_TEXT || type == SQLITE_NULL;
    case 'b': return type == SQLITE_BLOB;
    case 'B': return type == SQLITE_BLOB || type == SQLITE_NULL;
    default: return false;
    }
}

int32_t sq_row(struct sq_store *store, sqlite3_stmt *statement, const char *shape, struct eb_error *err) {
    int32_t row = sq_step(store, statement, err);

    for (int column = 0; row > 0 && shape[column]; column++)
        if (!fits(statement, column, shape[column])) {
            row = sq_damaged(store, err, "column %s of \"%.60s...\" cannot hold what it does",
                             sqlite3_column_name(statement, column), sqlite3_sql(statement));
            sqlite3_reset(statement);
        }
    return row;
}

int32_t sq_run(struct sq_store *store, sqlite3_stmt *statement, struct eb_error *err) {
    int32_t row = sq_step(store, statement, err);

    if (row > 0)
        sqlite3_reset(statement);
    return row > 0 ? EB_OK : row;
}

int32_t sq_number(struct sq_store *store, enum sq_sql name, int64_t *number, struct eb_error *err) {
    sqlite3_stmt *statement = sq_sql(store, name);
    int32_t row = sq_row(store, statement, "O", err);

    if (row > 0) {
        *number = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return row < 0 ? row : EB_OK;
}

struct eb_text sq_bytes(sqlite3_stmt *statement, int column) {
    const char *data = sqlite3_column_blob(statement, column);

    if (data)
        return (struct eb_text){ data, (size_t)sqlite3_column_bytes(statement, column) };
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (struct eb_text){ NULL, 0 };
    return (struct eb_text){ "", 0 };                   /* sqlite says NULL for an empty one */
}

void sq_bind(sqlite3_stmt *statement, int index, struct eb_text bytes) {
    if (!bytes.data)
        sqlite3_bind_null(statement, index);
    else
        sqlite3_bind_blob64(statement, index, bytes.data, bytes.len, SQLITE_STATIC);
}

/* ---- transactions ---- */

/* The host does not let the process be stopped in between: all that write to the file would wait for it. */
static void report_busy(struct sq_store *store, bool busy) {
    const struct eb_host *host = store->host;

    if (store->busy != busy && host->size >= offsetof(struct eb_host, busy) + sizeof host->busy && host->busy)
        host->busy(host, busy);
    store->busy = busy;
}

static void enter_queue(struct sq_store *store, int64_t until_ms) {
    report_busy(store, true);
    if (!store->at_turn && sq_ticks_ms() >= store->unfair_until_ms)
        store->at_turn = sq_shm_enqueue(&store->shm, until_ms);
    if (store->at_turn)
        store->no_turn_since_ms = 0;
}

/* We may write, though another process has the turn: it is between its transactions, or moves the log, or was stopped. */
static void note_no_turn(struct sq_store *store) {
    int64_t now_ms = sq_ticks_ms();

    if (!store->no_turn_since_ms)
        store->no_turn_since_ms = now_ms;
    else if (now_ms - store->no_turn_since_ms >= NO_TURN_MS)
        store->unfair_until_ms = now_ms + UNFAIR_MS;
}

static void leave_queue(struct sq_store *store) {
    if (store->staying)
        return;
    if (store->at_turn)
        sq_shm_dequeue(&store->shm);
    store->at_turn = false;
    report_busy(store, false);
}

void sq_keep_turn(struct sq_store *store) {
    store->staying = true;
}

void sq_pass_turn(struct sq_store *store) {
    store->staying = false;
    leave_queue(store);
}

/* With the first transaction of a connection, and with the next one again until that is stored. */
static int32_t rebase_boot(struct sq_store *store, struct eb_error *err) {
    int32_t status = sq_boot_rebase(store, err);

    if (status != EB_OK)
        sq_rollback(store);
    return status;
}

int32_t sq_begin(struct sq_store *store, int64_t until_ms, struct eb_error *err) {
    int64_t left_ms;
    int32_t status = look_for_file(store, err);

    if (status != EB_OK)
        return status;
    enter_queue(store, until_ms);
    left_ms = until_ms - sq_ticks_ms();
    sqlite3_busy_timeout(store->db, left_ms > 0 ? (int)left_ms : 0);
    status = sq_run(store, sq_sql(store, SQ_BEGIN), err);
    if (status == EB_OK && !store->at_turn && store->shm.map)
        note_no_turn(store);
    if (status != EB_OK)
        leave_queue(store);
    else if (!store->boot_rebased)
        status = rebase_boot(store, err);
    return status;
}

int32_t sq_begin_reading(struct sq_store *store, struct eb_error *err) {
    return sq_run(store, sq_sql(store, SQ_BEGIN_READING), err);
}

/* Nothing was written that could fail to be stored. */
void sq_end_reading(struct sq_store *store) {
    if (store->db && !sqlite3_get_autocommit(store->db))
        sq_run(store, sq_sql(store, SQ_COMMIT), NULL);
}

static void checkpoint_now(struct sq_store *store, int how) {
    int in_log = 0, moved = 0;

    sqlite3_busy_timeout(store->db, RESTART_WAIT_MS);
    sqlite3_wal_checkpoint_v2(store->db, NULL, how, &in_log, &moved);
    store->wal_tried = moved == in_log ? 0 : store->wal_pages;
}

/* Moves the log into the file, so that it ends where a new one can begin; at our turn alone, see sq_disk_space_reserve. What fails
 * here is tried again with a later commit. */
static void checkpoint(struct sq_store *store) {
    if (!store->at_turn)
        return;
    if (store->wal_pages < CHECKPOINT_PAGES || store->wal_pages < store->wal_tried + TRY_AGAIN_PAGES)
        return;
    checkpoint_now(store, store->wal_pages >= RESTART_PAGES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
}

void sq_store_checkpoint(struct sq_store *store, int64_t until_ms) {
    if (!store->db)
        return;
    enter_queue(store, until_ms);
    if (store->at_turn)
        checkpoint_now(store, SQLITE_CHECKPOINT_RESTART);
    leave_queue(store);
}

int32_t sq_commit(struct sq_store *store, struct eb_error *err) {
    int32_t status = sq_run(store, sq_sql(store, SQ_COMMIT), err);

    store->boot_rebased = store->boot_rebased || status == EB_OK;
    if (status != EB_OK)
        sq_rollback(store);
    else
        checkpoint(store);
    leave_queue(store);
    return status;
}

void sq_rollback(struct sq_store *store) {
    if (!sqlite3_get_autocommit(store->db))
        sq_run(store, sq_sql(store, SQ_ROLLBACK), NULL);
    leave_queue(store);
}
