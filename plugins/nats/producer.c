/* producer.c - the producer: messages go to the stream of their topic and are reported once the stream has confirmed them.
 *
 * The host's thread owns all of it. A message that was taken is in one
 * list: `sent`, or `waiting` of its topic while the stream is asked for. One topic in trouble keeps nothing back but its own
 * messages. */
#include <stdlib.h>
#include <string.h>
#include "api.h"
#include "connection.h"
#include "message.h"
#include "roles.h"

struct list {
    struct pending *first, *last;
};

enum topic_state {
    READY,  /* as far as is known */
    ASKED,  /* its stream is being made, or looked for */
    WAITING /* to be asked for again at retry_ms */
};

struct topic {
    struct topic *next;
    enum topic_state state;
    int64_t retry_ms, backoff_ms; /* backoff_ms 0: the last message was stored */
    struct list waiting;
    uint64_t number;
    char *name;
    char stream[EBN_NAME_MAX + 1], subject[EBN_SUBJECT_ROOM], why[320];
};

/* A message that was taken and not reported. */
struct pending {
    struct ebp_token_slot slot;
    const struct eb_message *message;
    struct topic *topic;
    struct list *in;
    struct pending *next, *prev;
    int64_t until_ms;   /* while the link is up: when its time for an answer is over */
    int64_t refused_ms; /* since when no stream takes it; 0: one may */
    bool maybe_stored;
    bool unsure; /* an earlier send has no answer, so a refusal of the last one leaves open whether it is stored */
};

struct producer {
    const struct eb_host *host;
    const struct settings *settings;
    struct ebn_connection *connection;
    uint32_t epoch;
    bool up;
    struct ebp_token_table pending;
    struct list sent; /* by until_ms */
    size_t n_out, bytes_out, n_reported;
    struct topic *topics, *last_topic;
    uint64_t n_topics;
    struct ebp_text_headers headers;
};

enum { BYTES_MAX = 32 << 20, BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 1000, EVENTS = 64 };

/* What an answer is about: the letter of its subject. */
enum { STORED = 'p', STREAM = 's' };

static void move(struct list *to, struct pending *one) {
    if (one->in) {
        *(one->prev ? &one->prev->next : &one->in->first) = one->next;
        *(one->next ? &one->next->prev : &one->in->last) = one->prev;
    }
    one->in = to;
    one->next = NULL;
    one->prev = to ? to->last : NULL;
    if (to) {
        *(to->last ? &to->last->next : &to->first) = one;
        to->last = one;
    }
}

/* ---- Reports ---- */

static void report(struct producer *p, struct pending *one, uint64_t sequence, const struct eb_error *why) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = one->message->token, .error = why };
    char position[EBN_POSITION_ROOM];

    if (why) {
        delivery.status = why->status;
        delivery.maybe_stored = one->maybe_stored;
    } else {
        ebn_position_text(sequence, position);
        delivery.position = ebp_text_of(position);
    }
    p->n_out--;
    p->bytes_out -= one->message->payload.len;
    p->n_reported++;
    move(NULL, one);
    p->host->delivered(p->host, &delivery);
    ebp_token_slot_free(&p->pending, &one->slot);
}

/* Reports a failure: "topic T, event I: TEXT". */
static void fail(struct producer *p, struct pending *one, int32_t status, int32_t kind, const char *text) {
    struct eb_error why;
    char id[64];

    ebp_one_line(id, sizeof id, one->message->id.data, one->message->id.len);
    ebp_error_of_kind(&why, status, kind, 0, "topic %.300s, event %s: %s",
                      one->topic ? one->topic->name : one->message->topic.data, id, text);
    report(p, one, 0, &why);
}

/* ---- Topics ---- */

static struct topic *find_topic(struct producer *p, const char *name) {
    struct topic *topic = p->last_topic;

