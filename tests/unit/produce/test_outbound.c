/* tests/unit/produce/test_outbound.c - order by topic and key on the way out, whatever the plugin reports. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "produce/outbound.h"
#include "../memory.h"

static struct ebi_outbound outbound;
static const struct ebi_sender_limits limits = {
    .messages = 100, .bytes = 1 << 20, .batch_messages = 10, .batch_bytes = 1 << 20, .delivery_timeout_ms = 60000
};

static void begin(void) {
    cr_assert_eq(ebi_outbound_init(&outbound, &limits, true, NULL), EB_OK);
}

/* Settles all there is, wherever it is. */
static void end(void) {
    struct ebi_outbound_message *out;

    while ((out = outbound.submitted)) {
        out->status = EB_PERMANENT;
        if (ebi_outbound_reported(&outbound, out, true, 0, 0))
            ebi_outbound_release(&outbound, out);
    }
    while ((out = ebi_outbound_expired(&outbound, 0, true)))
        ebi_outbound_release(&outbound, out);
    cr_assert_eq(outbound.messages, 0, "%zu messages are nowhere", outbound.messages);
    cr_assert_eq(outbound.bytes, 0);
    ebi_outbound_free(&outbound);
}

TestSuite(outbound, .init = begin, .fini = end);

static struct ebi_outbound_message *put(const char *topic, const char *key, const char *id, int64_t now) {
    struct eb_message message = { .size = sizeof message,
                                  .topic = { topic, strlen(topic) },
                                  .id = { id, strlen(id) },
                                  .key = { *key ? key : NULL, strlen(key) } };
    struct ebi_outbound_message *out = ebi_outbound_message_new(&message, ebi_outbound_message_size(&message, NULL), NULL,
                                                                NULL);

    cr_assert_not_null(out);
    cr_assert_eq(ebi_outbound_put(&outbound, out, now, NULL), EB_OK);
    return out;
}

/* What may go now, as "a b c". */
static const char *picked(int64_t now, struct ebi_outbound_message **batch, size_t max) {
    static char text[1000];
    int64_t due = INT64_MAX;
    size_t n = ebi_outbound_pick(&outbound, now, false, batch, max, &due), len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", batch[i]->message.id.data);
    return text;
}

static bool reported(struct ebi_outbound_message *out, enum eb_status status, int64_t now) {
    struct eb_delivery delivery = { .size = sizeof delivery, .status = status };

    ebi_outbound_message_report(out, &delivery);
    bool done = ebi_outbound_reported(&outbound, out, false, now, 0);
    if (done)
        ebi_outbound_release(&outbound, out);
    return done;
}

Test(outbound, each_message_has_a_send_id_that_it_keeps_when_it_is_submitted_again) {
    struct ebi_outbound_message *batch[10];
    char first[EBI_SEND_ID_ROOM];

    put("t", "k", "same", 0), put("t", "k", "same", 0);
    picked(0, batch, 10);
    cr_assert(ebi_send_id_valid(batch[0]->message.send_id) && ebi_send_id_valid(batch[1]->message.send_id));
    cr_assert_str_neq(batch[0]->message.send_id.data, batch[1]->message.send_id.data);
    strcpy(first, batch[0]->message.send_id.data);
    cr_assert_not(reported(batch[0], EB_RETRIABLE, 0));
    cr_assert(reported(batch[1], EB_OK, 0));
    picked(1000, batch, 10);
    cr_assert_str_eq(batch[0]->message.send_id.data, first);
    cr_assert_eq(batch[0]->message.send_id.len, strlen(first));
    cr_assert(reported(batch[0], EB_OK, 1000));
    put("t", "k", "same", 1000); /* in a block that is used again */
    picked(1000, batch, 10);
    cr_assert_str_neq(batch[0]->message.send_id.data, first);
}

Test(outbound, a_message_that_comes_with_a_send_id_keeps_it) {
    struct eb_message message = { .size = sizeof message, .topic = { "t", 1 }, .send_id = { "before-1", 8 } };
    struct ebi_outbound_message *batch[10],
        *out = ebi_outbound_message_new(&message, ebi_outbound_message_size(&message, NULL), NULL, NULL);

    cr_assert_eq(ebi_outbound_put(&outbound, out, 0, NULL), EB_OK);
    picked(0, batch, 10);
    cr_assert_str_eq(batch[0]->message.send_id.data, "before-1");
    cr_assert_neq(batch[0]->message.send_id.data, message.send_id.data, "a copy");
}

