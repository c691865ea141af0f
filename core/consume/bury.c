/* core/consume/bury.c - dead letters: the original message with the story of its failure, kept before it is acknowledged. */
#include "consume/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "plugin/admin.h"

static const struct ebi_backoff reburial = {.first_ms = 1000, .max_ms = 30000, .jitter = 0.2};
/* A full queue is not waited for: that would hold up the events of other keys. */
static const int64_t put_wait_ms = 0;

/* ---- Dead-letter topics ---- */

struct ebi_grave {
    UT_hash_handle hh;
    char topic[];
};

static bool is_made(struct eb_consumer *consumer, const char *topic) {
    struct ebi_grave *grave;

    pthread_mutex_lock(&consumer->lock);
    HASH_FIND_STR(consumer->graves, topic, grave);
    pthread_mutex_unlock(&consumer->lock);
    return grave != NULL;
}

/* As many as there are topics. Where there is no memory to remember one, it is made again, which does no harm. */
static void remember(struct eb_consumer *consumer, const char *topic) {
    struct ebi_grave *grave = calloc(1, sizeof *grave + strlen(topic) + 1), *there;

    if (!grave)
        return;
    strcpy(grave->topic, topic);
    pthread_mutex_lock(&consumer->lock);
    HASH_FIND_STR(consumer->graves, topic, there);
    if (!there)
        HASH_ADD_STR(consumer->graves, topic, grave);
    pthread_mutex_unlock(&consumer->lock);
    if (there || !EBI_HASHED(grave))
        free(grave);
}

/* True: the broker did not answer the last time, and is not asked again yet. */
static bool is_unanswered(struct eb_consumer *consumer, struct eb_error *err) {
    pthread_mutex_lock(&consumer->lock);
    bool unanswered = ebi_ticks_ms() < consumer->make_again_ms;
    if (unanswered && err)
        *err = consumer->make_why;
    pthread_mutex_unlock(&consumer->lock);
    return unanswered;
}

static void note_answer(struct eb_consumer *consumer, enum eb_status status, const struct eb_error *err) {
    pthread_mutex_lock(&consumer->lock);
    if (status == EB_RETRIABLE) {
        consumer->make_again_ms = ebi_ticks_ms() + ebi_backoff_wait(&reburial, ++consumer->makes_in_vain, ebi_chance());
        consumer->make_why = *err;
    } else {
        consumer->makes_in_vain = 0;
    }
    pthread_mutex_unlock(&consumer->lock);
}

/* Makes sure that a topic exists. Without the lock: it waits for the broker. While the broker does not answer only one event
 * in a while waits for it: each one holds a hand up, which has other keys to serve. */
static enum eb_status make_topic(struct eb_consumer *consumer, const char *topic, struct eb_error *err) {
    const struct ebi_broker *broker = consumer->parts.dead_letter_broker;
    struct ebi_admin *admin = NULL;
    enum eb_status status;

    if (!broker->plugin->admin || !broker->plugin->admin->create)
        return EB_OK;                   /* it makes its topics as they are sent to, or says so then */
    if (is_made(consumer, topic))
        return EB_OK;
    if (is_unanswered(consumer, err))
        return EB_RETRIABLE;
    status = ebi_admin_open(broker, consumer->parts.service, consumer->parts.log, &admin, err);
    if (status == EB_OK)
        status = ebi_admin_create(admin, topic, err);
    ebi_admin_close(admin);
    if (status >= EB_OK)
        remember(consumer, topic);
    else
        ebi_error_context(err, "dead-letter topic %s", topic);
    note_answer(consumer, status, err);
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
    if (strcmp(letters, topic) == 0 && consumer->parts.dead_letter_broker == consumer->parts.broker)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "the dead letters of topic %s would come back to it; set dead_letter_topic in [consume %s] to "
                           "another one, such as {topic}.dlq",
                           ebi_short_topic(consumer->task.prefix, topic), consumer->task.section);
    else if (!strchr(letters, '*'))     /* what a pattern will take in is not known yet */
        status = make_topic(consumer, letters, err);
    free(letters);
    return status;
}

