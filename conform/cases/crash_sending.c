/* conform/cases/crash_sending.c - producers that are killed: what was reported EB_OK is there, once, in order. */
#include "cases/case.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { KEYS = 8, SENT = 6000 };

static void say_report(struct ebc_test *t, const struct ebc_event *event) {
    (void)t;
    ebc_peer_say("r %zu", event->number);
}

static void die_at_report(struct ebc_test *t, const struct ebc_event *event) {
    say_report(t, event);
    if (ebc_random_below(&t->random, 200) == 0)
        kill(getpid(), SIGKILL);
}

static void send_until_killed(struct ebc_test *t, void (*watch)(struct ebc_test *, const struct ebc_event *)) {
    const char *topic = ebc_topic_name(t, "a");
    struct ebc_range sent = ebc_new_events(t, topic, SENT, KEYS);
    struct ebc_producer *p = ebc_producer(t);

    ebc_watch_reports(p, watch);
    for (size_t i = 0; i < SENT; i += 50)
        ebc_submit_and_wait(p, (struct ebc_range){ sent.first + i, 50 });
    for (;;)
        ebc_poll(p, 500);
}

static void killed_sender(struct ebc_test *t) {
    send_until_killed(t, say_report);
}

static void dying_sender(struct ebc_test *t) {
    send_until_killed(t, die_at_report);
}

/* Expects each event of a key once, in the order of sending. */
static void check_order(struct ebc_test *t, struct ebc_received **got, size_t n) {
    size_t next[KEYS] = { 0 };

    for (size_t i = 0; i < n; i++) {
        const struct ebc_event *event = got[i]->event;
        size_t key = (size_t)(event->message.key.data[4] - '0');
        if (key >= KEYS)
            continue; /* the marker */
        if (event->number < next[key])
            ebc_break(t, EBC_SEND_ORDER,
                      "expected each event of a key once, in the order of sending; came event %zu "
                      "after event %zu",
                      event->number, next[key] - 1);
        next[key] = event->number + 1;
    }
}

/* Starts the peer and kills it at `enough` reports, unless it died before. Expects all that was reported. */
static void expect_reported(struct ebc_test *t, const char *part_name, size_t enough) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, SENT, KEYS);
    const struct ebc_event **due = ebc_alloc(t, SENT * sizeof *due);
    bool *reported = ebc_alloc(t, SENT);
    struct ebc_peer *part = ebc_peer_start(t, part_name);
    struct ebc_consumer *c;
    size_t n = 0, number;
    char line[200];

    while (ebc_peer_read_line(part, line, t->patience_ms))
        if (sscanf(line, "r %zu", &number) == 1 && number - sent.first < SENT && !reported[number - sent.first]) {
            reported[number - sent.first] = true;
            if (++n == enough)
                ebc_peer_kill(part);
        }
    ebc_peer_kill(part);
    if (n == 0)
        ebc_break(t, EBC_PROCESSES, "expected a producer in another process to work; came no report");
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    for (size_t i = n = 0; i < SENT; i++)
        if (reported[i])
            due[n++] = ebc_event(t, sent, i);
    ebc_receive_due(c, topic, due, n);
    for (size_t i = 0; i < SENT; i++)
        if (reported[i] && !ebc_find_event(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_STORED,
                      "expected event %zu, reported EB_OK to the killed producer, to be there; came "
                      "others only",
                      sent.first + i);
    check_order(t, ebc_all(c), ebc_count(c));
}

static void a_killed_producer_loses_nothing_reported(struct ebc_test *t) {
    expect_reported(t, "sender", 100 + ebc_random_below(&t->random, 400));
}

static void a_producer_killed_at_a_report_loses_nothing(struct ebc_test *t) {
    expect_reported(t, "dying", SENT);
}

/* clang-format off */
static const struct ebc_peer_entry senders[] = {
    { "sender", killed_sender }, { "dying", dying_sender }, { NULL, NULL },
};
/* clang-format on */

/* clang-format off */
const struct ebc_case ebc_crash_sending[] = {
    { .group = "crash", .name = "a-killed-producer-loses-nothing-reported",
      .about = "what a killed producer reported EB_OK is stored, once and in order",
      .roles = EBC_SEND_AND_RECEIVE,
      .producer = EB_T_PROCESSES, .consumer = EB_T_HISTORY, .run = a_killed_producer_loses_nothing_reported,
      .peers = senders },
    { .group = "crash", .name = "a-producer-killed-at-a-report-loses-nothing",
      .about = "what producers reported that die inside delivered(EB_OK) is stored",
      .roles = EBC_SEND_AND_RECEIVE,
      .producer = EB_T_PROCESSES, .consumer = EB_T_HISTORY, .run = a_producer_killed_at_a_report_loses_nothing,
      .peers = senders },
    { 0 },
};
/* clang-format on */
