/* conform/cases/crash.c - processes that are killed or stopped at work: what was unsettled comes again, what was
 * reported is there, and who slept too long settles nothing. */
#include "case.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BOTH = EBC_PRODUCER | EBC_CONSUMER, EVENTS = 240, KEYS = 8, HELD = 120, SENT = 6000 };

static bool same_key(const struct ebc_event *a, const struct ebc_event *b) {
    return strcmp(a->message.key.data, b->message.key.data) == 0;
}

/* ---- the members that will be killed ---- */

/* Whether all earlier ones of its key that are in hand have their verdict. */
static bool first_in_hand(const struct ebc_consumer *c, size_t of) {
    struct ebc_got **got = ebc_all(c);

    for (size_t i = 0; i < of; i++)
        if (!got[i]->verdict && same_key(got[i]->event, got[of]->event))
            return false;
    return true;
}

/* Acknowledges by chance, in order by key, and leaves the last HELD in hand: says "t" before a verdict. */
static void work_by_halves(struct ebc *t, struct ebc_consumer *c, size_t *acked) {
    struct ebc_got **got = ebc_all(c);

    for (size_t i = 0; i < ebc_count(c) && *acked < EVENTS - HELD; i++)
        if (!got[i]->verdict && first_in_hand(c, i) && ebc_random_below(&t->random, 3) > 0) {
            ebc_say(t, "t %zu", got[i]->event->number);
            ebc_settle(got[i], EB_ACK, 0);
            ++*acked;
        }
}

static void say_answer(struct ebc *t, const struct ebc_event *event) {
    ebc_say(t, "a %zu", event->number);
}

/* What was answered with EB_OK has to be true at that moment. */
static void die_at_answer(struct ebc *t, const struct ebc_event *event) {
    say_answer(t, event);
    if (ebc_random_below(&t->random, 25) == 0)
        kill(getpid(), SIGKILL);
}

/* Says "a" at an answer, "l" for the lease. Back when there is nothing to do for a while. */
static void work(struct ebc *t, void (*watch)(struct ebc *, const struct ebc_event *)) {
    const char *topic = ebc_topic_name(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    size_t acked = 0, before;

    ebc_make(t, topic, EVENTS, KEYS);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = "killed" });
    ebc_watch_answers(c, watch);
    for (int idle = 0; idle < 20 || ebc_count(c) == 0; idle++) {
        work_by_halves(t, c, &acked);
        before = ebc_count(c);
        ebc_receive(c, 1 + (uint32_t)ebc_random_below(&t->random, 6), 5);
        if (before == 0 && ebc_count(c) > 0)
            ebc_say(t, "l %lld", (long long)ebc_all(c)[0]->message->lease_ms);
        if (ebc_count(c) > before)
            idle = 0;
    }
    for (; watch == say_answer;)                /* until killed */
        ebc_receive(c, 0, 500);
    kill(getpid(), SIGKILL);
}

static void killed_member(struct ebc *t) {
    work(t, say_answer);
}

static void dying_member(struct ebc *t) {
    work(t, die_at_answer);
}

/* ---- what is known of each event ---- */

struct fate {
    bool tried, answered;           /* at the killed member */
    bool came;                      /* at ours, which acknowledged it */
};

struct fates {
    struct ebc *t;
    struct ebc_part *part;
    struct ebc_got **stored;        /* all, in the broker's order */
    struct fate of[EVENTS];         /* by number, from the first */
    size_t first, answered;
    int64_t lease_ms;
};

static struct fate *fate_of(struct fates *fates, const struct ebc_event *event) {
    return &fates->of[event->number - fates->first];
}

/* Some member works on the event: it was not done before, and none of its key before it is still open. */
static void check_turn(struct fates *fates, const struct ebc_event *event) {
    uint32_t traits = fates->t->plugin.consumer->traits;

    if (fate_of(fates, event)->answered && !(traits & EB_T_BATCH_REDELIVERY))
        ebc_break(fates->t, EBC_ACK_FOREVER, "expected event %zu, which a killed member acknowledged and was answered "
                  "EB_OK, never again; came it", event->number);
    for (size_t i = 0; i < EVENTS && fates->stored[i]->event != event && traits & EB_T_ORDER; i++) {
        const struct ebc_event *earlier = fates->stored[i]->event;
        const struct fate *its = fate_of(fates, earlier);
        if (!its->came && !its->tried && same_key(earlier, event))
            ebc_break(fates->t, EBC_KEY_AT_ONE, "expected event %zu first, which a killed member left unsettled; came "
                      "event %zu of the same key", earlier->number, event->number);
    }
}