    if (topic && strcmp(topic->name, name) == 0)
        return topic;
    for (topic = p->topics; topic && strcmp(topic->name, name) != 0; topic = topic->next)
        continue;
    if (!topic && (topic = calloc(1, sizeof *topic))) {
        topic->name = strdup(name);
        if (!topic->name || !ebn_name(name, topic->stream)) {
            free(topic->name);
            free(topic);
            return NULL;
        }
        ebn_subject(p->settings, name, topic->subject);
        topic->number = ++p->n_topics;
        topic->next = p->topics;
        p->topics = topic;
    }
    return p->last_topic = topic;
}

/* Asks for the stream: makes it if it may, or looks whether it is there. */
static void ask(struct producer *p, struct topic *topic, int64_t now) {
    char subject[EBN_API_ROOM];
    char *config = p->settings->create_topics ? ebn_stream_config(p->settings, topic->stream, topic->subject) : strdup("");

    ebn_api(p->settings, p->settings->create_topics ? "STREAM.CREATE" : "STREAM.INFO", topic->stream, NULL, subject);
    topic->state = config && ebn_send_text(p->connection, p->epoch, STREAM, topic->number, subject, config) ? ASKED : WAITING;
    topic->retry_ms = now + (topic->state == ASKED ? p->settings->ack_timeout : BACKOFF_MAX_MS);
    free(config);
}

