/* plugins/sqlite/consumer/delayed.c - see delayed.h. */
#include "consumer/delayed.h"

#include <stdlib.h>

enum { FIRST_BITS = 6 };

/* ---- lines ---- */

static uint64_t line_key(const struct sq_hold *hold, uint64_t key) {
    return hold->strict ? 1 : key;
}

static size_t bucket_number(const struct sq_hold *hold, uint64_t key) {
    uint64_t odd = ((uint64_t)(uintptr_t)hold * 0x9e3779b97f4a7c15u) | 1;

    return (size_t)((key ^ key >> 32) * odd >> (64 - hold->bits));
}

static struct sq_line **bucket_of(struct sq_hold *hold, uint64_t key) {
    return &hold->buckets[bucket_number(hold, key)];
}

static struct sq_line *find_line(const struct sq_hold *hold, uint64_t key) {
    struct sq_line *line = key && hold->buckets ? hold->buckets[bucket_number(hold, key)] : NULL;

    while (line && line->key != key)
        line = line->next_in_bucket;
    return line;
}

static void put_in_bucket(struct sq_hold *hold, struct sq_line *line) {
    struct sq_line **bucket = bucket_of(hold, line->key);

    line->next_in_bucket = *bucket;
    *bucket = line;
}

/* As many buckets as lines, or more. False: there are none, and no memory for any. */
static bool make_buckets(struct sq_hold *hold) {
    unsigned bits = hold->buckets ? hold->bits + 1 : FIRST_BITS;
    struct sq_line **buckets;

    if (hold->buckets && hold->n_lines < (size_t)1 << hold->bits)
        return true;
    buckets = calloc((size_t)1 << bits, sizeof(struct sq_line *));
    if (!buckets)
        return hold->buckets != NULL;
    free(hold->buckets);
    hold->buckets = buckets;
    hold->bits = bits;
    for (struct sq_line *line = hold->lines; line; line = line->next)
        if (line->key)
            put_in_bucket(hold, line);
    return true;
}

static struct sq_line *add_line(struct sq_hold *hold, uint64_t key) {
    struct sq_line *line = make_buckets(hold) ? calloc(1, sizeof *line) : NULL;

    if (!line)
        return NULL;
    line->key = key;
    line->previous = hold->last;
    if (line->previous)
        line->previous->next = line;
    else
        hold->lines = line;
    hold->last = line;
    hold->n_lines++;
    if (key)
        put_in_bucket(hold, line);
    return line;
}

static void remove_line(struct sq_hold *hold, struct sq_line *line) {
    struct sq_line **at = bucket_of(hold, line->key);

    if (line->previous)
        line->previous->next = line->next;
    else
        hold->lines = line->next;
    if (line->next)
        line->next->previous = line->previous;
    else
        hold->last = line->previous;
    while (line->key && *at != line)
        at = &(*at)->next_in_bucket;
    if (line->key)
        *at = line->next_in_bucket;
    hold->n_lines--;
    free(line);
}

/* ---- one held ---- */

/* Most come in order. */
static void put_in_line(struct sq_line *line, struct sq_held *held) {
    bool is_newest = line->newest && line->newest->seq < held->seq;
    struct sq_held **at = is_newest ? &line->newest->next : &line->first;

    while (*at && (*at)->seq < held->seq)
        at = &(*at)->next;
    held->next = *at;
    held->line = line;
    *at = held;
    if (!held->next)
        line->newest = held;
}

static void take_out_of_line(struct sq_hold *hold, struct sq_held *held) {
    struct sq_line *line = held->line;
    struct sq_held **at = &line->first, *older = NULL;

    for (; *at != held; at = &older->next)
        older = *at;
    *at = held->next;
    if (line->newest == held)
        line->newest = older;
    if (!line->first)
        remove_line(hold, line);
    held->line = NULL;
    hold->in_slot[held->slot]--;
    hold->n--;
}

struct sq_held *sq_hold_add(struct sq_hold *hold, const struct sq_held *what) {
    uint64_t key = line_key(hold, what->key);
    struct sq_held *held = malloc(sizeof *held);
    struct sq_line *line = find_line(hold, key);

    if (held && !line)
        line = add_line(hold, key);
    if (!held || !line) {
        free(held);
        return NULL;
    }
    *held = *what;
    held->dirt = SQ_CLEAN;
    held->next_dirty = NULL;
    put_in_line(line, held);
    hold->in_slot[held->slot]++;
    hold->n++;
    return held;
}

