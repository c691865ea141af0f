/* plugins/sqlite/retention/retention.c - see retention.h. */
#include "retention/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "retention/age_marks.h"
#include "retention/retain_plan.h"
#include "store/disk_space.h"

enum {
    EVERY_MS = 1000,
    SLICE_MS = 5, /* how long retention works at once: others wait for one transaction longer at most */
    PAUSE_MS = 2, /* between two slices, if the producer has nothing else to do */
    TURN_MS = 50,
    LOOKS = 200,     /* topics of one slice: all of 10,000 in a minute */
    BUSY_MS = 30000, /* so long without a turn is worth a line */
    TELL_MS = 60000
};

/* ---- a topic ---- */

static void log_removed(struct sq_retention *r, struct sq_store *store, const char *name, const struct sq_trimmed *gone) {
    const struct eb_host *host = store->host;

    r->removed += gone->rows;
    r->unsettled += gone->unsettled;
    host->metric(host, "retention.removed", (double)r->removed);
    if (gone->unsettled == 0)
        return;
    host->metric(host, "retention.removed_unsettled", (double)r->unsettled);
    ebp_log(host, EBP_LOG_ERROR,
            "topic %s: %" PRId64 " message(s) that some group had not settled are removed, up to "
            "position %" PRId64 ", by a hard limit (retain_hard_*); %" PRId64 " so far: see what keeps the group",
            name, gone->unsettled, gone->last, r->unsettled);
}

/* Removes what the plan says. EB_OK: done for now; EB_FULL: the slice is over; or negative. */
static int32_t trim_topic(struct sq_retention *r, struct sq_store *store, const char *name, const struct sq_trim *trim,
                          int64_t until_ms, struct eb_error *err) {
    struct sq_trimmed gone = { 0 };
    int32_t status = EB_OK;

    while (status == EB_OK && ebp_monotonic_ms() < until_ms)
        status = sq_trim_some(store, trim, ebp_monotonic_ms() + TURN_MS, &gone, err);
    sq_size_removed(&r->sizes, trim->topic, &gone);
    if (gone.rows > 0)
        log_removed(r, store, name, &gone);
    return status == EB_END ? EB_OK : status == EB_OK ? EB_FULL : status;
}

/* Makes a mark. On a full disk it is made later, since removing comes first. Returns `status` unless another error occurs. */
static int32_t mark_topic(struct sq_retention *r, struct sq_store *store, int64_t topic, int32_t status, struct eb_error *err) {
    int32_t made = sq_mark_make(store, topic, ebp_monotonic_ms() + TURN_MS, err);

    if (made == EB_RETRIABLE && err->native == SQLITE_FULL)
        r->unfinished = true;
    else if (made < 0)
        return made;
    return status;
}

static int32_t look_at(struct sq_retention *r, struct sq_store *store, int64_t topic, const char *name, int64_t until_ms,
                       struct eb_error *err) {
    struct sq_retain_now at = { ebp_monotonic_ms(), r->file_bytes };
    struct sq_retain_plan due;
    int32_t status = sq_retain_plan_make(r->set, &r->sizes, store, topic, name, &at, &due, err);

    if (status != EB_OK)
        return status;
    if (due.next_ms < r->round_due_ms)
        r->round_due_ms = due.next_ms;
    r->unfinished = r->unfinished || due.counting;
    if (due.any)
        status = trim_topic(r, store, name, &due.trim, until_ms, err);
    return due.mark && status >= 0 ? mark_topic(r, store, topic, status, err) : status;
}

/* ---- a round ---- */

/* Ages are times of this run of the machine's monotonic clock only. */
static int32_t rebase_boot(struct sq_store *store, struct eb_error *err) {
    int32_t status = store->boot_rebased ? EB_EMPTY : sq_begin(store, ebp_monotonic_ms() + TURN_MS, err);

    return status == EB_EMPTY ? EB_OK : status == EB_OK ? sq_commit(store, err) : status;
}

/* EB_EMPTY: nothing has changed since a round that left nothing to do, and nothing has become too old. */
static int32_t begin_round(struct sq_retention *r, struct sq_store *store, struct eb_error *err) {
    int64_t pages = 0;
    int32_t status = rebase_boot(store, err);

    if (status == EB_OK)
        status = sq_number(store, SQ_DATA_VERSION, &r->version, err);
    if (r->connection != store->connections) {
        r->clean_version = -1;
        sq_sizes_free(&r->sizes);
    }
    r->connection = store->connections;
    r->changes = sqlite3_total_changes64(store->db);
    if (status == EB_OK && r->version == r->clean_version && r->changes == r->clean_changes && ebp_monotonic_ms() < r->due_ms)
        return EB_EMPTY;
    if (status == EB_OK)
        status = sq_number(store, SQ_PAGES, &pages, err);
    r->file_bytes = pages * 8192;
    r->round_due_ms = INT64_MAX;
    r->unfinished = false;
    return status;
}

static void end_round(struct sq_retention *r) {
    r->topic = 0;
    r->giving_back = false;
    r->going_on = r->unfinished;
    r->clean_version = r->unfinished ? -1 : r->version;
    r->clean_changes = r->changes;
    r->due_ms = r->round_due_ms;
}

