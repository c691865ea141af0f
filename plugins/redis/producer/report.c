/* plugins/redis/producer/report.c - reports to the host what became of messages. */
#include "producer/state.h"

#include <assert.h>
#include <string.h>

static void report(struct rd_producer *p, const struct eb_message *message, struct eb_delivery delivery) {
    delivery.size = sizeof delivery;
    delivery.token = message->token;
    p->reported++;
    p->host->delivered(p->host, &delivery);
}

void rd_report_failed(struct rd_producer *p, const struct eb_message *message, const struct eb_error *why, bool maybe_stored) {
    report(p, message, (struct eb_delivery){ .status = why->status, .maybe_stored = maybe_stored, .error = why });
}

void rd_report_stored(struct rd_producer *p, const struct eb_message *message, const struct rd_node *id) {
    report(p, message, (struct eb_delivery){ .status = EB_OK, .position = { id->text, id->n } });
}

void rd_drop_oldest(struct rd_producer *p, size_t n) {
    ebp_submit_drop(&p->queue, n);
    p->unsure -= n < p->unsure ? n : p->unsure;
}

static bool is_same_topic(const struct eb_message *a, const struct eb_message *b) {
    return a->topic.len == b->topic.len && memcmp(a->topic.data, b->topic.data, a->topic.len) == 0;
}

void rd_fail_topic(struct rd_producer *p, const struct eb_message *refused, const struct eb_error *why) {
    size_t kept = 0;

    assert(p->sent == 0 && p->staged == 0);
    for (size_t i = 0; i < p->queue.n; i++) {
        const struct eb_message *message = rd_queued(p, i);
        if (is_same_topic(message, refused))
            rd_report_failed(p, message, why, i < p->unsure);
        else
            ebp_submit_put(&p->queue, kept++, message);
    }
    p->queue.n = kept;
    if (p->unsure > kept)
        p->unsure = kept;
}
