/* consumer/sources.c - a consumer of libpulsar for each topic without partitions and each partition. See state.h. */
#include "consumer/state.h"
#include "client/result.h"

#include <stdio.h>
#include <string.h>

enum { RETRY_MS = 500, REVOKE = 128, LOST_MS = 60000 };

struct pl_source *pl_sources(struct pl_receiving *r) {
    struct pl_source *first;

    pthread_mutex_lock(&r->lock);
    first = r->sources;
    pthread_mutex_unlock(&r->lock);
    return first;
}

/* ---- callbacks: threads of the client's ---- */

/* Waits while the queue is full, which keeps the client from asking for more. */
static void on_message(pulsar_consumer_t *consumer, pulsar_message_t *message, void *arg) {
    struct pl_source *source = arg;
    struct pl_arrival arrival = { .message = message, .source = source, .connection = pl_source_connection(source) };
    int32_t status;

    (void)consumer;
    while ((status = ebp_queue_push_wait(source->r->arrivals, &arrival, 60000)) == EB_FULL)
        continue;
    if (status == EB_OK)
        pl_receiving_signal(source->r);
    else
        pulsar_message_free(message); /* closed: the broker gives it to another member */
}

static void on_subscribed(pulsar_result result, pulsar_consumer_t *consumer, void *arg) {
    struct pl_source *source = arg;
    struct pl_receiving *r = source->r;
    bool closed;

    if (result == pulsar_result_Ok)
        pl_log_heard_here(&r->listener); /* the thread of the client's connections */
    pthread_mutex_lock(&r->lock);
    closed = r->closed;
    source->result = result;
    source->it = result == pulsar_result_Ok && !closed ? consumer : NULL;
    source->answered = true;
    pthread_mutex_unlock(&r->lock);
    if (closed && result == pulsar_result_Ok)
        pulsar_consumer_free(consumer);
    if (!closed)
        pl_receiving_signal(r);
}

/* ---- subscribing ---- */

/* Exclusive, not failover, where all messages have one order: with failover a member that joins may get what another has in
 * flight. */
static pulsar_consumer_type type_of(const struct pl_receiving *r) {
    static const pulsar_consumer_type given[] = { [PL_SUBSCRIPTION_SHARED] = pulsar_ConsumerShared,
                                                  [PL_SUBSCRIPTION_KEY_SHARED] = pulsar_ConsumerKeyShared,
                                                  [PL_SUBSCRIPTION_EXCLUSIVE] = pulsar_ConsumerExclusive };
    static const pulsar_consumer_type by_order[] = { [EB_ORDER_NONE] = pulsar_ConsumerShared,
                                                     [EB_ORDER_KEY] = pulsar_ConsumerKeyShared,
                                                     [EB_ORDER_STRICT] = pulsar_ConsumerExclusive };

    return r->set->subscription != PL_SUBSCRIPTION_AUTO ? given[r->set->subscription] : by_order[r->wanted->order];
}

static bool begins_at_earliest(const struct pl_source *source) {
    const struct eb_point *start = source->r->wanted->start;

    return source->from_earliest || !start || start->kind != EB_LATEST;
}

/* Each has a configuration of its own, since a consumer goes on using it. */
static pulsar_consumer_configuration_t *configuration(struct pl_source *source) {
    struct pl_receiving *r = source->r;
    pulsar_consumer_configuration_t *conf = pulsar_consumer_configuration_create();

    pulsar_consumer_configuration_set_consumer_type(conf, type_of(r));
    pulsar_consumer_configuration_set_message_listener(conf, on_message, source);
    pulsar_consumer_configuration_set_receiver_queue_size(conf, (int)source->ahead);
    pulsar_consumer_set_consumer_name(conf, r->wanted->consumer);
    pulsar_consumer_set_subscription_initial_position(conf, begins_at_earliest(source) ? initial_position_earliest
                                                                                       : initial_position_latest);
    pulsar_configure_set_ack_grouping_time_ms(conf, (long)r->set->ack_delay);
#ifdef HAVE_PULSAR_BATCH_INDEX_ACK
    pulsar_consumer_configuration_set_batch_index_ack_enabled(conf, pl_acks_by_index(r->set));
#endif
    if (!pl_cxx_ack_receipt(conf) && !r->receipts_told) {
        r->receipts_told = true;
        ebp_log(r->host, EBP_LOG_WARNING,
                "this libpulsar does not tell whether the broker has an acknowledgement: one that is "
                "lost with a connection counts as made, and its event comes again");
    }
    return conf;
}

