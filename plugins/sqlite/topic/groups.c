/* plugins/sqlite/topic/groups.c - see groups.h. */
#include "topic/groups.h"

#include <assert.h>
#include <stdio.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "format/owned_slots.h"

int32_t sq_group_id(struct sq_store *store, int64_t topic, const char *name, int64_t *id, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_GROUP_BY_NAME);
    int32_t row;

    *id = 0;
    sqlite3_bind_int64(find, 1, topic);
    sqlite3_bind_text(find, 2, name, -1, SQLITE_STATIC);
    row = sq_row(store, find, "g", err);
    if (row > 0)
        *id = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    return row < 0 ? row : EB_OK;
}

/* Inserts the row of the slots that nobody owns. */
static int32_t add_free_slots(struct sq_store *store, int64_t id, int64_t cursor, struct eb_error *err) {
    sqlite3_stmt *add = sq_sql(store, SQ_SHARE_ADD);
    struct sq_runs runs = { 0 };
    struct ebp_bytes row = { 0 };
    int32_t status;

    sq_runs_add(&runs, SQ_ALL_SLOTS, cursor);
    if (!sq_owned_slots_write(&row, &runs, 0))
        return ebp_no_memory(err);
    sqlite3_bind_int64(add, 1, id);
    sqlite3_bind_int64(add, 2, 0);
    sq_bind(add, 3, (struct eb_text){ (const char *)row.data, row.len });
    status = sq_run(store, add, err);
    ebp_bytes_free(&row);
    return status;
}

int32_t sq_group_make(struct sq_store *store, int64_t topic, const char *name, int64_t cursor, int64_t *id,
                      struct eb_error *err) {
    sqlite3_stmt *add = sq_sql(store, SQ_GROUP_ADD);
    int32_t status;

    sqlite3_bind_int64(add, 1, topic);
    sqlite3_bind_text(add, 2, name, -1, SQLITE_STATIC);
    status = sq_run(store, add, err);
    if (status != EB_OK)
        return status;
    *id = sqlite3_last_insert_rowid(store->db);
    return add_free_slots(store, *id, cursor, err);
}

static int32_t clear(struct sq_store *store, int64_t id, struct eb_error *err) {
    assert(sq_in_transaction(store));
    int32_t status = SQ_RUN(store, SQ_SHARES_DELETE, err, id);

    return status == EB_OK ? SQ_RUN(store, SQ_HOLDS_DELETE, err, id) : status;
}

int32_t sq_group_reset(struct sq_store *store, int64_t id, int64_t cursor, struct eb_error *err) {
    int32_t status = clear(store, id, err);

    return status == EB_OK ? add_free_slots(store, id, cursor, err) : status;
}

int32_t sq_group_remove(struct sq_store *store, int64_t id, struct eb_error *err) {
    int32_t status = clear(store, id, err);

    return status == EB_OK ? SQ_RUN(store, SQ_GROUP_DELETE, err, id) : status;
}

int32_t sq_group_live_members(struct sq_store *store, int64_t id, size_t *n, char *names, size_t room, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(store, SQ_SHARES);
    size_t len = 0;
    int32_t row;

    *n = 0;
    names[0] = '\0';
    sqlite3_bind_int64(rows, 1, id);
    while ((row = sq_row(store, rows, SQ_SHARE_SHAPE, err)) > 0) {
        int64_t owner = sqlite3_column_int64(rows, 0);
        const char *name = (const char *)sqlite3_column_text(rows, 4);
        if (owner == 0 || !sq_member_lives(store, owner, sqlite3_column_int64(rows, 2)))
            continue;
        if (len < room)
            len += (size_t)snprintf(names + len, room - len, "%s%s", *n ? ", " : "", name ? name : "?");
        ++*n;
    }
    sqlite3_reset(rows);
    return row < 0 ? row : EB_OK;
}

bool sq_member_lives(const struct sq_store *store, int64_t member, int64_t until_ms) {
    return until_ms > ebp_monotonic_ms() && (!store->shm.map || sq_shm_member_is_locked(&store->shm, member));
}
