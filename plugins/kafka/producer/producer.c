/* plugins/kafka/producer/producer.c - the producer's operations, and the loop of poll; see state.h for the other parts. */
#include "producer.h"

#include <stdlib.h>

#include "error.h"
#include "state.h"

enum { PURGE_MS = 2000, CLOSE_STEP_MS = 50 };

static void handle_events(struct kf_producer *p) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(p->client.queue, 0))) {
        const rd_kafka_message_t *sent;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
            while ((sent = rd_kafka_event_message_next(event)))
                kf_on_delivery_report(p, sent);
        else
            kf_client_handle_event(&p->client, event);
        rd_kafka_event_destroy(event);
    }
}

int32_t kf_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct kf_producer *p = calloc(1, sizeof *p);
    rd_kafka_conf_t *conf = p ? kf_conf_new(settings, KF_PRODUCER, host->service, err) : NULL;
    int32_t status = EB_PERMANENT;

    if (!p)
        return ebp_no_memory(err);
    p->retry_ms = INT64_MAX;
    if (conf)
        status = kf_client_open(&p->client, host, settings, KF_PRODUCER, conf, err);
    if (status != EB_OK) {
        free(p);
        return status;
    }
    *self = p;
    return EB_OK;
}

int64_t kf_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct kf_producer *p = self;
    size_t accepted = 0;

    if (p->client.status != EB_OK) {
        if (err)
            *err = p->client.why;
        return EB_FATAL;
    }
    while (accepted < n && kf_send_message(p, batch[accepted]))
        accepted++;
    return (int64_t)accepted;
}

static void run_once(struct kf_producer *p) {
    size_t news = kf_client_poll(&p->client);

    handle_events(p);
    kf_send_waiting(p, news > 0);
}

int32_t kf_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct kf_producer *p = self;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;
    size_t reported = p->reported;

    for (;; now = ebp_monotonic_ms()) {
        bool woken = kf_client_take_wakeup(&p->client);
        if (now >= p->time_retry_ms)
            p->time = KF_NOW;
        run_once(p);
        if (p->client.status != EB_OK || woken || p->reported != reported || ebp_monotonic_ms() >= until)
            break;
        kf_client_wait(&p->client, ebp_earlier(p->retry_ms, until));
    }
    if (p->client.status == EB_OK)
        return EB_OK;
    if (err)
        *err = p->client.why;
    return EB_FATAL;
}

void kf_producer_wake(void *self) {
    struct kf_producer *p = self;

    kf_client_wake(&p->client);
}

static bool all_reported(const struct kf_producer *p) {
    return p->topics.n_waiting == 0 && rd_kafka_outq_len(p->client.rk) == 0;
}

/* Waits until all messages are reported, or the time is over. */
static void await_reports(struct kf_producer *p, int64_t until) {
    for (int64_t now = ebp_monotonic_ms(); !all_reported(p) && now < until; now = ebp_monotonic_ms()) {
        kf_client_take_wakeup(&p->client);
        run_once(p);
        if (!all_reported(p))
            kf_client_wait(&p->client, ebp_earlier(now + CLOSE_STEP_MS, until));
    }
}

void kf_producer_close(void *self, int32_t timeout_ms) {
    struct kf_producer *p = self;

    handle_events(p);
    if (p->client.status == EB_OK && timeout_ms > 0) {
        rd_kafka_flush(p->client.rk, 0); /* ends lingering */
        await_reports(p, ebp_monotonic_ms() + timeout_ms);
    }
    kf_return_all_waiting(p);
    if (rd_kafka_outq_len(p->client.rk) > 0) {
        rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        await_reports(p, ebp_monotonic_ms() + PURGE_MS);
    }
    kf_topics_free(&p->topics);
    kf_header_pool_free(&p->header_pool);
    kf_client_close(&p->client);
    free(p->key);
    free(p);
}
