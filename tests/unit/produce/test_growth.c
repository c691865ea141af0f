/* tests/unit/produce/test_growth.c - what waits to be sent costs time in proportion to its number, whatever happens to it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "produce/outbound.h"
#include "../growth.h"

static struct ebi_outbound outbound;
static struct ebi_outbound_message **batch;

static void begin(size_t n, bool plugin_orders) {
    const struct ebi_sender_limits limits = { .messages = n,
                                              .bytes = (size_t)1 << 40,
                                              .batch_messages = n,
                                              .batch_bytes = (size_t)1 << 40,
                                              .delivery_timeout_ms = 60000 };

    cr_assert_eq(ebi_outbound_init(&outbound, &limits, plugin_orders, NULL), EB_OK);
    batch = calloc(n, sizeof *batch);
    cr_assert_not_null(batch);
}

static void put(const char *topic, const char *key, int64_t now_ms) {
    struct eb_message message = { .size = sizeof message,
                                  .topic = { topic, strlen(topic) },
                                  .key = { key, key ? strlen(key) : 0 } };
    size_t size = ebi_outbound_message_size(&message, NULL);
    struct ebi_outbound_message *out = ebi_outbound_message_new(&message, size, ebi_outbound_spare(&outbound, size), NULL);

    cr_assert_not_null(out);
    cr_assert_eq(ebi_outbound_put(&outbound, out, now_ms, NULL), EB_OK);
}

static size_t pick(int64_t now_ms, size_t max) {
    int64_t due = INT64_MAX;

    return ebi_outbound_pick(&outbound, now_ms, true, batch, max, &due);
}

static void report(struct ebi_outbound_message *out, enum eb_status status, int64_t now_ms) {
    struct eb_delivery delivery = { .size = sizeof delivery, .status = status };

    ebi_outbound_message_report(out, &delivery);
    if (ebi_outbound_reported(&outbound, out, false, now_ms, 0))
        ebi_outbound_release(&outbound, out);
}

/* Settles what still waits, and frees all. */
static void end(void) {
    struct ebi_outbound_message *out;

    while ((out = ebi_outbound_expired(&outbound, 0, true)))
        ebi_outbound_release(&outbound, out);
    cr_assert_eq(outbound.messages, 0);
    ebi_outbound_free(&outbound);
    free(batch);
}

/* After an outage the plugin fails all that it had, in the order of sending. */
static void fail_in_order(size_t n) {
    begin(n, true);
    for (size_t i = 0; i < n; i++)
        put("t", NULL, 0);
    cr_assert_eq(pick(0, n), n);
    for (size_t i = 0; i < n; i++)
        report(batch[i], EB_RETRIABLE, 1);
    end();
}

/* ... or with the last first, or in two halves that alternate. */
static void fail_out_of_order(size_t n) {
    begin(n, true);
    for (size_t i = 0; i < n; i++)
        put("t", NULL, 0);
    cr_assert_eq(pick(0, n), n);
    for (size_t i = 0; i < n / 2; i++) {
        report(batch[n - 1 - i], EB_RETRIABLE, 1);
        report(batch[i], EB_RETRIABLE, 1);
    }
    end();
}

static void put_in_topics(size_t n, const char *key, int64_t apart_ms) {
    char topic[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(topic, sizeof topic, "topic-%zu", i);
        put(topic, key, (int64_t)i * apart_ms);
    }
}

/* Each of many topics has an event whose time is up at another moment. */
static void expire_one_by_one(size_t n) {
    begin(n, true);
    put_in_topics(n, NULL, 1);
    for (size_t i = 0; i < n; i++) {
        struct ebi_outbound_message *out = ebi_outbound_expired(&outbound, 60000 + (int64_t)i, false);

        cr_assert_not_null(out);
        ebi_outbound_release(&outbound, out);
        cr_assert_null(ebi_outbound_expired(&outbound, 60000 + (int64_t)i, false));
    }
    end();
}

/* One topic goes on while many others wait after a failure. */
static void send_past_failed_topics(size_t n) {
    begin(2 * n, true);
    put_in_topics(n, NULL, 0);
    cr_assert_eq(pick(0, n), n);
    for (size_t i = 0; i < n; i++)
        report(batch[i], EB_RETRIABLE, 0);
    for (size_t i = 0; i < n; i++) {
        put("healthy", NULL, 1);
        cr_assert_eq(pick(1, 1), 1);
        report(batch[0], EB_OK, 1);
    }
    end();
}

/* One topic goes on while many others wait for the report of an event of the same key. */
static void send_past_keys_that_are_out(size_t n) {
    struct ebi_outbound_message **out = calloc(n, sizeof *out);

    begin(3 * n, false);
    put_in_topics(n, "key", 0);
    put_in_topics(n, "key", 0);
    cr_assert_eq(pick(0, 2 * n), n);
    memcpy(out, batch, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        put("healthy", NULL, 1);
        cr_assert_eq(pick(1, 1), 1);
        report(batch[0], EB_OK, 1);
    }
    for (size_t i = 0; i < n; i++)
        report(out[i], EB_OK, 1);
    cr_assert_eq(pick(1, 2 * n), n);
    for (size_t i = 0; i < n; i++)
        report(batch[i], EB_OK, 1);
    free(out);
    end();
}

/* Many callers flush in vain while one event is out. */
static void flush_in_vain(size_t n) {
    uint64_t id;

    begin(1, true);
    put("t", NULL, 0);
    cr_assert_eq(pick(0, 1), 1);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(ebi_outbound_end_epoch(&outbound, &id, NULL), EB_OK);
        cr_assert_not(ebi_outbound_flushed(&outbound, id));
    }
    report(batch[0], EB_OK, 0);
    cr_assert(ebi_outbound_flushed(&outbound, id));
    end();
}

Test(growth, events_that_fail_in_order_go_back_in_proportional_time) {
    expect_growth("failed in order", fail_in_order, 500);
}

Test(growth, events_that_fail_out_of_order_go_back_in_proportional_time) {
    expect_growth("failed out of order", fail_out_of_order, 200);
}

Test(growth, topics_expire_in_proportional_time) {
    expect_growth("expired", expire_one_by_one, 500);
}

Test(growth, failed_topics_cost_the_others_nothing) {
    expect_growth("sent beside failed topics", send_past_failed_topics, 500);
}

Test(growth, topics_whose_key_is_out_cost_the_others_nothing) {
    expect_growth("sent beside keys that are out", send_past_keys_that_are_out, 500);
}

Test(growth, flushes_that_wait_cost_the_others_nothing) {
    expect_growth("flushed in vain", flush_in_vain, 500);
}
