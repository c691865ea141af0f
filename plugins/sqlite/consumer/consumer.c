/* plugins/sqlite/consumer/consumer.c - the ops of a consumer: what a receive does, and what it waits for. */
#include "consumer/consumer.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "consumer/state.h"
#include "position.h"

enum {
    TURN_MS = 50, /* one try waits in the queue of writers so long at most, so that wake is noticed */
    LEAST_MS = 2,
    WATCH_MS = 100,   /* how often the watched member is looked at */
    LOOK_MS = 1000,   /* how often the file is looked at although no futex changed */
    END_MS = 50,      /* how often other members are looked at when this one is at the end and they are not */
    CACHE_PAGES = 24, /* each page is read once: a larger cache would only be filled and freed at each change */
    LIMIT = 16384     /* messages in flight, whatever the host allows */
};

/* ---- open, close ---- */

static int32_t check(const struct eb_subscription *sub, struct eb_error *err) {
    if (sub->n_topics == 0 || !sub->group || !sub->group[0])
        return ebp_error(err, EB_PERMANENT, 0, "a consumer needs a topic and a group");
    return sub->start ? sq_position_check(sub->start, err) : EB_OK;
}

static void free_consumer(struct sq_consumer *c) {
    sq_free_assignments(c);
    sq_inflight_free(c);
    sq_decoder_free(&c->decoder);
    sq_store_close(&c->store);
    free(c);
}

static struct sq_consumer *make_consumer(const struct eb_host *host, const struct sq_settings *set,
                                         const struct eb_subscription *sub) {
    struct sq_consumer *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->host = host;
    c->settings = set;
    c->sub = sub;
    c->limit = sub->max_messages > 0 && sub->max_messages < LIMIT ? sub->max_messages : LIMIT;
    c->look_for_topics = true;
    sq_store_init(&c->store, host, set->path, SQ_WRITE, false);
    c->store.cache_pages = CACHE_PAGES;
    if (sq_make_assignments(c))
        return c;
    free_consumer(c);
    return NULL;
}

static int32_t connect_and_join(struct sq_consumer *c, int64_t until_ms, struct eb_error *err);

/* Creates the group at once if that is possible, so that one that starts at the latest message misses nothing from here
 * on. */
int32_t sq_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                         struct eb_error *err) {
    struct sq_consumer *c;
    int32_t status = check(sub, err);

    if (status != EB_OK)
        return status;
    c = make_consumer(host, settings, sub);
    if (!c)
        return ebp_no_memory(err);
    status = connect_and_join(c, ebp_monotonic_ms() + TURN_MS, err);
    if (status < 0 && status != EB_RETRIABLE) {
        free_consumer(c);
        return status;
    }
    *self = c;
    return EB_OK;
}

void sq_consumer_close(void *self, int32_t timeout_ms) {
    struct sq_consumer *c = self;
    struct eb_error why;

    if (c->store.db && sq_leave(c, ebp_monotonic_ms() + (timeout_ms > LEAST_MS ? timeout_ms : LEAST_MS), &why) < 0)
        c->host->log(c->host, EBP_LOG_WARNING, why.text); /* its slots become free all the same, with its lock */
    sq_report_decided(c, EB_GONE);
    free_consumer(c);
}

int32_t sq_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct sq_consumer *c = self;
    int32_t status = EB_OK;

    for (size_t i = 0; i < n && status == EB_OK; i++)
        status = sq_settle(c, &verdicts[i], err);
    return status;
}

void sq_consumer_wake(void *self) {
    struct sq_consumer *c = self;

    sq_wakeup_signal(&c->wakeup);
}

/* ---- the words that tell of something new ---- */

static void choose_futexes(struct sq_consumer *c) {
    bool want[SQ_TOPIC_FUTEXES];

    memset(want, c->patterns, sizeof want);
    for (size_t i = 0; i < c->n_assignments; i++)
        want[c->assignments[i]->futex] = true;
    c->futexes.n = 0;
    for (unsigned i = 0; i < SQ_TOPIC_FUTEXES; i++)
        if (want[i])
            c->futexes.futex[c->futexes.n++] = sq_shm_futex(&c->store.shm, i);
    c->futexes.futex[c->futexes.n++] = sq_shm_futex(&c->store.shm, sq_shm_group_index(c->sub->group));
    c->futexes_are_new = true;
}

