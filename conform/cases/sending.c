/* conform/cases/sending.c - what a producer promises: each message is reported once, stored as it was, and in order. */
#include "cases/case.h"

#include <string.h>

static void every_message_taken_is_reported_once(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *topic2 = ebc_topic(t, "b");
    struct ebc_producer *p = ebc_producer(t);

    for (int i = 0; i < 5; i++) {
        ebc_submit(p, ebc_new_events(t, topic, 100, 10));
        ebc_submit_and_wait(p, ebc_new_events(t, topic2, 100, EBC_NO_KEY));
    }
    ebc_submit_and_wait(p, (struct ebc_range){ 0, 0 });
    for (int64_t end = ebc_monotonic_ms() + t->quiet_ms; ebc_monotonic_ms() < end;)
        ebc_poll(p, 20); /* the host notes another report */
    ebc_submit_and_wait(p, ebc_new_events(t, topic, 1, 1));
    if (ebc_unreported(t, (struct ebc_range){ 0, 1001 }) > 0)
        ebc_break(t, EBC_REPORTED_ONCE, "expected each of 1001 messages to be reported; came none for %zu",
                  ebc_unreported(t, (struct ebc_range){ 0, 1001 }));
}

static void a_report_names_the_position(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 20, 4);
    struct ebc_received **got;

    ebc_send_through_new(t, sent);
    if (!ebc_event(t, sent, 0)->position)
        ebc_skip(t, "the plugin reports no positions");
    got = ebc_read_stored(t, topic, group, sent.n);
    for (size_t i = 0; i < sent.n; i++) {
        const char *reported = got[i]->event->position, *came = got[i]->message->position.data;
        if (!reported || !came || strcmp(reported, came) != 0)
            ebc_break(t, EBC_POSITION, "expected event %zu at the position reported, %s; it came from %s",
                      got[i]->event->number, reported ? reported : "none", came ? came : "none");
        for (size_t k = 0; k < i; k++)
            if (strcmp(got[k]->message->position.data, came) == 0)
                ebc_break(t, EBC_POSITION, "expected a position for each event; came %s for two", came);
    }
}

/* ---- verbatim ---- */

/* Sends each alone: a broker may refuse what it cannot carry, but then it says so, and stores nothing else instead. */
static size_t send_or_be_refused(struct ebc_test *t, enum ebc_rule rule, struct ebc_range span) {
    struct ebc_producer *p = ebc_producer(t);
    size_t stored = 0;

    for (size_t i = 0; i < span.n; i++) {
        struct ebc_event *event = ebc_event(t, span, i);

        ebc_submit_and_wait(p, ebc_range_of(event));
        if (event->status == EB_OK)
            stored++;
        else if (event->status != EB_PERMANENT)
            ebc_break(t, rule, "expected event %zu to be stored, or refused with EB_PERMANENT; came status %d: %s",
                      event->number, event->status, event->error);
    }
    ebc_close_producer(p, 1000);
    return stored;
}

static void values_come_back_as_they_went(struct ebc_test *t) {
    static const size_t sizes[] = { 2, 64, 129, 4096, 65536, 1 << 20 };
    static const char binary[] = "\0\x01\xff\xfe\r\n\0%s\"'\0";
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = { t->n_events, 0 };
    struct ebc_received **got;
    size_t stored;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ebc_set_payload_size(t, ebc_new_event(t, topic, "sizes"), sizes[i]);
    ebc_set_blob(t, ebc_new_event(t, topic, "binary"), binary, sizeof binary - 1);
    ebc_set_blob(t, ebc_new_event(t, topic, "no-bytes"), "", 0);
    ebc_set_empty(ebc_new_event(t, topic, "empty"));
    ebc_new_event(t, topic, NULL);
    ebc_new_event(t, topic, "");
    ebc_new_event(t, topic,
                  "course-v1:\xc3\x89"
                  "dX+\xe6\x95\xb0\xe5\xad\xa6+2026 {with} *odd* 'signs'");
    sent.n = t->n_events - sent.first;
    stored = send_or_be_refused(t, EBC_VALUES, sent);
    for (size_t i = 0; i < sent.n; i++) /* every plugin must carry the ordinary ones */
        if (ebc_event(t, sent, i)->status != EB_OK && ebc_event(t, sent, i)->message.payload.len - 1 < 65536 &&
            ebc_event(t, sent, i)->message.key.len > 0)
            ebc_break(t, EBC_VALUES, "expected an ordinary event of %zu bytes to be stored; came a refusal: %s",
                      ebc_event(t, sent, i)->message.payload.len, ebc_event(t, sent, i)->error);
    got = ebc_read_stored(t, topic, group, stored);
    for (size_t i = 0; i < stored; i++)
        ebc_expect_same_values(t, got[i]);
}

