/* plugins/kafka/producer/topics.c - see topics.h. */
#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static size_t hash(struct eb_text text) {
    size_t h = 14695981039346656037u;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.data[i]) * 1099511628211u;
    return h;
}

static bool is_named(const struct kf_topic *topic, struct eb_text name) {
    return topic->name_len == name.len && memcmp(topic->name, name.data, name.len) == 0;
}

struct kf_topic *kf_topics_get(struct kf_topics *topics, struct eb_text name) {
    if (topics->last && is_named(topics->last, name))
        return topics->last;
    struct kf_topic **bucket = &topics->buckets[hash(name) % KF_BUCKETS], *topic = *bucket;
    while (topic && !is_named(topic, name))
        topic = topic->in_bucket;
    if (!topic && (topic = calloc(1, sizeof *topic + name.len + 1))) {
        topic->name_len = name.len;
        memcpy(topic->name, name.data, name.len);
        topic->next = topics->all;
        topic->in_bucket = *bucket;
        topics->all = *bucket = topic;
    }
    return topics->last = topic;
}

bool kf_topics_push(struct kf_topics *topics, struct kf_topic *topic, const struct eb_message *message) {
    if (topic->n_waiting == topic->room) {
        size_t room = topic->room ? 2 * topic->room : 64;
        const struct eb_message **more = malloc(room * sizeof *more);
        if (!more)
            return false;
        for (size_t i = 0; i < topic->n_waiting; i++)
            more[i] = topic->waiting[(topic->first + i) % topic->room];
        free(topic->waiting);
        topic->waiting = more;
        topic->room = room;
        topic->first = 0;
    }
    topic->waiting[(topic->first + topic->n_waiting++) % topic->room] = message;
    topics->n_waiting++;
    return true;
}

const struct eb_message *kf_topics_first(const struct kf_topic *topic) {
    return topic->n_waiting ? topic->waiting[topic->first] : NULL;
}

void kf_topics_pop(struct kf_topics *topics, struct kf_topic *topic) {
    topic->first = (topic->first + 1) % topic->room;
    topic->n_waiting--;
    topics->n_waiting--;
}

static struct sr_entry *entry_of(const struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                 struct eb_error *err) {
    struct sr_entry *entry;
    char *subject;

    if (asprintf(&subject, "%s-%.*s", topic->name, (int)schema->name.len, schema->name.data) < 0) {
        kf_no_memory(err);
        return NULL;
    }
    entry = sr_entry(registry, subject, schema->json.data, schema->json.len, err);
    free(subject);
    return entry;
}

static struct kf_subject *add_subject(struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                      struct eb_error *err) {
    struct sr_entry *entry = entry_of(topic, registry, schema, err);
    struct kf_subject *subject = entry ? calloc(1, sizeof *subject) : NULL;

    if (!subject) {
        if (entry)
            kf_no_memory(err);
        return NULL;
    }
    *subject = (struct kf_subject){ .schema = schema->id, .entry = entry };
    HASH_ADD(hh, topic->subjects, schema, sizeof subject->schema, subject);
    if (!subject->hh.tbl) {
        free(subject);
        kf_no_memory(err);
        return NULL;
    }
    return subject;
}

struct kf_subject *kf_topics_subject(struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                     struct eb_error *err) {
    struct kf_subject *subject = topic->last_subject;

    if (subject && subject->schema == schema->id)
        return subject;
    HASH_FIND(hh, topic->subjects, &schema->id, sizeof schema->id, subject);
    if (!subject)
        subject = add_subject(topic, registry, schema, err);
    if (subject)
        topic->last_subject = subject;
    return subject;
}

static void free_subjects(struct kf_topic *topic) {
    struct kf_subject *subject, *next;

    HASH_ITER(hh, topic->subjects, subject, next) {
        HASH_DEL(topic->subjects, subject);
        free(subject);
    }
}

void kf_topics_free(struct kf_topics *topics) {
    struct kf_topic *topic;

    while ((topic = topics->all)) {
        topics->all = topic->next;
        if (topic->rkt)
            rd_kafka_topic_destroy(topic->rkt);
        free(topic->waiting);
        free_subjects(topic);
        free(topic);
    }
}
