/* settle.c - the consumer's verdicts and leases. See consumer.h.
 *
 * Each verdict asks the server for an answer, and is confirmed when the answers of its batch are there. The server answers a late
 * verdict in the same way and ignores it, so the time decides: what was not extended in time is lost. */
#include "consumer.h"

#include <string.h>

enum { BATCH_MAX = 64 };

static void tell_settled(struct consumer *c) {
    if (c->n_settled > 0)
        c->host->settled(c->host, c->settled, c->n_settled, c->settled_status);
    c->n_settled = 0;
}

static void confirm(struct consumer *c, struct inflight *one, int32_t status) {
    if (c->n_settled == sizeof c->settled / sizeof c->settled[0] || c->settled_status != status)
        tell_settled(c);
    if (one->lease.of_host)
        c->settled[c->n_settled++] = ebp_token(&one->slot);
    c->settled_status = status;
    if (status == EB_OK && one->verdict == EB_ACK)
        one->topic->done[one->topic->n_done++ % EBN_DONE] = one->delivered.sequence;
    ebn_inflight_free(c, one);
    c->progress = true;
}

void ebn_settle_end(struct consumer *c) {
    c->batch_ends = true;
    tell_settled(c);
}

static struct verdict_batch *batch_at(struct consumer *c, uint64_t number) {
    return &c->batches[number % EBN_BATCHES];
}

/* The batch of the next verdict: the last one, while that goes on or there is no place for another. */
static struct verdict_batch *batch_now(struct consumer *c) {
    const struct verdict_batch *next = batch_at(c, c->batch + 1);
    const struct verdict_batch *last = batch_at(c, c->batch);
    bool has_place = next->sent == next->answered, is_over = last->number == 0;

    if (has_place && (c->batch_ends || is_over || last->sent >= BATCH_MAX))
        c->batch++;
    else if (is_over)
        c->batch += EBN_BATCHES;
    struct verdict_batch *batch = batch_at(c, c->batch);
    if (batch->number != c->batch)
        *batch = (struct verdict_batch){ .number = c->batch };
    c->batch_ends = false;
    return batch;
}

static void send_verdict(struct consumer *c, struct inflight *one, int64_t now) {
    if (!c->up)
        return; /* ebn_settle_up sends it */
    struct verdict_batch *before = batch_at(c, one->batch), *batch;
    if (one->batch > 0 && before->number == one->batch && !one->refused) /* some of its answers do not come */
        memset(before, 0, sizeof *before);
    batch = batch_now(c);
    one->asked_ms = now;
    one->batch = batch->number;
    one->refused = !ebn_send_text(c->connection, c->epoch, ABOUT_VERDICT, batch->number, natsMsg_GetReply(one->message),
                                  one->verdict == EB_ACK ? "+ACK" : "-NAK");
    batch->sent += !one->refused;
    c->again_ms = ebp_earlier(c->again_ms, now + (one->refused ? 100 : c->settings->ack_timeout));
}

/* In order, what the host returns stays here, before what was stored after it: close gives it to others. */
static void keep(struct consumer *c, struct inflight *one) {
    struct subscribed *topic = one->topic;
    natsMsg *message = one->message;
    struct ebn_delivered delivered = one->delivered;
    uint32_t epoch = one->epoch;
    int64_t sent_ms = one->lease.until_ms - one->lease.length_ms;

    one->message = NULL;
    confirm(c, one, EB_OK);
    ebn_add_waiting(c, topic, message, &delivered, epoch, sent_ms);
}

void ebn_verdict(struct consumer *c, struct inflight *one, uint32_t kind, int64_t now) {
    one->verdict = kind;
    if (one->lost || !ebp_lease_is_held(&one->lease, now)) { /* an acknowledgement would end what another member has by now */
        confirm(c, one, EB_GONE);
        return;
    }
    if (kind == EB_RETURN && one->in == &c->held && ebn_owns(c, one->topic, now) && c->ordered) {
        keep(c, one);
        return;
    }
    ebn_inflight_move(&c->settling, one);
    send_verdict(c, one, now);
}

