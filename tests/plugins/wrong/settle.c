/* tests/plugins/wrong/settle.c - verdicts: carried out at once, and confirmed. */
#include "consumer.h"

#include <stdio.h>
#include <time.h>

void wrong_renew(struct consumer *c, int64_t now) {
    for (size_t i = 0; i < c->n_hands && !is("lets-leases-end"); i++) {
        struct entry *entry = &c->hands[i].group->entries[c->hands[i].i];
        if (entry->state == OUT && entry->at == c->member && now < entry->until_ms)
            entry->until_ms = now + LEASE_MS;
    }
}

static void try_again(const struct consumer *c, struct entry *entry, uint32_t delay_ms) {
    entry->due_ms = is("retries-at-once") ? 0 : wrong_now_ms(CLOCK_MONOTONIC) + delay_ms;
    entry->failed_at = c->member->number;
    entry->failures = is("counts-no-failures") ? 0 : is("forgets-failures") ? 1 : entry->failures + 1;
    entry->deliveries++;
}

static void give_back(struct group *group, size_t i) {
    struct entry *entry = &group->entries[i];

    /* acks-on-receive: the broker was told when it was handed over, so there is nothing to return */
    if (is("acks-on-receive") || (is("acks-cover") && i < group->acked_to)) {
        entry->state = DONE;
        return;
    }
    entry->returned = true;
    entry->deliveries += is("counts-returns");
    entry->failures += is("counts-returns-as-failures");
    if (is("forgets-failures-at-a-return"))
        entry->failures = 0;
}

/* Carries a final verdict out. EB_GONE: the member does not have the message any more. */
static int32_t decide(struct consumer *c, const struct hand *hand, const struct eb_verdict *verdict) {
    struct entry *entry = &hand->group->entries[hand->i];

    if ((entry->state != OUT || entry->at != c->member) && !is("acks-what-it-lost"))
        return EB_GONE;
    if (verdict->kind == EB_ACK) {
        entry->state = is("forgets-acks") && hand->i % 10 == 9 ? WAITING : DONE;
        if (hand->i > hand->group->acked_to)
            hand->group->acked_to = hand->i;
        if (is("leaks-its-allowance") && wrong_message_at(hand->group, hand->i)->payload.len > 200000)
            c->leaked += wrong_message_at(hand->group, hand->i)->payload.len;
        return EB_OK;
    }
    entry->state = WAITING;
    entry->due_ms = 0;
    if (verdict->kind == EB_RETRY)
        try_again(c, entry, verdict->delay_ms);
    else
        give_back(hand->group, hand->i);
    return EB_OK;
}

static void confirm(struct consumer *c, uint64_t token, int32_t status) {
    if (is("stays-in-receive")) {
        c->late[c->n_late++] = token;
        return;
    }
    c->host->settled(c->host, &token, 1, status);
    if (is("answers-twice") && token % 10 == 0)
        c->host->settled(c->host, &token, 1, status);
}

static void settle_one(struct consumer *c, const struct eb_verdict *verdict) {
    int32_t status = EB_OK;
    struct hand hand;
    size_t i = 0;

    wrong_lock();
    while (i < c->n_hands && c->hands[i].token != verdict->token)
        i++;
    if (i == c->n_hands || verdict->kind == EB_EXTEND) {
        wrong_unlock();
        return;
    }
    hand = c->hands[i];
    c->hands[i] = c->hands[--c->n_hands];
    if (is("confirms-before-it-decides")) {
        wrong_unlock();
        confirm(c, verdict->token, EB_OK);
        wrong_lock();
    }
    status = decide(c, &hand, verdict);
    wrong_notify();
    wrong_unlock();
    if (!is("confirms-before-it-decides"))
        confirm(c, verdict->token, status);
}

int32_t wrong_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = self;

    (void)err;
    wrong_lock();
    wrong_renew(c, wrong_now_ms(CLOCK_MONOTONIC));
    wrong_unlock();
    for (size_t v = 0; v < n; v++)
        settle_one(c, &verdicts[v]);
    if (is("prints") && n > 20)
        puts("many verdicts");
    return EB_OK;
}
