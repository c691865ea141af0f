/* producer/producer.c - the producer's ops. See state.h. */
#include "producer/state.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t all_traits = EB_T_ORDER | EB_T_POWER | EB_T_PROCESSES;

/* ---- opening ---- */

static pulsar_producer_configuration_t *configuration(const struct pl_settings *set, const struct eb_host *host) {
    static const pulsar_compression_type compressions[] = { pulsar_CompressionNone, pulsar_CompressionLZ4,
                                                            pulsar_CompressionZLib, pulsar_CompressionZSTD,
                                                            pulsar_CompressionSNAPPY };
    static const pulsar_hashing_scheme hashes[] = { pulsar_JavaStringHash, pulsar_Murmur3_32Hash, pulsar_BoostHash };
    pulsar_producer_configuration_t *conf = pulsar_producer_configuration_create();
    bool batches = set->batching != PL_BATCHING_OFF;

    if (set->batching == PL_BATCHING_KEY && !pl_cxx_batch_by_key(conf)) {
        ebp_log(host, EBP_LOG_WARNING,
                "this libpulsar makes no batch for each key, so messages are sent one by one; "
                "batching = mixed is faster, and breaks the order of keys between workers");
        batches = false;
    }
    pulsar_producer_configuration_set_batching_enabled(conf, batches);
    pulsar_producer_configuration_set_batching_max_messages(conf, (unsigned)set->batch_messages);
    pulsar_producer_configuration_set_batching_max_allowed_size_in_bytes(conf, (unsigned long)set->batch_bytes);
    pulsar_producer_configuration_set_batching_max_publish_delay_ms(conf, (unsigned long)set->batch_delay);
    pulsar_producer_configuration_set_compression_type(conf, compressions[set->compression]);
    pulsar_producer_configuration_set_hashing_scheme(conf, hashes[set->key_hash]);
    pulsar_producer_configuration_set_partitions_routing_mode(conf, pulsar_RoundRobinDistribution); /* without a key */
    pulsar_producer_configuration_set_send_timeout(conf, 0); /* an outage is waited out; the host decides how long */
    pulsar_producer_configuration_set_block_if_queue_full(conf, 0);
    pulsar_producer_configuration_set_max_pending_messages(conf, (int)set->max_pending);
    pulsar_producer_configuration_set_max_pending_messages_across_partitions(conf, INT32_MAX);
    return conf;
}

/* The library calls back no more. */
static void sending_free(void *arg) {
    struct pl_sending *s = arg;

    pl_topics_drop(s);
    for (struct pl_send_topic *topic = s->topics, *next; topic; topic = next) {
        next = topic->next;
        free(topic->name);
        free(topic);
    }
    if (s->conf)
        pulsar_producer_configuration_free(s->conf);
    ebp_text_headers_free(&s->text);
    pthread_mutex_destroy(&s->lock);
    ebp_cond_wakeup_close(&s->changed);
    free(s->all);
    free(s);
}

static void on_answered(void *arg) {
    pl_sending_signal(arg);
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    const struct pl_settings *set = settings;
    struct pl_sending *s = calloc(1, sizeof *s);
    size_t n = (size_t)set->max_pending;
    int32_t status;

    if (!s || !(s->all = calloc(n, sizeof *s->all)) || !ebp_cond_wakeup_open(&s->changed)) {
        if (s)
            free(s->all);
        free(s);
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    }
    pthread_mutex_init(&s->lock, NULL);
    s->host = host;
    s->set = set;
    for (size_t i = 0; i < n; i++) {
        s->all[i].next = s->free;
        s->free = &s->all[i];
    }
    s->n_free = n;
    status = pl_client_open(&s->client, host, set, err);
    if (status != EB_OK) {
        sending_free(s);
        return status;
    }
    s->conf = configuration(set, host);
    pl_link_init(&s->link, &s->client, on_answered, s);
    *self = s;
    return EB_OK;
}

/* ---- sending ---- */

