/* message.c - how a message travels: the stub carries bytes alone, so a message is packed into them, whole, and unpacked again.
 *
 * FILL IN: where your broker has keys and headers, give it those, so that other clients can read them; text_headers.h of
 * plugin-help.h helps where headers are texts. Whatever the form, each value must come back as it went: absent is not the same
 * as empty, and headers keep their order and repeats. */
#include "parts.h"

#include <stdio.h>

bool acme_pack(struct ebp_bytes *to, const struct eb_message *message) {
    to->len = 0;
    return ebp_pack(to, message);
}

int32_t acme_give(const struct stub_message *from, uint64_t token, int32_t (*take)(void *, const struct eb_message *),
                  void *arg, struct eb_error *err) {
    struct eb_message message = { .size = sizeof message, .token = token };
    struct ebp_pairs pairs = { 0 };
    char position[24];
    int32_t status;

    snprintf(position, sizeof position, "%llu", (unsigned long long)from->number);
    message.topic = ebp_text_of(from->topic);
    message.position = ebp_text_of(position);
    message.time_ms = from->stored_ms;
    message.deliveries = from->deliveries; /* FILL IN: 0 where the broker does not count */
    message.failures = from->retries;      /* FILL IN: 0 without EB_T_DELAY */
    message.lease_ms = 0;                  /* FILL IN: the time after which the broker gives it to another member */
    status = ebp_unpack(&pairs, ebp_text(from->bytes, from->len), &message, err);
    if (status == EB_OK)
        status = take(arg, &message);
    ebp_pairs_free(&pairs);
    return status;
}
