/* plugins/sqlite/store/tables.c - see tables.h. A view, a trigger, a generated column or an index with an expression is a
 * program that would run within the plugin's statements. So what the file defines is compared, word for word, with the
 * text that creates the tables: SQLite keeps it. */
#include "store/tables.h"

#include <string.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/text.h>

#ifndef SQ_MOST_CHECKS
#define SQ_MOST_CHECKS 5000 /* in one statement: some ten seconds; the longest of the plugin needs a thousandth of that */
#endif

enum {
    STEPS_AT_ONCE = 100000, /* steps of SQLite's machine between two checks */
    TABLES_MAX = 16
};

/* ---- defences ---- */

/* In a damaged file the branches of a tree may form a circle, which a search would follow for ever. */
static int is_endless(void *arg) {
    struct sq_store *store = arg;

    return ++store->looks > SQ_MOST_CHECKS;
}

int32_t sq_tables_defend(struct sq_store *store, struct eb_error *err) {
    static const struct {
        int what, on;
    } switches[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
        { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_FKEY, 0 },
        { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
        { SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 },
        { SQLITE_DBCONFIG_ENABLE_QPSG, 1 },
    };
    static const struct {
        int what, most;
    } limits[] = {
        { SQLITE_LIMIT_LENGTH, 600000000 }, { SQLITE_LIMIT_SQL_LENGTH, 20000 },  { SQLITE_LIMIT_COLUMN, 20 },
        { SQLITE_LIMIT_EXPR_DEPTH, 40 },    { SQLITE_LIMIT_COMPOUND_SELECT, 4 }, { SQLITE_LIMIT_VDBE_OP, 5000 },
        { SQLITE_LIMIT_ATTACHED, 0 },       { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },   { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100 },
        { SQLITE_LIMIT_WORKER_THREADS, 0 },
    };

    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (sqlite3_db_config(store->db, switches[i].what, switches[i].on, NULL) != SQLITE_OK)
            return ebp_error(err, EB_FATAL, SQLITE_ERROR,
                             "SQLite %s lacks a defence against hostile files: install a newer one", sqlite3_libversion());
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(store->db, limits[i].what, limits[i].most);
    store->looks = 0;
    sqlite3_progress_handler(store->db, STEPS_AT_ONCE, is_endless, store);
    if (sqlite3_exec(store->db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0", NULL, NULL, NULL) != SQLITE_OK)
        return sq_store_error(store, err);
    return EB_OK;
}

/* ---- the tables ---- */

/* A table of the event bus: "CREATE TABLE name(...)". */
struct table {
    struct eb_text name, text;
    bool seen;
    int64_t root;
};

struct tables {
    size_t n;
    struct table list[TABLES_MAX];
};

static void add_ours(struct tables *tables, const char *text) {
    static const char create[] = "CREATE TABLE ";

    for (const char *end; (end = strchr(text, ';')) && tables->n < TABLES_MAX; text = end + 1) {
        const char *name = text + sizeof create - 1;
        if (strncmp(text, create, sizeof create - 1) == 0)
            tables->list[tables->n++] = (struct table){ .name = { name, strcspn(name, "(") },
                                                        .text = { text, (size_t)(end - text) } };
    }
}

static struct tables ours(int64_t format) {
    struct tables tables = { .n = 0 };

    add_ours(&tables, format == 1 ? sq_sql_schema_1 : sq_sql_schema);
    return tables;
}

static bool is(struct eb_text a, struct eb_text b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static struct table *find(struct tables *tables, struct eb_text name) {
    for (size_t i = 0; i < tables->n; i++)
        if (is(tables->list[i].name, name))
            return &tables->list[i];
    return NULL;
}

/* What SQLite adds itself: counters, indexes of unique columns, and statistics if somebody asked for them. */
static bool is_sqlites(struct tables *tables, struct eb_text type, struct eb_text name, struct eb_text of,
                       struct eb_text text) {
    static const char index[] = "sqlite_autoindex_";

    if (is(type, ebp_text_of("index")))
        return name.len > sizeof index && memcmp(name.data, index, sizeof index - 1) == 0 && text.len == 0 &&
               find(tables, of) != NULL;
    if (!is(type, ebp_text_of("table")))
        return false;
    return (is(name, ebp_text_of("sqlite_sequence")) && is(text, ebp_text_of("CREATE TABLE sqlite_sequence(name,seq)"))) ||
           is(name, ebp_text_of("sqlite_stat1")) || is(name, ebp_text_of("sqlite_stat4"));
}

/* A name in the file may hold any bytes. */
static int32_t refuse(const struct sq_store *store, struct eb_text type, struct eb_text name, const char *why,
                      struct eb_error *err) {
    char shown[60];
    size_t len = 0;

    for (; len < name.len && len + 1 < sizeof shown; len++)
        shown[len] = name.data[len] > ' ' && name.data[len] < 127 && name.data[len] != '"' ? name.data[len] : '?';
    shown[len] = '\0';
    return ebp_error(err, EB_PERMANENT, SQLITE_CORRUPT,
                     "%s has a %.*s \"%s\" %s: restore it from a copy, or set path to another file", store->path,
                     (int)(type.len < 10 ? type.len : 10), type.data, shown, why);
}

static int32_t see(struct sq_store *store, struct tables *tables, sqlite3_stmt *row, struct eb_error *err) {
    struct eb_text type = sq_bytes(row, 0), name = sq_bytes(row, 1), of = sq_bytes(row, 2), text = sq_bytes(row, 3);
    struct table *table = find(tables, name);

    if (is_sqlites(tables, type, name, of, text))
        return EB_OK;
    if (!is(type, ebp_text_of("table")) && !is(type, ebp_text_of("index")) && !is(type, ebp_text_of("view")) &&
        !is(type, ebp_text_of("trigger")))
        type = ebp_text_of("thing");
    if (!table || !is(type, ebp_text_of("table")))
        return refuse(store, type, name, "that the event bus did not create", err);
    if (!is(table->text, text))
        return refuse(store, type, name, "that differs from what the event bus creates", err);
    table->seen = true;
    table->root = sqlite3_column_int64(row, 4);
    for (size_t i = 0; i < tables->n; i++)
        if (&tables->list[i] != table && tables->list[i].seen && tables->list[i].root == table->root)
            return refuse(store, type, name, "that shares its root page with another one", err);
    return EB_OK;
}

static int32_t check_encoding(struct sq_store *store, struct eb_error *err) {
    sqlite3_stmt *encoding = NULL;
    int32_t status = EB_OK;

    if (sqlite3_prepare_v2(store->db, "PRAGMA encoding", -1, &encoding, NULL) != SQLITE_OK ||
        sqlite3_step(encoding) != SQLITE_ROW)
        status = sq_store_error(store, err);
    else if (!is(sq_bytes(encoding, 0), ebp_text_of("UTF-8")))
        status = ebp_error(err, EB_PERMANENT, SQLITE_CORRUPT,
                           "%s is not encoded in UTF-8, as files of the event bus are: set path to another "
                           "file",
                           store->path);
    sqlite3_finalize(encoding);
    return status;
}

int32_t sq_tables_check(struct sq_store *store, int64_t format, struct eb_error *err) {
    struct tables tables = ours(format);
    sqlite3_stmt *all = NULL;
    int32_t row, status = check_encoding(store, err);

    if (status != EB_OK)
        return status;
    if (sqlite3_prepare_v2(store->db, "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema", -1, &all, NULL) !=
        SQLITE_OK)
        return sq_store_error(store, err);
    while (status == EB_OK && (row = sq_row(store, all, "xxxXi", err)) != 0)
        status = row < 0 ? row : see(store, &tables, all, err);
    sqlite3_finalize(all);
    for (size_t i = 0; i < tables.n && status == EB_OK; i++)
        if (!tables.list[i].seen)
            status = ebp_error(err, EB_PERMANENT, SQLITE_CORRUPT,
                               "%s has no table %.*s: restore it from a copy, or set path to "
                               "another file",
                               store->path, (int)tables.list[i].name.len, tables.list[i].name.data);
    return status;
}