static void subscribe(struct pl_source *source) {
    struct pl_receiving *r = source->r;
    pulsar_consumer_configuration_t *conf;
    char name[PL_TOPIC_ROOM + 24];
    struct eb_error err;

    if (pl_topic_name(r->set, source->topic, name, &err) != EB_OK)
        return; /* the watch thread has checked it */
    if (source->partition >= 0)
        snprintf(name + strlen(name), 24, "-partition-%d", source->partition);
    pthread_mutex_lock(&r->lock);
    source->state = PL_SOURCE_SUBSCRIBING;
    pthread_mutex_unlock(&r->lock);
    conf = configuration(source);
    pulsar_client_subscribe_async(r->client.client, name, r->wanted->group, conf, on_subscribed, source);
    pulsar_consumer_configuration_free(conf);
}

/* A broker that is away is the link's business. */
static bool is_away(pulsar_result result) {
    return result == pulsar_result_Retryable || result == pulsar_result_Timeout || result == pulsar_result_ConnectError ||
           result == pulsar_result_NotConnected || result == pulsar_result_LookupError || result == pulsar_result_ReadError ||
           result == pulsar_result_Disconnected || result == pulsar_result_ServiceUnitNotReady ||
           result == pulsar_result_AuthenticationError;
}

static void take_answer(struct pl_source *source) {
    struct pl_receiving *r = source->r;
    pulsar_result result;
    struct eb_error why;
    bool answered;

    pthread_mutex_lock(&r->lock);
    answered = source->answered;
    result = source->result;
    if (answered) {
        source->answered = false;
        source->consumer = source->it;
        source->it = NULL;
        source->state = result == pulsar_result_Ok ? PL_SOURCE_READY : PL_SOURCE_FOUND;
    }
    pthread_mutex_unlock(&r->lock);
    if (!answered)
        return;
    ebp_cond_wakeup_signal(&r->watch_changed);
    r->look_ms = 0;
    if (result == pulsar_result_Ok)
        return;
    source->retry_ms = ebp_monotonic_ms() + RETRY_MS;
    if (is_away(result))
        return;
    if (result == pulsar_result_ConsumerBusy && type_of(r) == pulsar_ConsumerExclusive) {
        if (!source->warned)
            ebp_log(r->host, EBP_LOG_INFO, "group %s of topic %s has another worker; waiting until that ends", r->wanted->group,
                    source->topic);
        source->warned = true;
        return;
    }
    pl_result_error(&why, result, "cannot subscribe group %s to topic %s", r->wanted->group, source->topic);
    if (why.status == EB_PERMANENT)
        r->failed = why;
    else if (!source->warned)
        ebp_log(r->host, EBP_LOG_WARNING, "%s; trying again", why.text);
    source->warned = true;
}

static enum pl_source_state state_of(struct pl_source *source) {
    enum pl_source_state state;

    pthread_mutex_lock(&source->r->lock);
    state = source->state;
    pthread_mutex_unlock(&source->r->lock);
    return state;
}

void pl_sources_work(struct pl_receiving *r) {
    for (struct pl_source *source = pl_sources(r); source; source = source->next) {
        if (source->consumer)
            continue;
        if (state_of(source) == PL_SOURCE_SUBSCRIBING)
            take_answer(source);
        else if (ebp_monotonic_ms() >= source->retry_ms)
            subscribe(source);
    }
}

/* ---- connections: what is lost ---- */

/* The broker gives it again once more. */
static void drop_again(struct pl_inflight *one) {
    if (one->again)
        pulsar_message_free(one->again);
    one->again = NULL;
}

static void revoke_delivered(struct pl_source *source, uint32_t connection) {
    struct pl_receiving *r = source->r;
    uint64_t tokens[REVOKE];
    size_t n = 0;

    for (struct pl_inflight *one = r->out.first; one; one = one->later)
        if (one->source == source && one->state == PL_DELIVERED && one->connection != connection) {
            drop_again(one);
            if (one->revoked)
                continue;
            one->revoked = true;
            tokens[n++] = one->token;
            if (n == REVOKE) {
                r->host->revoke(r->host, tokens, n, 0);
                n = 0;
            }
        }
    if (n > 0)
        r->host->revoke(r->host, tokens, n, 0);
}

/* What waits here comes again, at this member or at another. */
static void drop_waiting(struct pl_source *source, uint32_t connection) {
    struct pl_receiving *r = source->r;

    for (struct pl_inflight *one = r->waiting.first, *later; one; one = later) {
        later = one->later;
        if (one->source != source || one->connection == connection)
            continue;
        pl_list_remove(&r->waiting, one);
        pl_inflight_free(r, one);
    }
}

