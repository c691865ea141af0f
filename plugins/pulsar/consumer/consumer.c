/* consumer/consumer.c - the consumer's ops. See state.h. */
#include "consumer/state.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t all_traits = EB_T_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN | EB_T_BATCH_REDELIVERY |
                                   EB_T_PROCESSES;

void pl_receiving_signal(struct pl_receiving *r) {
    if (!__atomic_exchange_n(&r->signalled, true, __ATOMIC_SEQ_CST))
        ebp_cond_wakeup_signal(&r->changed);
}

/* ---- opening ---- */

static void free_messages(struct pl_receiving *r) {
    struct pl_arrival arrival;
    struct pl_inflight *one;

    while (r->arrivals && pl_next_arrival(r, &arrival))
        pulsar_message_free(arrival.message);
    while ((one = r->waiting.first)) {
        pl_list_remove(&r->waiting, one);
        pl_inflight_free(r, one);
    }
}

/* The last reference: neither the client nor the watch thread calls any more. */
void pl_receiving_unref(void *arg) {
    struct pl_receiving *r = arg;

    if (__atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pl_log_unlisten(&r->listener);
    free_messages(r);
    for (struct pl_source *source = r->sources; source; source = source->next) {
        if (source->consumer)
            pulsar_consumer_free(source->consumer);
        if (source->it)
            pulsar_consumer_free(source->it);
    }
    pl_watch_free(r);
    ebp_queue_unref(r->arrivals);
    ebp_queue_unref(r->acks);
    pl_settle_free(r);
    ebp_token_table_free(&r->tokens);
    pl_message_reading_free(&r->reading);
    ebp_cond_wakeup_close(&r->watch_ended);
    ebp_cond_wakeup_close(&r->watch_changed);
    ebp_cond_wakeup_close(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

enum { FETCHED_BYTES = 65536 };

/* How max_messages is shared out: among what libpulsar fetches ahead, what arrived, and what is at the host. Little is fetched
 * ahead if little may be: one message of each topic or partition, as plugin.h allows it. libpulsar counts messages and not their
 * bytes: a message is taken for FETCHED_BYTES. */
static void share_out(struct pl_receiving *r, size_t *arrivals) {
    size_t all = r->wanted->max_messages > 0 ? r->wanted->max_messages : 1;
    size_t ahead = all < 16 ? 1 : all / 4 < 1000 ? all / 4 : 1000;

    size_t by_bytes = r->wanted->max_bytes / FETCHED_BYTES > 0 ? (size_t)(r->wanted->max_bytes / FETCHED_BYTES) : 1;

    *arrivals = all < 16 ? 1 : all / 8 < 1000 ? all / 8 : 1000;
    if (ahead > by_bytes)
        ahead = by_bytes;
    if (*arrivals > by_bytes)
        *arrivals = by_bytes;
    r->window = all < 16 ? all : all - ahead - *arrivals;
    r->ahead = ahead;
    r->taken.most = *arrivals < 2 * PL_TAKEN ? *arrivals / 2 : PL_TAKEN;
    *arrivals -= r->taken.most;
    if (r->taken.most == 0)
        r->taken.most = 1;
}

static struct pl_receiving *receiving_new(const struct eb_host *host, const struct pl_settings *set,
                                          const struct eb_subscription *wanted) {
    struct pl_receiving *r = calloc(1, sizeof *r);
    size_t arrivals;

    if (!r || !ebp_cond_wakeup_open(&r->changed))
        goto failed;
    if (!ebp_cond_wakeup_open(&r->watch_changed))
        goto failed_changed;
    if (!ebp_cond_wakeup_open(&r->watch_ended))
        goto failed_watch;
    pthread_mutex_init(&r->lock, NULL);
    r->refs = 1;
    r->host = host;
    r->set = set;
    r->wanted = wanted;
    r->listener = (struct pl_log_listener){ .line = pl_sources_hear, .arg = r };
    pl_log_listen(&r->listener);
    share_out(r, &arrivals);
    r->arrivals = ebp_queue_new(sizeof(struct pl_arrival), arrivals, NULL, NULL);
    r->acks = ebp_queue_new(sizeof(struct pl_acked), 4 * r->window + 64, NULL, NULL);
    if (r->arrivals && r->acks)
        return r;
    pl_receiving_unref(r);
    return NULL;
failed_watch:
    ebp_cond_wakeup_close(&r->watch_changed);
failed_changed:
    ebp_cond_wakeup_close(&r->changed);
failed:
    free(r);
    return NULL;
}

static int32_t check_wanted(const struct pl_settings *set, const struct eb_subscription *wanted, struct eb_error *err) {
    char name[PL_TOPIC_ROOM];
    struct pl_position position;
    int32_t status = pl_group_check(wanted->group, err);

    for (size_t i = 0; status == EB_OK && i < wanted->n_topics; i++)
        status = pl_topic_name(set, wanted->topics[i], name, err);
    if (status == EB_OK && wanted->start && wanted->start->kind == EB_POSITION)
        status = pl_position_parse(wanted->start->position, &position, err);
    return status;
}

static void on_answered(void *arg) {
    pl_receiving_signal(arg);
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *wanted,
                             void **self, struct eb_error *err) {
    struct pl_receiving *r;
    int32_t status = check_wanted(settings, wanted, err);

    if (status != EB_OK)
        return status;
    r = receiving_new(host, settings, wanted);
    if (!r)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    status = pl_client_open(&r->client, host, settings, err);
    if (status != EB_OK) {
        pl_receiving_unref(r);
        return status;
    }
    pl_link_init(&r->link, &r->client, on_answered, r);
    status = pl_watch_start(r, err);
    if (status != EB_OK) {
        __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
        pl_client_close(&r->client, true, 0, pl_receiving_unref, r);
        pl_receiving_unref(r);
        return status == EB_FATAL ? err->status = EB_RETRIABLE : status;
    }
    *self = r;
    return EB_OK;
}

/* ---- receiving ---- */

static void look(struct pl_receiving *r) {
    if (ebp_monotonic_ms() < r->look_ms)
        return;
    pl_sources_look(r);
    r->look_ms = ebp_monotonic_ms() + PL_LINK_LOOK_MS;
}

/* Tells the watch thread whether it may look for the end, and returns whether it was found. */
static bool note_idle(struct pl_receiving *r, bool *woken) {
    bool ended;

    pthread_mutex_lock(&r->lock);
    r->idle = r->out.n == 0 && r->waiting.n == 0;
    ended = r->ended && r->idle;
    *woken = r->woken;
    r->woken = false;
    pthread_mutex_unlock(&r->lock);
    return ended;
}

/* Does what there is to do. Returns whether receive has something to return for. */
static bool work(struct pl_receiving *r, uint32_t max, uint32_t *n, bool *ended, int32_t *status, struct eb_error *err) {
    bool full, woken;

    r->round++;
    pl_sources_work(r);
    pl_sources_notice(r);
    look(r);
    pl_settle_work(r);
    *n += pl_deliver(r, max - *n, &full, status, err);
    *ended = note_idle(r, &woken);
    return *n > 0 || full || woken || *ended || r->progress || *status != EB_OK || r->failed.status != EB_OK;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct pl_receiving *r = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms, now;
    int32_t status = EB_OK;
    bool ended = false;
    uint32_t n = 0;

    while (!work(r, max, &n, &ended, &status, err) && (now = ebp_monotonic_ms()) < until) {
        ebp_cond_wakeup_wait(&r->changed, ebp_earlier(until, r->look_ms) - now);
        sched_yield(); /* lets the thread that signals bring more: a switch between threads costs as much as an event */
        ebp_cond_wakeup_take(&r->changed);
        __atomic_store_n(&r->signalled, false, __ATOMIC_SEQ_CST); /* before the next look */
    }
    r->progress = false;
    if (status != EB_OK)
        return status;
    if (n == 0 && r->failed.status != EB_OK) {
        if (err)
            *err = r->failed;
        return r->failed.status;
    }
    return n > 0 ? EB_OK : ended ? EB_END : EB_EMPTY;
}

static void consumer_wake(void *self) {
    struct pl_receiving *r = self;

    pthread_mutex_lock(&r->lock);
    r->woken = true;
    pthread_mutex_unlock(&r->lock);
    pl_receiving_signal(r);
}

/* ---- closing ---- */

static void await_acks(struct pl_receiving *r, int64_t until) {
    int64_t now;

    for (;;) {
        r->round++;
        pl_settle_work(r);
        pl_settle_again(r);
        now = ebp_monotonic_ms();
        if (r->out.n == 0 || now >= until)
            return;
        ebp_cond_wakeup_wait(&r->changed, ebp_earlier(until, now + PL_LINK_LOOK_MS) - now);
        ebp_cond_wakeup_take(&r->changed);
        __atomic_store_n(&r->signalled, false, __ATOMIC_SEQ_CST);
    }
}

/* The client gives back what it has fetched ahead as it closes its consumers. */
static void consumer_close(void *self, int32_t timeout_ms) {
    struct pl_receiving *r = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    await_acks(r, until);
    ebp_queue_close(r->arrivals); /* frees the thread that waits for room */
    ebp_queue_close(r->acks);
    pl_link_close(&r->link);
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    pthread_mutex_unlock(&r->lock);
    pl_settle_rest(r);
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    pl_client_close(&r->client, false, until - ebp_monotonic_ms(), pl_receiving_unref, r);
    pl_watch_stop(r, until - ebp_monotonic_ms() > 200 ? until - ebp_monotonic_ms() : 200);
    pl_receiving_unref(r);
}

static uint32_t consumer_traits(const void *settings) {
    const struct pl_settings *set = settings;
    uint32_t traits = all_traits;

    if (set->subscription == PL_SUBSCRIPTION_SHARED)
        traits &= ~(uint32_t)EB_T_ORDER;
    if (pl_acks_by_index(set))
        traits &= ~(uint32_t)EB_T_BATCH_REDELIVERY;
    return traits;
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN | EB_T_BATCH_REDELIVERY | EB_T_PROCESSES,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = pl_settle,
    .wake = consumer_wake,
    .close = consumer_close,
    .traits_for = consumer_traits,
};
