/* plugins/sqlite/format/slots.h - a topic's messages fall into 64 slots by their key. The members of a group own slots;
 * runs say how far each slot was read. Pure. */
#ifndef SQ_SLOTS_H
#define SQ_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

enum { SQ_SLOTS = 64, SQ_SEQ_BITS = 40 };

/* Positions are counted from 1. */
static const int64_t SQ_SEQ_MAX = ((int64_t)1 << SQ_SEQ_BITS) - 1;

static const uint64_t SQ_ALL_SLOTS = UINT64_MAX; /* a set of slots has a bit for each */

/* The key's hash, never 0; 0 when it is absent. Written into files: never changed. */
uint64_t sq_key_hash(struct eb_text key);

/* The slot of a message. One without key has the slot of its position, so that the members share such messages evenly. */
unsigned sq_slot_of(uint64_t key_hash, int64_t seq);

/* What a row notes of slots: its own in the lowest 6 bits; above them those of the messages behind it in its topic that
 * were stored with it, 6 bits each, the next one lowest, as many as there is room for (9); above them a 1. A row without
 * followers, or of a file from before there were notes, has its own slot alone. `behind`: the note of the message behind
 * it, or -1. */
int64_t sq_note(unsigned slot, int64_t behind);

static inline unsigned sq_note_slot(int64_t note) {
    return (unsigned)(note & (SQ_SLOTS - 1));
}

/* How many messages behind it are known to be of none of these slots. */
unsigned sq_note_foreign(int64_t note, uint64_t slots);

/* Slots that were all read up to and including the same position. */
struct sq_run {
    uint64_t slots;
    int64_t cursor;
};

/* In order of cursor, no two with the same, no slot twice, none without slots. Zeroed: no slots. */
struct sq_runs {
    unsigned n;
    struct sq_run run[SQ_SLOTS];
};

uint64_t sq_runs_slots(const struct sq_runs *);

/* Adds slots. False: some of them are in it already, and nothing is changed. */
bool sq_runs_add(struct sq_runs *, uint64_t slots, int64_t cursor);

/* Moves those of the slots that are in `from` to `to`, each with its cursor. False: some of them are in both, which no
 * sound file says, and nothing is changed. */
bool sq_runs_move(struct sq_runs *from, uint64_t slots, struct sq_runs *to);

/* Sets the cursor of these slots, which have to be in it. */
void sq_runs_advance(struct sq_runs *, uint64_t slots, int64_t cursor);

static inline unsigned sq_slots_count(uint64_t slots) {
    return (unsigned)__builtin_popcountll(slots);
}

#endif
