/* connection.c - the thread that owns a connection to a NATS server. See connection.h.
 *
 * Threads: the owner's (the host's) calls the functions of connection.h; `run` is this file's own; on_message, on_closed and
 * on_error run in threads of libnats, which end some time after the connection was destroyed. A session, one for each
 * connection, is what those see; it and struct ebn_connection are counted by references. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include "login.h"

/* What one connection of libnats shares with its callbacks. */
struct session {
    unsigned refs;
    struct ebn_connection *connection; /* holds a reference */
    uint32_t epoch;
    size_t inbox_len; /* what answers begin with, before their letter */
    bool closed;      /* atomic: libnats has given the connection up */
};

struct ebn_connection {
    unsigned refs;
    const struct eb_host *host; /* called under the mutex, while `stopping` is not set */
    struct ebp_link link;
    struct ebn_logins logins; /* `run` uses them alone */
    char inbox[64], api[EBN_DOMAIN_MAX + 32];
    size_t inbox_len;
    int64_t login_ms;
    struct ebp_queue *in, *out; /* of struct ebn_event; of struct outgoing */
    bool noticed, queued;       /* atomic: the one who takes from `in`, from `out`, was woken and has not looked yet */
    void (*wake)(void *arg);
    void *arg;
    struct ebp_cond_wakeup work;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t ended_cond;
    bool stopping, ended;
    unsigned n_sessions; /* those that libnats may still call back with */
    char trouble[256];   /* what the server said last */
};

struct outgoing {
    natsMsg *message;
    uint64_t number;
    uint32_t epoch;
    char what;
};

enum { BATCH = 64, BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 1000, CLOSE_MS = 300 };

/* ---- Life ---- */

static void connection_unref(struct ebn_connection *c) {
    struct ebn_event event;
    struct outgoing item;

    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    while (c->in && ebp_queue_pop(c->in, &event, 1) > 0)
        natsMsg_Destroy(event.message);
    while (c->out && ebp_queue_pop(c->out, &item, 1) > 0)
        natsMsg_Destroy(item.message);
    ebp_queue_unref(c->in);
    ebp_queue_unref(c->out);
    ebn_logins_free(&c->logins);
    ebp_cond_wakeup_close(&c->work);
    pthread_cond_destroy(&c->ended_cond);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static void session_unref(void *arg) {
    struct session *s = arg;

    struct ebn_connection *c = s->connection;

    if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(s);
    pthread_mutex_lock(&c->mutex);
    c->n_sessions--;
    pthread_cond_signal(&c->ended_cond);
    pthread_mutex_unlock(&c->mutex);
    connection_unref(c);
}

static struct session *session_new(struct ebn_connection *c, uint32_t epoch) {
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

static bool is_stopping(struct ebn_connection *c) {
    pthread_mutex_lock(&c->mutex);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->mutex);
    return stopping;
}

/* Reports a change of the link, unless the host has closed the instance. */
static void report_link(struct ebn_connection *c, const struct eb_error *why) {
    pthread_mutex_lock(&c->mutex);
    if (!c->stopping && why)
        ebp_link_down(&c->link, why);
    else if (!c->stopping)
        ebp_link_up(&c->link);
    pthread_mutex_unlock(&c->mutex);
}

/* ---- Threads of libnats ---- */

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *message, void *arg) {
    struct session *s = arg;
    struct ebn_event event = { .kind = EBN_MESSAGE, .epoch = s->epoch, .message = message };
    const char *subject = natsMsg_GetSubject(message);

    (void)nc;
    (void)sub;
    if (strncmp(subject, s->connection->inbox, s->connection->inbox_len) == 0 && strlen(subject) > s->inbox_len) {
        event.what = subject[s->inbox_len];
        event.number = strtoull(subject + s->inbox_len + 1, NULL, 16);
    } /* else a message of a stream, which has the stream's subject */
    /* The queue has room for all that was asked for: what a server sends beyond that is dropped. */
    if (ebp_queue_push(s->connection->in, &event) != EB_OK)
        natsMsg_Destroy(message);
}

static void on_closed(natsConnection *nc, void *arg) {
    struct session *s = arg;

    (void)nc;
    __atomic_store_n(&s->closed, true, __ATOMIC_RELEASE);
    ebp_cond_wakeup_signal(&s->connection->work);
    session_unref(s);
}

