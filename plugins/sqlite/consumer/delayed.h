/* plugins/sqlite/consumer/delayed.h - the messages of a group that left the order of the log, as the member that owns their slots knows
 * them: to be tried again, returned, or taken over from a member that died; and the later ones of their keys, which wait
 * behind them. In memory here; rows of the hold table once saved. */
#ifndef SQ_DELAYED_H
#define SQ_DELAYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/slots.h"

enum sq_delayed_change { SQ_CLEAN, SQ_TO_WRITE, SQ_TO_DELETE };

struct sq_delayed_message {
    int64_t seq, due_ms;                /* due_ms: not before that; ebp_monotonic_ms, 0: at once */
    uint64_t key;                       /* hash; 0: none */
    uint32_t attempts, deliveries;
    uint32_t slot;
    bool out;                           /* handed out, or about to be */
    bool stored;                        /* has a row */
    enum sq_delayed_change change;
    struct sq_key_queue *queue;
    struct sq_delayed_message *next;               /* of the same key, in order */
    struct sq_delayed_message *next_dirty;
};

/* Those of one key, or a single one without key. */
struct sq_key_queue {
    uint64_t key;
    struct sq_delayed_message *first, *newest;
    struct sq_key_queue *next, *prev;    /* of all */
    struct sq_key_queue *next_in_bucket;
};

enum {
    SQ_DELAYED_MAX_IN_SLOT = 256             /* a slot with more of them is not read further */
};

/* Belongs to one share. Zeroed: empty. */
struct sq_delayed {
    bool strict;                        /* all messages count as of one key */
    size_t n;
    uint32_t in_slot[SQ_SLOTS];
    struct sq_key_queue *queues;        /* all; the one that has waited longest is first */
    struct sq_key_queue **buckets;           /* by a hash of the key that no file can foresee */
    size_t n_queues;
    unsigned bits;                      /* 1 << bits buckets, where there are any */
    struct sq_delayed_message *dirty;
};

void sq_delayed_free(struct sq_delayed *);

/* Adds a copy, clean, which is not in there yet; NULL: no memory. */
struct sq_delayed_message *sq_delayed_add(struct sq_delayed *, const struct sq_delayed_message *);

/* Takes note that its row is to be written or deleted. One that is to be deleted leaves the line at once and is freed when
 * sq_delayed_saved is called. */
void sq_delayed_write(struct sq_delayed *, struct sq_delayed_message *);
void sq_delayed_delete(struct sq_delayed *, struct sq_delayed_message *);

/* All notes have been carried out. */
void sq_delayed_saved(struct sq_delayed *);

/* Forgets the clean ones in these slots. */
void sq_delayed_forget(struct sq_delayed *, uint64_t slots);

/* Whether a message of this key that comes from the log has to wait behind held ones. */
bool sq_delayed_blocks(const struct sq_delayed *, uint64_t key);

/* Whether one that is about to be handed out has to wait after all behind an earlier one of its key. */
bool sq_delayed_is_blocked(const struct sq_delayed_message *);

/* Calls each(arg, held) for those that may be handed out now, in order within a key; a false answer ends it. Answers when
 * the next one is due; INT64_MAX: none is waiting for its time. */
int64_t sq_delayed_ready(const struct sq_delayed *, int64_t now_ms, uint64_t slots, bool (*each)(void *arg, struct sq_delayed_message *),
                      void *arg);

/* The lowest position held; INT64_MAX: none. */
int64_t sq_delayed_lowest(const struct sq_delayed *);

/* The slots that have so many followers that no more may come. */
uint64_t sq_delayed_full_slots(const struct sq_delayed *);

#endif