Test(outbound, order_of_a_topic_is_kept) {
    struct ebi_outbound_message *batch[10];

    put("t", "k", "a", 0), put("t", "k", "b", 0), put("t", "l", "c", 0);
    cr_assert_str_eq(picked(0, batch, 2), "a b");
    cr_assert_str_eq(picked(0, batch, 10), "c");
    cr_assert_str_eq(picked(0, batch, 10), "");
}

Test(outbound, a_failure_holds_its_topic_until_all_of_it_is_back) {
    struct ebi_outbound_message *batch[10];

    put("t", "k", "a", 0), put("t", "k", "b", 0), put("t", "k", "c", 0), put("u", "k", "d", 0);
    cr_assert_str_eq(picked(0, batch, 2), "a b");
    put("t", "k", "e", 0);
    cr_assert_not(reported(batch[0], EB_RETRIABLE, 10));
    struct ebi_outbound_message *b = batch[1];
    cr_assert_str_eq(picked(10, batch, 10), "d", "other topics go on");
    cr_assert_not(reported(b, EB_RETRIABLE, 10));
    cr_assert_str_eq(picked(11, batch, 10), "", "not before the wait is over");
    cr_assert_str_eq(picked(110, batch, 10), "a b c e", "in the order they were put");
}

Test(outbound, a_success_behind_a_failure_is_not_sent_again) {
    struct ebi_outbound_message *batch[10];

    put("t", "k", "a", 0), put("t", "l", "b", 0);
    picked(0, batch, 10);
    cr_assert_not(reported(batch[0], EB_RETRIABLE, 0));
    cr_assert(reported(batch[1], EB_OK, 0));
    cr_assert_str_eq(picked(1000, batch, 10), "a");
}

Test(outbound, permanent_failures_are_final_and_hold_nothing) {
    struct ebi_outbound_message *batch[10];

    put("t", "k", "a", 0), put("t", "k", "b", 0);
    cr_assert_str_eq(picked(0, batch, 1), "a");
    cr_assert(reported(batch[0], EB_PERMANENT, 0));
    cr_assert_str_eq(picked(0, batch, 10), "b");
}

Test(outbound, without_order_of_the_plugin_a_key_is_out_once) {
    struct ebi_outbound_message *batch[10];

    outbound.plugin_orders = false;
    put("t", "k", "a", 0), put("t", "l", "b", 0), put("t", "k", "c", 0);
    cr_assert_str_eq(picked(0, batch, 10), "a b");
    struct ebi_outbound_message *a = batch[0];
    cr_assert_str_eq(picked(0, batch, 10), "");
    cr_assert(reported(a, EB_OK, 0));
    cr_assert_str_eq(picked(0, batch, 10), "c");
}

Test(outbound, what_the_plugin_did_not_take_comes_first_next_time) {
    struct ebi_outbound_message *batch[10];

    put("t", "k", "a", 0), put("t", "k", "b", 0), put("t", "k", "c", 0);
    picked(0, batch, 10);
    ebi_outbound_put_back(&outbound, batch + 1, 2);
    cr_assert_str_eq(picked(0, batch, 10), "b c");
}

Test(outbound, every_topic_gets_its_turn) {
    struct ebi_outbound_message *batch[10];

    for (int i = 0; i < 20; i++)
        put("loud", "", "x", 0);
    put("quiet", "", "q", 0);
    picked(0, batch, 10);
    cr_assert_str_eq(picked(0, batch, 1), "q");
}

Test(outbound, time_up_is_noticed_by_topic) {
    struct ebi_outbound_message *out;

    put("t", "", "a", 0), put("u", "", "b", 30000);
    cr_assert_null(ebi_outbound_expired(&outbound, 59999, false));
    out = ebi_outbound_expired(&outbound, 60000, false);
    cr_assert_str_eq(out->message.id.data, "a");
    ebi_outbound_release(&outbound, out);
    cr_assert_null(ebi_outbound_expired(&outbound, 60000, false));
    out = ebi_outbound_expired(&outbound, 60000, true);
    cr_assert_str_eq(out->message.id.data, "b");
    ebi_outbound_release(&outbound, out);
    cr_assert_eq(outbound.messages, 0);
    cr_assert_eq(outbound.bytes, 0);
}

