/* conform/cases/order.c - several members of a group, settling by chance, leaving and coming back: each key in
 * order. */
#include "cases/case.h"

#include <string.h>

enum { MEMBERS = 3, EVENTS = 160, KEYS = 9, LEAVES = 6 };

enum state { WAITING, IN_HAND, RETURNED, RETRYING, DONE };

/* One event, in the broker's order as another group saw it. */
struct track {
    struct ebc_event *event;
    enum state state;
    struct ebc_received *got;          /* IN_HAND */
    const struct ebc_event *passed_by; /* a later event of its key that was delivered before it; NULL: none */
    bool passed_in_retry;
};

struct group {
    struct ebc_test *t;
    struct ebc_consumer_options wish;
    struct ebc_consumer *members[MEMBERS];
    struct track tracks[EVENTS];
    size_t seen[MEMBERS], done;
    int leaves;
    int64_t turn_ms[MEMBERS];  /* when the member's last turn began */
    int64_t stood_ms[MEMBERS]; /* when a turn of the member last began late, see stood_still; 0: never */
    int64_t lease_ms;          /* of the messages; 0: none, or not known yet */
    bool tells_nothing;        /* what came is no fault of the plugin, nor is what follows: the case begins anew */
};

static const char *const names[MEMBERS] = { "m1", "m2", "m3" };

static bool same_key(const struct track *a, const struct track *b) {
    return strcmp(a->event->message.key.data, b->event->message.key.data) == 0;
}

static struct track *track_of(struct group *g, const struct ebc_event *event) {
    for (size_t i = 0; i < EVENTS; i++)
        if (g->tracks[i].event == event)
            return &g->tracks[i];
    ebc_break(g->t, EBC_RECEIVED, "expected the events that the first group saw; came event %zu as well", event->number);
}

/* Whether the machine gave a member no turn for so long that its lease may have ended: the host extends it after a third. */
static bool stood_still(const struct group *g, int m, int64_t now_ms) {
    return g->lease_ms > 0 && now_ms - g->turn_ms[m] > g->lease_ms / 3;
}

/* A message without a verdict came again, or a later one of its key at another member: breaks, unless its member stood still since
 * it came, so that another may rightly have taken it over. */
static void was_out(struct group *g, const struct track *out, const struct ebc_event *came) {
    const struct ebc_received *got = out->got;
    int m = 0;

    while (g->members[m] != got->by)
        m++;
    g->tells_nothing = g->stood_ms[m] >= got->at_ms || stood_still(g, m, ebc_monotonic_ms());
    if (g->tells_nothing)
        return;
    if (came == out->event)
        ebc_break(g->t, EBC_KEY_AT_ONE, "expected event %zu once, since it has no verdict yet; it came again", came->number);
    ebc_break(g->t, EBC_KEY_AT_ONE,
              "expected event %zu to wait, since event %zu of its key is out at another "
              "member; it came",
              came->number, out->event->number);
}

/* An earlier one of the key that is out elsewhere breaks the order at once. One that is merely not here yet breaks it
 * when it comes; if it never does, it is another promise that is broken. */
static void check_earlier(struct group *g, const struct track *now) {
    for (struct track *track = g->tracks; track < now && !g->tells_nothing; track++) {
        if (track->state == DONE || !same_key(track, now))
            continue;
        if (track->state == IN_HAND && track->got->by != now->got->by && !track->got->revoked)
            was_out(g, track, now->event);
        if (track->state != IN_HAND && !track->passed_by) {
            track->passed_by = now->event;
            track->passed_in_retry = track->state == RETRYING;
        }
    }
}

