/* conform/cases/resending.c - what a producer makes of a send id: a replay is another send, a message submitted again is not. */
#include "cases/case.h"

#include <string.h>

enum { MOST_COPIES = 8 };

/* At how many positions each event of a range was received. */
struct copies {
    struct ebc_range of;
    size_t n[300];
    const char *positions[300][MOST_COPIES];
};

static void count_copy(struct ebc_test *t, struct copies *copies, const struct ebc_received *got, enum ebc_rule rule) {
    size_t i = got->event->number - copies->of.first;
    const char *position = got->message->position.data;

    if (got->event->number < copies->of.first || i >= copies->of.n)
        return; /* a marker */
    for (size_t k = 0; k < copies->n[i]; k++)
        if (strcmp(copies->positions[i][k], position) == 0)
            return;
    if (copies->n[i] == MOST_COPIES)
        ebc_break(t, rule, "expected event %zu at no more than %d positions; came another", got->event->number, MOST_COPIES);
    copies->positions[i][copies->n[i]++] = position;
}

/* Receives all that is in a topic, and acknowledges it: copies of one event come one after the other where a broker gives out one
 * message of a key at a time. */
static struct copies *count_copies(struct ebc_test *t, const char *topic, const char *group, struct ebc_range of,
                                   enum ebc_rule rule) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct copies *copies = ebc_alloc(t, sizeof *copies);
    struct ebc_event *marker = ebc_new_event(t, topic, "marker");
    int64_t end = ebc_monotonic_ms() + t->patience_ms, quiet = INT64_MAX;
    size_t seen = 0;

    copies->of = of;
    ebc_send_through_new(t, ebc_range_of(marker));
    while (ebc_monotonic_ms() < (quiet < end ? quiet : end)) {
        ebc_receive(c, 100, 50);
        if (seen < ebc_count(c) && quiet < INT64_MAX)
            quiet = ebc_monotonic_ms() + t->quiet_ms;
        for (; seen < ebc_count(c); seen++) {
            struct ebc_received *got = ebc_all(c)[seen];

            count_copy(t, copies, got, rule);
            ebc_settle(got, EB_ACK, 0);
            if (got->event == marker)
                quiet = ebc_monotonic_ms() + t->quiet_ms;
        }
        ebc_wait_settled(c);
        ebc_forget_acknowledged(t, group); /* another copy has the same id */
    }
    if (quiet == INT64_MAX)
        ebc_break(t, EBC_MISSING, "expected the marker within %lld ms; it did not come", (long long)t->patience_ms);
    ebc_close_consumer(c);
    return copies;
}

static void a_replay_is_stored_again(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 20, EBC_OWN_KEYS);
    struct ebc_producer *p = ebc_producer(t);
    const struct copies *copies;

    ebc_send(p, sent);
    ebc_replay(t, sent); /* at once, so within the window in which a broker deduplicates */
    ebc_send(p, sent);
    ebc_close_producer(p, 1000);
    copies = count_copies(t, topic, group, sent, EBC_REPLAY);
    for (size_t i = 0; i < sent.n; i++)
        if (copies->n[i] != 2)
            ebc_break(
                t, EBC_REPLAY,
                "expected event %zu, sent with one id and two send ids, to be stored twice; came %zu time(s), though both "
                "were reported EB_OK",
                sent.first + i, copies->n[i]);
}

static void a_message_submitted_again_is_stored(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 300, 5);
    struct ebc_producer *p = ebc_producer(t);
    size_t submissions[300];
    const struct copies *copies;

    ebc_submit(p, sent);
    ebc_close_producer(p, 0);
    if (ebc_unreported(t, sent) > 0)
        ebc_break(t, EBC_CLOSE_REPORTS, "expected close(0) to report each of %zu messages; came no report of %zu", sent.n,
                  ebc_unreported(t, sent));
    p = ebc_producer(t);
    for (size_t i = 0; i < sent.n; i++)
        submissions[i] = 1 + ebc_resubmit(p, ebc_event(t, sent, i));
    ebc_close_producer(p, 1000);
    copies = count_copies(t, topic, group, sent, EBC_RESUBMIT);
    for (size_t i = 0; i < sent.n; i++)
        if (copies->n[i] < 1 || copies->n[i] > submissions[i])
            ebc_break(
                t, EBC_RESUBMIT,
                "expected event %zu, submitted %zu time(s) with one send id until it was reported EB_OK, to be stored once "
                "or at most as often as that; came %zu time(s)",
                sent.first + i, submissions[i], copies->n[i]);
}

/* clang-format off */
const struct ebc_case ebc_resending[] = {
    { .group = "sending", .name = "a-replay-is-stored-again",
      .about = "an event that is sent once more, with its id and another send id, is stored once more",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_replay_is_stored_again },
    { .group = "sending", .name = "a-message-submitted-again-is-stored",
      .about = "a message that is submitted again after EB_RETRIABLE, with its send id, is stored, and reported EB_OK",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_message_submitted_again_is_stored },
    { 0 },
};
/* clang-format on */