/* The next topic; EB_END: there are no more. */
static int32_t next_topic(struct sq_retention *r, struct sq_store *store, char *name, size_t room, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(store, SQ_TOPICS_AFTER);
    int32_t row;

    sqlite3_bind_int64(list, 1, r->topic);
    row = sq_row(store, list, "tn", err);
    if (row <= 0)
        return row < 0 ? row : EB_END;
    if (sqlite3_column_int64(list, 0) <= r->topic) {
        sqlite3_reset(list);
        return sq_damaged(store, err, "topics are out of order");
    }
    r->topic = sqlite3_column_int64(list, 0);
    snprintf(name, room, "%s", (const char *)sqlite3_column_text(list, 1));
    sqlite3_reset(list);
    return EB_OK;
}

/* EB_OK: all topics were looked at; EB_FULL: the slice is over; EB_EMPTY: enough for this look; or negative. */
static int32_t look_at_topics(struct sq_retention *r, struct sq_store *store, int64_t until_ms, struct eb_error *err) {
    char name[300];

    for (int n = 0; n < LOOKS; n++) {
        int32_t status = next_topic(r, store, name, sizeof name, err);
        if (status != EB_OK)
            return status == EB_END ? EB_OK : status;
        status = look_at(r, store, r->topic, name, until_ms, err);
        if (status == EB_FULL)
            r->unfinished = true; /* the other topics first, then this one again */
        if (status != EB_OK)
            return status;
        if (ebp_monotonic_ms() >= until_ms)
            return EB_FULL;
    }
    return EB_EMPTY;
}

static int32_t give_back(struct sq_retention *r, struct sq_store *store, int64_t until_ms, struct eb_error *err) {
    int32_t status = EB_OK;

    r->giving_back = true;
    while (status == EB_OK && ebp_monotonic_ms() < until_ms)
        status = sq_disk_space_give_back(store, ebp_monotonic_ms() + TURN_MS, err);
    return status == EB_END ? EB_OK : status == EB_OK ? EB_FULL : status;
}

static int32_t slice(struct sq_retention *r, struct sq_store *store, struct eb_error *err) {
    int64_t until_ms = ebp_monotonic_ms() + SLICE_MS;
    int32_t status = r->topic == 0 ? begin_round(r, store, err) : EB_OK;

    r->going_on = false;
    if (status == EB_OK && !r->giving_back)
        status = look_at_topics(r, store, until_ms, err);
    if (status == EB_OK)
        status = give_back(r, store, until_ms, err);
    if (status == EB_OK)
        end_round(r);
    if (status == EB_FULL)
        r->going_on = true;
    return status < 0 ? status : EB_OK;
}

/* ---- when ---- */

void sq_retention_init(struct sq_retention *r, const struct sq_settings *set) {
    *r = (struct sq_retention){ .set = set, .clean_version = -1, .look_ms = ebp_monotonic_ms() };
}

void sq_retention_free(struct sq_retention *r) {
    sq_sizes_free(&r->sizes);
}

int64_t sq_retention_next_ms(const struct sq_retention *r) {
    return sq_retain_plan_any(r->set) ? r->look_ms : INT64_MAX;
}

void sq_retention_hurry(struct sq_retention *r) {
    r->going_on = true;
}

/* Where many processes write, a turn is missed now and then: no trouble, the next try is a second later. */
static bool just_busy(struct sq_retention *r, const struct eb_error *why, int64_t now_ms) {
    if (why->native != SQLITE_BUSY)
        return false;
    if (r->busy_since_ms == 0)
        r->busy_since_ms = now_ms;
    return now_ms - r->busy_since_ms < BUSY_MS;
}

static void complain(struct sq_retention *r, struct sq_store *store, const struct eb_error *why) {
    int64_t now_ms = ebp_monotonic_ms();

    r->topic = 0;
    r->going_on = r->giving_back = false;
    if (just_busy(r, why, now_ms))
        return;
    if (r->logged_ms != 0 && now_ms - r->logged_ms < TELL_MS)
        return;
    r->logged_ms = now_ms;
    ebp_log(store->host, EBP_LOG_WARNING, "retention: %s", why->text);
}

void sq_retention_run(struct sq_retention *r, struct sq_store *store) {
    int64_t now_ms = ebp_monotonic_ms();
    struct eb_error err;
    int32_t status;

    if (!sq_retain_plan_any(r->set) || !store->db || !store->shm.map)
        return;
    if (now_ms < r->look_ms && !r->going_on)
        return;
    r->look_ms = now_ms + EVERY_MS;
    if (!sq_shm_try_chore(&store->shm, r->going_on ? 0 : EVERY_MS))
        return;
    status = slice(r, store, &err);
    sq_shm_end_chore(&store->shm);
    if (status < 0)
        complain(r, store, &err);
    else
        r->busy_since_ms = 0;
    if (r->going_on)
        r->look_ms = ebp_monotonic_ms() + PAUSE_MS;
}