static void notice(struct pl_source *source, uint32_t connection) {
    if (source->noticed != 0) /* else there was none before */
        ebp_log(source->r->host, EBP_LOG_DEBUG, "topic %s: a connection has ended; what came over it is given up",
                source->topic);
    revoke_delivered(source, connection);
    pl_settle_lose(source, connection);
    pl_take_arrivals(source->r);
    drop_waiting(source, connection);
    source->noticed = connection;
}

void pl_sources_notice(struct pl_receiving *r) {
    for (struct pl_source *source = pl_sources(r); source; source = source->next) {
        uint32_t connection = pl_source_connection(source);

        if (connection == source->noticed)
            continue;
        if (source->noticed == 0 && !source->consumer)
            continue; /* the first is made */
        notice(source, connection);
    }
}

/* ---- connections: how it is known ---- */

uint32_t pl_source_connection(const struct pl_source *source) {
    return __atomic_load_n(&source->connection, __ATOMIC_SEQ_CST);
}

static void change_connection(struct pl_source *source) {
    __atomic_add_fetch(&source->connection, 1, __ATOMIC_SEQ_CST);
    pl_receiving_signal(source->r);
}

/* What libpulsar logs when a consumer has lost its connection, and when it has one. Between the second line and the third, which names
 * no consumer, it drops what it still has of the connection before: only what comes after the third is of the new one. A library that
 * says it in other words is looked at by pl_sources_look alone, which misses what is shorter than its interval. */
void pl_sources_hear(void *arg, const char *line) {
    bool lost = strstr(line, "] Schedule reconnection in "), made = strstr(line, "] Created consumer on broker "),
         ready = strstr(line, "Finished connecting to broker");

    for (struct pl_source *source = lost || made || ready ? pl_sources(arg) : NULL; source; source = source->next) {
        bool is_it = strncmp(line, source->label, strlen(source->label)) == 0;

        if ((lost && is_it) || (ready && source->made))
            change_connection(source);
        source->made = (source->made && !ready) || (made && is_it);
    }
}

bool pl_source_is_connected(struct pl_source *source) {
    if (source->connected == source->r->round)
        return true;
    if (!pulsar_consumer_is_connected(source->consumer))
        return false;
    source->connected = source->r->round;
    return true;
}

static void on_closed(pulsar_result result, void *arg) {
    (void)result;
    (void)arg;
}

/* A consumer of libpulsar that has no connection for so long may have given up. What is acknowledged meanwhile waits for the
 * next one. */
static void renew(struct pl_source *source) {
    pulsar_consumer_close_async(source->consumer, on_closed, NULL);
    pulsar_consumer_free(source->consumer);
    source->consumer = NULL;
    pthread_mutex_lock(&source->r->lock);
    source->state = PL_SOURCE_FOUND;
    pthread_mutex_unlock(&source->r->lock);
}

static bool look_at(struct pl_source *source) {
    int64_t now = ebp_monotonic_ms();
    uint32_t connection = pl_source_connection(source); /* before the question: what comes after it may come over the next */
    bool connected = pulsar_consumer_is_connected(source->consumer) != 0;

    if (!connected && !source->lost) {
        source->lost_ms = now;
        if (__atomic_compare_exchange_n(&source->connection, &connection, connection + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            notice(source, connection + 1);
    }
    source->lost = !connected;
    if (source->lost && now - source->lost_ms > LOST_MS)
        renew(source);
    return connected;
}

void pl_sources_look(struct pl_receiving *r) {
    enum pl_seen seen = PL_SEEN_NOTHING;
    struct eb_error why;
    bool has_looked;

    for (struct pl_source *source = pl_sources(r); source; source = source->next)
        if (source->consumer && look_at(source))
            seen = PL_SEEN_CONNECTED;
        else if (source->consumer && seen == PL_SEEN_NOTHING)
            seen = PL_SEEN_DISCONNECTED;
    pthread_mutex_lock(&r->lock);
    why = r->watch_error;
    has_looked = r->has_looked;
    pthread_mutex_unlock(&r->lock);
    if (seen == PL_SEEN_NOTHING && why.status != EB_OK)
        pl_link_fail(&r->link, &why);
    else
        pl_link_look(&r->link, seen == PL_SEEN_NOTHING && !has_looked ? PL_SEEN_UNKNOWN : seen);
    pl_settle_again(r);
}
