/* unit_settle.c - verdicts in batches, without a server: what was sent is answered by hand. Prints TAP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../consumer.h"

enum { MESSAGES = 2000, LEASE_MS = 100000000, ACK_TIMEOUT_MS = 5000 };

static int n_checks, n_failed;

static void check(bool good, const char *what) {
    printf("%sok %d - %s\n", good ? "" : "not ", ++n_checks, what);
    n_failed += !good;
}

/* ---- What settle.c calls ---- */

static uint64_t sent[4 * MESSAGES];          /* the number that each verdict was sent with */
static size_t n_sent, n_calls, n_settled[2]; /* n_settled: with EB_OK, with another status */

bool ebn_send_text(struct ebn_connection *connection, uint32_t epoch, char what, uint64_t number, const char *subject,
                   const char *text) {
    (void)connection, (void)epoch, (void)subject, (void)text;
    if (what == ABOUT_VERDICT)
        sent[n_sent++] = number;
    return true;
}

bool ebn_owns(const struct consumer *c, const struct subscribed *topic, int64_t now) {
    return c && topic && now >= 0;
}

bool ebn_add_waiting(struct consumer *c, struct subscribed *topic, natsMsg *message, const struct ebn_delivered *delivered,
                     uint32_t epoch, int64_t sent_ms) {
    return c && topic && message && delivered && epoch && sent_ms;
}

void ebn_inflight_free(struct consumer *c, struct inflight *one) {
    ebp_lease_end(&c->leases, &one->lease);
    ebn_inflight_move(NULL, one);
    ebp_token_slot_free(&c->tokens, &one->slot);
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)host, (void)tokens;
    n_calls++;
    n_settled[status != EB_OK] += n;
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host, (void)tokens, (void)n, (void)grace_ms;
}

/* ---- A consumer whose host has messages ---- */

static const struct eb_host host = { .size = sizeof host, .settled = on_settled, .revoke = on_revoke };
static const struct settings settings = { .ack_timeout = ACK_TIMEOUT_MS };
static struct subscribed topic;
static struct consumer c;
static struct inflight *messages[MESSAGES];

static void begin(size_t n) {
    ebp_lease_book_free(&c.leases);
    ebp_token_table_free(&c.tokens);
    memset(&topic, 0, sizeof topic);
    c = (struct consumer){ .host = &host, .settings = &settings, .up = true, .again_ms = INT64_MAX };
    n_sent = n_calls = n_settled[0] = n_settled[1] = 0;
    for (size_t i = 0; i < n; i++) {
        struct inflight *one = messages[i] = (struct inflight *)ebp_token_slot_new(&c.tokens, sizeof *one);
        *one = (struct inflight){ .slot = one->slot, .topic = &topic };
        ebp_lease_begin(&c.leases, &one->lease, ebp_token(&one->slot), 0, LEASE_MS);
        ebp_lease_left_to_host(&c.leases, &one->lease);
        ebn_inflight_move(&c.held, one);
    }
}

/* The host acknowledges messages with one call of settle. */
static void ack(size_t from, size_t n, int64_t now) {
    for (size_t i = from; i < from + n; i++)
        ebn_verdict(&c, messages[i], EB_ACK, now);
    ebn_settle_end(&c);
}

static void answer(uint64_t number, uint32_t count, int64_t now) {
    const struct ebn_event event = { .kind = EBN_COUNTED, .what = ABOUT_VERDICT, .number = number, .count = count };

    ebn_settle_answer(&c, &event, now);
    ebn_settle_end(&c);
}

static void nobody(uint64_t number, int64_t now) {
    const struct ebn_event event = { .kind = EBN_REFUSED, .what = ABOUT_VERDICT, .number = number };

    ebn_settle_answer(&c, &event, now);
    ebn_settle_end(&c);
}

/* ---- Promises ---- */

static void a_batch_is_confirmed_by_its_last_answer(void) {
    begin(10);
    ack(0, 10, 0);
    check(n_sent == 10 && sent[0] > 0 && sent[9] == sent[0], "the verdicts of one call have one number");
    answer(sent[0], 4, 1);
    answer(sent[0], 5, 1);
    check(n_settled[0] == 0, "nine answers of ten confirm nothing");
    answer(sent[0], 1, 1);
    check(n_settled[0] == 10 && n_calls == 1, "the tenth confirms all, with one call");
    answer(sent[0], 10, 1);
    check(n_settled[0] == 10, "more answers with its number change nothing");
}

static void batches_are_told_apart(void) {
    begin(200);
    ack(0, 3, 0);
    ack(3, 3, 0);
    check(sent[3] != sent[0], "another call has another number");
    answer(sent[3], 3, 1);
    check(n_settled[0] == 3 && messages[0]->in == &c.settling, "the second may be confirmed before the first");
    ack(6, 194, 0);
    check(sent[6] != sent[199], "a large call has several numbers");
}

static void what_reached_nobody_is_sent_again(void) {
    begin(5);
    ack(0, 5, 0);
    uint64_t before = sent[0];
    answer(before, 4, 1);
    nobody(before, 1);
    check(n_settled[0] == 0 && n_settled[1] == 0, "one verdict that nobody took leaves its batch open");
    check(ebn_settle_due(&c, 50) > 50 && n_sent == 5, "it is not sent again at once");
    ebn_settle_due(&c, 101);
    check(n_sent == 10 && sent[5] != before && sent[9] == sent[5], "all of it is sent again, with another number");
    answer(before, 5, 102);
    check(n_settled[0] == 0, "late answers with the old number confirm nothing");
    answer(sent[5], 5, 103);
    check(n_settled[0] == 5, "those with the new one do");
}