Test(outbound, a_retriable_failure_past_its_time_is_final) {
    struct ebi_outbound_message *batch[10];

    put("t", "", "a", 0);
    picked(0, batch, 10);
    cr_assert(ebi_outbound_overdue(&outbound, 60000));
    cr_assert(reported(batch[0], EB_RETRIABLE, 60000));
}

Test(outbound, the_queue_has_an_end) {
    outbound.limits.messages = 2;
    outbound.limits.bytes = 100000;
    struct ebi_outbound_message *a = put("t", "", "a", 0);
    cr_assert(ebi_outbound_has_room(&outbound, a));
    put("t", "", "b", 0);
    cr_assert_not(ebi_outbound_has_room(&outbound, a));
    struct eb_message large = { .size = sizeof large, .topic = { "t", 1 }, .payload = { calloc(1, 200000), 200000 } };
    struct ebi_outbound_message *out = ebi_outbound_message_new(&large, ebi_outbound_message_size(&large, NULL), NULL, NULL);
    cr_assert_not(ebi_outbound_ever_fits(&outbound, out));
    ebi_outbound_message_free(out);
    free((void *)large.payload.data);
}

Test(outbound, lingering_waits_for_a_full_batch) {
    struct ebi_outbound_message *batch[10];
    int64_t due = INT64_MAX;

    outbound.limits.linger_ms = 50;
    put("t", "", "a", 0);
    cr_assert_eq(ebi_outbound_pick(&outbound, 10, false, batch, 10, &due), 0);
    cr_assert_eq(due, 50);
    cr_assert_eq(ebi_outbound_pick(&outbound, 10, true, batch, 10, &due), 1, "a flush does not linger");
    for (int i = 0; i < 10; i++)
        put("t", "", "b", 10);
    cr_assert_eq(ebi_outbound_pick(&outbound, 10, false, batch, 10, &due), 10, "a full batch does not wait");
}

Test(outbound, a_flush_waits_for_what_was_put_before_it_only) {
    struct ebi_outbound_message *batch[10];
    uint64_t first, second;

    put("t", "", "a", 0);
    cr_assert_eq(ebi_outbound_end_epoch(&outbound, &first, NULL), EB_OK);
    put("t", "", "b", 0);
    cr_assert_eq(ebi_outbound_end_epoch(&outbound, &second, NULL), EB_OK);
    picked(0, batch, 10);
    cr_assert_not(ebi_outbound_flushed(&outbound, first));
    cr_assert(reported(batch[0], EB_OK, 0));
    cr_assert(ebi_outbound_flushed(&outbound, first));
    cr_assert_not(ebi_outbound_flushed(&outbound, second));
    cr_assert(reported(batch[1], EB_OK, 0));
    cr_assert(ebi_outbound_flushed(&outbound, second));
}

Test(outbound, reports_keep_position_and_reason) {
    struct ebi_outbound_message *out = put("t", "", "a", 0);
    char far[200];
    struct eb_error why = { .status = EB_PERMANENT, .text = "denied" };

    memset(far, 'x', sizeof far);
    ebi_outbound_message_report(out,
                                &(struct eb_delivery){ .size = sizeof(struct eb_delivery), .position = { far, sizeof far } });
    cr_assert_eq(strlen(out->position), sizeof far);
    ebi_outbound_message_report(out, &(struct eb_delivery){ .size = sizeof(struct eb_delivery), .position = { "7", 1 } });
    cr_assert_str_eq(out->position, "7");
    ebi_outbound_message_report(
        out, &(struct eb_delivery){ .size = sizeof(struct eb_delivery), .status = EB_PERMANENT, .error = &why });
    cr_assert_null(out->position);
    cr_assert_str_eq(out->error->text, "denied");
    snprintf(why.text, sizeof why.text, "denied\n\x1b[2J\xe2\x80\xae");
    ebi_outbound_message_report(
        out, &(struct eb_delivery){ .size = sizeof(struct eb_delivery), .status = EB_PERMANENT, .error = &why });
    cr_assert_str_eq(out->error->text, "denied??[2J???", "callbacks get one line that may be shown");
    ebi_outbound_message_report(out, &(struct eb_delivery){ .size = sizeof(struct eb_delivery), .status = -77 });
    cr_assert_eq(out->status, EB_RETRIABLE, "a number we do not know is no reason to lose it");
    cr_assert_neq(out->error->text[0], '\0');
}

