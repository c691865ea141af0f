/* plugins/kafka/client/join_tracker.h - whether this member is joining its group, during which no commit is sent.
 *
 * A broker handles a connection's requests one by one, and answers a JoinGroup when all members have joined: after seconds,
 * or as long as another member's receivers take. A commit that was sent behind it is handled afterwards, when its group
 * generation is over. It is refused, and librdkafka 1.6 to 2.9 (#4059) then takes its new generation for over as well:
 * nothing can be committed any more, and the partitions are lost.
 *
 * librdkafka's threads report requests and responses; any thread may ask. */
#ifndef KF_JOIN_TRACKER_H
#define KF_JOIN_TRACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <librdkafka/rdkafka.h>

struct kf_join_tracker {
    atomic_int_least64_t until_ms; /* no commit before; INT64_MAX: a JoinGroup or SyncGroup has no answer yet */
    atomic_bool response_seen, joining;
};

/* Makes a client of this configuration report its requests. The tracker must live as long as that client. */
rd_kafka_resp_err_t kf_join_tracker_install(struct kf_join_tracker *, rd_kafka_conf_t *);

void kf_join_tracker_sent(struct kf_join_tracker *, int16_t request, const char *broker);
void kf_join_tracker_answered(struct kf_join_tracker *, int16_t request, int64_t now_ms);

/* Whether a response has come, since the last call, that may make librdkafka join again. Its main thread then decides;
 * once it has, the caller notes that a join may follow. */
bool kf_join_tracker_take_response(struct kf_join_tracker *);
void kf_join_tracker_may_join(struct kf_join_tracker *, int64_t now_ms);

/* Notes that what is done now makes librdkafka join again. */
void kf_join_tracker_will_join(struct kf_join_tracker *, int64_t now_ms);

/* Whether a join has begun that has not led to an assignment yet, perhaps by way of further joins. */
bool kf_join_tracker_joining(const struct kf_join_tracker *);
void kf_join_tracker_joined(struct kf_join_tracker *);

/* From when on a commit may be sent: a time, perhaps past; INT64_MAX: not known yet. */
int64_t kf_join_tracker_over_ms(const struct kf_join_tracker *);

#endif