static struct eb_text text(const char *data) {
    return (struct eb_text){ data, data ? strlen(data) : 0 };
}

static void attributes_and_headers_come_back_in_order(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = { t->n_events, 0 };
    struct ebc_event *event;
    struct ebc_received **got;
    size_t stored;

    ebc_new_events(t, topic, 2, 1); /* none at all */
    event = ebc_new_event(t, topic, "one");
    ebc_add_header(event, text("dlq_reason"), text("receiver failed"));
    event = ebc_new_event(t, topic, "several, one twice");
    ebc_add_header(event, text("traceparent"), text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    ebc_add_header(event, text("repeated"), text("first"));
    ebc_add_header(event, text("a"), text("z"));
    ebc_add_header(event, text("repeated"), text("second"));
    event = ebc_new_event(t, topic, "empty value");
    ebc_add_header(event, text("empty"), text(""));
    event = ebc_new_event(t, topic, "no value");
    ebc_add_header(event, text("absent"), text(NULL));
    event = ebc_new_event(t, topic, "binary value");
    ebc_add_header(event, text("binary"), (struct eb_text){ "\0\xff\x80\n", 4 });
    sent.n = t->n_events - sent.first;
    stored = send_or_be_refused(t, EBC_HEADERS, sent);
    got = ebc_read_stored(t, topic, group, stored);
    for (size_t i = 0; i < stored; i++)
        ebc_expect_same_attrs(t, got[i]);
}

/* ---- close ---- */

/* After a failure no later message of the key is stored: what is stored of a key is its first messages. */
static void check_prefixes(struct ebc_test *t, struct ebc_range sent, struct ebc_received **got, size_t n) {
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *failed = ebc_event(t, sent, i);
        if (failed->status == EB_OK || ebc_find_event(got, n, failed))
            continue;
        for (size_t k = i + 1; k < sent.n; k++) {
            const struct ebc_event *later = ebc_event(t, sent, k);
            if (strcmp(later->message.key.data, failed->message.key.data) == 0 && ebc_find_event(got, n, later))
                ebc_break(t, EBC_FAIL_ORDER,
                          "expected event %zu not to be stored, since event %zu of the same key "
                          "failed; it came",
                          later->number, failed->number);
        }
    }
}

static void close_reports_all_that_was_taken(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_producer *p = ebc_producer(t);
    struct ebc_range sent = ebc_new_events(t, topic, 300, 5);
    struct ebc_consumer *c;
    const struct ebc_event **due = ebc_alloc(t, sent.n * sizeof *due);
    struct ebc_received **got;
    size_t n, n_due = 0;

    ebc_submit(p, sent);
    ebc_close_producer(p, 0); /* the host notes messages without a report */
    if (ebc_unreported(t, sent) > 0)
        ebc_break(t, EBC_CLOSE_REPORTS, "expected close(0) to report each of 300 messages; came no report of %zu",
                  ebc_unreported(t, sent));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    for (size_t i = 0; i < sent.n; i++)
        if (ebc_event(t, sent, i)->status == EB_OK)
            due[n_due++] = ebc_event(t, sent, i);
    n = ebc_receive_due(c, topic, due, n_due) + 1;
    got = ebc_all(c);
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(t, sent, i);
        if (event->status == EB_OK && !ebc_find_event(got, n, event))
            ebc_break(t, EBC_STORED, "expected event %zu, reported EB_OK, to be there; came others only", event->number);
        if (event->status != EB_OK && !event->maybe_stored && ebc_find_event(got, n, event))
            ebc_break(t, EBC_NOT_STORED,
                      "expected event %zu, reported as not stored for sure, not to be there; came "
                      "it",
                      event->number);
    }
    if (t->plugin.producer->traits & EB_T_ORDER)
        check_prefixes(t, sent, got, n);
}