static void note(struct sq_hold *hold, struct sq_held *held, enum sq_held_dirt dirt) {
    if (held->dirt == SQ_CLEAN) {
        held->next_dirty = hold->dirty;
        hold->dirty = held;
    }
    held->dirt = dirt;
}

void sq_hold_write(struct sq_hold *hold, struct sq_held *held) {
    note(hold, held, SQ_TO_WRITE);
}

void sq_hold_delete(struct sq_hold *hold, struct sq_held *held) {
    take_out_of_line(hold, held);
    note(hold, held, SQ_TO_DELETE);
}

void sq_hold_cleaned(struct sq_hold *hold) {
    for (struct sq_held *held = hold->dirty, *next; held; held = next) {
        next = held->next_dirty;
        held->next_dirty = NULL;
        if (held->dirt == SQ_TO_DELETE) {
            free(held);
            continue;
        }
        held->stored = true;
        held->dirt = SQ_CLEAN;
    }
    hold->dirty = NULL;
}

void sq_hold_forget(struct sq_hold *hold, uint64_t slots) {
    for (struct sq_line *line = hold->lines, *next_line; line; line = next_line) {
        next_line = line->next;
        for (struct sq_held *held = line->first, *next; held; held = next) {
            next = held->next;
            if (!(slots >> held->slot & 1) || held->dirt != SQ_CLEAN)
                continue;
            take_out_of_line(hold, held);               /* may free the line, with its last one */
            free(held);
        }
    }
}

void sq_hold_free(struct sq_hold *hold) {
    for (struct sq_held *held = hold->dirty, *next; held; held = next) {
        next = held->next_dirty;
        if (held->dirt == SQ_TO_DELETE)
            free(held);
        else
            held->dirt = SQ_CLEAN;
    }
    sq_hold_forget(hold, SQ_ALL_SLOTS);
    free(hold->buckets);
    *hold = (struct sq_hold){ .strict = hold->strict };
}

/* ---- who may go ---- */

/* Whether one from `held` on and before `end` has to be settled before anything behind it may go. */
static bool any_blocks(const struct sq_held *held, const struct sq_held *end) {
    for (; held != end; held = held->next)
        if (!held->out || held->attempts > 0)
            return true;
    return false;
}

bool sq_hold_blocks(const struct sq_hold *hold, uint64_t key) {
    const struct sq_line *line = hold->n > 0 ? find_line(hold, line_key(hold, key)) : NULL;

    return line && any_blocks(line->first, NULL);
}

bool sq_hold_blocks_held(const struct sq_held *held) {
    return any_blocks(held->line->first, held);
}

/* In order; one that failed before goes alone, so that its followers need not come back when it fails again. */
static int64_t ready_in_line(const struct sq_line *line, int64_t now_ms, uint64_t slots,
                             bool (*each)(void *arg, struct sq_held *), void *arg, bool *go_on) {
    for (struct sq_held *held = line->first; held; held = held->next) {
        if (held->attempts > 0 && (held->out || held != line->first))
            break;
        if (held->out)
            continue;
        if (!(slots >> held->slot & 1))
            break;
        if (held->due_ms > now_ms)
            return held->due_ms;
        if (!(*go_on = each(arg, held)) || held->attempts > 0)
            break;
    }
    return INT64_MAX;
}

int64_t sq_hold_ready(const struct sq_hold *hold, int64_t now_ms, uint64_t slots, bool (*each)(void *arg, struct sq_held *),
                      void *arg) {
    int64_t next_ms = INT64_MAX;
    bool go_on = true;

    for (struct sq_line *line = hold->lines, *next; line && go_on; line = next) {
        next = line->next;
        int64_t due_ms = ready_in_line(line, now_ms, slots, each, arg, &go_on);
        if (due_ms < next_ms)
            next_ms = due_ms;
    }
    return next_ms;
}

int64_t sq_hold_lowest(const struct sq_hold *hold) {
    int64_t lowest = INT64_MAX;

    for (const struct sq_line *line = hold->lines; line; line = line->next)
        if (line->first->seq < lowest)
            lowest = line->first->seq;
    return lowest;
}

uint64_t sq_hold_full_slots(const struct sq_hold *hold) {
    uint64_t full = 0;

    for (unsigned slot = 0; hold->n >= SQ_HOLD_FOLLOWERS && slot < SQ_SLOTS; slot++)
        if (hold->in_slot[slot] >= SQ_HOLD_FOLLOWERS)
            full |= (uint64_t)1 << slot;
    return full;
}
