/* consumer/settle.c - verdicts. See state.h.
 *
 * An acknowledgement is confirmed to the host when the broker has confirmed it. One that a lost connection took along is sent
 * again over the next, since Pulsar goes by the message's id, whoever has the message. A returned message stays here and is
 * delivered again before what came after it: Pulsar's negative acknowledgement has one delay for all, and lets later messages
 * of the key pass. Other members get it when this one closes, or with its connection. */
#include "consumer/state.h"

#include <stdlib.h>

enum { TAKE = 256 };

/* ---- acknowledgements ---- */

enum { ANSWER_MS = 5000 };

/* A thread of the client's. */
static void on_acked(pulsar_result result, void *arg) {
    struct pl_ack *ack = arg;
    struct pl_receiving *r = ack->r;
    struct pl_acked acked = { .ack = ack, .result = result };

    if (ebp_queue_push(r->acks, &acked) == EB_OK)
        pl_receiving_signal(r);
}

static bool is_connected(struct pl_source *source) {
    return source->consumer && !source->lost && pl_source_is_connected(source);
}

void pl_acknowledge(struct pl_receiving *r, struct pl_inflight *one) {
    struct pl_ack *ack = is_connected(one->source) ? malloc(sizeof *ack) : NULL;

    if (!ack) {
        one->state = PL_ACK_AGAIN;
        return;
    }
    *ack = (struct pl_ack){
        .r = r, .token = one->token, .connection = pl_source_connection(one->source), .sent_ms = ebp_monotonic_ms()
    };
    one->state = PL_ACKING;
    one->ack = ack;
    one->tries++;
    pulsar_consumer_acknowledge_async_id(one->source->consumer, one->id, on_acked, ack);
}

/* Ends a record of the list `out`. */
static void end(struct pl_receiving *r, struct pl_inflight *one) {
    pl_list_remove(&r->out, one);
    pl_inflight_free(r, one);
    r->progress = true;
}

static void try_again(struct pl_inflight *one) {
    one->ack = NULL;
    one->state = PL_ACK_AGAIN;
}

static void abandon(struct pl_receiving *r, struct pl_inflight *one) {
    one->ack->next = r->abandoned;
    r->abandoned = one->ack;
    try_again(one);
}

/* Whether the broker has taken it. Otherwise it is sent again, or given up if the broker has refused it. Of a try that was
 * abandoned only a success counts. */
static bool take_ack(struct pl_receiving *r, const struct pl_acked *acked) {
    uint64_t token = acked->ack->token;
    struct pl_inflight *one = (struct pl_inflight *)ebp_token_find(&r->tokens, token);

    bool late = one && one->ack != acked->ack;
    if (!one || (late && acked->result != pulsar_result_Ok))
        return false;
    if (!late)
        free(one->ack);
    else if (one->ack)
        abandon(r, one);
    one->ack = NULL;
    if (acked->result == pulsar_result_Ok) {
        bool counts = !one->quiet;
        pl_done_add(r, one);
        end(r, one);
        return counts;
    }
    if (one->quiet || one->tries < 3 || !is_connected(one->source)) {
        try_again(one);
        return false;
    }
    r->host->settled(r->host, &token, 1, EB_GONE);
    end(r, one);
    return false;
}

void pl_settle_lose(struct pl_source *source, uint32_t connection) {
    for (struct pl_inflight *one = source->r->out.first; one; one = one->later)
        if (one->source == source && one->state == PL_ACKING && one->ack->connection != connection)
            abandon(source->r, one);
}

void pl_settle_again(struct pl_receiving *r) {
    int64_t now = ebp_monotonic_ms();

    for (struct pl_inflight *one = r->out.first; one; one = one->later) {
        if (one->state == PL_ACKING && now - one->ack->sent_ms > ANSWER_MS) /* lost with a connection that is there again */
            abandon(r, one);
        if (one->state == PL_ACK_AGAIN && is_connected(one->source)) {
            pl_acknowledge(r, one);
        }
    }
}

void pl_settle_free(struct pl_receiving *r) {
    for (struct pl_ack *ack = r->abandoned, *next; ack; ack = next) {
        next = ack->next;
        free(ack);
    }
}

void pl_settle_work(struct pl_receiving *r) {
    struct pl_acked acks[TAKE];
    uint64_t tokens[TAKE];
    size_t n, n_tokens;

    while ((n = ebp_queue_pop(r->acks, acks, TAKE)) > 0) {
        n_tokens = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t token = acks[i].ack->token;
            if (take_ack(r, &acks[i]))
                tokens[n_tokens++] = token;
        }
        if (n_tokens > 0)
            r->host->settled(r->host, tokens, n_tokens, EB_OK);
    }
}

/* ---- returned messages ---- */

/* Makes a waiting record of a message, with a token of its own. NULL: of the old one's copy. */
static int32_t wait_again(struct pl_receiving *r, struct pl_inflight *old, pulsar_message_t *message, pulsar_message_id_t *id,
                          struct eb_error *err) {
    struct pl_arrival arrival = { .message = message, .source = old->source, .connection = old->connection };
    struct pl_inflight *one = pl_inflight_new(r, &arrival, id, &old->position);

    if (!one)
        return ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory for a returned message");
    if (!message) {
        one->copy = old->copy;
        old->copy = (struct pl_message_copy){ 0 };
        one->bytes = old->bytes;
        r->bytes += one->bytes;
    }
    pl_list_insert(&r->waiting, one);
    return EB_OK;
}

/* What the broker has taken away comes from it again, if it has not come already. */
static int32_t give_back(struct pl_receiving *r, struct pl_inflight *one, struct eb_error *err) {
    uint64_t token = one->token;
    int32_t how = one->revoked ? EB_GONE : EB_OK, status = EB_OK;

    if (one->again) {
        pulsar_message_t *again = one->again;
        one->again = NULL;
        status = wait_again(r, one, again, pulsar_message_get_message_id(again), err);
    } else if (!one->revoked) {
        status = wait_again(r, one, one->message, one->id, err);
        one->message = NULL;
        one->id = NULL;
    }
    end(r, one);
    r->host->settled(r->host, &token, 1, how);
    return status;
}

/* ---- the op ---- */

int32_t pl_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct pl_receiving *r = self;
    int32_t status = EB_OK;

    r->round++;
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        struct pl_inflight *one = (struct pl_inflight *)ebp_token_find(&r->tokens, verdicts[i].token);

        if (!one || one->state != PL_DELIVERED || verdicts[i].kind == EB_EXTEND) /* there are no leases */
            continue;
        if (verdicts[i].kind == EB_ACK)
            pl_acknowledge(r, one);
        else
            status = give_back(r, one, err);
    }
    return status;
}

void pl_settle_rest(struct pl_receiving *r) {
    struct pl_inflight *one;

    while ((one = r->out.first)) {
        if (one->state == PL_ACKING)
            abandon(r, one); /* its callback may still come */
        if (!one->quiet)
            r->host->settled(r->host, &one->token, 1, EB_GONE);
        end(r, one);
    }
}