static void arrive(struct group *g, struct ebc_received *got) {
    struct track *track = track_of(g, got->event);

    g->lease_ms = got->message->lease_ms;
    if (track->state == DONE) { /* a redelivery: allowed, or the host has noted it */
        ebc_settle(got, EB_ACK, 0);
        return;
    }
    if (track->state == IN_HAND && !track->got->revoked)
        was_out(g, track, track->event);
    if (g->tells_nothing)
        return;
    if (track->state == IN_HAND)
        ebc_settle(track->got, EB_RETURN, 0);
    if (track->passed_by)
        ebc_break(g->t, track->passed_in_retry ? EBC_RETRY_HOLDS : EBC_KEY_AT_ONE,
                  "expected event %zu before event "
                  "%zu of the same key; it came after",
                  track->event->number, track->passed_by->number);
    track->state = IN_HAND;
    track->got = got;
    check_earlier(g, track);
}

/* The verdict for the first one in hand of a key at its member; for a retry, those that follow it are returned with
 * it. */
static void settle_first(struct group *g, struct track *first, bool retry) {
    struct ebc_received *got[EVENTS];
    struct eb_verdict kinds[EVENTS] = { { .kind = retry ? EB_RETRY : EB_ACK, .delay_ms = retry ? 15 : 0 } };
    struct ebc_consumer *member = first->got->by;
    size_t n = 0;

    got[n++] = first->got;
    first->state = retry ? RETRYING : DONE;
    g->done += !retry;
    for (struct track *track = first + 1; retry && track < g->tracks + EVENTS; track++)
        if (track->state == IN_HAND && track->got->by == member && same_key(track, first)) {
            kinds[n].kind = EB_RETURN;
            got[n++] = track->got;
            track->state = RETURNED;
        }
    ebc_settle_mixed(member, got, kinds, n);
}

static bool first_of_key(const struct group *g, const struct track *of) {
    for (const struct track *track = g->tracks; track < of; track++)
        if (track->state != DONE && same_key(track, of))
            return false;
    return true;
}

static void return_revoked(struct group *g, struct ebc_consumer *member) {
    for (size_t i = 0; i < EVENTS; i++)
        if (g->tracks[i].state == IN_HAND && g->tracks[i].got->by == member && g->tracks[i].got->revoked) {
            g->tracks[i].state = RETURNED;
            ebc_settle(g->tracks[i].got, EB_RETURN, 0);
        }
}

/* As the event bus does, after a third of the lease. */
static void extend_leases(struct group *g, const struct ebc_consumer *member) {
    for (size_t i = 0; i < EVENTS; i++) {
        struct ebc_received *got = g->tracks[i].got;
        if (g->tracks[i].state == IN_HAND && got->by == member && got->message->lease_ms > 0 &&
            ebc_monotonic_ms() - got->leased_ms > got->message->lease_ms / 3)
            ebc_settle(got, EB_EXTEND, 0);
    }
}

static void settle_some(struct group *g, struct ebc_consumer *member) {
    bool retries = (g->t->plugin.consumer->traits & (EB_T_DELAY | EB_T_DELAY_ORDER)) == (EB_T_DELAY | EB_T_DELAY_ORDER);

    for (size_t i = 0; i < EVENTS; i++) {
        struct track *track = &g->tracks[i];
        if (track->state == IN_HAND && track->got->by == member && first_of_key(g, track) &&
            ebc_random_below(&g->t->random, 2) == 0)
            settle_first(g, track, retries && ebc_random_below(&g->t->random, 12) == 0);
    }
}

/* A member returns what it has, closes, and opens again under its name. */
static void leave(struct group *g, int m) {
    for (size_t i = 0; i < EVENTS; i++)
        if (g->tracks[i].state == IN_HAND && g->tracks[i].got->by == g->members[m])
            g->tracks[i].state = RETURNED;
    ebc_close_consumer(g->members[m]);
    g->wish.member = names[m];
    g->members[m] = ebc_consumer(g->t, &g->wish);
    g->seen[m] = 0;
    g->turn_ms[m] = ebc_monotonic_ms();
    g->leaves++;
}

