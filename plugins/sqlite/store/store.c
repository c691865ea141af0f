/* plugins/sqlite/store/store.c - see store.h: connects to the file, checks that it is still the one at the path, and
 * reports the link to the host. */
#include "store/store.h"

#include <stdlib.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include "store/fork.h"

enum {
    LOOK_MS = 1000, /* how often the store checks that it writes to the file at its path */
    FIRST_BACKOFF_MS = 10,
    LAST_BACKOFF_MS = 1000
};

void sq_store_init(struct sq_store *store, const struct eb_host *host, const char *path, enum sq_need need, bool power) {
    *store = (struct sq_store){ .host = host, .path = path, .need = need, .power = power, .shm.fd = -1 };
    ebp_link_init(&store->link, host);
}

static void disconnect(struct sq_store *store) {
    sq_finalize_statements(store);
    sqlite3_close(store->db);
    store->db = NULL;
    if (store->counted)
        sq_fork_closed();
    store->counted = false;
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

/* ---- is it still the file at the path ---- */

bool sq_store_is_in_place(struct sq_store *store) {
    struct sq_file_identity is;

    return sq_file_look(store->absolute, &is, NULL) == EB_OK && sq_file_same(&is, &store->file);
}

int32_t sq_store_replaced(const struct sq_store *store, struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, 0, "%s was moved, removed or replaced while it was in use: opening it again",
                     store->path);
}

/* What is written to a file that was removed is lost: better to open the one that is there, or none. A file that was moved
 * gets all of its log, which nobody looks for at its new place. */
int32_t sq_store_check_file(struct sq_store *store, struct eb_error *err) {
    struct sq_shm_values values;
    int64_t now_ms = ebp_monotonic_ms();

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
    int32_t status = store->db ? sq_store_check_file(store, err) : EB_OK;

    if (store->db ||
        (status != EB_OK && ebp_link_state(&store->link) != EBP_LINK_UNREPORTED)) /* the owner reports that first */
        return status;
    status = sq_connect(store, wait_ms, err);
    if (status != EB_OK) {
        disconnect(store);
        return status;
    }
    store->connections++;
    store->looked_ms = ebp_monotonic_ms();
    sq_watch_log(store);
    sq_watch_statements(store);
    return EB_OK;
}

/* Whether opening the file again may help. */
static bool connection_is_bad(int64_t native) {
    return native != SQLITE_BUSY && native != SQLITE_FULL;
}

static void schedule(struct sq_store *store, bool busy, int64_t now) {
    int64_t next = store->backoff_ms * 2;

    store->backoff_ms = next < FIRST_BACKOFF_MS ? FIRST_BACKOFF_MS : next > LAST_BACKOFF_MS ? LAST_BACKOFF_MS : next;
    if (busy)
        store->backoff_ms = FIRST_BACKOFF_MS; /* the queue of writers was waited in already */
    store->retry_ms = now + store->backoff_ms;
}

static void went_wrong(struct sq_store *store, const struct eb_error *err) {
    int64_t now = ebp_monotonic_ms();
    bool busy = err->native == SQLITE_BUSY;

    schedule(store, busy, now);
    if (busy && store->busy_since_ms == 0)
        store->busy_since_ms = now;
    if (!busy || now - store->busy_since_ms >= SQ_BUSY_REPORT_MS)
        ebp_link_down(&store->link, err);
    if (connection_is_bad(err->native))
        disconnect(store);
}

void sq_store_link(struct sq_store *store, int32_t status, const struct eb_error *err) {
    if (status < 0) {
        went_wrong(store, err);
        return;
    }
    store->busy_since_ms = store->retry_ms = store->backoff_ms = 0;
    ebp_link_up(&store->link);
}
