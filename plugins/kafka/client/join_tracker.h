/* plugins/kafka/client/join_tracker.h - whether this member is just joining its group: no commit is made meanwhile.
 *
 * A broker works off a connection's requests one by one, and answers a JoinGroup when all members have joined: seconds, or
 * as long as another one's receivers take. A commit that went out behind it is looked at afterwards, when its generation is
 * over. It is refused, and librdkafka 1.6 to 2.9 (#4059) then takes its new generation for over as well: nothing can be
 * committed any more, and the partitions are lost.
 *
 * librdkafka's threads tell of requests and of answers; any thread may ask. */
#ifndef KF_JOIN_TRACKER_H
#define KF_JOIN_TRACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <librdkafka/rdkafka.h>

struct kf_joins {
    atomic_int_least64_t until_ms;      /* no commit before; INT64_MAX: a JoinGroup or SyncGroup has no answer yet */
    atomic_bool heard, joining;
};

/* librdkafka is to tell what a client of this configuration sends. The struct must live as long as that client. */
rd_kafka_resp_err_t kf_joins_watch(struct kf_joins *, rd_kafka_conf_t *);

void kf_joins_sent(struct kf_joins *, int16_t request, const char *broker);
void kf_joins_answered(struct kf_joins *, int16_t request, int64_t now_ms);

/* Whether there was an answer since it was asked last that may make librdkafka join again. When its main thread has looked
 * at that, a join may come. */
bool kf_joins_heard(struct kf_joins *);
void kf_joins_may_come(struct kf_joins *, int64_t now_ms);

/* What is done now makes librdkafka join again. */
void kf_joins_will_come(struct kf_joins *, int64_t now_ms);

/* Whether a join has begun and not led to an assignment yet, perhaps by way of further ones; the assignment is here. */
bool kf_joins_joining(const struct kf_joins *);
void kf_joins_done(struct kf_joins *);

/* When a commit may go out: a time, perhaps past; INT64_MAX when that is not known yet. */
int64_t kf_joins_over_ms(const struct kf_joins *);

#endif
