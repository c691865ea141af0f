/* plugins/kafka/producer/topics.c - see topics.h. */
#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static struct kf_topic *add_topic(struct kf_topics *topics, struct eb_text name) {
    struct kf_topic *topic = calloc(1, sizeof *topic + name.len + 1);

    if (!topic)
        return NULL;
    topic->name_len = name.len;
    memcpy(topic->name, name.data, name.len);
    HASH_ADD_KEYPTR(hh, topics->all, topic->name, name.len, topic);
    if (topic->hh.tbl)
        return topic;
    free(topic);
    return NULL;
}

struct kf_topic *kf_topics_get(struct kf_topics *topics, struct eb_text name) {
    struct kf_topic *topic = topics->last;

    if (topic && topic->name_len == name.len && memcmp(topic->name, name.data, name.len) == 0)
        return topic;
    HASH_FIND(hh, topics->all, name.data, name.len, topic);
    return topics->last = topic ? topic : add_topic(topics, name);
}

bool kf_topics_push(struct kf_topics *topics, struct kf_topic *topic, const struct eb_message *message) {
    if (!EBP_RING_RESERVE(&topic->ring, topic->waiting, 1))
        return false;
    topic->waiting[ebp_ring_push(&topic->ring)] = message;
    topics->n_waiting++;
    return true;
}

const struct eb_message *kf_topics_first(const struct kf_topic *topic) {
    return topic->ring.n ? topic->waiting[ebp_ring_at(&topic->ring, 0)] : NULL;
}

void kf_topics_pop(struct kf_topics *topics, struct kf_topic *topic) {
    ebp_ring_pop(&topic->ring);
    topics->n_waiting--;
}

static struct sr_entry *entry_of(const struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                 struct eb_error *err) {
    struct sr_entry *entry;
    char *subject;

    if (asprintf(&subject, "%s-%.*s", topic->name, (int)schema->name.len, schema->name.data) < 0) {
        ebp_no_memory(err);
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
            ebp_no_memory(err);
        return NULL;
    }
    *subject = (struct kf_subject){ .schema = schema->id, .entry = entry };
    HASH_ADD(hh, topic->subjects, schema, sizeof subject->schema, subject);
    if (!subject->hh.tbl) {
        free(subject);
        ebp_no_memory(err);
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
    struct kf_topic *topic, *next;

    HASH_ITER(hh, topics->all, topic, next) {
        HASH_DEL(topics->all, topic);
        if (topic->rkt)
            rd_kafka_topic_destroy(topic->rkt);
        free(topic->waiting);
        free_subjects(topic);
        free(topic);
    }
}
