/* plugins/kafka/producer/topics.h - the topics that a producer sends to: messages that wait, and schemas with their ids. */
#ifndef KF_TOPICS_H
#define KF_TOPICS_H

#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then; without it uthash ends the process */
#include <uthash.h>
#include <eventbus/plugin-help/ring.h>

#include "common/registry/registry.h"

/* A schema under its subject in one topic. */
struct kf_subject {
    uint64_t schema; /* the host's id of it */
    UT_hash_handle hh;
    struct sr_entry *entry;
    bool known;
    uint32_t id; /* the registry's */
};

struct kf_topic {
    UT_hash_handle hh;                 /* of all, by name */
    rd_kafka_topic_t *rkt;             /* made when the topic is first sent to; NULL before */
    struct ebp_ring ring;              /* of `waiting` */
    const struct eb_message **waiting; /* in the order they came: for a schema's id, for the topic itself */
    bool known;                        /* a message was stored since the cluster last did not know the topic */
    int64_t unknown_ms;                /* since when the cluster does not know it; 0: it does, or was not asked */
    int64_t retry_ms;                  /* nothing is sent before; 0: any time */
    struct kf_subject *subjects;       /* by schema: dead letters bring as many as their writers used */
    struct kf_subject *last_subject;   /* that was looked up */
    size_t name_len;
    char name[];
};

struct kf_topics {
    struct kf_topic *all;  /* a hash table */
    struct kf_topic *last; /* that was looked up */
    size_t n_waiting;      /* in all */
};

/* Finds a topic, or adds it. NULL: no memory. */
struct kf_topic *kf_topics_get(struct kf_topics *, struct eb_text name);

bool kf_topics_push(struct kf_topics *, struct kf_topic *, const struct eb_message *); /* false: no memory */
const struct eb_message *kf_topics_first(const struct kf_topic *);                     /* NULL: none waits */
void kf_topics_pop(struct kf_topics *, struct kf_topic *);

/* Finds the schema under the subject TOPIC-NAME, or adds it to the registry client. NULL: no memory, see err. */
struct kf_subject *kf_topics_subject(struct kf_topic *, struct sr_registry *, const struct eb_schema *, struct eb_error *);

void kf_topics_free(struct kf_topics *);

#endif
