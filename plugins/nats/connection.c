/* connection.c - the thread that owns a connection to a NATS server, and the queues to and from it. See connection.h.
 *
 * Threads: the owner's (the host's) calls the functions of connection.h; `run` is this file's own; session.c has those of libnats. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

struct outgoing {
    natsMsg *message; /* NULL: `text` is sent */
    char *text;       /* the subject, a NUL, what is sent */
    uint64_t number;
    uint32_t epoch;
    char what;
};

enum { BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 1000, CLOSE_MS = 300 };

/* ---- Life ---- */

static void outgoing_free(struct outgoing *item) {
    natsMsg_Destroy(item->message);
    free(item->text);
}

void ebn_connection_unref(struct ebn_connection *c) {
    struct ebn_event event;
    struct outgoing item;

    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    while (c->in && ebp_queue_pop(c->in, &event, 1) > 0)
        natsMsg_Destroy(event.message);
    while (c->out && ebp_queue_pop(c->out, &item, 1) > 0)
        outgoing_free(&item);
    ebp_queue_unref(c->in);
    ebp_queue_unref(c->out);
    ebn_logins_free(&c->logins);
    ebp_cond_wakeup_close(&c->work);
    ebp_cond_wakeup_close(&c->changed);
    pthread_cond_destroy(&c->ended_cond);
    pthread_mutex_destroy(&c->mutex);
    free(c);
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

/* ---- The connection's thread ---- */

/* Tells the owner; waits for room, unless the queue is closed. */
static void push(struct ebn_connection *c, const struct ebn_event *event) {
    while (ebp_queue_push_wait(c->in, event, 1000) == EB_FULL)
        continue;
    ebp_cond_wakeup_signal(&c->changed);
}

static natsStatus send_item(const struct ebn_connection *c, natsConnection *nc, const struct outgoing *item) {
    char reply[EBN_REPLY_ROOM];

    if (item->message)
        return natsConnection_PublishMsg(nc, item->message);
    ebn_reply(c, item->epoch, item->what, item->number, reply);
    return natsConnection_PublishRequestString(nc, item->text, reply, item->text + strlen(item->text) + 1);
}

/* Gives libnats what is queued for this epoch. Returns false where the connection is lost. */
static bool send_queued(struct ebn_connection *c, natsConnection *nc, uint32_t epoch) {
    struct outgoing items[EBN_BURST];
    size_t n;
    bool up = true;

    while (up && (n = ebp_queue_pop(c->out, items, EBN_BURST)) > 0) {
        for (size_t i = 0; i < n; i++) {
            natsStatus status = items[i].epoch == epoch && up ? send_item(c, nc, &items[i]) : NATS_OK;
            struct ebn_event event = {
                .kind = EBN_REFUSED, .epoch = epoch, .status = status, .what = items[i].what, .number = items[i].number
            };
            if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT || status == NATS_INVALID_ARG)
                push(c, &event);
            else if (status != NATS_OK)
                up = false;
        }
        for (size_t i = 0; i < n; i++) /* together: each wakes libnats's thread that frees, where that waits */
            outgoing_free(&items[i]);
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
    ebn_say_away(c, server, NATS_CONNECTION_CLOSED, last, &why);
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
        struct session *s = ebn_session_new(c, epoch);
        natsSubscription *sub = NULL;
        natsConnection *nc = s ? ebn_session_open(s, server, &sub, &why) : NULL;
        if (!s)
            ebp_no_memory(&why);
        if (nc) {
            serve(c, server, s, nc);
            ebn_session_close(nc, sub);
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
            ebn_session_unref(s);
    }
    nats_ReleaseThreadMemory();
    pthread_mutex_lock(&c->mutex);
    c->ended = true;
    pthread_cond_signal(&c->ended_cond);
    pthread_mutex_unlock(&c->mutex);
    ebn_connection_unref(c);
    return NULL;
}

/* ---- The owner's thread ---- */

/* What the thread begins with. */
static int32_t prepare(struct ebn_connection *c, const struct settings *settings, size_t room, const char *counted,
                       struct eb_error *err) {
    natsInbox *inbox = NULL;
    int32_t status = ebn_library(err);

    if (status == EB_OK)
        status = ebn_logins(c->host, settings, &c->logins, err);
    if (status != EB_OK)
        return status;
    c->counted = counted;
    c->login_ms = settings->login_timeout;
    snprintf(c->api, sizeof c->api, settings->domain ? "$JS.%s.API" : "$JS.API", settings->domain);
    if (natsInbox_Create(&inbox) != NATS_OK)
        return ebn_no_memory(err);
    c->inbox_len = (size_t)snprintf(c->inbox, sizeof c->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    c->in = ebp_queue_new(sizeof(struct ebn_event), room, NULL, NULL);
    c->out = ebp_queue_new(sizeof(struct outgoing), room, NULL, NULL);
    return c->in && c->out ? EB_OK : ebn_no_memory(err);
}

struct ebn_connection *ebn_connect(const struct eb_host *host, const struct settings *settings, size_t room,
                                   const char *counted, struct eb_error *err) {
    struct ebn_connection *c = calloc(1, sizeof *c);
    bool opened = c && ebp_cond_wakeup_open(&c->work);
    int failed;

    if (!opened || !ebp_cond_wakeup_open(&c->changed)) {
        if (opened)
            ebp_cond_wakeup_close(&c->work);
        free(c);
        ebn_no_memory(err);
        return NULL;
    }
    c->refs = 1;
    c->host = host;
    ebp_link_init(&c->link, host);
    pthread_mutex_init(&c->mutex, NULL);
    ebp_cond_init(&c->ended_cond);
    if (prepare(c, settings, room, counted, err) != EB_OK) {
        ebn_connection_unref(c);
        return NULL;
    }
    c->refs = 2;
    failed = ebp_thread_start(&c->thread, run, c, "eventbus-nats");
    if (failed == 0)
        return c;
    ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, failed, "cannot start a thread for NATS");
    c->refs = 1;
    ebn_connection_unref(c);
    return NULL;
}

static char *put_hex(char *out, uint64_t number) {
    int shift = 60;

    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[number >> shift & 0xF];
    return out;
}

void ebn_reply(const struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, char *out) {
    memcpy(out, c->inbox, c->inbox_len);
    out += c->inbox_len;
    *out++ = '.';
    out = put_hex(out, epoch);
    *out++ = '.';
    *out++ = what;
    *put_hex(out, number) = 0;
}

static bool queue(struct ebn_connection *c, struct outgoing *item) {
    if (ebp_queue_push(c->out, item) != EB_OK) {
        outgoing_free(item);
        return false;
    }
    if (++c->n_unsent == EBN_BURST)
        ebn_flush(c);
    return true;
}

bool ebn_send(struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, natsMsg *message) {
    struct outgoing item = { .message = message, .epoch = epoch, .what = what, .number = number };

    return message && queue(c, &item);
}

bool ebn_send_text(struct ebn_connection *c, uint32_t epoch, char what, uint64_t number, const char *subject,
                   const char *text) {
    struct outgoing item = { .epoch = epoch, .what = what, .number = number };
    size_t len = strlen(subject) + 1, text_len = strlen(text) + 1;

    if (!(item.text = malloc(len + text_len)))
        return false;
    memcpy(item.text, subject, len);
    memcpy(item.text + len, text, text_len);
    return queue(c, &item);
}

void ebn_flush(struct ebn_connection *c) {
    if (c->n_unsent > 0)
        ebp_cond_wakeup_signal(&c->work);
    c->n_unsent = 0;
}

size_t ebn_take(struct ebn_connection *c, struct ebn_event *events, size_t max) {
    ebp_cond_wakeup_take(&c->changed);
    return ebp_queue_pop(c->in, events, max);
}

void ebn_wait(struct ebn_connection *c, int64_t timeout_ms) {
    ebn_flush(c);
    ebp_cond_wakeup_wait(&c->changed, timeout_ms);
}

void ebn_wake(struct ebn_connection *c) {
    __atomic_store_n(&c->woken, true, __ATOMIC_SEQ_CST);
    ebp_cond_wakeup_signal(&c->changed);
}

bool ebn_was_woken(struct ebn_connection *c) {
    return __atomic_exchange_n(&c->woken, false, __ATOMIC_SEQ_CST);
}

/* Waits for libnats's callbacks, too: a process that exits while they run may crash. libnats may wait in a connect: the thread is
 * left to end by itself then, and frees what it uses. */
void ebn_disconnect(struct ebn_connection *c, bool discard, int64_t timeout_ms) {
    struct timespec until = ebp_timespec(ebp_monotonic_ms() + (timeout_ms > CLOSE_MS ? timeout_ms : CLOSE_MS));
    struct outgoing item;
    int failed = 0;

    while (discard && ebp_queue_pop(c->out, &item, 1) > 0)
        outgoing_free(&item);
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
    ebn_connection_unref(c);
}
