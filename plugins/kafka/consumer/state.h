/* plugins/kafka/consumer/state.h - a consumer's state, shared by the files that each do one part of its work.
 *
 *   consumer.c        open, receive, wake, pause; librdkafka's events
 *   subscription.c    which topics are subscribed to, also by pattern; topics that do not exist
 *   deliver.c         reads the partitions' queues and delivers messages to the host
 *   settle.c          takes verdicts, commits offsets, reports what is settled
 *   membership.c      partitions are assigned and revoked
 *   offset_lookup.c   asks the broker, in a thread, where a new group begins and which topics exist
 *   until_end.c       whether everything up to the end is settled
 *   group_lookup.c    asks the broker, in a thread, whether the whole group has settled it
 *   leave.c           close: commits, leaves the group, ends the client
 *
 * Each partition's messages stay in a queue of its own, and a partition that is paused or about to be revoked is simply not
 * read. librdkafka's own pause, and its one queue for all partitions, lose messages or return those of revoked partitions.
 *
 * All of it belongs to the thread that calls the operations, except what is atomic. */
#ifndef KF_CONSUMER_STATE_H
#define KF_CONSUMER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "client/client.h"
#include "client/fetch_wakeup.h"
#include "record/reader.h"
#include "window.h"

struct kf_topic_name {
    struct kf_topic_name *next;
    int32_t partitions; /* of those assigned here first, the highest number plus 1 */
    int32_t wanted;     /* until_end: how many it had when the topics were looked up */
    atomic_bool absent; /* it did not exist, and that was logged; the lookup's thread reads it too */
    char text[];
};

/* A partition that is assigned to this member. */
struct kf_partition {
    uint16_t slot, generation; /* of its place in `slots`; a token names both */
    struct kf_topic_name *topic;
    int32_t number;
    rd_kafka_queue_t *queue;
    struct ebp_wakeup *wakeup;
    atomic_bool arrived;         /* a message came into the empty queue */
    bool unread;                 /* the queue was not read to its end */
    bool paused, revoking;       /* nothing is delivered meanwhile */
    rd_kafka_message_t *pending; /* read from the queue, not delivered yet */
    int64_t next_offset;         /* the one behind the last message read; -1: none was read */
    int64_t end_offset;          /* until_end: the partition's end when it was looked up; -1: not yet */
    int64_t start_offset;        /* to be committed for a new group; -1: none */
    struct kf_window window;
    bool committing; /* part of the commit under way, which covers the messages in front of `upto` */
    uint32_t upto;
};

enum { KF_SLOTS = 65536 };

struct kf_lookup;
struct kf_group_lookup;

struct kf_consumer {
    struct kf_client client;
    const struct eb_subscription *subscription;
    struct kf_reader reader;
    struct kf_topic_name *topics;
    struct kf_partition **slots;       /* NULL where a slot is free */
    uint16_t *generations;             /* of the slots */
    size_t n_slots, first_slot;        /* first_slot: which partition is read first the next time */
    size_t n_inflight, bytes_inflight; /* delivered and without a verdict, of all partitions */
    struct kf_fetch_wakeup fetch_wakeup;

    bool committing;      /* a commit is under way */
    int64_t commit_ms;    /* when the next commit is due; INT64_MAX: nothing to commit */
    int64_t retry_ms;     /* no commit before: one has failed */
    bool generation_over; /* the broker takes no commit of this group generation any more */

    rd_kafka_event_t *rebalance; /* the one that librdkafka waits for an answer to; NULL: none */
    bool revoking;               /* it takes partitions away */
    int64_t revoke_by_ms, grace_ms;
    struct kf_lookup *offset_lookup; /* of where the assigned partitions begin; NULL: none is under way */

