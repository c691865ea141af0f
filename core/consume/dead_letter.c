/* core/consume/dead_letter.c - dead letters: the original message with the story of its failure, kept before it is acknowledged. */
#include "consume/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fingerprint.h"
#include "base/hash.h"
#include "plugin/admin.h"
#include "signal/attrs.h"

static const struct ebi_backoff retry_backoff = {.first_ms = 1000, .max_ms = 30000, .jitter = 0.2};
/* A full queue is not waited for: that would hold up the events of other keys. */
static const int64_t put_wait_ms = 0;

/* ---- Dead-letter topics ---- */

struct ebi_known_topic {
    UT_hash_handle hh;
    char topic[];
};

static bool is_known(struct eb_consumer *consumer, const char *topic) {
    struct ebi_known_topic *known;

    pthread_mutex_lock(&consumer->lock);
    HASH_FIND_STR(consumer->known_topics, topic, known);
    pthread_mutex_unlock(&consumer->lock);
    return known != NULL;
}

/* As many as there are topics. Where there is no memory to remember one, it is made again, which does no harm. */
static void remember(struct eb_consumer *consumer, const char *topic) {
    struct ebi_known_topic *known = calloc(1, sizeof *known + strlen(topic) + 1), *there;

    if (!known)
        return;
    strcpy(known->topic, topic);
    pthread_mutex_lock(&consumer->lock);
    HASH_FIND_STR(consumer->known_topics, topic, there);
    if (!there)
        HASH_ADD_STR(consumer->known_topics, topic, known);
    pthread_mutex_unlock(&consumer->lock);
    if (there || !EBI_HASHED(known))
        free(known);
}

/* True: the broker did not answer the last time, and is not asked again yet. */
static bool must_wait(struct eb_consumer *consumer, struct eb_error *err) {
    pthread_mutex_lock(&consumer->lock);
    bool unanswered = ebi_ticks_ms() < consumer->create_again_ms;
    if (unanswered && err)
        *err = consumer->create_error;
    pthread_mutex_unlock(&consumer->lock);
    return unanswered;
}

static void note_create(struct eb_consumer *consumer, enum eb_status status, const struct eb_error *err) {
    pthread_mutex_lock(&consumer->lock);
    if (status == EB_RETRIABLE) {
        consumer->create_again_ms = ebi_ticks_ms() + ebi_backoff_wait(&retry_backoff, ++consumer->failed_creates, ebi_chance());
        consumer->create_error = *err;
    } else {
        consumer->failed_creates = 0;
    }
    pthread_mutex_unlock(&consumer->lock);
}

/* Makes sure that a topic exists or, with EB_DRY_RUN, that it could be made. Without the lock: it waits for the broker. While
 * the broker does not answer only one event in a while waits for it: each one holds a hand up, which has other keys to
 * serve. */
static enum eb_status ensure_topic(struct eb_consumer *consumer, const char *topic, uint32_t flags, struct eb_error *err) {
    const struct ebi_broker *broker = consumer->deps.dead_letter_broker;
    struct ebi_admin *admin = NULL;
    enum eb_status status;

    if (!broker->plugin->admin || !broker->plugin->admin->create)
        return EB_OK;                   /* it makes its topics as they are sent to, or says so then */
    if (is_known(consumer, topic))
        return EB_OK;
    if (must_wait(consumer, err))
        return EB_RETRIABLE;
    status = ebi_admin_open(broker, consumer->deps.service, consumer->deps.log, &admin, err);
    if (status == EB_OK)
        status = ebi_admin_create(admin, topic, flags, err);
    ebi_admin_close(admin);
    if (status >= EB_OK && !(flags & EB_DRY_RUN))
        remember(consumer, topic);
    if (status < EB_OK)
        ebi_error_context(err, "dead-letter topic %s", topic);
    note_create(consumer, status, err);
    return status >= EB_OK ? EB_OK : status;
}

/* ---- Opening ---- */

static bool wanted(const struct ebi_task *task) {
    return task->settings.on_failure == 0 || task->settings.on_unknown == 0;
}

static enum eb_status check_topic(struct eb_consumer *consumer, const char *topic, struct eb_error *err) {
    char *letters = ebi_task_dead_letter_topic(&consumer->task, topic);
    enum eb_status status = EB_OK;

