/* plugins/sqlite/store/statement.c - prepares the statements of sql.h once, steps them, and checks each value of a row. */
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

/* ---- are the tables still those that were checked ---- */

/* SQLite calls this when it prepares a statement: once by sq_sql, and again when the tables are no longer those it knew,
 * as after a copy was restored into the file, and sometimes when a transaction has failed. */
static int may_prepare(void *arg, int what, const char *a, const char *b, const char *c, const char *d) {
    struct sq_store *store = arg;

    (void)what, (void)a, (void)b, (void)c, (void)d;
    store->prepared_again = store->prepared_again || !store->preparing;
    return SQLITE_OK;
}

static int32_t read_schema_version(struct sq_store *store, int64_t *number, struct eb_error *err) {
    sqlite3_stmt *version = NULL;
    int32_t status = EB_OK;

    if (sqlite3_prepare_v2(store->db, "PRAGMA schema_version", -1, &version, NULL) != SQLITE_OK ||
        sqlite3_step(version) != SQLITE_ROW)
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

/* EB_OK: the tables are still those that were checked at the connection. */
static int32_t check_tables(struct sq_store *store, struct eb_error *err) {
    int64_t number = 0;
    int32_t status = read_schema_version(store, &number, err);

    store->changed = status == EB_OK && number != store->schema_version;
    if (!store->changed)
        return status;
    return ebp_error(err, EB_RETRIABLE, SQLITE_SCHEMA,
                     "the tables of %s were replaced while it was in use, as by a restored "
                     "copy: opening it again",
                     store->path);
}

/* ---- statements ---- */

void sq_watch_statements(struct sq_store *store) {
    sqlite3_set_authorizer(store->db, may_prepare, store);
}

void sq_finalize_statements(struct sq_store *store) {
    for (int i = 0; i < SQ_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

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

/* ---- what a row says ---- */

/* The column holds an integer. */
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
    case 'i':
        return type == SQLITE_INTEGER;
    case 'O':
        return type == SQLITE_INTEGER || type == SQLITE_NULL;
    case 's':
        return type == SQLITE_INTEGER && is_between(row, column, 0, SQ_SEQ_MAX);
    case 'M':
        return type == SQLITE_NULL || fits(row, column, 'm');
    case 'm':
        return type == SQLITE_INTEGER && is_between(row, column, sq_id(1, 0), sq_id(SQ_TOPIC_MAX, SQ_SEQ_MAX));
    case 't':
        return type == SQLITE_INTEGER && is_between(row, column, 1, SQ_TOPIC_MAX);
    case 'g':
        return type == SQLITE_INTEGER && is_between(row, column, 1, INT64_MAX);
    case 'o':
        return type == SQLITE_INTEGER && is_between(row, column, 0, SQ_MEMBER_MAX);
    case 'T':
        return type == SQLITE_INTEGER && is_between(row, column, -SQ_TIME_MAX, SQ_TIME_MAX);
    case 'n':
        return is_name(row, column);
    case 'x':
        return type == SQLITE_TEXT;
    case 'X':
        return type == SQLITE_TEXT || type == SQLITE_NULL;
    case 'b':
        return type == SQLITE_BLOB;
    case 'B':
        return type == SQLITE_BLOB || type == SQLITE_NULL;
    default:
        return false;
    }
}

int32_t sq_row(struct sq_store *store, sqlite3_stmt *statement, const char *shape, struct eb_error *err) {
    int32_t row = sq_step(store, statement, err);

    for (int column = 0; row > 0 && shape[column]; column++)
        if (!fits(statement, column, shape[column])) {
            row = sq_damaged(store, err, "column %s of \"%.60s...\" holds an impossible value",
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

int32_t sq_run_with(struct sq_store *store, enum sq_sql name, struct eb_error *err, int n, const int64_t *values) {
    sqlite3_stmt *statement = sq_sql(store, name);

    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return sq_run(store, statement, err);
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
    return (struct eb_text){ "", 0 }; /* SQLite returns NULL for an empty blob */
}

void sq_bind(sqlite3_stmt *statement, int index, struct eb_text bytes) {
    if (!bytes.data)
        sqlite3_bind_null(statement, index);
    else
        sqlite3_bind_blob64(statement, index, bytes.data, bytes.len, SQLITE_STATIC);
}
