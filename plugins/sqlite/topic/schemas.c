/* plugins/sqlite/topic/schemas.c - see schemas.h. */
#include "topic/schemas.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then; without it uthash ends the process */
#include <uthash.h>
#include <eventbus/plugin-help/error.h>

struct sq_schema {
    uint64_t id; /* sending: the host's id; receiving: the row's id */
    uint64_t row;
    uint64_t made; /* the transaction that wrote the row; 0: it was there */
    uint64_t used;
    size_t bytes;
    struct eb_schema *schema; /* as read from the file; NULL while sending */
    UT_hash_handle hh;
};

/* ---- what is remembered ---- */

static void drop(struct sq_schemas *schemas, struct sq_schema *one) {
    HASH_DEL(schemas->by_id, one);
    schemas->bytes -= one->bytes;
    if (schemas->last == one)
        schemas->last = NULL;
    free(one->schema);
    free(one);
}

/* Drops the schemas that were used no later than `stamp`. Returns how many. */
static size_t drop_used_by(struct sq_schemas *schemas, uint64_t stamp) {
    struct sq_schema *one, *next;
    size_t n = 0;

    HASH_ITER(hh, schemas->by_id, one, next)
    if (one->used <= stamp) {
        drop(schemas, one);
        n++;
    }
    return n;
}

/* Drops what was not used since the last time. If that is little, drops all but the two used last, which a message that is
 * being read may refer to. */
static void make_room(struct sq_schemas *schemas, size_t bytes) {
    size_t n = HASH_COUNT(schemas->by_id);

    if (n < SQ_SCHEMAS_MOST && schemas->bytes + bytes <= SQ_SCHEMAS_BYTES)
        return;
    uint64_t keep = schemas->clock > 2 ? schemas->clock - 2 : 0;
    if (drop_used_by(schemas, schemas->swept < keep ? schemas->swept : keep) < n / 8 ||
        schemas->bytes + bytes > SQ_SCHEMAS_BYTES)
        drop_used_by(schemas, keep);
    schemas->swept = schemas->clock;
}

static struct sq_schema *find(struct sq_schemas *schemas, uint64_t id) {
    struct sq_schema *one = schemas->last;

    if (!one || one->id != id)
        HASH_FIND(hh, schemas->by_id, &id, sizeof id, one);
    if (one) {
        schemas->last = one;
        one->used = ++schemas->clock;
    }
    return one;
}

/* Takes the schema over, and frees it on failure. NULL: no memory. */
static struct sq_schema *add(struct sq_schemas *schemas, uint64_t id, uint64_t row, struct eb_schema *schema, size_t bytes) {
    struct sq_schema *one = calloc(1, sizeof *one);

    make_room(schemas, bytes);
    if (one) {
        *one = (struct sq_schema){ .id = id, .row = row, .schema = schema, .bytes = bytes, .used = ++schemas->clock };
        HASH_ADD(hh, schemas->by_id, id, sizeof one->id, one);
    }
    if (!one || !one->hh.tbl) {
        free(schema);
        free(one);
        return NULL;
    }
    schemas->bytes += bytes;
    return schemas->last = one;
}

void sq_schemas_free(struct sq_schemas *schemas) {
    drop_used_by(schemas, UINT64_MAX);
    *schemas = (struct sq_schemas){ .told = schemas->told };
}

/* ---- sending ---- */

static sqlite3_stmt *with_texts(struct sq_store *store, enum sq_sql name, const struct eb_schema *schema) {
    sqlite3_stmt *statement = sq_sql(store, name);

    sqlite3_bind_text64(statement, 1, schema->name.data ? schema->name.data : "", schema->name.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_text64(statement, 2, schema->json.data ? schema->json.data : "", schema->json.len, SQLITE_STATIC, SQLITE_UTF8);
    return statement;
}

int32_t sq_schemas_put(struct sq_schemas *schemas, struct sq_store *store, const struct eb_schema *schema, uint64_t transaction,
                       uint64_t *id, struct eb_error *err) {
    struct sq_schema *one = schema ? find(schemas, schema->id) : NULL;
    uint64_t row_id = 0, made = 0;
    sqlite3_stmt *by_text;
    int32_t row;

    *id = one ? one->row : 0;
    if (!schema || one)
        return EB_OK;
    by_text = with_texts(store, SQ_SCHEMA_BY_TEXT, schema);
    row = sq_row(store, by_text, "g", err);
    if (row > 0) {
        row_id = (uint64_t)sqlite3_column_int64(by_text, 0);
        sqlite3_reset(by_text);
    } else if (row == 0) {
        row = sq_run(store, with_texts(store, SQ_SCHEMA_ADD, schema), err);
        row_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
        made = transaction;
    }
    if (row < 0)
        return row;
    one = add(schemas, schema->id, row_id, NULL, 0);
    if (!one)
        return ebp_no_memory(err);
    one->made = made;
    *id = row_id;
    return EB_OK;
}

void sq_schemas_undo(struct sq_schemas *schemas, uint64_t transaction) {
    struct sq_schema *one, *next;

    HASH_ITER(hh, schemas->by_id, one, next)
    if (one->made == transaction)
        drop(schemas, one);
}

/* ---- receiving ---- */

/* One block: the struct, then both texts, each with a NUL. */
static struct eb_schema *copy_schema(uint64_t id, struct eb_text name, struct eb_text json) {
    struct eb_schema *schema = malloc(sizeof *schema + name.len + json.len + 2);
    char *text = (char *)(schema + 1);

    if (!schema)
        return NULL;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    memcpy(text + name.len + 1, json.data, json.len);
    text[name.len + 1 + json.len] = '\0';
    *schema = (struct eb_schema){
        .size = sizeof *schema, .id = id, .name = { text, name.len }, .json = { text + name.len + 1, json.len }
    };
    return schema;
}

/* Sets *one to NULL where the row is not there. */
static int32_t read_schema(struct sq_schemas *schemas, struct sq_store *store, uint64_t id, struct sq_schema **one,
                           struct eb_error *err) {
    sqlite3_stmt *by_id = sq_sql(store, SQ_SCHEMA_BY_ID);
    struct eb_schema *schema;
    int32_t row;

    *one = NULL;
    sqlite3_bind_int64(by_id, 1, (int64_t)id);
    row = sq_row(store, by_id, "xx", err);
    if (row <= 0)
        return row;
    schema = copy_schema(++schemas->told, sq_bytes(by_id, 0), sq_bytes(by_id, 1));
    sqlite3_reset(by_id);
    if (schema)
        *one = add(schemas, id, id, schema, sizeof *schema + schema->name.len + schema->json.len + 2);
    return *one ? EB_OK : ebp_no_memory(err);
}

int32_t sq_schemas_get(struct sq_schemas *schemas, struct sq_store *store, uint64_t id, const struct eb_schema **schema,
                       struct eb_error *err) {
    struct sq_schema *one = id ? find(schemas, id) : NULL;
    int32_t status = EB_OK;

    if (id && !one)
        status = read_schema(schemas, store, id, &one, err);
    *schema = one ? one->schema : NULL;
    return status;
}
