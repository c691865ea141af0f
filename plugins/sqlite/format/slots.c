/* plugins/sqlite/format/slots.c - see slots.h. */
#include "format/slots.h"

#include <string.h>
#include <eventbus/plugin-help/hash.h>

/* The upper bits say the slot, so the hash is mixed. */
uint64_t sq_key_hash(struct eb_text key) {
    uint64_t hash = key.data ? ebp_hash_mix(ebp_fnv1a(EBP_FNV1A, key.data, key.len)) : 0;

    return key.data && hash == 0 ? 1 : hash;
}

unsigned sq_slot_of(uint64_t key_hash, int64_t seq) {
    return key_hash ? (unsigned)(key_hash >> 58) : (unsigned)(seq & (SQ_SLOTS - 1));
}

enum { NOTE_BITS = 6, NOTE_MOST = 9 };

static unsigned followers(int64_t note) {
    return note < SQ_SLOTS ? 0 : (63 - (unsigned)__builtin_clzll((uint64_t)note)) / NOTE_BITS - 1;
}

int64_t sq_note(unsigned slot, int64_t behind) {
    const int64_t end = (int64_t)1 << NOTE_BITS * NOTE_MOST; /* the bit behind the last slot that there is room for */
    unsigned n;

    if (behind < 0)
        return slot;
    n = followers(behind);
    if (n == 0)
        behind |= SQ_SLOTS; /* the end mark, which the note of a last message does not have */
    else if (n == NOTE_MOST)
        behind = (behind & (end - 1)) | end;
    return behind << NOTE_BITS | slot;
}

unsigned sq_note_foreign(int64_t note, uint64_t slots) {
    unsigned n = followers(note), i = 0;

    for (note >>= NOTE_BITS; i < n && !(slots >> sq_note_slot(note) & 1); i++)
        note >>= NOTE_BITS;
    return i;
}

uint64_t sq_runs_slots(const struct sq_runs *runs) {
    uint64_t slots = 0;

    for (unsigned i = 0; i < runs->n; i++)
        slots |= runs->run[i].slots;
    return slots;
}

/* No slot is in two runs, so there are never more runs than slots. */
bool sq_runs_add(struct sq_runs *runs, uint64_t slots, int64_t cursor) {
    unsigned at = 0;

    if (slots == 0)
        return true;
    if (slots & sq_runs_slots(runs))
        return false;
    while (at < runs->n && runs->run[at].cursor < cursor)
        at++;
    if (at < runs->n && runs->run[at].cursor == cursor) {
        runs->run[at].slots |= slots;
        return true;
    }
    memmove(&runs->run[at + 1], &runs->run[at], (runs->n - at) * sizeof *runs->run);
    runs->run[at] = (struct sq_run){ slots, cursor };
    runs->n++;
    return true;
}

static void remove_run(struct sq_runs *runs, unsigned at) {
    runs->n--;
    memmove(&runs->run[at], &runs->run[at + 1], (runs->n - at) * sizeof *runs->run);
}

bool sq_runs_move(struct sq_runs *from, uint64_t slots, struct sq_runs *to) {
    if (sq_runs_slots(from) & slots & sq_runs_slots(to))
        return false;
    for (unsigned i = from->n; i-- > 0;) {
        uint64_t moved = from->run[i].slots & slots;
        sq_runs_add(to, moved, from->run[i].cursor);
        from->run[i].slots &= ~slots;
        if (from->run[i].slots == 0)
            remove_run(from, i);
    }
    return true;
}

void sq_runs_advance(struct sq_runs *runs, uint64_t slots, int64_t cursor) {
    for (unsigned i = runs->n; i-- > 0;) {
        runs->run[i].slots &= ~slots;
        if (runs->run[i].slots == 0)
            remove_run(runs, i);
    }
    sq_runs_add(runs, slots, cursor);
}