/* The server refuses a subject, or closes the connection with a reason. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *arg) {
    struct ebn_connection *c = ((struct session *)arg)->connection;
    const char *text = NULL;

    (void)sub;
    natsConnection_GetLastError(nc, &text);
    if (!text || !*text)
        text = natsStatus_GetText(status);
    pthread_mutex_lock(&c->mutex);
    ebp_one_line(c->trouble, sizeof c->trouble, text, strlen(text));
    if (!c->stopping)
        ebp_log(c->host, EBP_LOG_ERROR, "NATS: %s", c->trouble);
    pthread_mutex_unlock(&c->mutex);
}

static void wake_thread(void *arg) {
    struct ebn_connection *c = arg;

    if (!__atomic_exchange_n(&c->queued, true, __ATOMIC_SEQ_CST))
        ebp_cond_wakeup_signal(&c->work);
}

static void wake_owner(void *arg) {
    struct ebn_connection *c = arg;

    if (!__atomic_exchange_n(&c->noticed, true, __ATOMIC_SEQ_CST))
        c->wake(c->arg);
}

/* ---- The connection's thread ---- */

/* Fills why a server cannot be used. */
static void say_away(struct ebn_connection *c, size_t server, natsStatus status, const char *text, struct eb_error *why) {
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
        status = natsSubscription_SetOnCompleteCB(*sub, session_unref, s);
        if (status != NATS_OK)
            session_unref(s);
    }
    return status;
}

/* The connection ends first: up to its version 3.5.0 libnats may still be handing a message to a subscription that is destroyed
 * while the connection is open (nats.c, issue 637). */
static void hang_up(natsConnection *nc, natsSubscription *sub) {
    natsConnection_Close(nc);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
}

/* Connects to one server. Returns NULL with `why` filled. */
static natsConnection *reach(struct ebn_connection *c, size_t server, struct session *s, natsSubscription **sub,
                             struct eb_error *why) {
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
        session_unref(s);
    if (status == NATS_OK)
        status = subscribe(s, nc, sub);
    if (status == NATS_OK)
        return nc;
    say_away(c, server, status, text, why);
    hang_up(nc, *sub);
    *sub = NULL;
    return NULL;
}

/* Tells the owner; waits for room, unless the queue is closed. */
static void push(struct ebn_connection *c, const struct ebn_event *event) {
    while (ebp_queue_push_wait(c->in, event, 1000) == EB_FULL)
        continue;
}

/* Gives libnats what is queued for this epoch. Returns false where the connection is lost. */
static bool send_queued(struct ebn_connection *c, natsConnection *nc, uint32_t epoch) {
    struct outgoing items[BATCH];
    size_t n;
    bool up = true;

    __atomic_store_n(&c->queued, false, __ATOMIC_SEQ_CST);
    while (up && (n = ebp_queue_pop(c->out, items, BATCH)) > 0)
        for (size_t i = 0; i < n; i++) {
            natsStatus status = items[i].epoch == epoch && up ? natsConnection_PublishMsg(nc, items[i].message) : NATS_OK;
            struct ebn_event event = {
                .kind = EBN_REFUSED, .epoch = epoch, .status = status, .what = items[i].what, .number = items[i].number
            };
            if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT || status == NATS_INVALID_ARG)
                push(c, &event);
            else if (status != NATS_OK)
                up = false;
            natsMsg_Destroy(items[i].message);
        }
    return up;
}

static void serve(struct ebn_connection *c, size_t server, struct session *s, natsConnection *nc) {
    struct ebn_event event = { .kind = EBN_UP, .epoch = s->epoch };
    struct eb_error why;

    report_link(c, NULL);
    push(c, &event);
    while (send_queued(c, nc, s->epoch) && !__atomic_load_n(&s->closed, __ATOMIC_ACQUIRE)) {
        if (is_stopping(c)) {
            if (ebp_queue_count(c->out) > 0)
                continue;
            natsConnection_FlushTimeout(nc, 1000);
            return;
        }
        ebp_cond_wakeup_wait(&c->work, 1000);
        ebp_cond_wakeup_take(&c->work);
    }
    const char *last = NULL;
    natsConnection_GetLastError(nc, &last);
    say_away(c, server, NATS_CONNECTION_CLOSED, last, &why);
    report_link(c, &why);
    event.kind = EBN_DOWN;
    push(c, &event);
}

static void *run(void *arg) {
    struct ebn_connection *c = arg;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    size_t server = 0, failed = 0;
    struct eb_error why;

    for (uint32_t epoch = 1; !is_stopping(c); epoch++) {
        struct session *s = session_new(c, epoch);
        natsSubscription *sub = NULL;
        natsConnection *nc = s ? reach(c, server, s, &sub, &why) : NULL;
        if (!s)
            ebp_no_memory(&why);
        if (nc) {
            serve(c, server, s, nc);
            hang_up(nc, sub);
            backoff_ms = BACKOFF_FIRST_MS;
            failed = 0;
        } else if (++failed % c->logins.n == 0) {
            report_link(c, &why);
            for (int64_t until = ebp_monotonic_ms() + backoff_ms; ebp_monotonic_ms() < until && !is_stopping(c);) {
                ebp_cond_wakeup_wait(&c->work, until - ebp_monotonic_ms());
                ebp_cond_wakeup_take(&c->work);
            }
            backoff_ms = ebp_earlier(2 * backoff_ms, BACKOFF_MAX_MS);
        }
        server = (server + 1) % c->logins.n;
        if (s)
            session_unref(s);
    }
    nats_ReleaseThreadMemory();
    pthread_mutex_lock(&c->mutex);
    c->ended = true;
    pthread_cond_signal(&c->ended_cond);
    pthread_mutex_unlock(&c->mutex);
    connection_unref(c);
    return NULL;
}

