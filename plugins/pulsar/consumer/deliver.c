/* consumer/deliver.c - brings messages to the host: first those that wait here, then those that arrived. See state.h. */
#include "consumer/state.h"

/* ---- to the host ---- */

/* The host has a message, and its verdict may have come already. */
static void copy_delivered(struct pl_receiving *r, uint64_t token, const struct eb_message *message) {
    struct pl_inflight *one = (struct pl_inflight *)ebp_token_find(&r->tokens, token);

    if (!one || one->state != PL_DELIVERED || !one->message || !pl_message_copy_of(&one->copy, message))
        return;
    pulsar_message_free(one->message);
    one->message = NULL;
}

/* Offers a message that is in no list. Returns what the host returns: with EB_OK it is in `out`, else in no list. */
static int32_t offer(struct pl_receiving *r, struct pl_inflight *one, struct eb_error *err) {
    const char *topic = one->source->topic;
    uint64_t token = one->token;
    struct eb_message message;
    int32_t status = one->message ? pl_message_read(&r->reading, one->message, &one->position, topic, &message, err)
                                  : pl_message_read_copy(&r->reading, &one->copy, &one->position, topic, &message, err);

    if (status != EB_OK)
        return status;
    message.token = token;
    one->state = PL_DELIVERED;
    pl_list_append(&r->out, one); /* before the host has it, since it may give a verdict at once */
    status = r->host->received(r->host, &message);
    if (status != EB_OK) {
        pl_list_remove(&r->out, one);
        one->state = PL_WAITING;
    } else {
        copy_delivered(r, token, &message);
    }
    return status;
}

/* ---- what arrives ---- */

bool pl_next_arrival(struct pl_receiving *r, struct pl_arrival *arrival) {
    struct pl_taken *taken = &r->taken;

    if (taken->next == taken->n) {
        taken->n = ebp_queue_pop(r->arrivals, taken->list, taken->most);
        taken->next = 0;
    }
    if (taken->n == 0)
        return false;
    *arrival = taken->list[taken->next++];
    return true;
}

static void drop(struct pl_arrival *arrival, pulsar_message_id_t *id) {
    pulsar_message_free(arrival->message);
    if (id)
        pulsar_message_id_free(id);
}

/* The broker delivers what it has an acknowledgement of: that crossed with this delivery, the broker lost it when it was killed,
 * or it keeps no acknowledgements of single messages of a batch. It is acknowledged once more, until the broker confirms that,
 * and not run again: a member that holds it would hold back its key. */
static int32_t acknowledge_again(struct pl_receiving *r, struct pl_arrival *arrival, pulsar_message_id_t *id,
                                 const struct pl_position *position, struct eb_error *err) {
    struct pl_inflight *one = pl_inflight_new(r, arrival, id, position);

    if (!one) {
        drop(arrival, id);
        return ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory for a message in flight");
    }
    one->quiet = true;
    pl_list_append(&r->out, one);
    pl_acknowledge(r, one);
    if (position->batch_size > 1 && !r->siblings && pl_acks_by_index(r->set))
        ebp_log(r->host, EBP_LOG_WARNING,
                "topic %s: acknowledged events of a batch came again, and are not run again; set "
                "acknowledgmentAtBatchIndexLevelEnabled=true in the broker's configuration, or batch_index_ack = no here",
                arrival->source->topic);
    r->siblings = r->siblings || position->batch_size > 1;
    return EB_OK;
}

/* A message that is in flight comes again: its connection was lost, and the next one brings what was not acknowledged. Others in
 * flight may have come over the new connection: the broker has given them to this member, and does not give them again. */
static void take_again(struct pl_receiving *r, struct pl_inflight *one, struct pl_arrival *arrival, pulsar_message_id_t *id) {
    if (one->state == PL_DELIVERED && !one->revoked) {
        one->revoked = true;
        r->host->revoke(r->host, &one->token, 1, 0);
    }
    /* libpulsar completes an entry by the ids of one delivery alone, so the newest id is the one to acknowledge by. */
    pulsar_message_id_free(one->id);
    one->id = id;
    one->connection = arrival->connection;
    if (one->state == PL_WAITING) {
        drop(arrival, NULL);
        return;
    }
    if (one->again)
        pulsar_message_free(one->again);
    one->again = arrival->message;
}

/* Whether it came over a connection that has ended: the broker gives it again, perhaps to another member. */
static bool is_outdated(const struct pl_arrival *arrival) {
    return arrival->connection != pl_source_connection(arrival->source) ||
           (arrival->source->consumer && !pl_source_is_connected(arrival->source));
}

/* Returns a record of an arrived message, in no list, or NULL with EB_OK: it is none that the host has to see. */
static struct pl_inflight *take_in(struct pl_receiving *r, struct pl_arrival *arrival, int32_t *status, struct eb_error *err) {
    pulsar_message_id_t *id;
    struct pl_inflight *one;
    struct pl_position position;

    if (is_outdated(arrival)) {
        drop(arrival, NULL);
        return NULL;
    }
    id = pulsar_message_get_message_id(arrival->message);
    if (!pl_position_of_id(id, &position)) {
        *status = ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory for the id of a message");
        drop(arrival, id);
        return NULL;
    }
    position.partition = arrival->source->partition;
    if ((one = pl_inflight_find(r, arrival->source, &position))) {
        take_again(r, one, arrival, id);
        return NULL;
    }
    if (pl_is_done(r, arrival->source, &position)) {
        *status = acknowledge_again(r, arrival, id, &position, err);
        return NULL;
    }
    one = pl_inflight_new(r, arrival, id, &position);
    if (!one) {
        *status = ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory for a message in flight");
        drop(arrival, id);
    }
    return one;
}

void pl_take_arrivals(struct pl_receiving *r) {
    struct pl_arrival arrival;
    struct pl_inflight *one;
    struct eb_error why;
    int32_t status = EB_OK;

    for (size_t n = r->taken.n - r->taken.next + ebp_queue_count(r->arrivals); n > 0 && pl_next_arrival(r, &arrival); n--)
        if ((one = take_in(r, &arrival, &status, &why)))
            pl_list_insert(&r->waiting, one);
    if (status != EB_OK)
        r->failed = why;
}

/* ---- both ---- */

static bool has_room(const struct pl_receiving *r) {
    return r->out.n < r->window && (r->bytes < r->wanted->max_bytes || r->out.n == 0);
}

/* Delivers one record that is in no list. Returns whether the host has room for more. */
static bool deliver_one(struct pl_receiving *r, struct pl_inflight *one, uint32_t *n, bool *full, int32_t *status,
                        struct eb_error *err) {
    int32_t taken = offer(r, one, err);

    if (taken == EB_OK) {
        ++*n;
        return true;
    }
    pl_list_insert(&r->waiting, one);
    *full = taken == EB_FULL;
    if (taken < 0)
        *status = taken;
    return false;
}

uint32_t pl_deliver(struct pl_receiving *r, uint32_t max, bool *full, int32_t *status, struct eb_error *err) {
    struct pl_arrival arrival;
    struct pl_inflight *one;
    uint32_t n = 0;
    bool room = true;

    *full = false;
    *status = EB_OK;
    while (room && n < max && r->waiting.first && has_room(r)) {
        one = r->waiting.first;
        pl_list_remove(&r->waiting, one);
        room = deliver_one(r, one, &n, full, status, err);
    }
    while (room && n < max && *status == EB_OK && !r->waiting.first && has_room(r) && pl_next_arrival(r, &arrival)) {
        one = take_in(r, &arrival, status, err);
        if (one)
            room = deliver_one(r, one, &n, full, status, err);
    }
    return n;
}
