/* eventbus/plugin-help/leases.h - a lease book: when the leases of a consumer's messages end, which are to be extended, and
 * which are over.
 *
 * The host extends what was delivered to it by EB_EXTEND; the plugin extends by itself what it fetched ahead. Many brokers do
 * not tell when a lease ends, nor that a verdict came too late: the plugin has to go by the time. Each message in flight has a
 * struct ebp_lease in its record:
 *
 *     ebp_lease_begin(&book, &one->lease, ebp_token(&one->slot), sent_ms, ACK_WAIT_MS);            // received
 *     ebp_lease_left_to_host(&book, &one->lease);                                                  // delivered to the host
 *     ebp_lease_extended(&book, &one->lease, sent_ms);                                             // the broker confirmed it
 *     ebp_lease_end(&book, &one->lease);                                                           // settled
 *
 *     while ((lease = ebp_lease_due(&book, now_ms, &what)))                                        // in each receive
 *         if (what == EBP_LEASE_EXTEND)
 *             send the broker an extension of lease->token;
 *         else
 *             host->revoke(host, &lease->token, 1, 0), and settled with EB_GONE once its verdict comes;
 *
 * Times are in ms of the boot clock (ebp_boottime_ms), since a lease at a server runs on while this machine sleeps. A lease is
 * counted from when its request was sent, not from when the reply came: the broker may have begun it at any time between. The
 * book belongs to one thread. */
#ifndef EBP_LEASES_H
#define EBP_LEASES_H

#include <eventbus/plugin-help/base.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>

enum ebp_lease_what {
    EBP_LEASE_EXTEND = 1, /* a third of it is over: extend it. It is said again each third until that is confirmed */
    EBP_LEASE_OVER = 2    /* the broker may have given the message to another; the lease has left the book */
};

/* Zeroed: in no book. It keeps its address while it is in one. */
struct ebp_lease {
    uint64_t token;
    int64_t until_ms; /* when it ends */
    int64_t length_ms;
    int64_t due_ms; /* when ebp_lease_due returns it */
    bool of_host;   /* the host says when to extend it */
    size_t place;   /* in the heap, from 1 on; 0: in no book */
};

/* Zeroed: empty. The lease that is due first stands first, each other one behind one that is due no later (a heap). */
struct ebp_lease_book {
    struct ebp_lease **leases;
    size_t n, room;
};

static inline void ebp_lease_book_free(struct ebp_lease_book *book) {
    for (size_t i = 0; i < book->n; i++)
        book->leases[i]->place = 0;
    free(book->leases);
    memset(book, 0, sizeof *book);
}

/* ---- The heap ---- */

static inline void ebp_lease_put(struct ebp_lease_book *book, struct ebp_lease *lease, size_t place) {
    book->leases[place - 1] = lease;
    lease->place = place;
}

/* Moves a lease, which stands in its place or is about to, to where its time belongs. */
static inline void ebp_lease_move(struct ebp_lease_book *book, struct ebp_lease *lease) {
    size_t place = lease->place, next;

    for (; place > 1 && book->leases[place / 2 - 1]->due_ms > lease->due_ms; place /= 2)
        ebp_lease_put(book, book->leases[place / 2 - 1], place);
    for (; (next = 2 * place) <= book->n; place = next) {
        if (next < book->n && book->leases[next]->due_ms < book->leases[next - 1]->due_ms)
            next++;
        if (book->leases[next - 1]->due_ms >= lease->due_ms)
            break;
        ebp_lease_put(book, book->leases[next - 1], place);
    }
    ebp_lease_put(book, lease, place);
}

static inline void ebp_lease_schedule(struct ebp_lease_book *book, struct ebp_lease *lease, int64_t from_ms) {
    int64_t third_ms = from_ms + (lease->length_ms >= 3 ? lease->length_ms / 3 : 1);

    lease->due_ms = lease->of_host || third_ms > lease->until_ms ? lease->until_ms : third_ms;
    ebp_lease_move(book, lease);
}

/* ---- A message's lease ---- */

/* A message was received, of a request that was sent at sent_ms, for length_ms (1 or more). Returns false without memory: the lease is in
 * no book then. */
static inline bool ebp_lease_begin(struct ebp_lease_book *book, struct ebp_lease *lease, uint64_t token, int64_t sent_ms,
                                   int64_t length_ms) {
    assert(length_ms > 0);
    lease->place = 0;
    if (!EBP_RESERVE(book->leases, book->room, book->n + 1))
        return false;
    lease->token = token;
    lease->length_ms = length_ms < INT64_MAX / 2 ? length_ms : INT64_MAX / 2;
    lease->until_ms = sent_ms + lease->length_ms;
    lease->of_host = false;
    lease->place = ++book->n;
    book->leases[book->n - 1] = lease;
    ebp_lease_schedule(book, lease, sent_ms);
    return true;
}

/* The message was delivered to the host, which says EB_EXTEND when it is time. */
static inline void ebp_lease_left_to_host(struct ebp_lease_book *book, struct ebp_lease *lease) {
    lease->of_host = true;
    if (lease->place > 0)
        ebp_lease_schedule(book, lease, lease->until_ms - lease->length_ms);
}

/* The broker has confirmed an extension, whose request was sent at sent_ms. One that ended before stays ended. */
static inline void ebp_lease_extended(struct ebp_lease_book *book, struct ebp_lease *lease, int64_t sent_ms) {
    if (lease->place == 0 || sent_ms + lease->length_ms < lease->until_ms)
        return;
    lease->until_ms = sent_ms + lease->length_ms;
    ebp_lease_schedule(book, lease, sent_ms);
}

/* Whether the broker holds the message for us at that time, for sure: it is what decides between EB_OK and EB_GONE where an
 * acknowledgement has no reply. */
static inline bool ebp_lease_is_held(const struct ebp_lease *lease, int64_t now_ms) {
    return lease->place > 0 && now_ms < lease->until_ms;
}

/* The message is settled, or lost. One that is in no book may end again. */
static inline void ebp_lease_end(struct ebp_lease_book *book, struct ebp_lease *lease) {
    struct ebp_lease *last;

    if (lease->place == 0)
        return;
    last = book->leases[--book->n];
    if (last != lease) {
        last->place = lease->place;
        ebp_lease_move(book, last);
    }
    lease->place = 0;
}

/* ---- All of them ---- */

/* When ebp_lease_due has something to return; INT64_MAX: not by itself. */
static inline int64_t ebp_leases_due_ms(const struct ebp_lease_book *book) {
    return book->n > 0 ? book->leases[0]->due_ms : INT64_MAX;
}

/* Returns the next lease that is to be extended or is over at now_ms; NULL: no other
 * lease is due. */
static inline struct ebp_lease *ebp_lease_due(struct ebp_lease_book *book, int64_t now_ms, enum ebp_lease_what *what) {
    struct ebp_lease *lease = book->n > 0 ? book->leases[0] : NULL;

    if (!lease || lease->due_ms > now_ms)
        return NULL;
    *what = now_ms >= lease->until_ms ? EBP_LEASE_OVER : EBP_LEASE_EXTEND;
    if (*what == EBP_LEASE_OVER)
        ebp_lease_end(book, lease);
    else
        ebp_lease_schedule(book, lease, now_ms);
    return lease;
}

#endif