Test(outbound, a_message_that_finds_no_memory_is_refused_and_leaves_no_trace) {
    unsigned failures = 0;
    char topic[16];

    for (unsigned i = 0; i < 100; i++) { /* enough for the table of topics to grow on the way */
        snprintf(topic, sizeof topic, "t%u", i);
        for (unsigned n = 1;; n++) {
            struct eb_message message = { .size = sizeof message, .topic = { topic, strlen(topic) }, .id = { "m", 1 } };
            struct eb_error err = { 0 };

            fail_allocation(n);
            struct ebi_outbound_message *out = ebi_outbound_message_new(&message, ebi_outbound_message_size(&message, NULL),
                                                                        NULL, NULL);
            enum eb_status status = out ? ebi_outbound_put(&outbound, out, 0, &err) : EB_FATAL;
            if (!allocation_failed()) {
                cr_assert_eq(status, EB_OK);
                break;
            }
            failures++;
            cr_assert_neq(status, EB_OK);
            cr_assert_eq(outbound.messages, i);
            ebi_outbound_message_free(out);
        }
    }
    cr_assert_gt(failures, 200, "only %u allocations failed", failures);
}

Test(outbound, a_key_that_finds_no_memory_goes_a_moment_later) {
    struct ebi_outbound_message *batch[10];
    int64_t due = INT64_MAX;

    outbound.plugin_orders = false;
    put("t", "k", "a", 0);
    put("t", "l", "b", 0);
    fail_allocation(1);
    cr_assert_eq(ebi_outbound_pick(&outbound, 5, true, batch, 10, &due), 0);
    cr_assert(allocation_failed());
    cr_assert_eq(due, 105);
    cr_assert_str_eq(picked(105, batch, 10), "a b");
}

Test(outbound, a_long_position_that_finds_no_memory_is_told_as_unknown) {
    static char position[500];
    struct eb_delivery delivery = { .size = sizeof delivery, .status = EB_OK, .position = { position, sizeof position - 1 } };
    struct ebi_outbound_message *batch[1];

    memset(position, 'p', sizeof position - 1);
    put("t", "", "a", 0);
    cr_assert_str_eq(picked(0, batch, 1), "a");
    fail_allocation(1);
    ebi_outbound_message_report(batch[0], &delivery);
    cr_assert(allocation_failed());
    cr_assert_null(batch[0]->position);
    cr_assert_eq(batch[0]->status, EB_OK);
    ebi_outbound_message_report(batch[0], &delivery);
    cr_assert_str_eq(batch[0]->position, position);
}

Test(outbound, what_failed_goes_back_in_its_order_though_it_was_reported_in_another) {
    static const int order[] = { 2, 0, 1, 3 };
    struct ebi_outbound_message *batch[4], *again[4];

    put("t", "", "a", 0), put("t", "", "b", 0), put("t", "", "c", 0), put("t", "", "d", 0);
    cr_assert_str_eq(picked(0, batch, 4), "a b c d");
    for (int i = 0; i < 4; i++)
        cr_assert_not(reported(batch[order[i]], EB_RETRIABLE, 0));
    cr_assert_str_eq(picked(1000, again, 4), "a b c d");
}

Test(outbound, the_first_of_two_topics_that_wait_is_the_one_that_is_waited_for) {
    struct ebi_outbound_message *batch[4];
    int64_t due = INT64_MAX;

    outbound.limits.linger_ms = 100;
    put("t", "", "a", 0), put("u", "", "b", 50);
    cr_assert_eq(ebi_outbound_pick(&outbound, 60, false, batch, 4, &due), 0);
    cr_assert_eq(due, 100);
}
