/* plugins/sqlite/consumer/deliver.c - delivers messages whose claims are committed. */
#include "consumer/state.h"

#include <eventbus/plugin-help/error.h>

static int32_t deliver_one(struct sq_consumer *c, const struct sq_inflight *entry, struct eb_error *err) {
    struct sq_row row = sq_row_at(&c->rows, entry->row, NULL);
    struct eb_message message;
    int32_t status = sq_row_decode(&c->decoder, &c->store, &row, entry->assignment->name, &message, err);

    if (status != EB_OK)
        return status;
    message.token = ebp_token(&entry->token);
    message.lease_ms = c->settings->lease;
    message.deliveries = entry->deliveries;
    message.failures = entry->attempts;
    return c->host->received(c->host, &message) == EB_OK ? EB_OK : EB_FULL;
}

int32_t sq_deliver(struct sq_consumer *c, uint32_t max, uint32_t *delivered, struct eb_error *err) {
    int32_t status = EB_OK;

    while (*delivered < max && c->to_deliver.first && c->to_deliver.first->state == SQ_CLAIMED && status == EB_OK) {
        struct sq_inflight *entry = c->to_deliver.first;

        status = deliver_one(c, entry, err);
        c->refused = status == EB_FULL;
        if (status != EB_OK)
            break;
        c->to_deliver.first = entry->next_listed;
        entry->state = SQ_DELIVERED;
        ++*delivered;
    }
    return status < 0 ? status : EB_OK;
}