/* Notes the values of the futexes before looking at anything that they stand for. */
static void read_futexes(struct sq_consumer *c) {
    const _Atomic uint32_t *first = sq_shm_futex(&c->store.shm, 0);
    bool changed = c->futexes_are_new;
    struct sq_shm_values now;
    uint32_t group;

    c->futexes_are_new = false;
    sq_shm_read(&c->store.shm, &now);
    c->any_value = now.any;
    for (unsigned i = 0; i < c->futexes.n; i++) {
        uint32_t value = now.futex[c->futexes.futex[i] - first];
        changed = changed || value != c->futexes.value[i];
        c->futexes.value[i] = value;
    }
    for (size_t i = 0; changed && i < c->n_assignments; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        assignment->unread = assignment->unread || assignment->seen != now.futex[assignment->futex];
        assignment->seen = now.futex[assignment->futex];
        c->look_for_topics = c->look_for_topics || !assignment->joined;
    }
    group = c->futexes.value[c->futexes.n - 1];
    for (size_t i = 0; group != c->group_seen && i < c->n_assignments; i++)
        c->assignments[i]->check = c->assignments[i]->joined;
    c->group_seen = group;
    c->look_for_topics = c->look_for_topics || (changed && c->patterns);
}

/* Looks at the file once a second even if no futex changed: a process may have died between its commit and its wake. */
static int32_t look_unprompted(struct sq_consumer *c, int64_t now_ms, struct eb_error *err) {
    sqlite3_stmt *version = sq_sql(&c->store, SQ_DATA_VERSION);
    int64_t before = c->data_version;
    int32_t row;

    if (now_ms - c->looked_ms < LOOK_MS + (int64_t)c->n_assignments)
        return EB_OK;
    c->looked_ms = now_ms;
    row = sq_step(&c->store, version, err);
    if (row > 0)
        c->data_version = sqlite3_column_int64(version, 0);
    sqlite3_reset(version);
    if (row < 0)
        return row;
    for (size_t i = 0; before != c->data_version && i < c->n_assignments; i++) {
        c->assignments[i]->unread = true;
        c->assignments[i]->check = c->assignments[i]->joined;
        c->look_for_topics = c->look_for_topics || !c->assignments[i]->joined;
    }
    c->look_for_topics = c->look_for_topics || (before != c->data_version && c->patterns);
    return EB_OK;
}

/* ---- one round of a receive ---- */

/* On a new connection: forgets what was read through the last one, perhaps from another file, in which this consumer is no
 * member. */
static void forget_topics(struct sq_consumer *c) {
    if (c->connection == c->store.connections)
        return;
    if (c->contents != c->store.contents)
        sq_lose_all(c);
    c->contents = c->store.contents;
    c->connection = c->store.connections;
    c->topics_seen = 0;
    c->look_for_topics = true;
    c->looked_ms = 0;
    sq_schemas_free(&c->decoder.schemas);
    choose_futexes(c);
}

static int32_t connect_and_join(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    size_t n_assignments = c->n_assignments;
    int32_t status = sq_store_connect(&c->store, until_ms - ebp_monotonic_ms(), err);

    if (status != EB_OK)
        return status;
    forget_topics(c);
    read_futexes(c);
    status = sq_join(c, until_ms, err);
    if (c->n_assignments != n_assignments)
        choose_futexes(c);
    return status;
}

static int32_t balance(struct sq_consumer *c, int64_t until_ms, int64_t now_ms, struct eb_error *err) {
    int32_t status = EB_OK;

    if (now_ms - c->watched_ms >= WATCH_MS) {
        c->watched_ms = now_ms;
        status = sq_watch(c, err);
    }
    for (size_t i = 0; i < c->n_assignments && status == EB_OK; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        if (assignment->joined && assignment->check)
            status = sq_balance(c, assignment, until_ms, err);
        sq_revoke_leaving(c, assignment);
    }
    return status;
}

