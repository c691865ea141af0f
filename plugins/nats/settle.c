/* settle.c - the consumer's verdicts and leases. See consumer.h.
 *
 * Each verdict asks the server for an answer, and is confirmed when that is there. The server answers a late verdict in the same
 * way and ignores it, so the time decides: what was not extended in time is lost. */
#include "consumer.h"

static void confirm(struct consumer *c, struct inflight *one, int32_t status) {
    uint64_t token = ebp_token(&one->slot);
    bool of_host = one->lease.of_host;

    if (status == EB_OK && one->verdict == EB_ACK)
        one->topic->done[one->topic->n_done++ % EBN_DONE] = one->sequence;
    ebn_inflight_free(c, one);
    c->progress = true;
    if (of_host)
        c->host->settled(c->host, &token, 1, status);
}

static bool send_about(struct consumer *c, struct inflight *one, char what, const char *text) {
    return ebn_send_text(c->connection, c->epoch, what, ebp_token(&one->slot), natsMsg_GetReply(one->message), text);
}

static void send_verdict(struct consumer *c, struct inflight *one, int64_t now) {
    if (!c->up)
        return; /* ebn_settle_up sends it */
    one->asked_ms = now;
    one->refused = !send_about(c, one, ABOUT_VERDICT, one->verdict == EB_ACK ? "+ACK" : "-NAK");
    c->again_ms = ebp_earlier(c->again_ms, now + (one->refused ? 100 : c->settings->ack_timeout));
}

/* In order, what the host returns stays here, before what was stored after it: close gives it to others. */
static void keep(struct consumer *c, struct inflight *one) {
    struct subscribed *topic = one->topic;
    natsMsg *message = one->message;
    uint64_t sequence = one->sequence;
    uint32_t epoch = one->epoch;
    int64_t sent_ms = one->lease.until_ms - one->lease.length_ms;

    one->message = NULL;
    confirm(c, one, EB_OK);
    ebn_add_waiting(c, topic, message, sequence, epoch, sent_ms);
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
    if (c->up && !one->lost && one->verdict != EB_RETURN && send_about(c, one, ABOUT_LEASE, "+WPI"))
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
    for (struct inflight *one = c->settling.first; one; one = one->next)
        send_verdict(c, one, now);
}

void ebn_settle_answer(struct consumer *c, const struct ebn_event *event, int64_t now) {
    struct inflight *one = (struct inflight *)ebp_token_find(&c->tokens, event->number);
    bool taken = event->kind == EBN_MESSAGE && !natsMsg_IsNoResponders(event->message);

    if (!one)
        return;
    if (event->what == ABOUT_LEASE) {
        if (taken)
            ebp_lease_extended(&c->leases, &one->lease, one->extend_ms);
    } else if (taken && one->verdict) {
        confirm(c, one, EB_OK);
    } else if (one->verdict) { /* the stream or the consumer is not there, or not yet: its lease ends this */
        one->refused = true;
        c->again_ms = ebp_earlier(c->again_ms, now + 100);
    }
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
