/* conform/cases/model.c - long runs of random verdicts, compared with a model of what a group has left. */
#include "cases/case.h"

#include <string.h>

enum { EVENTS = 200 };

enum state { AWAY, IN_FLIGHT, DONE };

/* What the model knows of an event. */
struct known {
    enum state state;
    struct ebc_received *got; /* IN_FLIGHT */
    uint32_t failures, deliveries;
    int64_t due_ms;
};

struct model {
    struct ebc_test *t;
    struct ebc_consumer_options wish;
    struct ebc_consumer *c;
    struct ebc_range sent;
    struct known of[EVENTS];
    size_t seen, done, reopened;
    bool delays;
};

static struct known *known_of(struct model *m, const struct ebc_event *event) {
    return &m->of[event->number - m->sent.first];
}

/* ---- what comes ---- */

static void arrive(struct model *m, struct ebc_received *got) {
    struct known *known = known_of(m, got->event);
    const struct eb_message *message = got->message;

    if (known->state == DONE) { /* allowed with EB_T_BATCH_REDELIVERY; without it the host has noted it */
        ebc_settle(got, EB_ACK, 0);
        return;
    }
    if (known->state == IN_FLIGHT)
        ebc_break(m->t, EBC_MODEL, "expected event %zu once, since it has no verdict yet; it came again", got->event->number);
    if (got->at_ms < known->due_ms - 5)
        ebc_break(m->t, EBC_RETRY, "expected event %zu after its delay; it came %lld ms too early", got->event->number,
                  (long long)(known->due_ms - got->at_ms));
    if (message->failures != known->failures)
        ebc_break(m->t, EBC_RETRY_COUNTS, "expected failures %u for event %zu, its EB_RETRY verdicts; came %u", known->failures,
                  got->event->number, message->failures);
    if (message->deliveries && message->deliveries <= known->failures)
        ebc_break(m->t, EBC_MODEL, "expected deliveries beyond its %u failures for event %zu; came %u", known->failures,
                  got->event->number, message->deliveries);
    if (message->deliveries && message->deliveries < known->deliveries)
        ebc_break(m->t, EBC_MODEL, "expected deliveries of at least %u for event %zu, as before; came %u", known->deliveries,
                  got->event->number, message->deliveries);
    known->deliveries = message->deliveries;
    known->state = IN_FLIGHT;
    known->got = got;
}

static size_t take(struct model *m, int32_t timeout_ms) {
    size_t before = m->seen;

    ebc_receive(m->c, 1 + (uint32_t)ebc_random_below(&m->t->random, 12), timeout_ms);
    for (; m->seen < ebc_count(m->c); m->seen++)
        arrive(m, ebc_all(m->c)[m->seen]);
    return m->seen - before;
}

/* ---- verdicts ---- */

static enum eb_verdict_kind draw(struct model *m) {
    size_t dice = ebc_random_below(&m->t->random, 10);

    return dice < 3 ? EB_ACK : dice < 6 ? EB_RETURN : dice < 9 && m->delays ? EB_RETRY : EB_EXTEND;
}

static void note_verdict(struct model *m, struct known *known, const struct eb_verdict *verdict) {
    if (verdict->kind == EB_EXTEND)
        return;
    known->state = verdict->kind == EB_ACK ? DONE : AWAY;
    m->done += verdict->kind == EB_ACK;
    known->failures += verdict->kind == EB_RETRY;
    known->due_ms = verdict->kind == EB_RETRY ? ebc_monotonic_ms() + verdict->delay_ms : 0;
}

/* Gives some of the messages in flight, in random order, verdicts of random kinds, in one call. */
static void settle_some(struct model *m) {
    struct ebc_received *got[EVENTS];
    struct eb_verdict kinds[EVENTS] = { 0 };
    size_t from = ebc_random_below(&m->t->random, EVENTS), n = 0;

    for (size_t i = 0; i < EVENTS; i++) {
        struct known *known = &m->of[(from + i * 7) % EVENTS]; /* 7 and 200 have no divisor in common */
        if (known->state != IN_FLIGHT || ebc_random_below(&m->t->random, 3) == 0)
            continue;
        kinds[n].kind = draw(m);
        kinds[n].delay_ms = kinds[n].kind == EB_RETRY ? (uint32_t)ebc_random_below(&m->t->random, 30) : 0;
        got[n] = known->got;
        note_verdict(m, known, &kinds[n++]);
    }
    ebc_settle_mixed(m->c, got, kinds, n);
}