static void what_is_not_answered_is_sent_again(void) {
    begin(5);
    ack(0, 5, 0);
    answer(sent[0], 3, 1);
    ebn_settle_due(&c, ACK_TIMEOUT_MS);
    check(n_sent == 10 && sent[5] != sent[0] && sent[9] == sent[5], "after ack_timeout, with another number");
    answer(sent[0], 2, ACK_TIMEOUT_MS);
    check(n_settled[0] == 0, "answers that are as late confirm nothing");
    answer(sent[5], 5, ACK_TIMEOUT_MS);
    check(n_settled[0] == 5, "the new ones do");
}

static void another_connection_begins_anew(void) {
    begin(5);
    ack(0, 5, 0);
    ebn_settle_up(&c, 1);
    check(n_sent == 10 && sent[5] != sent[0], "all are sent again");
    answer(sent[5], 5, 2);
    check(n_settled[0] == 5, "and confirmed");
}

static void more_batches_than_places_are_all_confirmed(void) {
    begin(MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++)
        ack(i, 1, 0);
    for (size_t i = 0; i < MESSAGES; i++)
        answer(sent[i], 1, 1);
    check(n_sent == MESSAGES && n_settled[0] == MESSAGES, "each answer counts once, whatever number it has");
    begin(MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++)
        ack(i, 1, 0);
    for (size_t i = MESSAGES; i-- > 0;)
        answer(sent[i], 1, 1);
    check(n_settled[0] == MESSAGES, "in whatever order they come");
    begin(1);
    ack(0, 1, 0);
    answer(sent[0], 1, 1);
    check(n_settled[0] == 1, "and so are those that come after them");
}

/* A place is given up while no other one is free. */
static void full_places_lose_nothing(void) {
    begin(EBN_BATCHES + 10);
    for (size_t i = 0; i < EBN_BATCHES + 5; i++)
        ack(i, 1, 0);
    uint64_t last = sent[EBN_BATCHES + 4];
    check(last == sent[EBN_BATCHES - 1], "the last place is used on");
    nobody(last, 1);
    ack(EBN_BATCHES + 5, 5, 1);
    uint64_t next = sent[n_sent - 1];
    check(next != last && sent[n_sent - 5] == next, "a batch that has ended there is followed by one with another number");
    answer(next, 5, 1);
    check(n_settled[0] == 5, "which is confirmed");
    for (size_t i = 0; i < EBN_BATCHES - 1; i++)
        answer(sent[i], 1, 1);
    check(n_settled[0] == 5 + EBN_BATCHES - 1, "as are all others");
}

static void what_has_no_answer_keeps_no_place(void) {
    begin(1);
    ack(0, 1, 0);
    for (int64_t i = 1; i <= 2 * EBN_BATCHES; i++)
        ebn_settle_due(&c, i * ACK_TIMEOUT_MS);
    check(n_sent == 2 * EBN_BATCHES + 1 && sent[n_sent - 1] != sent[n_sent - 2], "it is sent with new numbers on and on");
    for (size_t i = 0; i < 2 * EBN_BATCHES; i++)
        ebn_settle_up(&c, 0);
    check(n_sent == 4 * EBN_BATCHES + 1 && sent[n_sent - 1] != sent[n_sent - 2], "and so it is on new connections");
    answer(sent[n_sent - 1], 1, 0);
    check(n_settled[0] == 1, "until it has one");
    begin(EBN_BATCHES + 3);
    for (size_t i = 0; i < EBN_BATCHES; i++) {
        ack(i, 1, 0);
        ebn_lose(&c, messages[i]);
    }
    ebn_settle_up(&c, 0);
    for (size_t i = EBN_BATCHES; i < EBN_BATCHES + 3; i++)
        ack(i, 1, 0);
    check(sent[n_sent - 1] != sent[n_sent - 2], "what was lost on the connection before has no place on this one");
}

static void what_was_lost_is_not_confirmed(void) {
    begin(3);
    ack(0, 3, 0);
    ebn_lose(&c, messages[1]);
    ebn_settle_end(&c);
    check(n_settled[1] == 1, "its verdict came too late");
    answer(sent[0], 3, 1);
    check(n_settled[0] == 2 && n_settled[1] == 1, "the others are confirmed");
    begin(1);
    ack(0, 1, LEASE_MS);
    check(n_sent == 0 && n_settled[1] == 1, "a verdict after the lease is not sent");
}

int main(void) {
    a_batch_is_confirmed_by_its_last_answer();
    batches_are_told_apart();
    what_reached_nobody_is_sent_again();
    what_is_not_answered_is_sent_again();
    another_connection_begins_anew();
    more_batches_than_places_are_all_confirmed();
    full_places_lose_nothing();
    what_has_no_answer_keeps_no_place();
    what_was_lost_is_not_confirmed();
    begin(0);
    printf("1..%d\n", n_checks);
    return n_failed > 0;
}