/* Reads what the member said; false when it says no more. */
static bool hear(struct fates *fates, int64_t timeout_ms) {
    char line[200], what;
    long long number;

    if (!ebc_hear(fates->part, line, timeout_ms))
        return false;
    if (sscanf(line, "%c %lld", &what, &number) != 2)
        return true;
    if (what == 'l') {
        fates->lease_ms = number;
    } else if (number >= (long long)fates->first && number < (long long)(fates->first + EVENTS)) {
        const struct ebc_event *event = fates->t->events[number];
        if (what == 't')
            check_turn(fates, event);
        fate_of(fates, event)->tried = true;
        fate_of(fates, event)->answered = fate_of(fates, event)->answered || what == 'a';
        fates->answered += what == 'a';
    }
    return true;
}

static void arrive(struct fates *fates, const struct ebc_event *event) {
    check_turn(fates, event);
    fate_of(fates, event)->came = true;
}

static size_t missing(const struct fates *fates) {
    size_t n = 0;

    for (size_t i = 0; i < EVENTS; i++)
        n += !fates->of[i].came && !fates->of[i].tried;
    return n;
}

/* One receive of ours; what the member said before comes first. */
static size_t take_some(struct fates *fates, struct ebc_consumer *c) {
    size_t before = ebc_count(c);

    ebc_receive(c, 20, 5);
    while (hear(fates, 0))
        continue;
    for (size_t i = before; i < ebc_count(c); i++) {
        if (ebc_all(c)[i]->revoked) {
            ebc_settle(ebc_all(c)[i], EB_RETURN, 0);
            continue;
        }
        arrive(fates, ebc_all(c)[i]->event);
        ebc_settle(ebc_all(c)[i], EB_ACK, 0);
    }
    return ebc_count(c) - before;
}

static void take_the_rest(struct fates *fates, struct ebc_consumer *c) {
    struct ebc *t = fates->t;
    int64_t patience = t->takeover_ms + 2 * fates->lease_ms, end = ebc_ticks_ms() + patience;

    while (missing(fates) > 0) {
        if (take_some(fates, c) > 0)
            end = ebc_ticks_ms() + patience;
        else if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_PROCESSES, "expected all that the killed member left at another one; came nothing of %zu "
                      "events for %lld ms", missing(fates), (long long)patience);
    }
    ebc_quiet(c);
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            arrive(fates, ebc_all(c)[i]->event);
}

static struct fates *start_member(struct ebc *t, const char *topic, const char *part) {
    struct fates *fates = ebc_alloc(t, sizeof *fates);
    const char *observers = ebc_group(t, topic, "o");
    struct ebc_span sent = ebc_make(t, topic, EVENTS, KEYS);

    ebc_send_through_new(t, sent);
    fates->t = t;
    fates->first = sent.first;
    fates->stored = ebc_stored(t, topic, observers, EVENTS);
    fates->part = ebc_start(t, part);
    return fates;
}

static void hear_answers(struct fates *fates, size_t n, struct ebc_consumer *ours) {
    struct ebc *t = fates->t;
    int64_t end = ebc_ticks_ms() + t->patience_ms;

    while (fates->answered < n && missing(fates) > HELD / 2) {
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_PROCESSES, "expected a member in another process to work; came %zu answers to its "
                      "verdicts", fates->answered);
        if (ours)
            take_some(fates, ours);
        if (hear(fates, 5))
            end = ebc_ticks_ms() + t->patience_ms;
    }
}

static void a_killed_member_loses_nothing(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "member");

    hear_answers(fates, 20 + ebc_random_below(&t->random, EVENTS - HELD - 20), NULL);
    ebc_kill(fates->part);
    while (hear(fates, 0))
        continue;
    take_the_rest(fates, ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = "next" }));
}

static void a_member_killed_at_an_answer_loses_nothing(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "dying");

    for (int life = 1; life <= 4; life++) {
        size_t before = fates->answered;
        while (hear(fates, t->takeover_ms + 2 * fates->lease_ms))      /* until it is dead */
            continue;
        ebc_kill(fates->part);
        if (fates->answered == before && life == 1)
            ebc_break(t, EBC_PROCESSES, "expected a member in another process to work; came no answer to its verdicts");
        if (life < 4)
            fates->part = ebc_start(t, "dying");
    }
    take_the_rest(fates, ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = "next" }));
}

static void a_live_member_takes_over_from_a_killed_one(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "member");
    struct ebc_consumer *c;

    hear_answers(fates, 1, NULL);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = "live" });
    hear_answers(fates, 20 + ebc_random_below(&t->random, EVENTS - HELD - 20), c);
    ebc_kill(fates->part);
    while (hear(fates, 0))
        continue;
    take_the_rest(fates, c);
}

