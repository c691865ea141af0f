/* conform/cases/crash.c - members of a group that are killed or stopped: what they left unsettled comes again, and
 * a member that slept longer than its lease settles nothing. */
#include "cases/case.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS = 240, KEYS = 8, HELD = 120 };

static bool same_key(const struct ebc_event *a, const struct ebc_event *b) {
    return strcmp(a->message.key.data, b->message.key.data) == 0;
}

/* ---- the members that will be killed ---- */

/* Returns whether all earlier received messages of its key have their verdict. */
static bool first_in_hand(const struct ebc_consumer *c, size_t of) {
    struct ebc_received **got = ebc_all(c);

    for (size_t i = 0; i < of; i++)
        if (!got[i]->verdict && same_key(got[i]->event, got[of]->event))
            return false;
    return true;
}

/* Acknowledges at random, in order by key, and leaves HELD messages unsettled. Says "t" before a verdict. */
static void work_by_halves(struct ebc_test *t, struct ebc_consumer *c, size_t *acked) {
    struct ebc_received **got = ebc_all(c);

    for (size_t i = 0; i < ebc_count(c) && *acked < EVENTS - HELD; i++)
        if (!got[i]->verdict && first_in_hand(c, i) && ebc_random_below(&t->random, 3) > 0) {
            ebc_peer_say("t %zu", got[i]->event->number);
            ebc_settle(got[i], EB_ACK, 0);
            ++*acked;
        }
}

static size_t answers; /* of the member that this process is */

static void say_answer(struct ebc_test *t, const struct ebc_event *event) {
    (void)t;
    answers++;
    ebc_peer_say("a %zu", event->number);
}

/* Dies inside settled: what was settled with EB_OK must be true at that moment. */
static void die_at_answer(struct ebc_test *t, const struct ebc_event *event) {
    say_answer(t, event);
    if (ebc_random_below(&t->random, 25) == 0)
        kill(getpid(), SIGKILL);
}

/* Works until it is killed. A member with die_at_answer kills itself, at the latest when it has had an answer and nothing comes for
 * a while. Says "a" when an EB_ACK is settled, "l" for the lease. */
static void work(struct ebc_test *t, void (*watch)(struct ebc_test *, const struct ebc_event *)) {
    const char *topic = ebc_topic_name(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    size_t acked = 0, before;

    ebc_new_events(t, topic, EVENTS, KEYS);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "killed" });
    ebc_watch_settled(c, watch);
    for (int idle = 0; watch == say_answer || idle < 20 || answers == 0; idle++) {
        work_by_halves(t, c, &acked);
        before = ebc_count(c);
        ebc_receive(c, 1 + (uint32_t)ebc_random_below(&t->random, 6), 5);
        if (before == 0 && ebc_count(c) > 0)
            ebc_peer_say("l %lld", (long long)ebc_all(c)[0]->message->lease_ms);
        if (ebc_count(c) > before)
            idle = 0;
    }
    kill(getpid(), SIGKILL);
}

static void killed_member(struct ebc_test *t) {
    work(t, say_answer);
}

static void dying_member(struct ebc_test *t) {
    work(t, die_at_answer);
}

/* ---- what is known of each event ---- */

struct fate {
    bool tried, answered; /* a verdict was given, was settled, at the killed member */
    bool came;            /* the surviving member got and acknowledged it */
};

struct fates {
    struct ebc_test *t;
    struct ebc_peer *part;
    struct ebc_received **stored; /* all, in the broker's order */
    struct fate of[EVENTS];       /* by number, from the first */
    size_t first, answered;
    int64_t lease_ms;
};

static struct fate *fate_of(struct fates *fates, const struct ebc_event *event) {
    return &fates->of[event->number - fates->first];
}

/* A member works on the event: it must not have been acknowledged, and no earlier one of its key may be unsettled. */
static void check_turn(struct fates *fates, const struct ebc_event *event) {
    uint32_t traits = fates->t->plugin.consumer->traits;

    if (fate_of(fates, event)->answered && !(traits & EB_T_BATCH_REDELIVERY))
        ebc_break(fates->t, EBC_ACK_FOREVER,
                  "expected event %zu, which a killed member acknowledged and was settled "
                  "EB_OK, never again; it came",
                  event->number);
    for (size_t i = 0; i < EVENTS && fates->stored[i]->event != event && traits & EB_T_ORDER; i++) {
        const struct ebc_event *earlier = fates->stored[i]->event;
        const struct fate *its = fate_of(fates, earlier);
        if (!its->came && !its->tried && same_key(earlier, event))
            ebc_break(fates->t, EBC_KEY_AT_ONE,
                      "expected event %zu first, which a killed member left unsettled; came "
                      "event %zu of the same key",
                      earlier->number, event->number);
    }
}

