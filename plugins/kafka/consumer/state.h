/* plugins/kafka/consumer/state.h - what a consumer holds; shared by the files that each do one part of its work.
 *
 *   consumer.c        the operations, and the loop of receive
 *   deliver.c         reads the partitions' queues and hands messages over
 *   settle.c          verdicts, and the commits that follow from them
 *   membership.c      partitions come and go
 *   offset_lookup.c   where a new group begins, which topics there are: asks the broker in a thread of its own
 *   until_end.c       until_end
 *
 * Each partition's messages stay in a queue of its own, so that what is paused, or about to be taken away, is just not
 * read: librdkafka's own pause, and its one queue for all, lose messages or hand over those of partitions that are gone. */
#ifndef KF_CONSUMER_STATE_H
#define KF_CONSUMER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "client/client.h"
#include "record/reader.h"
#include "client/fetch_wakeup.h"
#include "window.h"

struct kf_topic_name {
    struct kf_topic_name *next;
    int32_t partitions;                 /* of those that were assigned here first, the highest number, plus 1 */
    atomic_bool absent;                 /* it did not exist, which was said; read by the thread of offset_lookup.c as well */
    char text[];
};

/* One that is assigned to this member. */
struct kf_partition {
    uint16_t slot, generation;          /* of its place in `slots`: a token names both */
    struct kf_topic_name *topic;
    int32_t number;
    rd_kafka_queue_t *queue;
    struct ebp_wakeup *wakeup;
    atomic_bool arrived;                /* something came into the empty queue */
    bool unread;                          /* the queue was not read to its end */
    bool paused, revoking;                 /* going: being taken away; nothing more is handed over */
    rd_kafka_message_t *pending;           /* read, and not handed over yet */
    int64_t next_offset;                   /* the offset behind the last one read; -1: none was */
    int64_t end_offset;                        /* until_end: the topic's end when it was read; -1: not yet */
    int64_t start_offset;                      /* to be stored as the new group's place; -1: none */
    struct kf_window window;
    bool committing;                    /* part of the commit under way, up to: */
    uint32_t upto;
};

enum { KF_SLOTS = 65536 };

struct kf_lookup;

struct kf_consumer {
    struct kf_client client;
    const struct eb_subscription *subscription;
    struct kf_reader reader;
    struct kf_topic_name *topics;
    struct kf_partition **slots;        /* grows; NULL where none is */
    uint16_t *generations;              /* of the slots */
    size_t n_slots, first_slot;
    size_t n_inflight, bytes_inflight;            /* without a verdict, of all partitions */
    struct kf_fetch_wakeup fetch_wakeup;

    bool committing;
    int64_t commit_ms;                  /* when the next commit is due; INT64_MAX: nothing to commit */
    int64_t retry_ms;                   /* and not before: one has failed */
    bool generation_over;                      /* no commit of this generation is taken any more */

    rd_kafka_event_t *rebalance;        /* the one at work; NULL: none */
    bool revoking;
    int64_t revoke_by_ms, grace_ms;
    struct kf_lookup *offset_lookup;           /* asking where the assigned partitions begin; NULL: not */

    bool assigned;                      /* once at least */
    bool patterns;                      /* a topic of the subscription is one */
    bool no_match_logged;                 /* there was no topic for any */
    struct kf_lookup *topic_lookup;           /* which topics there are; NULL: not being asked */
    int64_t topic_lookup_ms;                  /* when to ask again */
    bool topics_known, no_topic_exists;       /* asked once at least; no topic of the subscription existed then */
    rd_kafka_topic_partition_list_t *subscribed;    /* patterns: the topics that are subscribed to; NULL: none yet */
    bool host_full;                       /* the host took no more in this receive */
    bool settled_some;                      /* verdicts were, in this receive: the host may have room again */
};

struct kf_partition *kf_partition_find(const struct kf_consumer *, const char *topic, int32_t number);

static inline uint64_t kf_token(const struct kf_partition *partition, uint32_t number) {
    return (uint64_t)partition->slot << 48 | (uint64_t)partition->generation << 32 | number;
}

/* consumer.c. The right to read a topic is missing; text tells of the topic. */
void kf_topic_denied(struct kf_consumer *, const char *text);

/* deliver.c. Hands over up to max; answers how many. */
uint32_t kf_deliver(struct kf_consumer *, uint32_t max);

/* settle.c */
int32_t kf_consumer_settle(void *self, const struct eb_verdict *, size_t n, struct eb_error *);
void kf_commit_due(struct kf_consumer *, int64_t now_ms);                   /* what is due */
void kf_commit_now(struct kf_consumer *);                               /* all there is, if that can be now */
void kf_commit_done(struct kf_consumer *, rd_kafka_event_t *);
void kf_settle_gone(struct kf_consumer *, struct kf_partition *);       /* what is acknowledged and not stored */
bool kf_all_committed(const struct kf_partition *);                         /* all that can be committed is */

/* membership.c. A topic by its name, noted if need be, which no thread of offset_lookup.c may be at work for. NULL: no memory. */
struct kf_topic_name *kf_topic_name_get(struct kf_consumer *, const char *name);
void kf_rebalance_begin(struct kf_consumer *, rd_kafka_event_t *);            /* takes the event */
void kf_rebalance_continue(struct kf_consumer *, int64_t now_ms);
void kf_drop_partitions(struct kf_consumer *);

/* offset_lookup.c. Asks, beside the loop, where those partitions of a list begin that the group has no place in; list NULL:
 * which topics the host wants of those there are. Signals the wakeup when it is done. NULL: no memory, or no thread. */
struct kf_lookup *kf_lookup_start(struct kf_consumer *, const rd_kafka_topic_partition_list_t *);
bool kf_lookup_done(const struct kf_lookup *);
const rd_kafka_topic_partition_list_t *kf_lookup_offsets(const struct kf_lookup *);
const rd_kafka_topic_partition_list_t *kf_lookup_topics(const struct kf_lookup *);      /* sorted */
void kf_lookup_free(struct kf_lookup *);                                /* waits for its thread */

/* until_end.c */
bool kf_at_end(struct kf_consumer *);

#endif
