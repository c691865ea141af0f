/* plugins/sqlite/consumer/delayed.h - the delayed messages of a group: those that left the order of the log to be tried
 * again, because they were returned, or taken over from a dead member; and the later ones of their keys, which wait behind
 * them. The member that owns their slots has them in memory; they are rows of the table hold once saved. */
#ifndef SQ_DELAYED_H
#define SQ_DELAYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/slots.h"

enum sq_delayed_change { SQ_CLEAN, SQ_TO_WRITE, SQ_TO_DELETE };

struct sq_delayed_message {
    int64_t seq, due_ms; /* due_ms: not to be delivered before (ebp_monotonic_ms); 0: at once */
    uint64_t key;        /* hash; 0: no key */
    uint32_t attempts, deliveries;
    uint32_t slot;
    bool in_flight; /* in flight, or about to be */
    bool stored;    /* it has a row */
    enum sq_delayed_change change;
    struct sq_key_queue *queue;
    struct sq_delayed_message *next; /* behind it in its queue */
    struct sq_delayed_message *next_dirty;
};

/* The delayed messages of one key, in order; or a single one without key. */
struct sq_key_queue {
    uint64_t key;
    struct sq_delayed_message *first, *newest;
    struct sq_key_queue *next, *prev; /* all queues */
    struct sq_key_queue *next_in_bucket;
};

enum {
    SQ_DELAYED_MAX_IN_SLOT = 256 /* a slot with so many is not read further */
};

/* Belongs to one assignment. Zeroed: empty. */
struct sq_delayed {
    bool strict; /* all messages count as one key's */
    size_t n;
    uint32_t in_slot[SQ_SLOTS];
    struct sq_key_queue *queues;   /* the queue that has waited longest is first */
    struct sq_key_queue **buckets; /* by a hash that mixes in an address, which no file can foresee */
    size_t n_queues;
    unsigned bits; /* 1 << bits buckets, if there are any */
    struct sq_delayed_message *dirty;
};

void sq_delayed_free(struct sq_delayed *);

/* Adds a copy, as one that is saved. It is not in the set yet. NULL: no memory. */
struct sq_delayed_message *sq_delayed_add(struct sq_delayed *, const struct sq_delayed_message *);

/* Notes that the message's row is to be written or deleted. One to be deleted leaves its queue at once and is freed by
 * sq_delayed_saved. */
void sq_delayed_write(struct sq_delayed *, struct sq_delayed_message *);
void sq_delayed_delete(struct sq_delayed *, struct sq_delayed_message *);

/* All noted changes have been committed. */
void sq_delayed_saved(struct sq_delayed *);

/* Forgets the messages of these slots that have no change to save. */
void sq_delayed_forget(struct sq_delayed *, uint64_t slots);

/* Whether a message of this key that comes from the log has to wait behind delayed ones. */
bool sq_delayed_blocks(const struct sq_delayed *, uint64_t key);

/* Whether a delayed message that is about to be delivered has to wait behind an earlier one of its key after all. */
bool sq_delayed_is_blocked(const struct sq_delayed_message *);

/* Calls each(arg, message) for those that may be delivered now, in order within a key, until it returns false. Returns
 * when the next one is due; INT64_MAX: none waits for its time. */
int64_t sq_delayed_ready(const struct sq_delayed *, int64_t now_ms, uint64_t slots,
                         bool (*each)(void *arg, struct sq_delayed_message *), void *arg);

/* The lowest position of all; INT64_MAX: there is none. */
int64_t sq_delayed_lowest(const struct sq_delayed *);

/* The slots that have so many delayed messages that they are not read further. */
uint64_t sq_delayed_full_slots(const struct sq_delayed *);

#endif
