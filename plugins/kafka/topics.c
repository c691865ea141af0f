/* plugins/kafka/topics.c - see topics.h. */
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

static struct kf_subject *add_subject(struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                      struct eb_error *err) {
    struct kf_subject *more = realloc(topic->subjects, (topic->n_subjects + 1) * sizeof *more);
    char *subject = NULL;
    struct sr_entry *entry = NULL;

    if (more) {
        topic->subjects = more;
        if (asprintf(&subject, "%s-%.*s", topic->name, (int)schema->name.len, schema->name.data) < 0)
            subject = NULL;
    }
    if (subject)
        entry = sr_entry(registry, subject, schema->json.data, schema->json.len, err);
    else
        kf_no_memory(err);
    free(subject);
    if (!entry)
        return NULL;
    topic->last_subject = topic->n_subjects++;
    topic->subjects[topic->last_subject] = (struct kf_subject){ .schema = schema->id, .entry = entry };
    return &topic->subjects[topic->last_subject];
}

struct kf_subject *kf_topics_subject(struct kf_topic *topic, struct sr_registry *registry, const struct eb_schema *schema,
                                     struct eb_error *err) {
    if (topic->last_subject < topic->n_subjects && topic->subjects[topic->last_subject].schema == schema->id)
        return &topic->subjects[topic->last_subject];
    for (size_t i = 0; i < topic->n_subjects; i++)
        if (topic->subjects[i].schema == schema->id) {
            topic->last_subject = i;
            return &topic->subjects[i];
        }
    return add_subject(topic, registry, schema, err);
}

void kf_topics_free(struct kf_topics *topics) {
    struct kf_topic *topic;

    while ((topic = topics->all)) {
        topics->all = topic->next;
        if (topic->rkt)
            rd_kafka_topic_destroy(topic->rkt);
        free(topic->waiting);
        free(topic->subjects);
        free(topic);
    }
}