    bool assigned;                         /* at least once */
    bool is_member;                        /* an assignment came, perhaps of no partition, and nothing was revoked since */
    struct kf_group_lookup *group_lookup;  /* until_end, without a partition; NULL: none is under way */
    int64_t group_lookup_ms;               /* no further one before; 0: at once */
    rd_kafka_topic_partition_list_t *ends; /* the partitions' ends; belongs to the group lookup's thread while there is one */
    bool patterns;                         /* a topic of the subscription is a pattern */
    bool no_match_logged;
    struct kf_lookup *topic_lookup;              /* of which topics exist; NULL: none is under way */
    int64_t topic_lookup_ms;                     /* when the next one begins */
    bool topics_known, no_topic_exists;          /* after the first one */
    rd_kafka_topic_partition_list_t *subscribed; /* patterns: the topics that match; NULL: none yet */
    bool host_full;                              /* the host accepted no more message in this receive */
    bool settled_some;                           /* something was settled in this receive: the host may have room again */
};

struct kf_partition *kf_partition_find(const struct kf_consumer *, const char *topic, int32_t number);

static inline uint64_t kf_token(const struct kf_partition *partition, uint32_t number) {
    return (uint64_t)partition->slot << 48 | (uint64_t)partition->generation << 32 | number;
}

/* ---- consumer.c ---- */

void kf_handle_events(struct kf_consumer *);

/* Fails the instance, or with patterns logs only: this user may not read a topic. `text` names it. */
void kf_topic_denied(struct kf_consumer *, const char *text);

/* ---- subscription.c ---- */

int32_t kf_subscribe(struct kf_consumer *, struct eb_error *);

/* Looks up which topics exist where that is due, and subscribes to those that match. Does not wait. */
void kf_subscription_refresh(struct kf_consumer *, int64_t now_ms);

/* `text` is librdkafka's about a topic that it is subscribed to and that does not exist. */
void kf_note_unknown_topic(struct kf_consumer *, const char *text);
void kf_subscription_free(struct kf_consumer *);

/* The entry of a topic, made if there is none. No lookup's thread may run while one is made. NULL: no memory. */
struct kf_topic_name *kf_topic_name_get(struct kf_consumer *, const char *name);

/* ---- deliver.c ---- */

/* Delivers up to max messages to the host, and returns how many. */
uint32_t kf_deliver(struct kf_consumer *, uint32_t max);

/* ---- settle.c ---- */

void kf_commit_due(struct kf_consumer *, int64_t now_ms);         /* commits if a commit is due */
void kf_commit_now(struct kf_consumer *);                         /* commits all there is, if that may be now */
void kf_commit_done(struct kf_consumer *, rd_kafka_event_t *);    /* a commit's result */
void kf_settle_gone(struct kf_consumer *, struct kf_partition *); /* EB_GONE for what is acked and not committed */
bool kf_all_committed(const struct kf_partition *);               /* all that can be committed is */

/* ---- membership.c ---- */

void kf_rebalance_begin(struct kf_consumer *, rd_kafka_event_t *); /* owns the event */
void kf_rebalance_continue(struct kf_consumer *, int64_t now_ms);
void kf_drop_partitions(struct kf_consumer *);

/* ---- offset_lookup.c ---- */

/* Begins to look up where those partitions of a list begin that the group has no committed offset in; list NULL: which
 * topics of the subscription exist. A thread asks the broker and signals the wakeup when it is done. NULL: no memory, or no
 * thread. */
struct kf_lookup *kf_lookup_start(struct kf_consumer *, const rd_kafka_topic_partition_list_t *);
bool kf_lookup_done(const struct kf_lookup *);
const rd_kafka_topic_partition_list_t *kf_lookup_offsets(const struct kf_lookup *);
const rd_kafka_topic_partition_list_t *kf_lookup_topics(const struct kf_lookup *); /* sorted; offset: partitions */
void kf_lookup_free(struct kf_lookup *);                                           /* waits for the thread; accepts NULL */

/* ---- group_lookup.c ---- */

/* Begins to look up whether the group has settled everything up to the end of the subscribed topics. A thread asks the broker
 * once and signals the wakeup when it is done. NULL: no memory, or no thread. */
struct kf_group_lookup *kf_group_lookup_start(struct kf_consumer *);
bool kf_group_lookup_done(const struct kf_group_lookup *);
bool kf_group_lookup_all_settled(const struct kf_group_lookup *);
void kf_group_lookup_free(struct kf_group_lookup *); /* waits for the thread; accepts NULL */

/* ---- until_end.c ---- */

bool kf_at_end(struct kf_consumer *);

#endif
