/* plugins/sqlite/store/transaction.c - write transactions at the instance's turn in the queue of writers, short reads, and
 * moving SQLite's log into the file. */
#include "store/store.h"

#include <stddef.h>
#include <eventbus/plugin-help/clock.h>

#include "store/boot.h"

enum {
    CHECKPOINT_PAGES = 1000, /* the log is moved into the file when it is this long */
    RESTART_PAGES = 1400,    /* from here on readers are waited for, a little, so that it can start again */
    RESTART_WAIT_MS = 5,
    TRY_AGAIN_PAGES = 200,
    UNFAIR_MS = 1000, /* the queue is passed by so long when a process was stopped that has the turn: */
    NO_TURN_MS = 1000 /*   nobody else keeps it that long without writing */
};

/* Between busy and not busy the host does not let the process be stopped: all that write to the file would wait for it. */
static void report_busy(struct sq_store *store, bool busy) {
    const struct eb_host *host = store->host;

    if (store->busy != busy && host->size >= offsetof(struct eb_host, busy) + sizeof host->busy && host->busy)
        host->busy(host, busy);
    store->busy = busy;
}

/* ---- the queue of writers ---- */

static void enter_queue(struct sq_store *store, int64_t until_ms) {
    report_busy(store, true);
    if (!store->at_turn && ebp_monotonic_ms() >= store->unfair_until_ms)
        store->at_turn = sq_shm_enqueue(&store->shm, until_ms);
    if (store->at_turn)
        store->no_turn_since_ms = 0;
}

/* This instance could write though another has the turn: that one is between its transactions, moves the log, or was
 * stopped. */
static void note_no_turn(struct sq_store *store) {
    int64_t now_ms = ebp_monotonic_ms();

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

/* ---- transactions ---- */

/* In the first transaction of a connection, and in each one after it until one is committed. */
static int32_t rebase_boot(struct sq_store *store, struct eb_error *err) {
    int32_t status = sq_boot_rebase(store, err);

    if (status != EB_OK)
        sq_rollback(store);
    return status;
}

int32_t sq_begin(struct sq_store *store, int64_t until_ms, struct eb_error *err) {
    int64_t left_ms;
    int32_t status = sq_store_check_file(store, err);

    if (status != EB_OK)
        return status;
    enter_queue(store, until_ms);
    left_ms = until_ms - ebp_monotonic_ms();
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

/* A read-only transaction cannot fail to commit. */
void sq_end_reading(struct sq_store *store) {
    if (store->db && sq_in_transaction(store))
        sq_run(store, sq_sql(store, SQ_COMMIT), NULL);
}

/* ---- SQLite's log ---- */

static int left_in_wal(void *arg, sqlite3 *db, const char *name, int pages) {
    struct sq_store *store = arg;

    (void)db;
    (void)name;
    store->wal_pages = pages;
    return SQLITE_OK;
}

void sq_watch_log(struct sq_store *store) {
    store->wal_pages = store->wal_tried = 0;
    sqlite3_wal_hook(store->db, left_in_wal, store);
}

static void checkpoint_now(struct sq_store *store, int how) {
    int in_log = 0, moved = 0;

    sqlite3_busy_timeout(store->db, RESTART_WAIT_MS);
    sqlite3_wal_checkpoint_v2(store->db, NULL, how, &in_log, &moved);
    store->wal_tried = moved == in_log ? 0 : store->wal_pages;
}

/* Moves the log into the file, so that a new one can begin; only at this instance's turn, see sq_disk_space_reserve. What
 * fails here is tried again with a later commit. */
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
    if (sq_in_transaction(store))
        sq_run(store, sq_sql(store, SQ_ROLLBACK), NULL);
    leave_queue(store);
}

int32_t sq_end(struct sq_store *store, int32_t status, struct eb_error *err) {
    if (status == EB_OK)
        return sq_commit(store, err);
    sq_rollback(store);
    return status;
}