static void ask_later(struct topic *topic, int64_t now) {
    topic->state = WAITING;
    topic->retry_ms = now + topic->backoff_ms;
    topic->backoff_ms = topic->backoff_ms ? ebp_earlier(2 * topic->backoff_ms, BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
}

/* ---- Sending ---- */

/* Sends a message, or keeps it where it cannot be sent now. */
static void send_one(struct producer *p, struct pending *one, int64_t now) {
    char reply[EBN_REPLY_ROOM];
    struct topic *topic = one->topic;

    one->until_ms = now + p->settings->ack_timeout;
    if (topic->state != READY) {
        move(&topic->waiting, one);
        return;
    }
    move(&p->sent, one);
    if (!p->up)
        return;
    ebn_reply(p->connection, p->epoch, STORED, ebp_token(&one->slot), reply);
    natsMsg *message = ebn_message_make(&p->headers, one->message, topic->subject, reply);
    one->unsure = one->maybe_stored;
    if (ebn_send(p->connection, p->epoch, STORED, ebp_token(&one->slot), message))
        one->maybe_stored = true;
    else
        fail(p, one, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
}

static void send_list(struct producer *p, struct list *list, int64_t now) {
    struct pending *last = list->last, *one = list->first, *next;

    for (bool more = one != NULL; more; one = next) {
        next = one->next;
        more = one != last;
        send_one(p, one, now);
    }
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    int64_t now = ebp_monotonic_ms();
    size_t taken = 0;

    (void)err;
    for (; taken < n && p->n_out < (size_t)p->settings->max_pending && p->bytes_out < BYTES_MAX; taken++) {
        struct pending *one = (struct pending *)ebp_token_slot_new(&p->pending, sizeof *one);
        if (!one && taken == 0)
            return ebp_no_memory(err);
        if (!one)
            break;
        *one = (struct pending){ .slot = one->slot, .message = batch[taken] };
        p->n_out++;
        p->bytes_out += one->message->payload.len;
        const char *unfit = ebp_unfit(one->message);
        struct eb_error why;
        one->topic = unfit ? NULL : find_topic(p, one->message->topic.data);
        if (unfit)
            fail(p, one, EB_PERMANENT, EB_KIND_DATA, unfit);
        else if (one->topic)
            send_one(p, one, now);
        else if (ebn_check_name("topic", one->message->topic.data, &why) != EB_OK)
            report(p, one, 0, &why);
        else
            fail(p, one, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    }
    ebn_flush(p->connection);
    return (int64_t)taken;
}

/* ---- Answers ---- */

static void on_stored(struct producer *p, struct pending *one, natsMsg *message, int64_t now) {
    struct topic *topic = one->topic;
    uint64_t sequence = ebn_stored_read(message, topic->stream);
    struct ebn_answer answer;
    char text[240];

    if (sequence > 0) {
        topic->backoff_ms = 0;
        report(p, one, sequence, NULL);
        return;
    }
    ebn_answer_read(&answer, message);
    one->maybe_stored = one->unsure || answer.http == 0;
    if (answer.http == 503 && answer.code == 0) { /* no stream has the subject */
        if (topic->state == READY) {
            snprintf(topic->why, sizeof topic->why,
                     "no stream takes the subject %.100s; add it to the stream %.100s, or set subject_prefix", topic->subject,
                     topic->stream);
            ask_later(topic, now);
        }
        one->refused_ms = one->refused_ms ? one->refused_ms : now;
        if (now - one->refused_ms >= p->settings->ack_timeout)
            fail(p, one, EB_RETRIABLE, EB_KIND_BROKER, topic->why);
        else
            move(&topic->waiting, one);
    } else {
        if (answer.http == 0)
            snprintf(text, sizeof text, "the confirmation is not one of stream %.150s", topic->stream);
        else
            snprintf(text, sizeof text, "the server refuses it: %s", answer.text);
        fail(p, one, answer.http == 0 || ebn_answer_may_change(&answer) ? EB_RETRIABLE : EB_PERMANENT, EB_KIND_BROKER, text);
    }
    ebn_answer_free(&answer);
}

static void on_stream(struct producer *p, struct topic *topic, natsMsg *message, int64_t now) {
    struct ebn_answer answer;

    if (topic->state != ASKED)
        return;
    ebn_answer_read(&answer, message);
    if (answer.http == 0 || answer.code == EBN_STREAM_EXISTS) {
        topic->state = READY;
        send_list(p, &topic->waiting, now);
    } else {
        bool absent = answer.code == EBN_STREAM_NOT_FOUND;
        snprintf(topic->why, sizeof topic->why,
                 absent ? "the topic does not exist; make it with eventbus topics create, or set create_topics"
                        : "its stream cannot be made: %s",
                 answer.text);
        while (!absent && !ebn_answer_may_change(&answer) && topic->waiting.first)
            fail(p, topic->waiting.first, EB_PERMANENT, EB_KIND_BROKER, topic->why);
        ask_later(topic, now);
    }
    ebn_answer_free(&answer);
}

static void on_refused(struct producer *p, const struct ebn_event *event) {
    struct pending *one = event->what == STORED ? (struct pending *)ebp_token_find(&p->pending, event->number) : NULL;

    if (!one)
        return;
    one->maybe_stored = one->unsure;
    fail(p, one, EB_PERMANENT, EB_KIND_DATA,
         event->status == NATS_MAX_PAYLOAD ? "it is larger than the server's max_payload" : natsStatus_GetText(event->status));
}

static void on_up(struct producer *p, uint32_t epoch, int64_t now) {
    p->up = true;
    p->epoch = epoch;
    for (struct topic *topic = p->topics; topic; topic = topic->next) {
        if (topic->state == READY)
            continue;
        topic->state = WAITING;
        topic->retry_ms = now;
        for (struct pending *one = topic->waiting.first; one; one = one->next)
            one->until_ms = now + p->settings->ack_timeout;
    }
    send_list(p, &p->sent, now);
}

static void on_event(struct producer *p, struct ebn_event *event, int64_t now) {
    struct topic *topic;

    if (event->kind == EBN_UP) {
        on_up(p, event->epoch, now);
    } else if (event->kind == EBN_DOWN) {
        p->up = false;
    } else if (event->kind == EBN_REFUSED && event->epoch == p->epoch) {
        on_refused(p, event);
    } else if (event->epoch == p->epoch && event->what == STORED) {
        struct pending *one = (struct pending *)ebp_token_find(&p->pending, event->number);
        if (one)
            on_stored(p, one, event->message, now);
    } else if (event->epoch == p->epoch && event->what == STREAM) {
        for (topic = p->topics; topic && topic->number != event->number; topic = topic->next)
            continue;
        if (topic)
            on_stream(p, topic, event->message, now);
    }
    natsMsg_Destroy(event->message);
}

/* ---- Time ---- */

/* Does what is due while the link is up. Returns when something is due next. */
static int64_t do_due(struct producer *p, int64_t now) {
    int64_t next = INT64_MAX;

    while (p->up && p->sent.first && p->sent.first->until_ms <= now)
        fail(p, p->sent.first, EB_RETRIABLE, EB_KIND_BROKER, "the stream did not confirm it within ack_timeout");
    if (p->up && p->sent.first)
        next = p->sent.first->until_ms;
    for (struct topic *topic = p->topics; p->up && topic; topic = topic->next) {
        if (topic->state == READY)
            continue;
        while (topic->waiting.first && topic->waiting.first->until_ms <= now)
            fail(p, topic->waiting.first, EB_RETRIABLE, EB_KIND_BROKER,
                 *topic->why ? topic->why : "its stream does not answer");
        if (topic->waiting.first && topic->retry_ms <= now)
            ask(p, topic, now);
        else if (!topic->waiting.first && topic->retry_ms <= now)
            topic->state = READY; /* the next message finds out */
        next = ebp_earlier(next, topic->retry_ms);
        if (topic->waiting.first)
            next = ebp_earlier(next, topic->waiting.first->until_ms);
    }
    return next;
}

static int64_t work(struct producer *p) {
    struct ebn_event events[EVENTS];
    int64_t now = ebp_monotonic_ms();
    size_t n;

    while ((n = ebn_take(p->connection, events, EVENTS)) > 0)
        for (size_t i = 0; i < n; i++)
            on_event(p, &events[i], now);
    return do_due(p, now);
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms, next;

    (void)err;
    for (;;) {
        next = work(p);
        bool woken = ebn_was_woken(p->connection);
        if (p->n_reported > 0 || woken || ebp_monotonic_ms() >= until)
            break;
        ebn_wait(p->connection, ebp_earlier(until, next) - ebp_monotonic_ms());
    }
    ebn_flush(p->connection);
    p->n_reported = 0;
    return EB_OK;
}

static void producer_wake(void *self) {
    ebn_wake(((struct producer *)self)->connection);
}

/* ---- Life ---- */

static void producer_free(struct producer *p) {
    struct topic *topic;

    while ((topic = p->topics)) {
        p->topics = topic->next;
        free(topic->name);
        free(topic);
    }
    ebp_token_table_free(&p->pending);
    ebp_text_headers_free(&p->headers);
    free(p);
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = calloc(1, sizeof *p);
    struct eb_error why = { .status = EB_RETRIABLE };

    if (!p)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, 0, "out of memory");
    p->host = host;
    p->settings = settings;
    p->connection = ebn_connect(host, settings, 2 * (size_t)p->settings->max_pending + 1024, "", &why);
    if (!p->connection) {
        producer_free(p);
        if (err)
            *err = why;
        return why.status;
    }
    *self = p;
    return EB_OK;
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms, next;

    while (p->n_out > 0 && ebp_monotonic_ms() < until) {
        next = work(p);
        if (p->n_out > 0)
            ebn_wait(p->connection, ebp_earlier(until, next) - ebp_monotonic_ms());
    }
    ebn_disconnect(p->connection, timeout_ms == 0, until - ebp_monotonic_ms());
    while (p->sent.first)
        fail(p, p->sent.first, EB_RETRIABLE, EB_KIND_BROKER, "closed before the stream confirmed it");
    for (struct topic *topic = p->topics; topic; topic = topic->next)
        while (topic->waiting.first)
            fail(p, topic->waiting.first, EB_RETRIABLE, EB_KIND_BROKER, "closed before its stream was there");
    producer_free(p);
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EBN_PRODUCER_TRAITS,
    .open = producer_open,
    .submit = producer_submit,
    .poll = producer_poll,
    .wake = producer_wake,
    .close = producer_close,
};