/* Closes the consumer, which returns what it has, and opens it again: a log delivers nothing twice to the same member. */
static void reopen(struct model *m) {
    ebc_close_consumer(m->c);
    for (size_t i = 0; i < EVENTS; i++)
        if (m->of[i].state == IN_FLIGHT)
            m->of[i] = (struct known){ .failures = m->of[i].failures, .deliveries = m->of[i].deliveries };
    m->c = ebc_consumer(m->t, &m->wish);
    m->seen = 0;
    m->reopened++;
}

static size_t in_flight(const struct model *m) {
    size_t n = 0;

    for (size_t i = 0; i < EVENTS; i++)
        n += m->of[i].state == IN_FLIGHT;
    return n;
}

/* Acknowledges all that is in flight. */
static void ack_rest(struct model *m) {
    for (size_t i = 0; i < EVENTS; i++)
        if (m->of[i].state == IN_FLIGHT) {
            ebc_settle(m->of[i].got, EB_ACK, 0);
            note_verdict(m, &m->of[i], &(struct eb_verdict){ .kind = EB_ACK });
        }
}

/* Works until the model has each event acknowledged. After the last reopening nothing is returned any more: a log would
 * deliver that to the next member only. */
static void work(struct model *m, size_t reopenings) {
    struct ebc_test *t = m->t;
    int64_t quiet_from = ebc_monotonic_ms();

    while (m->done < EVENTS) {
        if (take(m, in_flight(m) ? 0 : 20) > 0 || in_flight(m) > 0)
            quiet_from = ebc_monotonic_ms();
        if (ebc_monotonic_ms() - quiet_from > t->patience_ms)
            ebc_break(t, EBC_MODEL,
                      "expected each of %d events until it is acknowledged; came nothing for %lld ms while %zu were not",
                      EVENTS, (long long)t->patience_ms, EVENTS - m->done);
        if (m->reopened < reopenings)
            settle_some(m);
        else
            ack_rest(m);
        if (m->reopened < reopenings &&
            (ebc_monotonic_ms() - quiet_from > t->quiet_ms || ebc_random_below(&t->random, 30) == 0))
            reopen(m);
    }
    ebc_wait_settled(m->c);
}

static void random_verdicts_agree_with_a_model(struct ebc_test *t) {
    int rounds = ebc_at_full_size() ? 30 : 1;

    for (int round = 0; round < rounds; round++) {
        struct model *m = ebc_alloc(t, sizeof *m);
        const char *topic = ebc_topic(t, ebc_format(t, "round-%d", round)), *group = ebc_group(t, topic, "g");

        m->t = t;
        m->delays = t->plugin.consumer->traits & EB_T_DELAY;
        m->sent = ebc_new_events(t, topic, EVENTS, EBC_OWN_KEYS); /* so that the host may settle them in any order */
        ebc_send_through_new(t, m->sent);
        m->wish = (struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 40, .max_bytes = 2048 };
        m->c = ebc_consumer(t, &m->wish);
        work(m, t->pace > 1 ? 2 : 10);        /* on a slow broker a group takes seconds to begin again */
        ebc_count_before_marker(m->c, topic); /* the host notes an acknowledged event that comes again */
        ebc_close_consumer(m->c);
    }
}

/* clang-format off */
const struct ebc_case ebc_model[] = {
    { .group = "settling", .name = "random-verdicts-agree-with-a-model",
      .about = "random verdicts in random order, with reopening: what comes again, and its counts, agree with a model",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = random_verdicts_agree_with_a_model },
    { 0 },
};
/* clang-format on */