/* ---- a member that sleeps through its lease ---- */

enum { ASLEEP = 6 };

/* Holds some, sleeps, and goes on working on them: says "h" with their lease when it has all, "a" or "g" for the
 * answers to its acknowledgements, "d" when it has them all. */
static void sleeping_member(struct ebc *t) {
    const char *topic = ebc_topic_name(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_got **got;

    ebc_make(t, topic, ASLEEP, EBC_OWN_KEYS);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = "sleeper" });
    got = ebc_take(c, ASLEEP);
    ebc_say(t, "h %lld", (long long)got[0]->message->lease_ms);
    ebc_sleep();
    ebc_settle_all(c, got, ASLEEP / 2, EB_ACK);         /* before the plugin can know */
    ebc_receive(c, 0, 20);
    ebc_settle_all(c, got + ASLEEP / 2, ASLEEP - ASLEEP / 2, EB_ACK);
    ebc_wait_answers(c);
    for (size_t i = 0; i < ASLEEP; i++)
        ebc_say(t, "%c %zu", got[i]->answer == EB_OK ? 'a' : 'g', got[i]->event->number);
    ebc_say(t, "d 0");
    for (;;)
        ebc_receive(c, 0, 500);
}

/* One turn of a member that works on all it has. */
static void keep(struct ebc_consumer *c) {
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            ebc_settle(ebc_all(c)[i], EB_EXTEND, 0);
    ebc_receive(c, 10, 20);
}

static int64_t hear_lease(struct ebc *t, struct ebc_part *part) {
    long long lease_ms;
    char line[200];

    if (!ebc_hear(part, line, t->patience_ms) || sscanf(line, "h %lld", &lease_ms) != 1)
        ebc_break(t, EBC_PROCESSES, "expected a member in another process to work; came nothing from it");
    if (lease_ms == 0)
        ebc_skip(t, "the plugin's messages have no lease");
    if ((double)lease_ms > 2000 * t->pace)
        ebc_skip(t, "the lease is %lld ms: give the plugin one of up to %.0f ms by -o", lease_ms, 2000 * t->pace);
    return lease_ms;
}

static void take_over(struct ebc *t, struct ebc_consumer *c, int64_t lease_ms) {
    int64_t end = ebc_ticks_ms() + t->patience_ms + 2 * lease_ms;

    while (ebc_count(c) < ASLEEP) {
        keep(c);
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_LEASE, "expected another member to get what one holds that sleeps longer than the lease "
                      "of %lld ms; came %zu of %d", (long long)lease_ms, ebc_count(c), ASLEEP);
    }
}

/* The answers to what the sleeper acknowledges now: too late. */
static void expect_too_late(struct ebc *t, struct ebc_part *part, struct ebc_consumer *c) {
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    char line[200] = "";

    while (line[0] != 'd') {
        keep(c);
        if (ebc_hear(part, line, 10) && line[0] == 'a')
            ebc_break(t, EBC_STALE, "expected EB_GONE for an EB_ACK of what another member has taken over; came EB_OK "
                      "for event %s", line + 2);
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_ANSWERED_ONCE, "expected answers to the verdicts of a member that slept; came none for "
                      "%lld ms", (long long)t->patience_ms);
    }
}

static void what_was_taken_over_is_out_of_reach(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_wish wish = { .topic = topic, .group = group, .member = "next" };
    struct ebc_span sent = ebc_make(t, topic, ASLEEP, EBC_OWN_KEYS);
    struct ebc_consumer *c;
    struct ebc_part *part;
    int64_t lease_ms;

    ebc_send_through_new(t, sent);
    part = ebc_start(t, "sleeper");
    lease_ms = hear_lease(t, part);
    ebc_await_sleep(part);
    c = ebc_consumer(t, &wish);
    take_over(t, c, lease_ms);
    ebc_wake_part(part);
    expect_too_late(t, part, c);
    ebc_kill(part);
    ebc_close_consumer(c);                      /* returns all: nobody has settled any of them */
    wish.member = "last";
    c = ebc_consumer(t, &wish);
    ebc_others_before_marker(c, topic);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_STALE, "expected event %zu again, which only a member acknowledged that had lost it; came "
                      "it not", ebc_event(t, sent, i)->number);
}

/* ---- the producers that will be killed ---- */

static void say_report(struct ebc *t, const struct ebc_event *event) {
    ebc_say(t, "r %zu", event->number);
}

static void die_at_report(struct ebc *t, const struct ebc_event *event) {
    say_report(t, event);
    if (ebc_random_below(&t->random, 200) == 0)
        kill(getpid(), SIGKILL);
}

