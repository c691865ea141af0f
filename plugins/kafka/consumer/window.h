/* plugins/kafka/consumer/window.h - of one partition: what is out, what is done, and how far the group's place may go.
 *
 * Messages are numbered as they are handed over. Kafka knows one place a partition, so that place can go no further than
 * the first message that is not done: an acknowledgement behind it waits. One that was handed back stays in front of the
 * place until this member has gone; nothing behind it can be kept, so that is answered at once: it comes again.
 *
 *      base       safe                         next
 *        | ACKED    | OUT  ACKED  ACKED  OUT     |
 *        +-- may be committed                    +-- the next one handed over
 *
 * One thread's. Pure: knows nothing of librdkafka. */
#ifndef KF_WINDOW_H
#define KF_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kf_state { KF_INFLIGHT, KF_ACKED, KF_SETTLED };        /* KF_SETTLED: answered, and not covered by a commit */

struct kf_entry {
    int64_t offset;
    uint32_t bytes;
    uint32_t state;                     /* enum kf_state */
};

struct kf_window {
    struct kf_entry *entries;           /* a ring; number n is at n & (room - 1) */
    uint32_t room;                      /* a power of two */
    uint32_t base, safe, next;          /* numbers; they wrap */
    size_t n_inflight, bytes_inflight;            /* without a verdict */
    size_t n_acked, bytes_acked;    /* acknowledged and not answered */
    bool blocked;                       /* something was handed back: no acknowledgement behind `block` can be kept */
    uint32_t block;
    uint32_t walk, walk_end;            /* behind the block only those between these may be acknowledged and not answered */
    uint32_t swept;                     /* from base to here none is */
};

/* Room for one more, so that kf_window_add cannot fail. False: no memory. */
bool kf_window_reserve(struct kf_window *);

/* Answers its number. */
uint32_t kf_window_add(struct kf_window *, int64_t offset, size_t bytes);

/* Whether this number is out. */
bool kf_window_is_inflight(const struct kf_window *, uint32_t number);

enum kf_ack_result { KF_ACK_PENDING, KF_OK_NOW, KF_ACK_GONE };    /* what the host is told of a verdict, and when */

enum kf_ack_result kf_window_ack(struct kf_window *, uint32_t number);

/* Answered at once. What is behind it and acknowledged by now has to be answered as gone: walk it by kf_window_take_gone. */
void kf_window_return(struct kf_window *, uint32_t number);

/* Takes one acknowledged message out that no commit of this member will cover: behind what was handed back, or with
 * `all` any. False: there is none. */
bool kf_window_take_gone(struct kf_window *, bool all, uint32_t *number);

/* Where the group's place may go: the offset to commit, for the messages in front of *upto. False: nothing new. */
bool kf_window_commit_offset(const struct kf_window *, int64_t *offset, uint32_t *upto);

/* The place for *upto is stored: takes the messages in front of it out, one a call. False: no more. */
bool kf_window_take_committed(struct kf_window *, uint32_t upto, uint32_t *number);

/* Everything that was handed over is settled, and stored. */
bool kf_window_is_empty(const struct kf_window *);

void kf_window_free(struct kf_window *);

#endif
