/* eventbus/plugin-help/ring.h - rings: the messages that a producer has taken and not yet reported, in order; and rings of other
 * elements, which grow. */
#ifndef EBP_RING_H
#define EBP_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>

/* ---- A producer's messages in flight: at most EBP_SUBMIT_ROOM, so that submit needs no memory ---- */

enum { EBP_SUBMIT_ROOM = 8192 }; /* a power of two */

/* Zeroed: empty. Belongs to the producer's thread. The messages stay the host's and valid until they are reported. */
struct ebp_submit_ring {
    size_t first, n;
    const struct eb_message *messages[EBP_SUBMIT_ROOM];
};

/* Message i of n, 0 the oldest. */
static inline const struct eb_message *ebp_submit_at(const struct ebp_submit_ring *ring, size_t i) {
    return ring->messages[(ring->first + i) % EBP_SUBMIT_ROOM];
}

/* Takes as many messages of the batch as there is room for, and returns how many, as the plugin's submit does. */
static inline size_t ebp_submit_take(struct ebp_submit_ring *ring, const struct eb_message *const *batch, size_t n) {
    size_t taken = 0;

    for (; taken < n && ring->n < EBP_SUBMIT_ROOM; taken++, ring->n++)
        ring->messages[(ring->first + ring->n) % EBP_SUBMIT_ROOM] = batch[taken];
    return taken;
}

/* Puts another message in the place of message i, for an owner that takes some out of the middle and moves up the rest. */
static inline void ebp_submit_put(struct ebp_submit_ring *ring, size_t i, const struct eb_message *message) {
    ring->messages[(ring->first + i) % EBP_SUBMIT_ROOM] = message;
}

/* The n oldest messages leave. */
static inline void ebp_submit_drop(struct ebp_submit_ring *ring, size_t n) {
    assert(n <= ring->n);
    ring->first = (ring->first + n) % EBP_SUBMIT_ROOM;
    ring->n -= n;
}

/* ---- A ring that grows. Its elements lie in an array of the owner's, `elements[ebp_ring_at(&ring, i)]` ---- */

/* Zeroed: empty. room is 0 or a power of two. */
struct ebp_ring {
    size_t first, n, room;
};

/* Where element i of n lies, 0 the oldest. */
static inline size_t ebp_ring_at(const struct ebp_ring *ring, size_t i) {
    return (ring->first + i) & (ring->room - 1);
}

/* Makes room for `more` elements behind the last one. `elements` points to the pointer to the array, whose elements have
 * `size` bytes each. Returns false without memory; nothing has changed then. */
static inline bool ebp_ring_grow(struct ebp_ring *ring, void *elements, size_t more, size_t size) {
    const size_t first_room = 64;
    size_t room = ring->room ? ring->room : first_room, bytes, end;
    char *before, *after;

    while (room - ring->n < more) {
        if (room > SIZE_MAX / 4)
            return false;
        room *= 2;
    }
    if (room == ring->room)
        return true;
    memcpy(&before, elements, sizeof before); /* whatever type it points to */
    after = __builtin_mul_overflow(room, size, &bytes) ? NULL : (char *)malloc(bytes);
    if (!after)
        return false;
    end = ring->room - ring->first < ring->n ? ring->room - ring->first : ring->n; /* those before the ring wraps */
    if (before) {
        memcpy(after, before + ring->first * size, end * size);
        memcpy(after + end * size, before, (ring->n - end) * size);
    }
    free(before);
    memcpy(elements, &after, sizeof after);
    ring->first = 0;
    ring->room = room;
    return true;
}

/* The same for an array expression; checks the room inline. */
#define EBP_RING_RESERVE(ring, elements, more)                                                                                 \
    ((size_t)(more) <= (ring)->room - (ring)->n || ebp_ring_grow((ring), &(elements), (more), sizeof *(elements)))

/* Adds an element, for which room was reserved, and returns where it lies. */
static inline size_t ebp_ring_push(struct ebp_ring *ring) {
    assert(ring->n < ring->room);
    return ebp_ring_at(ring, ring->n++);
}

/* Takes the oldest element out and returns where it lies until the next push. */
static inline size_t ebp_ring_pop(struct ebp_ring *ring) {
    size_t at = ebp_ring_at(ring, 0);

    assert(ring->n > 0);
    ring->first = ebp_ring_at(ring, 1);
    ring->n--;
    return at;
}

#endif
