/* plugins/sqlite/consumer/deliver.c - hands over what was read and saved. */
#include "consumer/state.h"

#include "error.h"

static int32_t hand_one(struct sq_consumer *c, const struct sq_entry *entry, struct eb_error *err) {
    struct sq_row row = sq_row_at(&c->rows, entry->row, NULL);
    struct eb_message message;
    int32_t status = sq_row_decode(&c->decoder, &c->store, &row, entry->share->name, &message, err);

    if (status != EB_OK)
        return status;
    message.token = sq_token(entry);
    message.lease_ms = c->settings->lease;
    message.deliveries = entry->deliveries;
    message.failures = entry->attempts;
    return c->host->received(c->host, &message) == EB_OK ? EB_OK : EB_FULL;
}

int32_t sq_hand_over(struct sq_consumer *c, uint32_t max, uint32_t *handed, struct eb_error *err) {
    int32_t status = EB_OK;

    while (*handed < max && c->rows_line.first && c->rows_line.first->state == SQ_CLAIMED && status == EB_OK) {
        struct sq_entry *entry = c->rows_line.first;

        status = hand_one(c, entry, err);
        c->refused = status == EB_FULL;
        if (status != EB_OK)
            break;
        c->rows_line.first = entry->line;
        entry->state = SQ_OUT;
        ++*handed;
    }
    return status < 0 ? status : EB_OK;
}
