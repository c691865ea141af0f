/* producer/topics.c - the topics that are sent to: a producer of libpulsar for each, made without a wait, behind which messages
 * wait in their order. So a topic that cannot be reached holds up no other. See state.h. */
#include "producer/state.h"
#include "client/result.h"
#include "client/topic_name.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 500 };

/* A topic that the library cannot open is not the host's business while no broker can be reached: the message waits. */
static bool is_away(pulsar_result result) {
    switch (result) {
    case pulsar_result_Retryable:
    case pulsar_result_Timeout:
    case pulsar_result_LookupError:
    case pulsar_result_ConnectError:
    case pulsar_result_ReadError:
    case pulsar_result_NotConnected:
    case pulsar_result_ServiceUnitNotReady:
    case pulsar_result_TooManyLookupRequestException:
    case pulsar_result_Disconnected:
    case pulsar_result_AuthenticationError:
    case pulsar_result_ErrorGettingAuthenticationData:
        return true;
    default:
        return false;
    }
}

struct pl_send_topic *pl_send_topic(struct pl_sending *s, const char *name) {
    struct pl_send_topic *topic = s->latest;

    if (topic && strcmp(topic->name, name) == 0)
        return topic;
    for (topic = s->topics; topic && strcmp(topic->name, name) != 0; topic = topic->next)
        continue;
    if (!topic) {
        topic = calloc(1, sizeof *topic);
        if (!topic || !(topic->name = strdup(name))) {
            free(topic);
            return NULL;
        }
        topic->sending = s;
        topic->next = s->topics;
        s->topics = topic;
    }
    return s->latest = topic;
}

/* ---- sending ---- */

static void report_unsent(struct pl_sending *s, struct pl_outgoing *out, const struct eb_error *why) {
    pthread_mutex_lock(&s->lock);
    pl_report(s, out, why, false, NULL);
    pthread_mutex_unlock(&s->lock);
}

/* Gives a message to the topic's producer. The library refers to the payload until it calls back. */
static void send_now(struct pl_send_topic *topic, struct pl_outgoing *out) {
    struct pl_sending *s = topic->sending;
    pulsar_message_t *message;
    struct eb_error why;

    if (pl_message_make(&s->text, out->message, &message, &why) != EB_OK) {
        report_unsent(s, out, &why);
        return;
    }
    pthread_mutex_lock(&s->lock); /* before it is sent: the callback may come at once */
    topic->n_out++;
    out->at_library = true;
    pthread_mutex_unlock(&s->lock);
    pulsar_producer_send_async(topic->producer, message, pl_on_sent, out);
    pulsar_message_free(message);
}

static enum pl_topic_state state_of(struct pl_send_topic *topic) {
    enum pl_topic_state state;

    pthread_mutex_lock(&topic->sending->lock);
    state = topic->state;
    pthread_mutex_unlock(&topic->sending->lock);
    return state;
}

void pl_send(struct pl_send_topic *topic, struct pl_outgoing *out) {
    out->topic = topic;
    if (!topic->first && state_of(topic) == PL_TOPIC_READY) {
        send_now(topic, out);
        return;
    }
    out->next = NULL;
    *(topic->first ? &topic->last->next : &topic->first) = out;
    topic->last = out;
}

static struct pl_outgoing *next_waiting(struct pl_send_topic *topic) {
    struct pl_outgoing *out = topic->first;

    if (out)
        topic->first = out->next;
    return out;
}

static void fail_waiting(struct pl_send_topic *topic, const struct eb_error *why) {
    struct pl_outgoing *out;

    while ((out = next_waiting(topic)))
        report_unsent(topic->sending, out, why);
}

/* ---- producers ---- */

static void on_closed(pulsar_result result, void *arg) {
    (void)result;
    (void)arg;
}

static void drop_producer(struct pl_send_topic *topic) {
    if (!topic->producer)
        return;
    pulsar_producer_close_async(topic->producer, on_closed, NULL);
    pulsar_producer_free(topic->producer);
    topic->producer = NULL;
}