/* Makes sure that dead letters will have somewhere to go. A broker that is away now is no reason to refuse: they wait for
 * it in the queue, as everything does. */
static enum eb_status check_topics(struct eb_consumer *consumer, struct eb_error *err) {
    const char *broker = consumer->parts.dead_letter_broker->name;
    int64_t began = ebi_ticks_ms();
    struct eb_error why = {0};
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < consumer->task.n_topics && status == EB_OK; i++)
        status = check_topic(consumer, consumer->task.topics[i], &why);
    if (status == EB_OK)
        return EB_OK;
    if (status == EB_RETRIABLE) {
        /* A broker that is not there is told by the worker, once: see check_link. */
        bool told = consumer->parts.dead_letter_broker == consumer->parts.broker;
        ebi_log_line(consumer->parts.log, told ? EBI_DEBUG : EBI_WARNING, "broker %s: %s; starting all the same", broker,
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

enum eb_status ebi_bury_open(struct eb_consumer *consumer, struct eb_error *err) {
    const struct ebi_broker *broker = consumer->parts.dead_letter_broker;
    struct ebi_sender_limits limits = ebi_sender_limits_of(consumer->parts.bus);
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
    limits.absence_is_told = broker == consumer->parts.broker;
    return ebi_sender_open(broker, consumer->parts.service, &limits, consumer->parts.log, &consumer->dead_letters, err);
}

void ebi_bury_close(struct eb_consumer *consumer, int32_t timeout_ms) {
    struct ebi_grave *grave, *next;

    ebi_sender_close(consumer->dead_letters, timeout_ms);
    HASH_ITER(hh, consumer->graves, grave, next) {
        HASH_DEL(consumer->graves, grave);
        free(grave);
    }
}

/* ---- Burying ---- */

enum { N_STORY = 9 };

/* The headers that tell what happened, and the texts they need. */
struct story {
    struct eb_header items[N_STORY];
    char attempts[16], first[EBI_ISO_ROOM], last[EBI_ISO_ROOM];
};

static struct eb_header header(const char *name, const char *value) {
    return (struct eb_header){{name, strlen(name)}, {value, strlen(value)}};
}

static const char *class_of(const struct ebi_taken *taken) {
    return taken->why && taken->why->status == EB_RETRIABLE ? "retriable" : "permanent";
}

static void tell(const struct eb_consumer *consumer, const struct ebi_taken *taken, struct story *story) {
    snprintf(story->attempts, sizeof story->attempts, "%" PRIu32, taken->failures);
    ebi_iso_print(taken->first_failed_us, story->first);
    ebi_iso_print(taken->last_failed_us, story->last);
    story->items[0] = header("dlq_reason", taken->why ? taken->why->text : "out of memory");
    story->items[1] = header("dlq_class", class_of(taken));
    story->items[2] = header("dlq_topic", ebi_short_topic(consumer->task.prefix, taken->message.topic.data));
    story->items[3] = header("dlq_position", taken->message.position.data ? taken->message.position.data : "");
    story->items[4] = header("dlq_group", consumer->task.group);
    story->items[5] = header("dlq_receiver", taken->receiver);
    story->items[6] = header("dlq_attempts", story->attempts);
    story->items[7] = header("dlq_first", story->first);
    story->items[8] = header("dlq_last", story->last);
}

/* All headers of the message but an earlier story, then this one. To be freed; NULL: no memory. */
static struct eb_header *headers_with(const struct eb_message *message, const struct story *story, size_t *n) {
    struct eb_header *headers = calloc(message->n_headers + N_STORY, sizeof *headers);

    *n = 0;
    if (!headers)
        return NULL;
    for (size_t i = 0; i < message->n_headers; i++) {
        struct eb_text name = message->headers[i].name;

        if (name.len < 4 || memcmp(name.data, "dlq_", 4) != 0)
            headers[(*n)++] = message->headers[i];
    }
    memcpy(headers + *n, story->items, sizeof story->items);
    *n += N_STORY;
    return headers;
}

static void unbury(struct eb_consumer *consumer, struct ebi_taken *taken, const struct eb_error *why) {
    int64_t wait = ebi_backoff_wait(&reburial, ++taken->burials, ebi_chance());

    if (!taken->lane || consumer->draining) {
        ebi_dispatch_return(&consumer->dispatch, taken, ebi_ticks_ms());
        return;
    }
    ebi_log_line(consumer->parts.log, EBI_ERROR, "the dead letter of %s %s is not kept yet, is tried again: %s",
                 ebi_short_topic(consumer->task.prefix, taken->message.topic.data), ebi_position_of(&taken->message),
                 why->text);
    ebi_consumer_sleep(consumer, taken, wait);
}

static void refuse(struct eb_consumer *consumer, struct ebi_taken *taken, const struct eb_error *said) {
    struct eb_error why = *said;

    ebi_error_context(&why, "the dead letter of %s %s cannot be kept, so the worker stops; the event was handed back",
                      ebi_short_topic(consumer->task.prefix, taken->message.topic.data), ebi_position_of(&taken->message));
    why.status = EB_FATAL;
    ebi_dispatch_return(&consumer->dispatch, taken, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

/* The end of a burial, in the sender's thread or where it could not even begin. */
struct burial {
    struct eb_consumer *consumer;
    struct ebi_taken *taken;
};

static void end_burial(struct eb_consumer *consumer, struct ebi_taken *taken, enum eb_status status,
                       const struct eb_error *why) {
    pthread_mutex_lock(&consumer->lock);
    if (status == EB_OK) {
        atomic_fetch_add(&consumer->counters.dead_lettered, 1);
        ebi_dispatch_ack(&consumer->dispatch, taken, ebi_ticks_ms());
    } else if (status == EB_PERMANENT) {
        refuse(consumer, taken, why);
    } else {
        unbury(consumer, taken, why);
    }
    ebi_consumer_nudge(consumer, ebi_ticks_ms());
    if (ebi_dispatch_has_next(&consumer->dispatch))
        pthread_cond_signal(&consumer->work);
    ebi_consumer_unlock(consumer);
}

static void on_buried(void *arg, const struct ebi_report *report) {
    struct burial burial = *(struct burial *)arg;

    free(arg);
    end_burial(burial.consumer, burial.taken, report->status, report->error);
}

static enum eb_status send(struct eb_consumer *consumer, struct ebi_taken *taken, struct burial *burial,
                           struct eb_error *err) {
    struct eb_message message = taken->message;
    char *topic = ebi_task_dead_letter_topic(&consumer->task, message.topic.data);
    struct story story;
    enum eb_status status;

    tell(consumer, taken, &story);
    message.headers = headers_with(&taken->message, &story, &message.n_headers);
    if (!topic || !message.headers) {
        status = ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    } else if ((status = make_topic(consumer, topic, err)) == EB_OK) {
        message.topic = (struct eb_text){topic, strlen(topic)};
        message.position = (struct eb_text){0};     /* a flaw stays: its payload is what the broker held */
        message.time_ms = message.lease_ms = 0;
        message.deliveries = message.failures = message.lane = 0;
        status = ebi_sender_put(consumer->dead_letters, &message, put_wait_ms, on_buried, burial, err);
    }
    free((void *)message.headers);
    free(topic);
    return status;
}

void ebi_bury(struct eb_consumer *consumer, struct ebi_taken *taken) {
    struct burial *burial = malloc(sizeof *burial);
    struct eb_error why;
    enum eb_status status;

    pthread_mutex_lock(&consumer->lock);
    ebi_dispatch_park(&consumer->dispatch, taken);      /* first: the report may come before the put is back */
    pthread_mutex_unlock(&consumer->lock);
    if (burial) {
        *burial = (struct burial){consumer, taken};
        status = send(consumer, taken, burial, &why);
    } else {
        status = ebi_error(&why, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    }
    if (status == EB_OK)
        return;
    free(burial);
    end_burial(consumer, taken, status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE, &why);
}