static void close_sends_what_it_can_in_its_time(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_producer *p = ebc_producer(t);
    struct ebc_range sent = ebc_new_events(t, topic, 51, 5);

    ebc_send(p, (struct ebc_range){ sent.first, 1 }); /* the link is up */
    ebc_submit(p, (struct ebc_range){ sent.first + 1, 50 });
    ebc_close_producer(p, (int32_t)t->patience_ms);
    for (size_t i = 0; i < sent.n; i++)
        if (ebc_event(t, sent, i)->status != EB_OK)
            ebc_break(t, EBC_CLOSE_SENDS, "expected close(%lld ms) to send 50 events; came status %d for event %zu: %s",
                      (long long)t->patience_ms, ebc_event(t, sent, i)->status, sent.first + i, ebc_event(t, sent, i)->error);
    ebc_read_stored(t, topic, group, sent.n);
}

/* ---- order ---- */

static void a_topic_and_key_keep_the_order_of_sending(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 600, 7);
    struct ebc_producer *p = ebc_producer(t);
    const struct ebc_event *last[7] = { 0 };
    struct ebc_received **got;

    ebc_submit_and_wait(p, (struct ebc_range){ sent.first, 200 });
    ebc_submit(p, (struct ebc_range){ sent.first + 200, 200 });
    ebc_submit_and_wait(p, (struct ebc_range){ sent.first + 400, 200 });
    ebc_send(p, (struct ebc_range){ sent.first, 0 });
    ebc_close_producer(p, 1000);
    got = ebc_read_stored(t, topic, group, sent.n);
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = got[i]->event, **of_key = &last[event->message.key.data[4] - '0'];
        if (*of_key && (*of_key)->number > event->number)
            ebc_break(t, EBC_SEND_ORDER, "expected event %zu before event %zu of the same key; it came after", event->number,
                      (*of_key)->number);
        *of_key = event;
    }
}

/* clang-format off */
const struct ebc_case ebc_sending[] = {
    { .group = "sending", .name = "every-message-taken-is-reported-once",
      .about = "each message that submit took is reported exactly once",
      .roles = EBC_PRODUCER,
      .run = every_message_taken_is_reported_once },
    { .group = "sending", .name = "a-report-names-the-position",
      .about = "a report's position is the one with which the message is received",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_report_names_the_position },
    { .group = "sending", .name = "values-come-back-as-they-went",
      .about = "payloads and keys of any bytes and sizes, empty and absent ones, come back unchanged",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = values_come_back_as_they_went },
    { .group = "sending", .name = "attributes-and-headers-come-back-in-order",
      .about = "attributes and headers come back complete, in order, with repeats",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = attributes_and_headers_come_back_in_order },
    { .group = "sending", .name = "close-reports-all-that-was-taken",
      .about = "close reports each message that is left, and tells truly what may be stored",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = close_reports_all_that_was_taken },
    { .group = "sending", .name = "close-sends-what-it-can-in-its-time",
      .about = "close with time sends what submit took",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = close_sends_what_it_can_in_its_time },
    { .group = "sending", .name = "a-topic-and-key-keep-the-order-of-sending",
      .about = "the messages of a topic and key are stored in the order of submit",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_topic_and_key_keep_the_order_of_sending },
    { 0 },
};
/* clang-format on */
