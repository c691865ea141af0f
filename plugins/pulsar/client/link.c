/* client/link.c - see link.h. */
#include "client/link.h"
#include "client/log_bridge.h"
#include "client/result.h"

#include <stdio.h>
#include <string.h>

/* How long after an answer the next question waits: while the link is not up, and while it is. */
enum { ASK_AGAIN_MS = 500, ASK_UP_MS = 2000 };

void pl_link_init(struct pl_link *l, struct pl_client *client, void (*answered)(void *arg), void *arg) {
    *l = (struct pl_link){ .client = client, .answered = answered, .arg = arg, .opened_ms = ebp_monotonic_ms() };
    ebp_link_init(&l->link, client->host);
    pthread_mutex_init(&l->lock, NULL);
    /* A partition's name, so that no broker makes a topic because of the question. */
    snprintf(l->topic, sizeof l->topic, "persistent://%s/%s/eventbus-link-partition-0", client->set->tenant,
             client->set->name_space);
}

/* With the lock. */
static void report_down(struct pl_link *l, const char *why) {
    char last[PL_LOG_LAST_ROOM];
    struct eb_error err;

    ebp_error(&err, EB_RETRIABLE, 0, "cannot reach Pulsar at %s: %s", l->client->set->url, why);
    if (pl_log_last(last))
        ebp_error_cause(&err, last);
    if (pl_log_last(last) && strstr(last, "certificate verify failed"))
        ebp_error_cause(&err, "tls_ca has to hold its CA, and the certificate the host name of url");
    ebp_link_down(&l->link, &err);
}

/* Whether a broker has answered, if only that it refuses. */
static bool is_an_answer(pulsar_result result) {
    return result == pulsar_result_Ok || result == pulsar_result_AuthorizationError || result == pulsar_result_TopicNotFound ||
           result == pulsar_result_NotAllowedError || result == pulsar_result_BrokerMetadataError ||
           result == pulsar_result_InvalidTopicName;
}

/* A thread of the client's. */
static void on_answer(pulsar_result result, pulsar_string_list_t *partitions, void *arg) {
    struct pl_link *l = arg;

    if (result == pulsar_result_Ok && partitions)
        pulsar_string_list_free(partitions);
    pthread_mutex_lock(&l->lock);
    l->asking = false;
    l->ask_again_ms = ebp_monotonic_ms() + (is_an_answer(result) ? ASK_UP_MS : ASK_AGAIN_MS);
    if (!l->closed) {
        if (is_an_answer(result))
            ebp_link_up(&l->link);
        else
            report_down(l, pl_result_text(result));
        if (l->answered)
            l->answered(l->arg);
    }
    pthread_mutex_unlock(&l->lock);
}

/* With the lock. Whether the host waits for a reason that is due: a client that gets no answer goes on for long. */
static bool reason_is_due(const struct pl_link *l) {
    int64_t within = l->client->host->connect_timeout_ms;

    return ebp_link_state(&l->link) == EBP_LINK_UNREPORTED && ebp_monotonic_ms() - l->opened_ms > within - within / 4;
}

/* Returns whether the plugin has to ask a broker because no topic shows the state of the connection. The lock is held. A broker that
 * was reached before and does not answer within connect_timeout counts as away: libpulsar itself waits for operation_timeout. */
static bool is_question_due(struct pl_link *l) {
    int64_t now = ebp_monotonic_ms();

    if (l->asking && now - l->asked_ms > l->client->host->connect_timeout_ms && ebp_link_state(&l->link) == EBP_LINK_UP)
        report_down(l, "it does not answer");
    if (l->asking || now < l->ask_again_ms)
        return false;
    l->asked_ms = now;
    return l->asking = true;
}

void pl_link_look(struct pl_link *l, enum pl_seen seen) {
    bool ask = false;

    pthread_mutex_lock(&l->lock);
    if (seen == PL_SEEN_CONNECTED)
        ebp_link_up(&l->link);
    else if (seen == PL_SEEN_DISCONNECTED)
        report_down(l, "the connection is lost");
    else if (seen == PL_SEEN_NOTHING)
        ask = is_question_due(l);
    if (reason_is_due(l))
        report_down(l, "no answer yet");
    pthread_mutex_unlock(&l->lock);
    if (ask)
        pulsar_client_get_topic_partitions_async(l->client->client, l->topic, on_answer, l);
}

void pl_link_fail(struct pl_link *l, const struct eb_error *why) {
    pthread_mutex_lock(&l->lock);
    ebp_link_down(&l->link, why);
    pthread_mutex_unlock(&l->lock);
}

void pl_link_close(struct pl_link *l) {
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    pthread_mutex_unlock(&l->lock);
}