static void send_until_killed(struct ebc *t, void (*watch)(struct ebc *, const struct ebc_event *)) {
    const char *topic = ebc_topic_name(t, "a");
    struct ebc_span sent = ebc_make(t, topic, SENT, KEYS);
    struct ebc_producer *p = ebc_producer(t);

    ebc_watch_reports(p, watch);
    for (size_t i = 0; i < SENT; i += 50)
        ebc_submit_and_wait(p, (struct ebc_span){ sent.first + i, 50 });
    for (;;)
        ebc_poll(p, 500);
}

static void killed_sender(struct ebc *t) {
    send_until_killed(t, say_report);
}

static void dying_sender(struct ebc *t) {
    send_until_killed(t, die_at_report);
}

/* What is there of a key is there once, and in the order of sending. */
static void check_order(struct ebc *t, struct ebc_got **got, size_t n) {
    size_t next[KEYS] = {0};

    for (size_t i = 0; i < n; i++) {
        const struct ebc_event *event = got[i]->event;
        size_t key = (size_t)(event->message.key.data[4] - '0');
        if (key >= KEYS)
            continue;                           /* the marker */
        if (event->number < next[key])
            ebc_break(t, EBC_SEND_ORDER, "expected each event of a key once, in the order of sending; came event %zu "
                      "after event %zu", event->number, next[key] - 1);
        next[key] = event->number + 1;
    }
}

/* Starts the part and kills it at `enough` reports, unless it died before; then looks at what it left. */
static void expect_reported(struct ebc *t, const char *part_name, size_t enough) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_span sent = ebc_make(t, topic, SENT, KEYS);
    bool *reported = ebc_alloc(t, SENT);
    struct ebc_part *part = ebc_start(t, part_name);
    struct ebc_consumer *c;
    size_t n = 0, number;
    char line[200];

    while (ebc_hear(part, line, t->patience_ms))
        if (sscanf(line, "r %zu", &number) == 1 && number - sent.first < SENT && !reported[number - sent.first]) {
            reported[number - sent.first] = true;
            if (++n == enough)
                ebc_kill(part);
        }
    ebc_kill(part);
    if (n == 0)
        ebc_break(t, EBC_PROCESSES, "expected a producer in another process to work; came no report");
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    ebc_others_before_marker(c, topic);
    for (size_t i = 0; i < SENT; i++)
        if (reported[i] && !ebc_find(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_STORED, "expected event %zu, reported EB_OK to the killed producer, to be there; came "
                      "others only", sent.first + i);
    check_order(t, ebc_all(c), ebc_count(c));
}

static void a_killed_producer_loses_nothing_reported(struct ebc *t) {
    expect_reported(t, "sender", 100 + ebc_random_below(&t->random, 400));
}

static void a_producer_killed_at_a_report_loses_nothing(struct ebc *t) {
    expect_reported(t, "dying", SENT);
}

static const struct ebc_part_entry members[] = {
    { "member", killed_member }, { "dying", dying_member }, { NULL, NULL },
};
static const struct ebc_part_entry sleepers[] = {
    { "sleeper", sleeping_member }, { NULL, NULL },
};
static const struct ebc_part_entry senders[] = {
    { "sender", killed_sender }, { "dying", dying_sender }, { NULL, NULL },
};

const struct ebc_case ebc_crash[] = {
    { .group = "crash", .name = "a-killed-member-loses-nothing", .roles = BOTH,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_killed_member_loses_nothing, .parts = members },
    { .group = "crash", .name = "a-member-killed-at-an-answer-loses-nothing", .roles = BOTH,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_member_killed_at_an_answer_loses_nothing, .parts = members },
    { .group = "crash", .name = "a-live-member-takes-over-from-a-killed-one", .roles = BOTH,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_live_member_takes_over_from_a_killed_one,
      .parts = members },
    { .group = "crash", .name = "what-was-taken-over-is-out-of-reach", .roles = BOTH,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = what_was_taken_over_is_out_of_reach, .parts = sleepers },
    { .group = "crash", .name = "a-killed-producer-loses-nothing-reported", .roles = BOTH,
      .producer = EB_T_PROCESSES, .consumer = EB_T_HISTORY, .run = a_killed_producer_loses_nothing_reported,
      .parts = senders },
    { .group = "crash", .name = "a-producer-killed-at-a-report-loses-nothing", .roles = BOTH,
      .producer = EB_T_PROCESSES, .consumer = EB_T_HISTORY, .run = a_producer_killed_at_a_report_loses_nothing,
      .parts = senders },
    { 0 },
};
