/* plugins/memory/consumer.c - the consumer: claims messages, delivers them to the host, carries out its verdicts. An instance
 * is a member of its group in each topic. */
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/log.h>

#include "broker.h"

enum { BATCH = 256 }; /* messages dealt with while the mutex is held once */

/* Logs which topics of the subscription do not exist. A consumer that waits for a topic does not create it. */
static void log_absent(const struct member *member) {
    const struct eb_subscription *sub = member->subscription;

    for (size_t i = 0; i < sub->n_topics; i++) {
        bool pattern = strchr(sub->topics[i], '*');
        pthread_mutex_lock(&memory_mutex);
        bool found = memory_topic(member->broker, sub->topics[i]);
        for (const struct topic *topic = member->broker->topics; topic && pattern && !found; topic = topic->next)
            found = memory_wants(member, topic);
        pthread_mutex_unlock(&memory_mutex);
        if (!found)
            ebp_log(member->host, EBP_LOG_WARNING, pattern ? "no topic matches %s%s" : "topic %s does not exist%s",
                    sub->topics[i],
                    sub->until_end ? ""
                    : pattern      ? "; waiting for one"
                                   : "; waiting for it");
    }
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *subscription,
                             void **self, struct eb_error *err) {
    int32_t status = memory_check(subscription->start, err);
    struct member *member = status == EB_OK ? calloc(1, sizeof *member) : NULL;
    bool joined = false;

    if (status != EB_OK)
        return status;
    if (member && (member->broker = memory_broker(((const struct settings *)settings)->name))) {
        member->host = host;
        member->subscription = subscription;
        pthread_mutex_lock(&memory_mutex);
        joined = memory_join(member);
        pthread_mutex_unlock(&memory_mutex);
    }
    if (!joined) {
        free(member);
        return memory_exhausted(err);
    }
    *self = member;
    host->link(host, 1, NULL);
    log_absent(member);
    return EB_OK;
}

/* Delivers until the host has no room; returns how many it took. */
static size_t deliver(const struct eb_host *host, struct pending *const *got, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct eb_message message = got[i]->stored->message;

        message.token = (uintptr_t)got[i];
        message.deliveries = got[i]->deliveries;
        message.failures = got[i]->failures;
        int32_t status = host->received(host, &message);
        if (status == EB_FULL || status < 0)
            return i;
    }
    return n;
}

static void put_back(struct member *member, struct pending *const *got, size_t n) {
    static const struct eb_verdict returned = { .kind = EB_RETURN };

    pthread_mutex_lock(&memory_mutex);
    for (size_t i = 0; i < n; i++)
        memory_settle(member, got[i], &returned, 0);
    pthread_cond_broadcast(&member->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct member *member = self;
    struct pending *got[BATCH];
    size_t n = 0, taken;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;
    bool ended = false;

    (void)err;
    pthread_mutex_lock(&memory_mutex);
    for (;; now = ebp_monotonic_ms()) {
        ended = member->subscription->until_end && memory_at_end(member);
        n = ended ? 0 : memory_claim(member, got, max < BATCH ? max : BATCH, now);
        if (n || ended || member->woken || now >= until)
            break;
        memory_wait(&member->broker->arrived, ebp_earlier(member->next_due, until));
    }
    member->woken = false;
    pthread_mutex_unlock(&memory_mutex);
    if (ended)
        return EB_END;
    taken = deliver(member->host, got, n);
    if (taken < n)
        put_back(member, got + taken, n - taken);
    return taken ? EB_OK : EB_EMPTY;
}

/* Carries out verdicts, a batch at most, and returns how many. */
static size_t settle_batch(struct member *member, const struct eb_verdict *verdicts, size_t n) {
    uint64_t done[BATCH], gone[BATCH];
    size_t n_done = 0, n_gone = 0, i = 0;
    int64_t now = ebp_monotonic_ms();

    pthread_mutex_lock(&memory_mutex);
    for (; i < n && n_done + n_gone < BATCH; i++) {
        if (verdicts[i].kind == EB_EXTEND)
            continue; /* there is no lease: lease_ms is 0 */
        if (memory_settle(member, (struct pending *)(uintptr_t)verdicts[i].token, &verdicts[i], now) == EB_OK)
            done[n_done++] = verdicts[i].token;
        else
            gone[n_gone++] = verdicts[i].token;
    }
    pthread_cond_broadcast(&member->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    if (n_done)
        member->host->settled(member->host, done, n_done, EB_OK);
    if (n_gone)
        member->host->settled(member->host, gone, n_gone, EB_GONE);
    return i;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    (void)err;
    for (size_t done = 0; done < n;)
        done += settle_batch(self, verdicts + done, n - done);
    return EB_OK;
}

static void consumer_wake(void *self) {
    struct member *member = self;

    pthread_mutex_lock(&memory_mutex);
    member->woken = true;
    pthread_cond_broadcast(&member->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
}

static void consumer_close(void *self, int32_t timeout_ms) {
    struct member *member = self;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    memory_leave(member);
    pthread_cond_broadcast(&member->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    free(member);
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = consumer_settle,
    .wake = consumer_wake,
    .close = consumer_close, /* no pause: there are no partitions */
};
