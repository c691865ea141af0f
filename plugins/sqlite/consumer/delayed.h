/* plugins/sqlite/consumer/delayed.h - the messages of a group that left the order of the log, as the member that owns their slots knows
 * them: to be tried again, returned, or taken over from a member that died; and the later ones of their keys, which wait
 * behind them. In memory here; rows of the hold table once saved. */
#ifndef SQ_DELAYED_H
#define SQ_DELAYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/slots.h"

enum sq_held_dirt { SQ_CLEAN, SQ_TO_WRITE, SQ_TO_DELETE };

struct sq_held {
    int64_t seq, due_ms;                /* due_ms: not before that; sq_ticks_ms, 0: at once */
    uint64_t key;                       /* hash; 0: none */
    uint32_t attempts, deliveries;
    uint32_t slot;
    bool out;                           /* handed out, or about to be */
    bool stored;                        /* has a row */
    enum sq_held_dirt dirt;
    struct sq_line *line;
    struct sq_held *next;               /* of the same key, in order */
    struct sq_held *next_dirty;
};

/* Those of one key, or a single one without key. */
struct sq_line {
    uint64_t key;
    struct sq_held *first, *newest;
    struct sq_line *next, *previous;    /* of all */
    struct sq_line *next_in_bucket;
};

enum {
    SQ_HOLD_FOLLOWERS = 256             /* a slot with more of them is not read further */
};

/* Belongs to one share. Zeroed: empty. */
struct sq_hold {
    bool strict;                        /* all messages count as of one key */
    size_t n;
    uint32_t in_slot[SQ_SLOTS];
    struct sq_line *lines, *last;       /* NULL, or the first and the last of all: who has waited longer goes first */
    struct sq_line **buckets;           /* by a hash of the key that no file can foresee */
    size_t n_lines;
    unsigned bits;                      /* 1 << bits buckets, where there are any */
    struct sq_held *dirty;
};

void sq_hold_free(struct sq_hold *);

/* Adds a copy, clean, which is not in there yet; NULL: no memory. */
struct sq_held *sq_hold_add(struct sq_hold *, const struct sq_held *);

/* Takes note that its row is to be written or deleted. One that is to be deleted leaves the line at once and is freed when
 * sq_hold_cleaned is called. */
void sq_hold_write(struct sq_hold *, struct sq_held *);
void sq_hold_delete(struct sq_hold *, struct sq_held *);

/* All notes have been carried out. */
void sq_hold_cleaned(struct sq_hold *);

/* Forgets the clean ones in these slots. */
void sq_hold_forget(struct sq_hold *, uint64_t slots);

/* Whether a message of this key that comes from the log has to wait behind held ones. */
bool sq_hold_blocks(const struct sq_hold *, uint64_t key);

/* Whether one that is about to be handed out has to wait after all behind an earlier one of its key. */
bool sq_hold_blocks_held(const struct sq_held *);

/* Calls each(arg, held) for those that may be handed out now, in order within a key; a false answer ends it. Answers when
 * the next one is due; INT64_MAX: none is waiting for its time. */
int64_t sq_hold_ready(const struct sq_hold *, int64_t now_ms, uint64_t slots, bool (*each)(void *arg, struct sq_held *),
                      void *arg);

/* The lowest position held; INT64_MAX: none. */
int64_t sq_hold_lowest(const struct sq_hold *);

/* The slots that have so many followers that no more may come. */
uint64_t sq_hold_full_slots(const struct sq_hold *);

#endif