/* Does all of a receive but the wait. EB_OK, EB_END, or negative. */
static int32_t work(struct sq_consumer *c, uint32_t max, int64_t until_ms, uint32_t *delivered, struct eb_error *err) {
    int64_t now_ms = ebp_monotonic_ms();
    int32_t status;

    c->go_on = false;
    status = connect_and_join(c, until_ms, err);
    if (status == EB_OK)
        status = look_unprompted(c, now_ms, err);
    if (status == EB_OK && c->sub->until_end && !c->ends_read)
        status = sq_read_ends(c, err);
    if (status == EB_OK)
        status = balance(c, until_ms, now_ms, err);
    if (status == EB_OK && max > 0)
        status = sq_fetch(c, max, err);
    if (status == EB_OK && sq_consumer_needs_commit(c))
        status = sq_consumer_commit(c, until_ms, err);
    if (status == EB_OK)
        status = sq_deliver(c, max, delivered, err);
    if (status == EB_OK && *delivered == 0 && c->sub->until_end && !c->go_on)
        status = sq_at_end(c, err);
    return status;
}

/* Works once and reports the link. EB_OK, EB_END or EB_FATAL. */
static int32_t try_once(struct sq_consumer *c, uint32_t max, int64_t until_ms, uint32_t *delivered, struct eb_error *err) {
    struct eb_error why;
    int32_t status;

    if (ebp_monotonic_ms() < c->store.retry_ms)
        return EB_OK;
    status = work(c, max, until_ms, delivered, &why);
    if (status == EB_RETRIABLE && why.native == SQLITE_FULL) /* the log has to do with the room it has, from its beginning */
        sq_store_checkpoint(&c->store, ebp_monotonic_ms() + LEAST_MS);
    sq_store_link(&c->store, status, &why);
    if (status >= 0 || status == EB_RETRIABLE)
        return status == EB_END ? EB_END : EB_OK;
    if (err) {
        *err = why;
        err->status = EB_FATAL;
    }
    return EB_FATAL;
}

/* ---- receive ---- */

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : ebp_earlier(value, most);
}

/* When there is something to do although no futex changes. */
static int64_t next_ms(const struct sq_consumer *c, uint32_t max, int64_t until_ms) {
    int64_t next = ebp_earlier(until_ms, c->looked_ms + LOOK_MS + (int64_t)c->n_assignments);
    bool room = max > 0 && !c->full;

    if (c->member != 0)
        next = ebp_earlier(next, c->renewed_ms + c->settings->lease / 3);
    if (c->sub->until_end)
        next = ebp_earlier(next, ebp_monotonic_ms() + END_MS);
    for (size_t i = 0; i < c->n_assignments; i++) {
        const struct sq_assignment *assignment = c->assignments[i];
        if (assignment->joined && (assignment->neighbour != 0 || assignment->leaving != 0))
            next = ebp_earlier(next, c->watched_ms + WATCH_MS);
        if (assignment->joined && room)
            next = ebp_earlier(next, assignment->due_ms);
    }
    return next;
}

static void wait_for_more(struct sq_consumer *c, uint32_t max, int64_t until_ms) {
    if (c->store.retry_ms > ebp_monotonic_ms() || !c->store.db)
        sq_wakeup_wait(&c->wakeup, ebp_earlier(until_ms, c->store.retry_ms));
    else if (!c->go_on)
        sq_futex_set_wait(&c->futexes, sq_shm_any(&c->store.shm), c->any_value, &c->wakeup, next_ms(c, max, until_ms));
}

int32_t sq_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct sq_consumer *c = self;
    int64_t now = ebp_monotonic_ms(), until_ms = now + timeout_ms;
    uint32_t delivered = 0;
    int32_t status;

    c->settled = 0;
    c->refused = false;
    for (;;) {
        status = try_once(c, max, now + clamp(until_ms - now, LEAST_MS, TURN_MS), &delivered, err);
        if (status != EB_OK || delivered > 0 || c->refused || c->settled > 0 || sq_wakeup_is_signalled(&c->wakeup))
            break;
        if (ebp_monotonic_ms() >= until_ms)
            break;
        wait_for_more(c, max, until_ms);
        now = ebp_monotonic_ms();
    }
    sq_wakeup_take(&c->wakeup);
    return status != EB_OK ? status : delivered > 0 ? EB_OK : EB_EMPTY;
}
