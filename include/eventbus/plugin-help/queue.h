/* eventbus/plugin-help/queue.h - a bounded queue from the threads of a client library to the thread of the host.
 *
 * Client libraries call back in threads of their own: with a delivery report, a received message, a lost connection. Such a
 * callback pushes an item, a struct of the plugin's, and the plugin's `poll` or `receive` pops it. The queue calls a function
 * at each push, which ends the wait of that thread: usually the plugin's own `wake`.
 *
 *     self->reports = ebp_queue_new(sizeof(struct report), IN_FLIGHT_MAX, producer_wake, self);       // open
 *     ebp_queue_push(context->reports, &report);                                                      // callback
 *     while ((n = ebp_queue_pop(self->reports, reports, BATCH)) > 0)                                  // poll
 *         ...
 *     ebp_queue_close(self->reports);                                                                 // close
 *
 * The queue is counted by references, since some libraries call back after their own close has returned: each context of
 * a callback holds a reference. Once ebp_queue_close has returned the queue never calls `wake` again, and a push returns
 * EB_GONE, so a late callback touches nothing of the instance. */
#ifndef EBP_QUEUE_H
#define EBP_QUEUE_H

#include <eventbus/plugin-help/base.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/error.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/wakeup.h>

/* A ring of items. The mutex guards all but refs and what never changes. */
struct ebp_queue {
    pthread_mutex_t mutex;
    pthread_cond_t room_made;
    unsigned refs;
    unsigned waiting; /* threads that wait for room */
    bool closed;
    size_t item_size, room; /* never change */
    size_t first, n;
    void (*wake)(void *arg);
    void *arg;
    unsigned char *items;
};

/* Makes an open queue for at most `room` items (1 or more) of item_size bytes, with one reference. `wake` (NULL: none) is
 * called with `arg` at each push, by the thread that pushes, while the queue is locked: it does not wait, does not use the
 * queue, and takes no lock that a thread holds while it uses the queue. Returns NULL without memory. */
static inline struct ebp_queue *ebp_queue_new(size_t item_size, size_t room, void (*wake)(void *arg), void *arg) {
    struct ebp_queue *queue = (struct ebp_queue *)calloc(1, sizeof *queue);
    size_t bytes;

    if (!queue || room == 0 || __builtin_mul_overflow(room, item_size ? item_size : 1, &bytes) ||
        !(queue->items = (unsigned char *)malloc(bytes)))
        goto failed;
    queue->refs = 1;
    queue->item_size = item_size;
    queue->room = room;
    queue->wake = wake;
    queue->arg = arg;
    if (pthread_mutex_init(&queue->mutex, NULL) != 0)
        goto failed;
    if (ebp_cond_init(&queue->room_made) == 0)
        return queue;
    pthread_mutex_destroy(&queue->mutex);
failed:
    if (queue)
        free(queue->items);
    free(queue);
    return NULL;
}

/* Any thread that has a reference. Returns the queue, with one more. */
static inline struct ebp_queue *ebp_queue_ref(struct ebp_queue *queue) {
    __atomic_add_fetch(&queue->refs, 1, __ATOMIC_RELAXED);
    return queue;
}

/* Any thread. Gives up one reference; the last one frees the queue. What items point to is the plugin's: pop them first. */
static inline void ebp_queue_unref(struct ebp_queue *queue) {
    if (!queue || __atomic_sub_fetch(&queue->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_cond_destroy(&queue->room_made);
    pthread_mutex_destroy(&queue->mutex);
    free(queue->items);
    free(queue);
}

static inline unsigned char *ebp_queue_at(struct ebp_queue *queue, size_t i) {
    return queue->items + (queue->first + i) % queue->room * queue->item_size;
}

/* Any thread. Copies an item to the end of the queue; waits up to timeout_ms for room. Returns EB_OK; EB_FULL: there was no
 * room in time; EB_GONE: the queue is closed. The item stays the caller's unless it is EB_OK. A wait in a callback keeps the
 * client library from receiving more, which is how a queue of messages slows the broker down; the host's thread never waits
 * here, because it alone makes room. */
static inline int32_t ebp_queue_push_wait(struct ebp_queue *queue, const void *item, int64_t timeout_ms) {
    struct timespec until = ebp_timespec(timeout_ms > 0 ? ebp_monotonic_ms() + ebp_poll_timeout(timeout_ms) : 0);
    int32_t status = EB_OK;
    int failed = 0;

    pthread_mutex_lock(&queue->mutex);
    queue->waiting++;
    while (!queue->closed && queue->n == queue->room && timeout_ms > 0 && failed == 0)
        failed = pthread_cond_timedwait(&queue->room_made, &queue->mutex, &until);
    queue->waiting--;
    if (queue->closed) {
        status = EB_GONE;
    } else if (queue->n == queue->room) {
        status = EB_FULL;
    } else {
        memcpy(ebp_queue_at(queue, queue->n++), item, queue->item_size);
        if (queue->wake)
            queue->wake(queue->arg);
    }
    pthread_mutex_unlock(&queue->mutex);
    return status;
}

/* The same without a wait. A queue that has room for all that can be in flight is never full. */
static inline int32_t ebp_queue_push(struct ebp_queue *queue, const void *item) {
    return ebp_queue_push_wait(queue, item, 0);
}

/* Moves up to max of the oldest items, in their order, to the array `items`, and returns how many. A closed queue gives out
 * what is left in it. Any thread, usually the host's. */
static inline size_t ebp_queue_pop(struct ebp_queue *queue, void *items, size_t max) {
    unsigned char *to = (unsigned char *)items;
    bool awaited = false;
    size_t n, end;

    pthread_mutex_lock(&queue->mutex);
    n = queue->n < max ? queue->n : max;
    end = queue->room - queue->first < n ? queue->room - queue->first : n; /* those before the ring wraps */
    if (n > 0) {
        memcpy(to, ebp_queue_at(queue, 0), end * queue->item_size);
        memcpy(to + end * queue->item_size, queue->items, (n - end) * queue->item_size);
        queue->first = (queue->first + n) % queue->room;
        queue->n -= n;
        awaited = queue->waiting > 0;
    }
    pthread_mutex_unlock(&queue->mutex);
    if (awaited) /* without the lock, for which a thread that is woken would wait next */
        pthread_cond_broadcast(&queue->room_made);
    return n;
}

/* Any thread. How many items are in it at this moment. */
static inline size_t ebp_queue_count(struct ebp_queue *queue) {
    size_t n;

    pthread_mutex_lock(&queue->mutex);
    n = queue->n;
    pthread_mutex_unlock(&queue->mutex);
    return n;
}

/* Any thread. Whether ebp_queue_close was called, which ends a thread that pops; there may be items left. */
static inline bool ebp_queue_is_closed(struct ebp_queue *queue) {
    bool closed;

    pthread_mutex_lock(&queue->mutex);
    closed = queue->closed;
    pthread_mutex_unlock(&queue->mutex);
    return closed;
}

/* Any thread. From here on pushes return EB_GONE, those that wait for room too, and `wake` is not called any more. */
static inline void ebp_queue_close(struct ebp_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    queue->wake = NULL;
    pthread_cond_broadcast(&queue->room_made);
    pthread_mutex_unlock(&queue->mutex);
}

#endif