/* ---- The owner's thread ---- */

/* What the thread begins with. */
static int32_t prepare(struct ebn_connection *c, const struct settings *settings, size_t room, void (*wake)(void *), void *arg,
                       struct eb_error *err) {
    natsInbox *inbox = NULL;
    int32_t status = ebn_library(err);

    if (status == EB_OK)
        status = ebn_logins(c->host, settings, &c->logins, err);
    if (status != EB_OK)
        return status;
    c->wake = wake;
    c->arg = arg;
    c->login_ms = settings->login_timeout;
    snprintf(c->api, sizeof c->api, settings->domain ? "$JS.%s.API" : "$JS.API", settings->domain);
    if (natsInbox_Create(&inbox) != NATS_OK)
        return ebn_no_memory(err);
    c->inbox_len = (size_t)snprintf(c->inbox, sizeof c->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    c->in = ebp_queue_new(sizeof(struct ebn_event), room, wake_owner, c);
    c->out = ebp_queue_new(sizeof(struct outgoing), room, wake_thread, c);
    return c->in && c->out ? EB_OK : ebn_no_memory(err);
}

struct ebn_connection *ebn_connect(const struct eb_host *host, const struct settings *settings, size_t room,
                                   void (*wake)(void *), void *arg, struct eb_error *err) {
    struct ebn_connection *c = calloc(1, sizeof *c);
    int failed;

    if (!c || !ebp_cond_wakeup_open(&c->work)) {
        free(c);
        ebn_no_memory(err);
        return NULL;
    }
    c->refs = 1;
    c->host = host;
    ebp_link_init(&c->link, host);
    pthread_mutex_init(&c->mutex, NULL);
    ebp_cond_init(&c->ended_cond);
    if (prepare(c, settings, room, wake, arg, err) != EB_OK) {
        connection_unref(c);
        return NULL;
    }
    c->refs = 2;
    failed = ebp_thread_start(&c->thread, run, c, "eventbus-nats");
    if (failed == 0)
        return c;
    ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, failed, "cannot start a thread for NATS");
    c->refs = 1;
    connection_unref(c);
    return NULL;
}

void ebn_reply(const struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, char *out) {
    snprintf(out, EBN_REPLY_ROOM, "%s.%x.%c%llx", c->inbox, epoch, what, (unsigned long long)number);
}

bool ebn_send(struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, natsMsg *message) {
    struct outgoing item = { .message = message, .epoch = epoch, .what = what, .number = number };

    if (message && ebp_queue_push(c->out, &item) == EB_OK)
        return true;
    natsMsg_Destroy(message);
    return false;
}

bool ebn_send_text(struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, const char *subject,
                   const char *text) {
    char reply[EBN_REPLY_ROOM];
    natsMsg *message = NULL;

    ebn_reply(c, epoch, what, number, reply);
    return natsMsg_Create(&message, subject, reply, text, (int)strlen(text)) == NATS_OK &&
           ebn_send(c, epoch, what, number, message);
}

size_t ebn_take(struct ebn_connection *c, struct ebn_event *events, size_t max) {
    __atomic_store_n(&c->noticed, false, __ATOMIC_SEQ_CST);
    return ebp_queue_pop(c->in, events, max);
}

/* Waits for libnats's callbacks, too: a process that exits while they run may crash. libnats may wait in a connect: the thread is
 * left to end by itself then, and frees what it uses. */
void ebn_disconnect(struct ebn_connection *c, bool discard, int64_t timeout_ms) {
    struct timespec until = ebp_timespec(ebp_monotonic_ms() + (timeout_ms > CLOSE_MS ? timeout_ms : CLOSE_MS));
    struct outgoing item;
    int failed = 0;

    while (discard && ebp_queue_pop(c->out, &item, 1) > 0)
        natsMsg_Destroy(item.message);
    ebp_queue_close(c->in);
    pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->work);
    pthread_mutex_lock(&c->mutex);
    while ((!c->ended || c->n_sessions > 0) && failed == 0)
        failed = pthread_cond_timedwait(&c->ended_cond, &c->mutex, &until);
    bool ended = c->ended;
    pthread_mutex_unlock(&c->mutex);
    if (ended)
        pthread_join(c->thread, NULL);
    else
        pthread_detach(c->thread);
    connection_unref(c);
}
