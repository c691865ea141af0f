/* plugins/kafka/consumer/window.h - the messages of one partition between delivery and commit, and which offset to commit.
 *
 * Messages are numbered as they are delivered. Kafka keeps one committed offset a partition, so it can go no further than
 * the first message that is not acknowledged: an acknowledgement behind that one waits. A message that was handed back
 * (EB_RETURN) holds the committed offset until this member gives the partition up. No acknowledgement behind it can be
 * kept, so those are settled as EB_GONE at once, and the messages come again.
 *
 *      base       safe                                   next
 *        | ACKED    | INFLIGHT  ACKED  ACKED  INFLIGHT     |
 *        +-- may be committed                              +-- the number of the next message
 *
 * Belongs to one thread. Knows nothing of librdkafka. */
#ifndef KF_WINDOW_H
#define KF_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kf_state { KF_INFLIGHT, KF_ACKED, KF_SETTLED }; /* KF_SETTLED: without a commit, as returned or gone */

struct kf_entry {
    int64_t offset;
    uint32_t bytes;
    uint32_t state; /* enum kf_state */
};

struct kf_window {
    struct kf_entry *entries;          /* a ring; number n is at n & (room - 1) */
    uint32_t room;                     /* a power of two */
    uint32_t base, safe, next;         /* numbers; they wrap */
    size_t n_inflight, bytes_inflight; /* without a verdict */
    size_t n_acked, bytes_acked;       /* acknowledged and not settled */
    bool blocked;                      /* a message was handed back: no acknowledgement behind `block` can be kept */
    uint32_t block;
    uint32_t walk, walk_end; /* behind the block only messages between these may still be KF_ACKED */
    uint32_t swept;          /* from base to here none is */
};

/* Makes room for one more message, so that kf_window_add cannot fail. Returns false without memory. */
bool kf_window_reserve(struct kf_window *);

/* Adds a delivered message, and returns its number. Room was reserved before. */
uint32_t kf_window_add(struct kf_window *, int64_t offset, size_t bytes);

/* Whether the message of this number has no verdict yet. */
bool kf_window_is_inflight(const struct kf_window *, uint32_t number);

enum kf_ack_result {
    KF_ACK_PENDING, /* it is settled when a commit covers it */
    KF_ACK_GONE     /* no commit will cover it: it is settled as EB_GONE now */
};

enum kf_ack_result kf_window_ack(struct kf_window *, uint32_t number);

/* Hands a message back, which settles it. Acknowledged messages behind it have to be settled as EB_GONE: take them out by
 * kf_window_take_gone. */
void kf_window_return(struct kf_window *, uint32_t number);

/* Takes out one acknowledged message that no commit of this member will cover: behind a message that was handed back, or
 * with `all` any. Returns false if there is none. */
bool kf_window_take_gone(struct kf_window *, bool all, uint32_t *number);

/* Sets the offset to commit, and *upto to the number in front of which it covers all. Returns false if nothing has changed
 * since the last commit. */
bool kf_window_commit_offset(const struct kf_window *, int64_t *offset, uint32_t *upto);

/* After the commit up to *upto: takes out one acknowledged message that it covers. Returns false if there are no more. */
bool kf_window_take_committed(struct kf_window *, uint32_t upto, uint32_t *number);

/* Whether every message that was delivered is settled, and the offset behind it committed. */
bool kf_window_is_empty(const struct kf_window *);

void kf_window_free(struct kf_window *);

#endif