    if (!letters)
        return ebi_error_memory(err);
    if (strcmp(letters, topic) == 0 && consumer->deps.dead_letter_broker == consumer->deps.broker)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "the dead letters of topic %s would come back to it; set dead_letter_topic in [consume %s] to "
                           "another one, such as {topic}.dlq",
                           ebi_short_topic(consumer->task.prefix, topic), consumer->task.section);
    else if (!strchr(letters, '*'))     /* what a pattern will take in is not known yet */
        status = ensure_topic(consumer, letters, EB_DRY_RUN, err);
    free(letters);
    return status;
}

/* Makes sure that dead letters will have somewhere to go; their topics are made with the first of them. A broker that is away now is no reason to refuse: they wait for
 * it in the queue, as everything does. */
static enum eb_status check_topics(struct eb_consumer *consumer, struct eb_error *err) {
    const char *broker = consumer->deps.dead_letter_broker->name;
    int64_t began = ebi_ticks_ms();
    struct eb_error why = {0};
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < consumer->task.n_topics && status == EB_OK; i++)
        status = check_topic(consumer, consumer->task.topics[i], &why);
    if (status == EB_OK)
        return EB_OK;
    if (status == EB_RETRIABLE) {
        /* A broker that is not there is told by the worker, once: see check_link. */
        bool told = consumer->deps.dead_letter_broker == consumer->deps.broker;
        ebi_log_line(consumer->deps.log, told ? EBI_DEBUG : EBI_WARNING, "broker %s: %s; starting all the same", broker,
                     why.text);
        if (told) {
            consumer->link_waited_ms = ebi_ticks_ms() - began;
            consumer->link_why = why;           /* should the worker's own connection have nothing to say in what is left */
        }
        return EB_OK;
    }
    if (err)
        *err = why;
    ebi_error_context(err, "broker %s cannot keep dead letters", broker);
    return status;
}

enum eb_status ebi_dead_letters_open(struct eb_consumer *consumer, struct eb_error *err) {
    const struct ebi_broker *broker = consumer->deps.dead_letter_broker;
    struct ebi_sender_limits limits = ebi_sender_limits_of(consumer->deps.bus);
    enum eb_status status;

    if (!wanted(&consumer->task))
        return EB_OK;
    if (!broker->plugin->producer)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "plugin %s cannot send, so dead letters need another broker: set dead_letter_broker in "
                         "[consume %s]", broker->plugin->about.name, consumer->task.section);
    status = check_topics(consumer, err);
    if (status != EB_OK)
        return status;
    limits.takes_any_size = true;       /* the message is here already, and has to go out */
    limits.absence_is_told = broker == consumer->deps.broker;
    return ebi_sender_open(broker, consumer->deps.service, &limits, consumer->deps.log, &consumer->dead_letters, err);
}

void ebi_dead_letters_close(struct eb_consumer *consumer, int32_t timeout_ms) {
    struct ebi_known_topic *known, *next;

    ebi_sender_close(consumer->dead_letters, timeout_ms);
    HASH_ITER(hh, consumer->known_topics, known, next) {
        HASH_DEL(consumer->known_topics, known);
        free(known);
    }
}

/* ---- Burying ---- */

enum { N_FAILURE = 10, N_CUT = 3 };

/* The headers that tell what happened, and the texts they need. */
struct report {
    struct eb_header items[N_FAILURE + N_CUT];
    size_t n;
    char attempts[16], first[EBI_ISO_ROOM], last[EBI_ISO_ROOM], size[24], digest[EBI_DIGEST_ROOM];
};

static bool is_named(struct eb_text name, const char *text) {
    return name.len == strlen(text) && memcmp(name.data, text, name.len) == 0;
}

static void add(struct report *report, const char *name, const char *value) {
    report->items[report->n++] = (struct eb_header){{name, strlen(name)}, {value, strlen(value)}};
}

static const char *error_class(const struct ebi_inflight *inflight) {
    return inflight->why && inflight->why->status == EB_RETRIABLE ? "retriable" : "permanent";
}

/* What is missing in the dead letter, and of the data how much it was. */
static void add_truncation(const struct ebi_inflight *inflight, struct report *report) {
    static const char *const missing[] = {[EBI_FORM_NO_HEADERS] = "headers", [EBI_FORM_NO_DATA] = "headers, data",
                                          [EBI_FORM_REPORT] = "headers, data, attributes, key"};
    struct eb_text payload = inflight->message.payload;

    if (inflight->form == EBI_FORM_WHOLE)
        return;
    add(report, "dlq_truncated", missing[inflight->form]);
    if (inflight->form == EBI_FORM_NO_HEADERS)
        return;
    snprintf(report->size, sizeof report->size, "%zu", payload.len);
    ebi_digest(payload.data ? payload.data : "", payload.len, report->digest);
    add(report, "dlq_size", report->size);
    add(report, "dlq_sha256", report->digest);
}