/* What is given back is not extended: another member may have it by now. */
void ebn_extend(struct consumer *c, struct inflight *one, int64_t now) {
    if (c->up && !one->lost && one->verdict != EB_RETURN &&
        ebn_send_text(c->connection, c->epoch, ABOUT_LEASE, ebp_token(&one->slot), natsMsg_GetReply(one->message), "+WPI"))
        one->extend_ms = now;
}

void ebn_lose(struct consumer *c, struct inflight *one) {
    uint64_t token = ebp_token(&one->slot);

    ebp_lease_end(&c->leases, &one->lease);
    if (c->ordered) { /* it comes again before what is behind it */
        one->topic->collecting = true;
        one->topic->check_ms = 0;
    }
    if (one->in == &c->settling) {
        confirm(c, one, EB_GONE);
    } else if (one->in == &c->held && !one->lost) {
        one->lost = true;
        c->host->revoke(c->host, &token, 1, 0);
    } else if (one->in != &c->held) {
        ebn_inflight_free(c, one); /* the host never had it */
    }
}

void ebn_settle_up(struct consumer *c, int64_t now) {
    memset(c->batches, 0, sizeof c->batches);
    for (struct inflight *one = c->settling.first; one; one = one->next)
        send_verdict(c, one, now);
}

/* The server has all verdicts of a batch; or some have reached nobody, since the stream or the consumer is not there, or not yet: all
 * are sent again, until their leases end. */
static void end_batch(struct consumer *c, struct verdict_batch *batch, bool reached, int64_t now) {
    struct inflight *one = c->settling.first, *next;

    for (size_t left = batch->sent; one && left > 0; one = next) {
        next = one->next;
        if (one->batch != batch->number)
            continue;
        left--;
        one->refused = !reached;
        if (reached)
            confirm(c, one, EB_OK);
    }
    if (!reached)
        c->again_ms = ebp_earlier(c->again_ms, now + 100);
    memset(batch, 0, sizeof *batch);
}

static void on_verdicts(struct consumer *c, const struct ebn_event *event, int64_t now) {
    struct verdict_batch *batch = batch_at(c, event->number);
    bool counted = event->kind == EBN_COUNTED;

    if (event->number == 0 || batch->number != event->number)
        return;
    batch->answered += counted ? event->count : 0;
    if (!counted || batch->answered >= batch->sent)
        end_batch(c, batch, counted, now);
}

void ebn_settle_answer(struct consumer *c, const struct ebn_event *event, int64_t now) {
    struct inflight *one = (struct inflight *)ebp_token_find(&c->tokens, event->number);

    if (event->what == ABOUT_VERDICT)
        on_verdicts(c, event, now);
    else if (one && event->kind == EBN_COUNTED)
        ebp_lease_extended(&c->leases, &one->lease, one->extend_ms);
}

int64_t ebn_settle_due(struct consumer *c, int64_t now) {
    enum ebp_lease_what what;
    struct ebp_lease *lease;

    while ((lease = ebp_lease_due(&c->leases, now, &what))) {
        struct inflight *one = (struct inflight *)ebp_token_find(&c->tokens, lease->token);
        if (what == EBP_LEASE_EXTEND)
            ebn_extend(c, one, now);
        else
            ebn_lose(c, one);
    }
    if (c->again_ms <= now) {
        c->again_ms = INT64_MAX;
        for (struct inflight *one = c->settling.first; one; one = one->next)
            if (one->refused || now - one->asked_ms >= c->settings->ack_timeout)
                send_verdict(c, one, now);
            else
                c->again_ms = ebp_earlier(c->again_ms, one->asked_ms + c->settings->ack_timeout);
    }
    return ebp_earlier(ebp_leases_due_ms(&c->leases), c->again_ms);
}
