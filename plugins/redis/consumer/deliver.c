/* plugins/redis/consumer/deliver.c - entries handed over to the host. */
#include "consumer/state.h"

#include "clock.h"

/* Whether it may have gone to another one while we held it: it waits for its extension to be confirmed. */
static bool is_stale(const struct rd_consumer *c, const struct rd_item *item, int64_t now_ms) {
    return now_ms - item->alive_ms > c->set->claim_after * 2 / 3;
}

static int32_t hand(struct rd_consumer *c, struct rd_item *item) {
    struct eb_message message = { .size = sizeof message, .token = rd_token(item), .lease_ms = c->set->claim_after,
                                  .deliveries = item->deliveries,
                                  .topic = { item->stream->name, item->stream->len } };
    struct rd_entry_read read;

    rd_entry_take(item->fields, item->id, &read, &message);
    return c->host->received(c->host, &message);
}

uint32_t rd_hand_over(struct rd_consumer *c, uint32_t max) {
    int64_t now_ms = rd_ticks_ms();
    uint32_t handed = 0;

    while (handed < max && c->fetched.first && c->out < c->sub->max_messages && c->bytes_out < c->sub->max_bytes) {
        struct rd_item *item = c->fetched.first;
        if (item->lost || is_stale(c, item, now_ms))
            break;
        if (hand(c, item) != EB_OK) {
            c->refused = true;
            break;
        }
        rd_line_take(&c->fetched);
        rd_batch_let_go(c, item->batch);
        item->batch = NULL;
        item->fields = NULL;
        item->state = RD_OUT;
        item->told = true;
        c->out++;
        c->bytes_out += item->bytes;
        handed++;
    }
    return handed;
}
