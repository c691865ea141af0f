/* plugins/kafka/consumer/window.c - see window.h. Numbers wrap: only differences are compared. */
#include "window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct kf_entry *at(const struct kf_window *w, uint32_t number) {
    return &w->entries[number & (w->room - 1)];
}

bool kf_window_reserve(struct kf_window *w) {
    uint32_t room = w->room ? 2 * w->room : 64;
    struct kf_window more = *w;

    if (w->next - w->base < w->room)
        return true;
    more.entries = malloc(room * sizeof *more.entries);
    if (!more.entries)
        return false;
    more.room = room;
    for (uint32_t number = w->base; number != w->next; number++)
        *at(&more, number) = *at(w, number);
    free(w->entries);
    *w = more;
    return true;
}

uint32_t kf_window_add(struct kf_window *w, int64_t offset, size_t bytes) {
    assert(w->next - w->base < w->room);
    *at(w, w->next) = (struct kf_entry){ offset, (uint32_t)bytes, KF_INFLIGHT };
    w->n_inflight++;
    w->bytes_inflight += (uint32_t)bytes;
    return w->next++;
}

bool kf_window_is_inflight(const struct kf_window *w, uint32_t number) {
    return number - w->base < w->next - w->base && at(w, number)->state == KF_INFLIGHT;
}

static void leave_inflight(struct kf_window *w, uint32_t number) {
    w->n_inflight--;
    w->bytes_inflight -= at(w, number)->bytes;
}

static void leave_acked(struct kf_window *w, uint32_t number) {
    w->n_acked--;
    w->bytes_acked -= at(w, number)->bytes;
}

enum kf_ack_result kf_window_ack(struct kf_window *w, uint32_t number) {
    assert(kf_window_is_inflight(w, number));
    leave_inflight(w, number);
    if (w->blocked && number - w->base > w->block - w->base) {
        at(w, number)->state = KF_SETTLED;
        return KF_ACK_GONE;
    }
    at(w, number)->state = KF_ACKED;
    if (number - w->base < w->swept - w->base)
        w->swept = number;
    w->n_acked++;
    w->bytes_acked += at(w, number)->bytes;
    while (w->safe != w->next && at(w, w->safe)->state == KF_ACKED)
        w->safe++;
    return KF_ACK_PENDING;
}

/* Moves the block to a smaller number. What is behind the old block was walked already, or the walk that is under way
 * covers it. */
static void block_at(struct kf_window *w, uint32_t number) {
    if (!w->blocked)
        w->walk_end = w->next;
    else if (w->walk == w->walk_end)
        w->walk_end = w->block;
    w->walk = w->block = number;
    w->blocked = true;
}

void kf_window_return(struct kf_window *w, uint32_t number) {
    assert(kf_window_is_inflight(w, number));
    leave_inflight(w, number);
    at(w, number)->state = KF_SETTLED;
    if (!w->blocked || number - w->base < w->block - w->base)
        block_at(w, number);
}

/* Takes out the first acknowledged message between *from and `end`, and moves *from behind it. */
static bool take_acked(struct kf_window *w, uint32_t *from, uint32_t end, uint32_t *number) {
    while (w->n_acked > 0 && *from != end) {
        *number = (*from)++;
        if (at(w, *number)->state == KF_ACKED) {
            at(w, *number)->state = KF_SETTLED;
            leave_acked(w, *number);
            return true;
        }
    }
    return false;
}

bool kf_window_take_gone(struct kf_window *w, bool all, uint32_t *number) {
    return all ? take_acked(w, &w->swept, w->next, number) : w->blocked && take_acked(w, &w->walk, w->walk_end, number);
}

bool kf_window_commit_offset(const struct kf_window *w, int64_t *offset, uint32_t *upto) {
    if (w->safe == w->base)
        return false;
    *upto = w->safe;
    *offset = w->safe != w->next ? at(w, w->safe)->offset : at(w, w->safe - 1)->offset + 1;
    return true;
}

bool kf_window_take_committed(struct kf_window *w, uint32_t upto, uint32_t *number) {
    while (w->base != upto) {
        *number = w->base++;
        w->swept += w->swept == *number;
        if (at(w, *number)->state == KF_ACKED) {
            leave_acked(w, *number);
            return true;
        }
    }
    return false;
}

bool kf_window_is_empty(const struct kf_window *w) {
    return w->base == w->next;
}

void kf_window_free(struct kf_window *w) {
    free(w->entries);
    *w = (struct kf_window){ 0 };
}
