/* core/produce/outbound.h - messages on their way out, in order by topic: the state behind a sender, without threads. */
#ifndef EBI_OUTBOUND_H
#define EBI_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/backoff.h"
#include "base/hash.h"
#include "base/timers.h"
#include "produce/sender.h"

struct ebi_topic_queue;
struct ebi_epoch;

/* A message from put to report: one block, what the message points to lies behind the struct. Blocks of the usual size are
 * used again, so that a burst does not make the heap grow and shrink with it. Cleared from topic to position; hh is set where
 * it is added. */
struct ebi_out {
    struct eb_message message;
    struct ebi_topic_queue *topic;
    struct ebi_out *next;               /* in its topic's queue, or among the reported */
    struct ebi_out *out_prev, *out_next;/* among those at the plugin */
    struct ebi_epoch *epoch;
    uint64_t seq;                       /* the order of putting */
    int64_t put_ms, deadline_ms;
    size_t bytes;
    ebi_reported reported;
    void *arg;
    enum eb_status status;              /* the report */
    bool maybe_stored;
    struct eb_error *error;             /* NULL: none, or no memory to keep it */
    char *position;                     /* NULL, near or of its own memory */
    char near[64];
    UT_hash_handle hh;                  /* in its topic's busy keys */
};

/* All below belongs to whoever holds the sender's lock.
 *
 * A topic with something waiting is in the ring while its head may go; while a wait holds it, it is among the resting ones;
 * while a report has to come first, it is in neither. So whoever serves the ring meets none that cannot be served. */
struct ebi_topic_queue {
    struct ebi_out *head, *tail;        /* waiting, by seq */
    struct ebi_out *failed, *last_failed;       /* came back: wait until none of the topic is at the plugin any more */
    bool failed_mixed;                  /* those that failed are not in order of seq */
    struct ebi_out *busy;               /* keys at the plugin, where it does not keep their order itself */
    size_t at_plugin;
    uint32_t retries;                   /* in a row */
    struct ebi_timer rest;              /* set while a wait after a failure holds it */
    struct ebi_timer expiry;            /* set while something waits: no later than when the time of its head is up */
    struct ebi_topic_queue *prev, *next;/* in the ring */
    bool in_ring;
    UT_hash_handle hh;
    char name[];
};

/* Messages put between two flushes. */
struct ebi_epoch {
    uint64_t id;
    size_t open;                        /* not reported yet */
    struct ebi_epoch *next;             /* the younger one */
};

struct ebi_outbound {
    struct ebi_sender_limits limits;
    struct ebi_backoff backoff;
    bool plugin_orders;                 /* EB_T_ORDER */
    struct ebi_topic_queue *topics;     /* by name */
    struct ebi_topic_queue *ring;       /* the next to be served */
    struct ebi_timers resting, expiring;
    struct ebi_out *out_first, *out_last;       /* at the plugin, in the order of submission */
    struct ebi_epoch *oldest, *youngest;
    size_t messages, bytes, waiting, at_plugin;
    struct ebi_out *spares;             /* blocks to be used again */
    size_t n_spares;
    size_t failed;                      /* of all topics: came back, and wait for others of theirs at the plugin */
    uint64_t seq;
};

enum eb_status ebi_outbound_init(struct ebi_outbound *, const struct ebi_sender_limits *, bool plugin_orders,
                                 struct eb_error *);
void ebi_outbound_free(struct ebi_outbound *);          /* empty by then */

/* The block that a message takes; 0, with the error: it cannot be sent. */
size_t ebi_out_size(const struct eb_message *, struct eb_error *);

/* A block to be used again for one of that size, for ebi_out_new; NULL: there is none. */
struct ebi_out *ebi_outbound_spare(struct ebi_outbound *, size_t size);

/* Copies a message into a block: a spare one, or with NULL a new one. NULL: no memory. */
struct ebi_out *ebi_out_new(const struct eb_message *, size_t size, struct ebi_out *spare, struct eb_error *);
void ebi_out_free(struct ebi_out *);
void ebi_out_report(struct ebi_out *, const struct eb_delivery *);  /* keeps it; what an earlier one said is forgotten */

bool ebi_outbound_has_room(const struct ebi_outbound *, const struct ebi_out *);
bool ebi_outbound_ever_fits(const struct ebi_outbound *, const struct ebi_out *);

/* Takes it over. EB_FATAL: no memory. */
enum eb_status ebi_outbound_put(struct ebi_outbound *, struct ebi_out *, int64_t now_ms, struct eb_error *);

/* Picks up to `max` messages that may go to the plugin now, marked as being there. *due_ms is lowered to when there may be
 * more to pick. hurry: no lingering. */
size_t ebi_outbound_pick(struct ebi_outbound *, int64_t now_ms, bool hurry, struct ebi_out **batch, size_t max,
                         int64_t *due_ms);

/* Takes back what the plugin did not take of a batch: the last n of it. */
void ebi_outbound_unpick(struct ebi_outbound *, struct ebi_out **batch, size_t n);

/* The plugin reported it: no longer there. A retriable failure goes back into its queue, unless final is set: false.
 * True: it is done with, and the caller reports and then settles it. */
bool ebi_outbound_reported(struct ebi_outbound *, struct ebi_out *, bool final, int64_t now_ms, uint64_t chance);

/* Takes out one waiting message whose time is up (or any, with everything); NULL: none. To be settled by the caller. */
struct ebi_out *ebi_outbound_expired(struct ebi_outbound *, int64_t now_ms, bool everything);

/* Has the time of something at the plugin been up for a while? */
bool ebi_outbound_overdue(const struct ebi_outbound *, int64_t now_ms);

/* Its room is free again. Frees it, or keeps its block as a spare one. */
void ebi_outbound_settle(struct ebi_outbound *, struct ebi_out *);

/* Ends the present epoch: what is put later belongs to the next. Its id, for ebi_outbound_flushed. */
enum eb_status ebi_outbound_mark(struct ebi_outbound *, uint64_t *id, struct eb_error *);
bool ebi_outbound_flushed(const struct ebi_outbound *, uint64_t id);

#endif