static void submit_one(struct pl_sending *s, struct pl_outgoing *out, const struct eb_message *message) {
    struct pl_send_topic *topic = pl_send_topic(s, message->topic.data);
    struct eb_error why;

    out->message = message;
    if (topic) {
        pl_send(topic, out);
        return;
    }
    ebp_error_of_kind(&why, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for topic %s", message->topic.data);
    pthread_mutex_lock(&s->lock);
    pl_report(s, out, &why, false, NULL);
    pthread_mutex_unlock(&s->lock);
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct pl_sending *s = self;
    struct pl_outgoing *taken, *next;
    size_t k;

    (void)err;
    pthread_mutex_lock(&s->lock);
    taken = s->free;
    for (k = 0; k < n && s->n_free > 0; k++, s->n_free--)
        s->free = s->free->next;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < k; i++, taken = next) {
        next = taken->next;
        submit_one(s, taken, batch[i]);
    }
    pl_topics_work(s);
    return (int64_t)k;
}

static void look_at_link(struct pl_sending *s) {
    if (ebp_monotonic_ms() < s->look_ms)
        return;
    pl_link_look(&s->link, pl_topics_seen(s));
    s->look_ms = ebp_monotonic_ms() + PL_LINK_LOOK_MS;
}

/* Does what there is to do. Returns whether poll has something to return for. */
static bool work(struct pl_sending *s) {
    bool something;

    pl_topics_work(s);
    look_at_link(s);
    pthread_mutex_lock(&s->lock);
    something = s->reported || s->woken;
    s->reported = s->woken = false;
    pthread_mutex_unlock(&s->lock);
    return something;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct pl_sending *s = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms, now;

    (void)err;
    while (!work(s) && (now = ebp_monotonic_ms()) < until) {
        ebp_cond_wakeup_wait(&s->changed, ebp_earlier(until, s->look_ms) - now);
        sched_yield(); /* lets the thread that signals report more: a switch between threads costs as much as an event */
        ebp_cond_wakeup_take(&s->changed);
        __atomic_store_n(&s->signalled, false, __ATOMIC_SEQ_CST); /* before the next look */
    }
    return EB_OK;
}

static void producer_wake(void *self) {
    struct pl_sending *s = self;

    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_mutex_unlock(&s->lock);
    pl_sending_signal(s);
}

/* ---- closing ---- */

static size_t n_left(struct pl_sending *s) {
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = (size_t)s->set->max_pending - s->n_free;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* What the library had when it was closed may be stored; what waited for a topic is not. No callback reports anything from here
 * on. Returns whether the client has ended. */
static bool report_left(struct pl_sending *s) {
    struct eb_error why;
    bool ended;

    pthread_mutex_lock(&s->lock);
    ended = s->ended;
    s->closed = true;
    for (int64_t i = 0; i < s->set->max_pending; i++)
        if (s->all[i].message) {
            ebp_error(&why, EB_RETRIABLE, 0, "closed before it was sent to topic %s", s->all[i].message->topic.data);
            pl_report(s, &s->all[i], &why, s->all[i].at_library, NULL);
        }
    pthread_mutex_unlock(&s->lock);
    return ended;
}

/* By the thread that ended the client: no callback comes any more. */
static void on_client_end(void *arg) {
    struct pl_sending *s = arg;
    bool abandoned;

    pthread_mutex_lock(&s->lock);
    s->ended = true;
    abandoned = s->closed;
    pthread_mutex_unlock(&s->lock);
    if (abandoned)
        sending_free(s);
}

/* Ends the client while it has messages. It refers to their payloads until it has ended, so that is awaited before they are
 * reported, also beyond the time that close has: ABORT_MS is far more than a client needs that asks no broker. */
static void abort_client(struct pl_sending *s, int64_t timeout_ms) {
    enum { ABORT_MS = 2000 };

    pl_client_close(&s->client, true, timeout_ms > ABORT_MS ? timeout_ms : ABORT_MS, on_client_end, s);
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct pl_sending *s = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms, now;
    struct eb_error err;

    while (n_left(s) > 0 && (now = ebp_monotonic_ms()) < until)
        producer_poll(s, (int32_t)(until - now), &err);
    pl_link_close(&s->link);
    if (n_left(s) > 0)
        abort_client(s, until - ebp_monotonic_ms());
    else
        pl_client_close(&s->client, false, until - ebp_monotonic_ms(), on_client_end, s);
    if (report_left(s))
        sending_free(s);
}

static uint32_t producer_traits(const void *settings) {
    (void)settings;
    return all_traits;
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER | EB_T_POWER | EB_T_PROCESSES,
    .open = producer_open,
    .submit = producer_submit,
    .poll = producer_poll,
    .wake = producer_wake,
    .close = producer_close,
    .traits_for = producer_traits,
};
