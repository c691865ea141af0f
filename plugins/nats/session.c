/* session.c - one connection of libnats, from its login to its end, and what it calls back. See session.h.
 *
 * on_message, on_closed and on_error run in threads of libnats, which end some time after the connection was destroyed. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

void ebn_session_unref(void *arg) {
    struct session *s = arg;
    struct ebn_connection *c = s->connection;

    if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(s);
    pthread_mutex_lock(&c->mutex);
    c->n_sessions--;
    pthread_cond_signal(&c->ended_cond);
    pthread_mutex_unlock(&c->mutex);
    ebn_connection_unref(c);
}

struct session *ebn_session_new(struct ebn_connection *c, uint32_t epoch) {
    struct session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->refs = 1;
    s->connection = c;
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&c->mutex);
    c->n_sessions++;
    pthread_mutex_unlock(&c->mutex);
    s->epoch = epoch;
    return s;
}

/* The queue has room for all that was asked for: what a server sends beyond that is dropped. */
static void tell(struct session *s, const struct ebn_event *event) {
    if (ebp_queue_push(s->connection->in, event) != EB_OK)
        natsMsg_Destroy(event->message);
    s->n_untold++;
}

static void tell_counted(struct session *s) {
    if (s->equal.count > 0)
        tell(s, &s->equal);
    s->equal.count = 0;
}

/* Answers that are equal come one after another, for a batch of requests. */
static void count(struct session *s, char what, uint64_t number, natsMsg *message) {
    if (s->equal.what != what || s->equal.number != number)
        tell_counted(s);
    s->equal = (struct ebn_event){
        .kind = EBN_COUNTED, .epoch = s->epoch, .count = s->equal.count + 1, .what = what, .number = number
    };
    natsMsg_Destroy(message);
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *message, void *arg) {
    struct session *s = arg;
    struct ebn_event event = { .kind = EBN_MESSAGE, .epoch = s->epoch, .message = message };
    const char *subject = natsMsg_GetSubject(message);
    uint64_t waiting = 0;

    (void)nc;
    if (strncmp(subject, s->connection->inbox, s->connection->inbox_len) == 0 && strlen(subject) > s->inbox_len) {
        event.what = subject[s->inbox_len];
        event.number = strtoull(subject + s->inbox_len + 1, NULL, 16);
    } /* else a message of a stream, which has the stream's subject */
    if (event.what && strchr(s->connection->counted, event.what) && !natsMsg_IsNoResponders(message)) {
        count(s, event.what, event.number, message);
    } else {
        tell_counted(s);
        tell(s, &event);
    }
    /* The owner is woken by the last of those that have come by now, not by each: that would cost two switches a message. */
    bool last = natsSubscription_QueuedMsgs(sub, &waiting) != NATS_OK || waiting == 0;
    if (last)
        tell_counted(s);
    if (last || s->n_untold >= EBN_BURST) {
        s->n_untold = 0;
        ebp_cond_wakeup_signal(&s->connection->changed);
    }
}

static void on_closed(natsConnection *nc, void *arg) {
    struct session *s = arg;

    (void)nc;
    __atomic_store_n(&s->closed, true, __ATOMIC_RELEASE);
    ebp_cond_wakeup_signal(&s->connection->work);
    ebn_session_unref(s);
}

/* The server refuses a subject, or closes the connection with a reason. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *arg) {
    struct ebn_connection *c = ((struct session *)arg)->connection;
    char line[256];
    const char *text = NULL;

    (void)sub;
    natsConnection_GetLastError(nc, &text);
    if (!text || !*text)
        text = natsStatus_GetText(status);
    ebp_one_line(line, sizeof line, text, strlen(text));
    pthread_mutex_lock(&c->mutex);
    if (!c->stopping)
        ebp_log(c->host, EBP_LOG_ERROR, "NATS: %s", line);
    pthread_mutex_unlock(&c->mutex);
}

/* ---- Connecting ---- */

void ebn_say_away(const struct ebn_connection *c, size_t server, natsStatus status, const char *text, struct eb_error *why) {
    natsStatus last = NATS_OK;
    const char *detail = text ? text : nats_GetLastError(&last);

    if (status == NATS_TIMEOUT && !text)
        detail = "no answer";
    ebp_error(why, EB_RETRIABLE, status, "cannot use NATS at %s: %s%s%s", c->logins.servers[server], natsStatus_GetText(status),
              detail && *detail ? ": " : "", detail && *detail ? detail : "");
}

/* Asks whether JetStream answers: a server without it, or one that is starting, is as good as away. */
static natsStatus probe(struct ebn_connection *c, natsConnection *nc, const char **text) {
    char subject[sizeof c->api + 8];
    natsMsg *reply = NULL;

    snprintf(subject, sizeof subject, "%s.INFO", c->api);
    natsStatus status = natsConnection_RequestString(&reply, nc, subject, "", c->login_ms);
    if (status == NATS_NO_RESPONDERS)
        *text = "JetStream is not enabled there, or not ready";
    else if (status == NATS_TIMEOUT)
        *text = "no answer from JetStream, or the user may not ask it ($JS.API.INFO)";
    if (status == NATS_OK && memmem(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), "\"error\"", 7)) {
        status = NATS_ERR;
        *text = "JetStream is not enabled for this user's account";
    }
    natsMsg_Destroy(reply);
    return status;
}

static natsStatus subscribe(struct session *s, natsConnection *nc, natsSubscription **sub) {
    char subject[EBN_REPLY_ROOM];

    s->inbox_len = (size_t)snprintf(subject, sizeof subject, "%s.%x.", s->connection->inbox, s->epoch);
    strcat(subject, "*");
    natsStatus status = natsConnection_Subscribe(sub, nc, subject, on_message, s);
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(*sub, -1, -1); /* bounded by what was asked for */
    if (status == NATS_OK) {
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
        status = natsSubscription_SetOnCompleteCB(*sub, ebn_session_unref, s);
        if (status != NATS_OK)
            ebn_session_unref(s);
    }
    return status;
}

/* The connection ends first: up to its version 3.5.0 libnats may still be handing a message to a subscription that is destroyed
 * while the connection is open (nats.c, issue 637). */
void ebn_session_close(natsConnection *nc, natsSubscription *sub) {
    natsConnection_Close(nc);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
}

natsConnection *ebn_session_open(struct session *s, size_t server, natsSubscription **sub, struct eb_error *why) {
    struct ebn_connection *c = s->connection;
    natsOptions *options = c->logins.options[server];
    natsConnection *nc = NULL;
    const char *text = NULL;

    natsOptions_SetClosedCB(options, on_closed, s);
    natsOptions_SetErrorHandler(options, on_error, s);
    /* on_closed may come before the call returns; it does not come where there was no connection. */
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    natsStatus status = natsConnection_Connect(&nc, options);
    if (status == NATS_OK)
        status = probe(c, nc, &text);
    else
        ebn_session_unref(s);
    if (status == NATS_OK)
        status = subscribe(s, nc, sub);
    if (status == NATS_OK)
        return nc;
    ebn_say_away(c, server, status, text, why);
    ebn_session_close(nc, *sub);
    *sub = NULL;
    return NULL;
}