/* cut: the message is itself a dead letter without data: where the original is stays told, and not where this one was. */
static void tell(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, bool cut, struct report *report) {
    report->n = 0;
    snprintf(report->attempts, sizeof report->attempts, "%" PRIu32, inflight->failures);
    ebi_iso_print(inflight->first_failed_us, report->first);
    ebi_iso_print(inflight->last_failed_us, report->last);
    add(report, "dlq_reason", inflight->why ? inflight->why->text : "out of memory");
    if (inflight->detail)
        add(report, "dlq_detail", inflight->detail);
    add(report, "dlq_class", error_class(inflight));
    if (!cut) {
        add(report, "dlq_topic", ebi_short_topic(consumer->task.prefix, inflight->message.topic.data));
        add(report, "dlq_position", inflight->message.position.data ? inflight->message.position.data : "");
    }
    add(report, "dlq_group", consumer->task.group);
    add(report, "dlq_receiver", inflight->receiver);
    add(report, "dlq_attempts", report->attempts);
    add(report, "dlq_first", report->first);
    add(report, "dlq_last", report->last);
    if (!cut)
        add_truncation(inflight, report);
}

/* Of an earlier story, what is told on of an original that is not in the dead letter. */
static bool is_of_original(struct eb_text name) {
    return is_named(name, "dlq_topic") || is_named(name, "dlq_position") || is_named(name, "dlq_truncated") ||
           is_named(name, "dlq_size") || is_named(name, "dlq_sha256");
}

static bool is_kept(struct eb_text name, enum ebi_dead_letter_form form, bool cut) {
    if (name.len >= 4 && memcmp(name.data, "dlq_", 4) == 0)
        return cut && is_of_original(name);
    return form == EBI_FORM_WHOLE;
}

/* The headers of the message that its dead letter has, then this story. To be freed; NULL: no memory. */
static struct eb_header *all_headers(const struct ebi_inflight *inflight, const struct report *report, bool cut, size_t *n) {
    const struct eb_message *message = &inflight->message;
    struct eb_header *headers = calloc(message->n_headers + report->n, sizeof *headers);

    *n = 0;
    if (!headers)
        return NULL;
    for (size_t i = 0; i < message->n_headers; i++)
        if (is_kept(message->headers[i].name, inflight->form, cut))
            headers[(*n)++] = message->headers[i];
    memcpy(headers + *n, report->items, report->n * sizeof *headers);
    *n += report->n;
    return headers;
}

/* The attributes that an event of ours has, the first of each. */
static size_t own_attributes(const struct eb_message *message, struct eb_header own[EBI_N_ATTRS]) {
    static const char *const names[EBI_N_ATTRS] = {"type",         "id",         "source",   "time",
                                                   "minorversion", "sourcehost", "sourcelib"};
    size_t n = 0;

    for (size_t i = 0; i < EBI_N_ATTRS; i++) {
        struct eb_text value = ebi_attr(message, names[i]);

        if (value.data)
            own[n++] = (struct eb_header){{names[i], strlen(names[i])}, value};
    }
    return n;
}

/* Leaves out of the message what its dead letter does not have. */
static void cut_down(struct eb_message *message, enum ebi_dead_letter_form form, struct eb_header own[EBI_N_ATTRS]) {
    if (form >= EBI_FORM_NO_HEADERS) {
        message->n_attrs = own_attributes(message, own);
        message->attrs = own;
    }
    if (form >= EBI_FORM_NO_DATA) {
        message->payload = message->decode_error = (struct eb_text){0};
        message->schema = NULL;
    }
    if (form == EBI_FORM_REPORT) {
        message->n_attrs = 0;
        message->key = message->key_avro = message->id = (struct eb_text){0};
        message->key_schema = NULL;
    }
}

static void try_later(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *why) {
    int64_t wait = ebi_backoff_wait(&retry_backoff, ++inflight->dead_letter_tries, ebi_chance());

    if (!inflight->queue || consumer->draining) {
        ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
        return;
    }
    ebi_log_line(consumer->deps.log, EBI_ERROR, "the dead letter of %s %s is not kept yet, is tried again: %s",
                 ebi_short_topic(consumer->task.prefix, inflight->message.topic.data), ebi_position_of(&inflight->message),
                 why->text);
    ebi_consumer_delay(consumer, inflight, wait);
}

