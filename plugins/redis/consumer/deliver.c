/* plugins/redis/consumer/deliver.c - delivers fetched entries to the host. */
#include "consumer/state.h"

#include <eventbus/plugin-help/clock.h>

/* Whether another consumer may have taken it over meanwhile. Such an entry waits until its extension is confirmed. */
static bool is_stale(const struct rd_consumer *c, const struct rd_inflight *inflight, int64_t now_ms) {
    return now_ms - inflight->alive_ms > c->set->claim_after * 2 / 3;
}

static int32_t deliver_one(struct rd_consumer *c, struct rd_inflight *inflight) {
    struct eb_message message = { .size = sizeof message,
                                  .token = ebp_token(&inflight->slot),
                                  .lease_ms = c->set->claim_after,
                                  .deliveries = inflight->deliveries,
                                  .topic = { inflight->stream->name, inflight->stream->len } };
    struct rd_entry_read read;

    rd_entry_take(inflight->fields, inflight->id, &read, &message);
    return c->host->received(c->host, &message);
}

uint32_t rd_deliver(struct rd_consumer *c, uint32_t max) {
    int64_t now_ms = ebp_boottime_ms();
    uint32_t delivered = 0;

    while (delivered < max && c->fetched.first && c->out < c->sub->max_messages && c->bytes_out < c->sub->max_bytes) {
        struct rd_inflight *inflight = c->fetched.first;
        if (inflight->lost || is_stale(c, inflight, now_ms))
            break;
        if (deliver_one(c, inflight) != EB_OK) {
            c->host_refused = true;
            break;
        }
        rd_queue_take(&c->fetched);
        rd_inflight_release_fields(c, inflight);
        inflight->state = RD_DELIVERED;
        inflight->delivered = true;
        c->out++;
        c->bytes_out += inflight->bytes;
        delivered++;
    }
    return delivered;
}
