/* plugins/sqlite/schemas.c - see schemas.h. There are as many as event types and versions of them: some hundreds. */
#include "schemas.h"

#include <stdlib.h>
#include <string.h>

#include "fault.h"

static bool append(struct sq_schemas *schemas, struct sq_schema one) {
    size_t room = schemas->room ? 2 * schemas->room : 32;
    struct sq_schema *list = schemas->list;

    if (schemas->n == schemas->room) {
        list = realloc(list, room * sizeof *list);
        if (!list)
            return false;
        schemas->list = list;
        schemas->room = room;
    }
    list[schemas->n++] = one;
    schemas->last = one;
    return true;
}

/* ---- sending ---- */

static bool known_host_id(struct sq_schemas *schemas, uint64_t host_id) {
    if (schemas->last.id != 0 && schemas->last.host_id == host_id)
        return true;
    for (size_t i = 0; i < schemas->n; i++)
        if (schemas->list[i].host_id == host_id && schemas->list[i].id != 0) {
            schemas->last = schemas->list[i];
            return true;
        }
    return false;
}

static sqlite3_stmt *with_texts(struct sq_store *store, enum sq_sql name, const struct eb_schema *schema) {
    sqlite3_stmt *statement = sq_sql(store, name);

    sqlite3_bind_text64(statement, 1, schema->name.data ? schema->name.data : "", schema->name.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_text64(statement, 2, schema->json.data ? schema->json.data : "", schema->json.len, SQLITE_STATIC, SQLITE_UTF8);
    return statement;
}

int32_t sq_schemas_put(struct sq_schemas *schemas, struct sq_store *store, const struct eb_schema *schema,
                       uint64_t transaction, uint64_t *id, struct eb_error *err) {
    struct sq_schema one = { .host_id = schema ? schema->id : 0 };
    sqlite3_stmt *find;
    int32_t row;

    *id = 0;
    if (!schema)
        return EB_OK;
    if (known_host_id(schemas, schema->id)) {
        *id = schemas->last.id;
        return EB_OK;
    }
    find = with_texts(store, SQ_SCHEMA_BY_TEXT, schema);
    row = sq_row(store, find, "g", err);
    if (row > 0) {
        one.id = (uint64_t)sqlite3_column_int64(find, 0);
        sqlite3_reset(find);
    } else if (row == 0) {
        row = sq_run(store, with_texts(store, SQ_SCHEMA_ADD, schema), err);
        one.id = (uint64_t)sqlite3_last_insert_rowid(store->db);
        one.made = transaction;
    }
    if (row < 0)
        return row;
    *id = one.id;
    return append(schemas, one) ? EB_OK : sq_no_memory(err);
}

void sq_schemas_undo(struct sq_schemas *schemas, uint64_t transaction) {
    size_t kept = 0;

    for (size_t i = 0; i < schemas->n; i++)
        if (schemas->list[i].made != transaction)
            schemas->list[kept++] = schemas->list[i];
    schemas->n = kept;
    schemas->last = (struct sq_schema){0};
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
    *schema = (struct eb_schema){ .size = sizeof *schema, .id = id, .name = { text, name.len },
                                  .json = { text + name.len + 1, json.len } };
    return schema;
}

static int32_t read_schema(struct sq_schemas *schemas, struct sq_store *store, uint64_t id, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_SCHEMA_BY_ID);
    struct eb_schema *schema;
    int32_t row;

    sqlite3_bind_int64(find, 1, (int64_t)id);
    row = sq_row(store, find, "xx", err);
    if (row <= 0)
        return row;
    schema = copy_schema(++schemas->told, sq_bytes(find, 0), sq_bytes(find, 1));
    sqlite3_reset(find);
    if (schema && append(schemas, (struct sq_schema){ .id = id, .schema = schema }))
        return EB_OK;
    free(schema);
    return sq_no_memory(err);
}

int32_t sq_schemas_get(struct sq_schemas *schemas, struct sq_store *store, uint64_t id, const struct eb_schema **schema,
                       struct eb_error *err) {
    int32_t status;

    *schema = NULL;
    if (id == 0)
        return EB_OK;
    for (size_t i = 0; i < schemas->n && schemas->last.id != id; i++)
        if (schemas->list[i].id == id)
            schemas->last = schemas->list[i];
    if (schemas->last.id != id) {
        status = read_schema(schemas, store, id, err);
        if (status != EB_OK || schemas->last.id != id)
            return status;
    }
    *schema = schemas->last.schema;
    return EB_OK;
}

void sq_schemas_free(struct sq_schemas *schemas) {
    for (size_t i = 0; i < schemas->n; i++)
        free(schemas->list[i].schema);
    free(schemas->list);
    *schemas = (struct sq_schemas){ .told = schemas->told };
}