/* A thread of the client's. */
static void on_created(pulsar_result result, pulsar_producer_t *producer, void *arg) {
    struct pl_send_topic *topic = arg;
    struct pl_sending *s = topic->sending;
    bool closed;

    pthread_mutex_lock(&s->lock);
    closed = s->closed;
    topic->result = result;
    topic->it = result == pulsar_result_Ok && !closed ? producer : NULL;
    topic->created = true;
    pthread_mutex_unlock(&s->lock);
    if (closed && result == pulsar_result_Ok)
        pulsar_producer_free(producer);
    if (!closed)
        pl_sending_signal(s);
}

static void create(struct pl_send_topic *topic) {
    struct pl_sending *s = topic->sending;
    char name[PL_TOPIC_ROOM];
    struct eb_error why;

    if (pl_topic_name(s->set, topic->name, name, &why) != EB_OK) {
        fail_waiting(topic, &why);
        return;
    }
    pthread_mutex_lock(&s->lock);
    topic->state = PL_TOPIC_CREATING;
    pthread_mutex_unlock(&s->lock);
    pulsar_client_create_producer_async(s->client.client, name, s->conf, on_created, topic);
}

/* Looks whether a producer was made, or not. */
static void take_created(struct pl_send_topic *topic) {
    struct pl_sending *s = topic->sending;
    pulsar_result result;
    struct eb_error why;
    bool created;

    pthread_mutex_lock(&s->lock);
    created = topic->created;
    result = topic->result;
    if (created) {
        topic->created = false;
        topic->producer = topic->it;
        topic->it = NULL;
        topic->state = result == pulsar_result_Ok ? PL_TOPIC_READY : PL_TOPIC_NEW;
    }
    pthread_mutex_unlock(&s->lock);
    if (!created || result == pulsar_result_Ok)
        return;
    topic->retry_ms = ebp_monotonic_ms() + RETRY_MS;
    if (is_away(result))
        return;
    pl_result_error(&why, result, "cannot send to topic %s", topic->name);
    fail_waiting(topic, &why);
}

/* Once the library has reported all that it had, a producer that failed is made anew. */
static void renew(struct pl_send_topic *topic) {
    struct pl_sending *s = topic->sending;
    struct eb_error why;
    size_t n_out;

    ebp_error(&why, EB_RETRIABLE, 0, "not sent to topic %s: a message before it failed", topic->name);
    fail_waiting(topic, &why);
    pthread_mutex_lock(&s->lock);
    n_out = topic->n_out;
    if (n_out == 0)
        topic->state = PL_TOPIC_NEW;
    pthread_mutex_unlock(&s->lock);
    if (n_out == 0)
        drop_producer(topic);
}

static void topic_work(struct pl_send_topic *topic) {
    struct pl_outgoing *out;

    if (state_of(topic) == PL_TOPIC_CREATING)
        take_created(topic);
    if (state_of(topic) == PL_TOPIC_BROKEN)
        renew(topic);
    if (topic->first && state_of(topic) == PL_TOPIC_NEW && ebp_monotonic_ms() >= topic->retry_ms)
        create(topic);
    while (state_of(topic) == PL_TOPIC_READY && (out = next_waiting(topic)))
        send_now(topic, out);
}

void pl_topics_work(struct pl_sending *s) {
    for (struct pl_send_topic *topic = s->topics; topic; topic = topic->next)
        topic_work(topic);
}

enum pl_seen pl_topics_seen(struct pl_sending *s) {
    enum pl_seen seen = PL_SEEN_NOTHING;

    for (struct pl_send_topic *topic = s->topics; topic && seen != PL_SEEN_CONNECTED; topic = topic->next)
        if (topic->producer)
            seen = pulsar_producer_is_connected(topic->producer) ? PL_SEEN_CONNECTED : PL_SEEN_DISCONNECTED;
    return seen;
}

void pl_topics_drop(struct pl_sending *s) {
    for (struct pl_send_topic *topic = s->topics; topic; topic = topic->next) {
        if (topic->producer)
            pulsar_producer_free(topic->producer);
        topic->producer = NULL;
        if (topic->it)
            pulsar_producer_free(topic->it);
        topic->it = NULL;
    }
}
