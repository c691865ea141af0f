/* core/consume/dead_letter_topics.c - see dead_letter_topics.h. */
#include "consume/dead_letter_topics.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "consume/state.h"
#include "plugin/admin.h"

const struct ebi_backoff ebi_dead_letter_backoff = { .first_ms = 1000, .max_ms = 30000, .jitter = 0.2 };

/* A topic that is known to exist. */
struct ebi_known_topic {
    UT_hash_handle hh;
    char topic[];
};

/* Returns what is known of a topic: EB_OK, it exists; EB_RETRIABLE, with the error of the last attempt: the broker did not answer
 * then, and is not to be asked again yet; EB_EMPTY: nothing. */
static enum eb_status recall(struct eb_consumer *consumer, const char *topic, struct eb_error *err) {
    const struct ebi_dead_letter_topics *topics = &consumer->dead_letter_topics;
    const struct ebi_known_topic *known;

    ebi_consumer_lock(consumer);
    HASH_FIND_STR(topics->known, topic, known);
    enum eb_status status = known ? EB_OK : ebi_ticks_ms() < topics->create_again_ms ? EB_RETRIABLE : EB_EMPTY;
    if (status == EB_RETRIABLE && err)
        *err = topics->create_error;
    ebi_consumer_unlock(consumer);
    return status;
}

/* Remembers a topic. There are as many as the worker has topics. Without memory the topic is created again later, which does no
 * harm. */
static void remember(struct eb_consumer *consumer, const char *topic) {
    struct ebi_known_topic *known = calloc(1, sizeof *known + strlen(topic) + 1), *there;

    if (!known)
        return;
    strcpy(known->topic, topic);
    ebi_consumer_lock(consumer);
    HASH_FIND_STR(consumer->dead_letter_topics.known, topic, there);
    if (!there)
        HASH_ADD_STR(consumer->dead_letter_topics.known, topic, known);
    ebi_consumer_unlock(consumer);
    if (there || !EBI_HASHED(known))
        free(known);
}

static void note_create(struct eb_consumer *consumer, enum eb_status status, const struct eb_error *err) {
    struct ebi_dead_letter_topics *topics = &consumer->dead_letter_topics;

    ebi_consumer_lock(consumer);
    if (status == EB_RETRIABLE) {
        topics->create_again_ms = ebi_ticks_ms() +
                                  ebi_backoff_wait(&ebi_dead_letter_backoff, ++topics->failed_creates, ebi_chance());
        topics->create_error = *err;
    } else {
        topics->failed_creates = 0;
    }
    ebi_consumer_unlock(consumer);
}

/* Creates a topic or, with EB_DRY_RUN, finds out whether it could be created. */
static enum eb_status ensure_topic(struct eb_consumer *consumer, const char *topic, uint32_t flags, struct eb_error *err) {
    const struct ebi_broker *broker = consumer->deps.dead_letter_broker;
    struct ebi_admin *admin = NULL;
    enum eb_status status;

    if (!broker->plugin->admin || !broker->plugin->admin->create)
        return EB_OK; /* a send creates the topic, or fails */
    status = recall(consumer, topic, err);
    if (status != EB_EMPTY)
        return status;
    status = ebi_admin_open(broker, consumer->deps.service, consumer->deps.log, &admin, err);
    if (status == EB_OK)
        status = ebi_admin_create(admin, topic, 0, flags, err);
    ebi_admin_close(admin);
    if (status >= EB_OK && !(flags & EB_DRY_RUN))
        remember(consumer, topic);
    if (status < EB_OK)
        ebi_error_context(err, "dead-letter topic %s", topic);
    note_create(consumer, status, err);
    return status >= EB_OK ? EB_OK : status;
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
    else if (!strchr(letters, '*')) /* which topics a pattern will match is not known yet */
        status = ensure_topic(consumer, letters, EB_DRY_RUN, err);
    free(letters);
    return status;
}

enum eb_status ebi_dead_letter_topics_check(struct eb_consumer *consumer, struct eb_error *err) {
    const char *broker = consumer->deps.dead_letter_broker->name;
    int64_t began = ebi_ticks_ms();
    struct eb_error why = { 0 };
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < consumer->task.n_topics && status == EB_OK; i++)
        status = check_topic(consumer, consumer->task.topics[i], &why);
    if (status == EB_OK)
        return EB_OK;
    if (status == EB_RETRIABLE) {
        /* The worker says once that its own broker is away: see check_link. */
        bool told = consumer->deps.dead_letter_broker == consumer->deps.broker;
        ebi_log_line(consumer->deps.log, told ? EBI_DEBUG : EBI_WARNING, "broker %s: %s; starting anyway", broker, why.text);
        if (told) {
            consumer->link_waited_ms = ebi_ticks_ms() - began;
            consumer->instance.link_error = why; /* until the worker's own connection gives a reason */
        }
        return EB_OK;
    }
    if (err)
        *err = why;
    ebi_error_context(err, "broker %s cannot store dead letters", broker);
    return status;
}

enum eb_status ebi_dead_letter_topic_create(struct eb_consumer *consumer, const char *topic, struct eb_error *err) {
    return ensure_topic(consumer, topic, 0, err);
}

void ebi_dead_letter_topics_free(struct eb_consumer *consumer) {
    struct ebi_known_topic *known, *next;

    HASH_ITER(hh, consumer->dead_letter_topics.known, known, next) {
        HASH_DEL(consumer->dead_letter_topics.known, known);
        free(known);
    }
}