/* Reads a line that the member said. Returns false when no line came. */
static bool hear(struct fates *fates, int64_t timeout_ms) {
    char line[200], what;
    long long number;

    if (!ebc_peer_read_line(fates->part, line, timeout_ms))
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

/* Receives once, and takes note of what the killed member said before. Returns how many came. */
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
    struct ebc_test *t = fates->t;
    int64_t patience = t->takeover_ms + 2 * fates->lease_ms, end = ebc_monotonic_ms() + patience;

    while (missing(fates) > 0) {
        if (take_some(fates, c) > 0)
            end = ebc_monotonic_ms() + patience;
        else if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_PROCESSES,
                      "expected all that the killed member left at another one; came nothing of %zu "
                      "events for %lld ms",
                      missing(fates), (long long)patience);
    }
    ebc_receive_for_quiet_ms(c);
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            arrive(fates, ebc_all(c)[i]->event);
}

static struct fates *start_member(struct ebc_test *t, const char *topic, const char *part) {
    struct fates *fates = ebc_alloc(t, sizeof *fates);
    const char *observers = ebc_group(t, topic, "o");
    struct ebc_range sent = ebc_new_events(t, topic, EVENTS, KEYS);

    ebc_send_through_new(t, sent);
    fates->t = t;
    fates->first = sent.first;
    fates->stored = ebc_read_stored(t, topic, observers, EVENTS);
    fates->part = ebc_peer_start(t, part);
    return fates;
}

static void hear_answers(struct fates *fates, size_t n, struct ebc_consumer *ours) {
    struct ebc_test *t = fates->t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (fates->answered < n && missing(fates) > HELD / 2) {
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_PROCESSES,
                      "expected a member in another process to work; %zu of its verdicts were "
                      "settled",
                      fates->answered);
        if (ours)
            take_some(fates, ours);
        if (hear(fates, 5))
            end = ebc_monotonic_ms() + t->patience_ms;
    }
}

static void a_killed_member_loses_nothing(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "member");

    hear_answers(fates, 20 + ebc_random_below(&t->random, EVENTS - HELD - 20), NULL);
    ebc_peer_kill(fates->part);
    while (hear(fates, 0))
        continue;
    take_the_rest(fates, ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "next" }));
}

/* Hears the member until it has died. One for which nothing is left to try may get nothing more, and never die. */
static void live_once(struct fates *fates) {
    while (missing(fates) > 0 && hear(fates, fates->t->takeover_ms + 2 * fates->lease_ms))
        continue;
    ebc_peer_kill(fates->part);
    while (hear(fates, 0))
        continue;
}

static void a_member_killed_at_an_answer_loses_nothing(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "dying");

    live_once(fates);
    if (fates->answered == 0)
        ebc_break(t, EBC_PROCESSES, "expected a member in another process to work; none of its verdicts was settled");
    for (int life = 2; life <= 4 && missing(fates) > 0; life++) {
        fates->part = ebc_peer_start(t, "dying");
        live_once(fates);
    }
    take_the_rest(fates, ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "next" }));
}

static void a_live_member_takes_over_from_a_killed_one(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct fates *fates = start_member(t, topic, "member");
    struct ebc_consumer *c;

    hear_answers(fates, 1, NULL);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "live" });
    hear_answers(fates, 20 + ebc_random_below(&t->random, EVENTS - HELD - 20), c);
    ebc_peer_kill(fates->part);
    while (hear(fates, 0))
        continue;
    take_the_rest(fates, c);
}

/* ---- a member that sleeps through its lease ---- */

enum { ASLEEP = 6 };

/* Holds some, sleeps, and goes on working on them: says "h" with their lease when it has all, "a" or "g" for the
 * answers to its acknowledgements, "d" when it has them all. */
static void sleeping_member(struct ebc_test *t) {
    const char *topic = ebc_topic_name(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_received **got;

    ebc_new_events(t, topic, ASLEEP, EBC_OWN_KEYS);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "sleeper" });
    got = ebc_receive_n(c, ASLEEP);
    ebc_peer_say("h %lld", (long long)got[0]->message->lease_ms);
    ebc_peer_stop_itself();
    ebc_settle_each(c, got, ASLEEP / 2, EB_ACK); /* before the plugin can know that it lost them */
    ebc_receive(c, 0, 20);
    ebc_settle_each(c, got + ASLEEP / 2, ASLEEP - ASLEEP / 2, EB_ACK);
    ebc_wait_settled(c);
    for (size_t i = 0; i < ASLEEP; i++)
        ebc_peer_say("%c %zu", got[i]->settled == EB_OK ? 'a' : 'g', got[i]->event->number);
    ebc_peer_say("d 0");
    for (;;)
        ebc_receive(c, 0, 500);
}