static void turn(struct group *g, int m) {
    struct ebc_consumer *member = g->members[m];
    int64_t now_ms = ebc_monotonic_ms();

    if (stood_still(g, m, now_ms))
        g->stood_ms[m] = now_ms;
    g->turn_ms[m] = now_ms;
    ebc_receive(member, 1 + (uint32_t)ebc_random_below(&g->t->random, 8), 3);
    for (; !g->tells_nothing && g->seen[m] < ebc_count(member); g->seen[m]++)
        arrive(g, ebc_all(member)[g->seen[m]]);
    if (g->tells_nothing)
        return;
    return_revoked(g, member);
    extend_leases(g, member);
    settle_some(g, member);
    if (g->leaves < LEAVES && ebc_random_below(&g->t->random, 12) == 0)
        leave(g, m);
}

static void nothing_comes(struct group *g) {
    for (size_t i = 0; i < EVENTS; i++)
        if (g->tracks[i].state == RETURNED || g->tracks[i].state == RETRYING)
            ebc_break(g->t, g->tracks[i].state == RETURNED ? EBC_RETURN_LOST : EBC_RETRY,
                      "expected event %zu again "
                      "after its verdict; it did not come for %lld ms",
                      g->tracks[i].event->number, (long long)g->t->patience_ms);
    ebc_break(g->t, EBC_MISSING, "expected %d events at three members; came %zu, then none for %lld ms", EVENTS, g->done,
              (long long)g->t->patience_ms);
}

static struct group *open_group(struct ebc_test *t, int attempt) {
    struct group *g = ebc_alloc(t, sizeof *g);
    const char *topic = ebc_topic(t, ebc_format(t, "a%d", attempt));
    const char *observers = ebc_group(t, topic, ebc_format(t, "o%d", attempt));
    struct ebc_received **stored;

    g->t = t;
    g->wish = (struct ebc_consumer_options){ .topic = topic, .group = ebc_group(t, topic, ebc_format(t, "g%d", attempt)) };
    ebc_send_through_new(t, ebc_new_events(t, topic, EVENTS, KEYS));
    stored = ebc_read_stored(t, topic, observers, EVENTS);
    for (size_t i = 0; i < EVENTS; i++)
        g->tracks[i].event = stored[i]->event;
    for (int m = 0; m < MEMBERS; m++) {
        g->wish.member = names[m];
        g->members[m] = ebc_consumer(t, &g->wish);
        g->turn_ms[m] = ebc_monotonic_ms();
    }
    return g;
}

/* Lets the members work until all is done, or what came tells nothing. */
static void work(struct group *g) {
    int64_t patience_ms = g->t->patience_ms, end = ebc_monotonic_ms() + patience_ms;

    for (size_t before = 0; g->done < EVENTS && !g->tells_nothing; before = g->done) {
        int leaves = g->leaves;

        for (int m = 0; m < MEMBERS && !g->tells_nothing; m++)
            turn(g, m);
        if (g->done > before || g->leaves > leaves) /* a group that lost a member takes time to rebalance */
            end = ebc_monotonic_ms() + patience_ms;
        else if (!g->tells_nothing && ebc_monotonic_ms() > end)
            nothing_comes(g);
    }
}

static bool work_in_order(struct ebc_test *t, int attempt) {
    struct group *g = open_group(t, attempt);

    work(g);
    for (int m = 0; m < MEMBERS; m++)
        ebc_close_consumer(g->members[m]);
    return !g->tells_nothing;
}

static void a_key_is_at_one_member_in_order(struct ebc_test *t) {
    ebc_attempt(t, work_in_order);
}

/* clang-format off */
const struct ebc_case ebc_order[] = {
    { .group = "order", .name = "a-key-is-at-one-member-in-order",
      .about = "members that join, leave and settle by chance get the messages of each key one after the other",
      .roles = EBC_PRODUCER | EBC_CONSUMER,
      .consumer = EB_T_ORDER, .run = a_key_is_at_one_member_in_order },
    { 0 },
};
/* clang-format on */