static void refuse(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *said) {
    struct eb_error why = *said;

    ebi_error_context(&why, "the dead letter of %s %s cannot be kept, so the worker stops; the event was handed back",
                      ebi_short_topic(consumer->task.prefix, inflight->message.topic.data), ebi_position_of(&inflight->message));
    why.status = EB_FATAL;
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

/* The broker refuses this dead letter for good. Is it the event, or the topic, that it does not take? With less of the event it
 * is tried at once; where even the story alone is refused, it is the topic. */
static void shorten(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *why) {
    bool has_more = inflight->message.n_headers > 0 || inflight->message.n_attrs > EBI_N_ATTRS;

    inflight->form += inflight->form == EBI_FORM_WHOLE && !has_more ? 2 : 1;
    ebi_log_line(consumer->deps.log, EBI_WARNING, "the dead letter of %s %s is refused, and tried without %s: %s",
                 ebi_short_topic(consumer->task.prefix, inflight->message.topic.data), ebi_position_of(&inflight->message),
                 inflight->form == EBI_FORM_NO_HEADERS ? "its headers" : inflight->form == EBI_FORM_NO_DATA ? "its data"
                                                                                                     : "the event",
                 why->text);
    if (!inflight->queue || consumer->draining)
        ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    else
        ebi_consumer_delay(consumer, inflight, 0);
}

/* The end of a burial, in the sender's thread or where it could not even begin. */
struct pending {
    struct eb_consumer *consumer;
    struct ebi_inflight *inflight;
};

static void finish(struct eb_consumer *consumer, struct ebi_inflight *inflight, enum eb_status status,
                       const struct eb_error *why) {
    pthread_mutex_lock(&consumer->lock);
    if (status == EB_OK) {
        atomic_fetch_add(&consumer->counters.dead_lettered, 1);
        ebi_dispatch_ack(&consumer->dispatch, inflight, ebi_ticks_ms());
    } else if (status == EB_PERMANENT && inflight->form < EBI_FORM_REPORT) {
        shorten(consumer, inflight, why);
    } else if (status == EB_PERMANENT) {
        refuse(consumer, inflight, why);
    } else {
        try_later(consumer, inflight, why);
    }
    ebi_consumer_nudge(consumer, ebi_ticks_ms());
    if (ebi_dispatch_has_next(&consumer->dispatch))
        pthread_cond_signal(&consumer->work);
    ebi_consumer_unlock(consumer);
}

static void on_report(void *arg, const struct ebi_report *report) {
    struct pending pending = *(struct pending *)arg;

    free(arg);
    finish(pending.consumer, pending.inflight, report->status, report->error);
}

static enum eb_status send(struct eb_consumer *consumer, struct ebi_inflight *inflight, struct pending *pending,
                           struct eb_error *err) {
    struct eb_message message = inflight->message;
    char *topic = ebi_task_dead_letter_topic(&consumer->task, message.topic.data);
    bool cut = ebi_dead_letter_lacks_data(&message);
    struct eb_header own[EBI_N_ATTRS];
    struct report report;
    enum eb_status status;

    tell(consumer, inflight, cut, &report);
    message.headers = all_headers(inflight, &report, cut, &message.n_headers);
    cut_down(&message, inflight->form, own);
    if (!topic || !message.headers) {
        status = ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    } else if ((status = ensure_topic(consumer, topic, 0, err)) == EB_PERMANENT) {
        inflight->form = EBI_FORM_REPORT;       /* less of the event does not help */
    } else if (status == EB_OK) {
        message.topic = (struct eb_text){topic, strlen(topic)};
        message.position = (struct eb_text){0};     /* a decode_error stays: its payload is what the broker held */
        message.time_ms = message.lease_ms = 0;
        message.deliveries = message.failures = message.partition = 0;
        status = ebi_sender_put(consumer->dead_letters, &message, put_wait_ms, on_report, pending, err);
    }
    free((void *)message.headers);
    free(topic);
    return status;
}

void ebi_dead_letter_send(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct pending *pending = malloc(sizeof *pending);
    struct eb_error why;
    enum eb_status status;

    pthread_mutex_lock(&consumer->lock);
    ebi_dispatch_park(&consumer->dispatch, inflight);      /* first: the report may come before the put is back */
    pthread_mutex_unlock(&consumer->lock);
    if (pending) {
        *pending = (struct pending){consumer, inflight};
        status = send(consumer, inflight, pending, &why);
    } else {
        status = ebi_error(&why, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    }
    if (status == EB_OK)
        return;
    free(pending);
    finish(consumer, inflight, status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE, &why);
}