/* Extends all leases and receives once. */
static void keep(struct ebc_consumer *c) {
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            ebc_settle(ebc_all(c)[i], EB_EXTEND, 0);
    ebc_receive(c, 10, 20);
}

static int64_t hear_lease(struct ebc_test *t, struct ebc_peer *part) {
    long long lease_ms;
    char line[200];

    if (!ebc_peer_read_line(part, line, t->patience_ms) || sscanf(line, "h %lld", &lease_ms) != 1)
        ebc_break(t, EBC_PROCESSES, "expected a member in another process to work; came nothing from it");
    if (lease_ms == 0)
        ebc_skip(t, "the plugin's messages have no lease");
    if ((double)lease_ms > 2000 * t->pace)
        ebc_skip(t, "the lease is %lld ms: give the plugin one of up to %.0f ms by -o", lease_ms, 2000 * t->pace);
    return lease_ms;
}

static void take_over(struct ebc_test *t, struct ebc_consumer *c, int64_t lease_ms) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms + 2 * lease_ms;

    while (ebc_count(c) < ASLEEP) {
        keep(c);
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_LEASE,
                      "expected another member to get what one holds that sleeps longer than the lease "
                      "of %lld ms; came %zu of %d",
                      (long long)lease_ms, ebc_count(c), ASLEEP);
    }
}

/* Expects that the sleeper's acknowledgements are settled as too late. */
static void expect_too_late(struct ebc_test *t, struct ebc_peer *part, struct ebc_consumer *c) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    char line[200] = "";

    while (line[0] != 'd') {
        keep(c);
        if (ebc_peer_read_line(part, line, 10) && line[0] == 'a')
            ebc_break(t, EBC_STALE,
                      "expected EB_GONE for an EB_ACK of what another member has taken over; came EB_OK "
                      "for event %s",
                      line + 2);
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_SETTLED_ONCE,
                      "expected settled for the verdicts of a member that slept; it did not come for "
                      "%lld ms",
                      (long long)t->patience_ms);
    }
}

static void what_was_taken_over_is_out_of_reach(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .member = "next" };
    struct ebc_range sent = ebc_new_events(t, topic, ASLEEP, EBC_OWN_KEYS);
    struct ebc_consumer *c;
    struct ebc_peer *part;
    int64_t lease_ms, over_ms;

    ebc_send_through_new(t, sent);
    part = ebc_peer_start(t, "sleeper");
    lease_ms = hear_lease(t, part);
    over_ms = ebc_monotonic_ms() + lease_ms;
    ebc_peer_await_stop(part);
    c = ebc_consumer(t, &wish);
    take_over(t, c, lease_ms);
    while (ebc_monotonic_ms() <= over_ms) /* the broker's leases began before the sleeper's count of them */
        keep(c);
    ebc_peer_continue(part);
    expect_too_late(t, part, c);
    ebc_peer_kill(part);
    ebc_close_consumer(c); /* returns all: nobody has acknowledged any of them */
    wish.member = "last";
    c = ebc_consumer(t, &wish);
    ebc_receive_due(c, topic, ebc_listed(t, sent), sent.n);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_STALE,
                      "expected event %zu again, which only a member acknowledged that had lost it; it "
                      "did not come",
                      ebc_event(t, sent, i)->number);
}

/* clang-format off */
static const struct ebc_peer_entry members[] = {
    { "member", killed_member }, { "dying", dying_member }, { NULL, NULL },
};
/* clang-format on */
static const struct ebc_peer_entry sleepers[] = {
    { "sleeper", sleeping_member },
    { NULL, NULL },
};

/* clang-format off */
const struct ebc_case ebc_crash[] = {
    { .group = "crash", .name = "a-killed-member-loses-nothing",
      .about = "another member gets all that a killed one left unsettled, and nothing that it acknowledged",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_killed_member_loses_nothing, .peers = members },
    { .group = "crash", .name = "a-member-killed-at-an-answer-loses-nothing",
      .about = "members that die inside settled(EB_OK) lose nothing, and what they confirmed is done",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_member_killed_at_an_answer_loses_nothing, .peers = members },
    { .group = "crash", .name = "a-live-member-takes-over-from-a-killed-one",
      .about = "a member that works beside a killed one gets what that left, each key in order",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = a_live_member_takes_over_from_a_killed_one,
      .peers = members },
    { .group = "crash", .name = "what-was-taken-over-is-out-of-reach",
      .about = "a member that slept longer than its lease gets EB_GONE for what another has taken over",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_PROCESSES | EB_T_HISTORY, .run = what_was_taken_over_is_out_of_reach, .peers = sleepers },
    { 0 },
};
/* clang-format on */
