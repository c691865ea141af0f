/* core/produce/outbound.h - the producer's queue: messages on their way out, in order by topic. The state of a sender, without
 * threads. */
#ifndef EBI_OUTBOUND_H
#define EBI_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/backoff.h"
#include "base/hash.h"
#include "base/timers.h"
#include "produce/outbound_message.h"

/* All below belongs to whoever holds the sender's lock.
 *
 * A topic with something waiting is in the ring while its first message may go. While it backs off after a failure, it has its
 * backoff timer set instead; while a report has to come first, neither. So who serves the ring meets no topic that cannot be
 * served. */
struct ebi_topic_queue {
    struct ebi_outbound_message *waiting;        /* by seq */
    struct ebi_outbound_message *failed;         /* came back: they wait until none of the topic is at the plugin any more */
    bool failed_mixed;                           /* those that failed are not in order of seq */
    struct ebi_outbound_message *keys_in_flight; /* by key, where the plugin does not keep the order of a key itself */
    size_t at_plugin;
    uint32_t retries;                    /* in a row */
    struct ebi_timer backoff;            /* set while the topic backs off after a failure */
    struct ebi_timer expiry;             /* set while something waits: no later than the deadline of the first */
    struct ebi_topic_queue *prev, *next; /* in the ring */
    bool in_ring;
    UT_hash_handle hh;
    char name[];
};

/* Messages put between two flushes. */
struct ebi_epoch {
    uint64_t id;
    size_t open;            /* not reported yet */
    struct ebi_epoch *next; /* the younger one */
};

struct ebi_outbound {
    struct ebi_sender_limits limits;
    struct ebi_backoff backoff;
    bool plugin_orders;             /* EB_T_ORDER */
    struct ebi_topic_queue *topics; /* by name */
    struct ebi_topic_queue *ring;   /* the next one to be served */
    struct ebi_timers backing_off, expiring;
    struct ebi_outbound_message *submitted; /* at the plugin, in the order of submission */
    struct ebi_epoch *oldest, *youngest;
    size_t messages, bytes, waiting, at_plugin;
    struct ebi_outbound_message *spares; /* blocks to be used again */
    size_t n_spares;
    size_t failed; /* of all topics: came back, and wait for others of their topic at the plugin */
    uint64_t seq;
    char send_id_prefix[EBI_SEND_ID_PREFIX];
};

enum eb_status ebi_outbound_init(struct ebi_outbound *, const struct ebi_sender_limits *, bool plugin_orders,
                                 struct eb_error *);
void ebi_outbound_free(struct ebi_outbound *); /* no message is in it any more */

/* Takes out a spare block that has room for this size, for ebi_outbound_message_new; NULL: none is left. */
struct ebi_outbound_message *ebi_outbound_spare(struct ebi_outbound *, size_t size);

bool ebi_outbound_has_room(const struct ebi_outbound *, const struct ebi_outbound_message *);
bool ebi_outbound_ever_fits(const struct ebi_outbound *, const struct ebi_outbound_message *);

/* Takes a message over, and gives it a send id unless it has one. EB_FATAL: no memory. */
enum eb_status ebi_outbound_put(struct ebi_outbound *, struct ebi_outbound_message *, int64_t now_ms, struct eb_error *);

/* Picks up to `max` messages that may go to the plugin now, and counts them as being there. *due_ms is lowered to the time when
 * there may be more to pick. hurry: no lingering. */
size_t ebi_outbound_pick(struct ebi_outbound *, int64_t now_ms, bool hurry, struct ebi_outbound_message **batch, size_t max,
                         int64_t *due_ms);

/* Puts back the n messages of a batch that the plugin did not take: its last ones. */
void ebi_outbound_put_back(struct ebi_outbound *, struct ebi_outbound_message **batch, size_t n);

/* The plugin has reported a message: it is no longer there. False: it failed, may be tried again, and is back in its queue
 * (never with `final`). True: it is done with; the caller reports it, and then releases it. */
bool ebi_outbound_reported(struct ebi_outbound *, struct ebi_outbound_message *, bool final, int64_t now_ms, uint64_t chance);

/* Takes out one waiting message whose deadline has passed (with `everything`: any message); NULL: none. The caller releases it. */
struct ebi_outbound_message *ebi_outbound_expired(struct ebi_outbound *, int64_t now_ms, bool everything);

/* Whether the deadline of a message at the plugin has passed. */
bool ebi_outbound_overdue(const struct ebi_outbound *, int64_t now_ms);

/* Frees the room of a message that is done with, and its block, or keeps that as a spare one. */
void ebi_outbound_release(struct ebi_outbound *, struct ebi_outbound_message *);

/* Ends the present epoch: what is put later belongs to the next one. *id: for ebi_outbound_flushed. */
enum eb_status ebi_outbound_end_epoch(struct ebi_outbound *, uint64_t *id, struct eb_error *);

/* Whether all messages of this epoch, and of those before it, are reported. */
bool ebi_outbound_flushed(const struct ebi_outbound *, uint64_t id);

#endif
