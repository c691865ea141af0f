/* core/consume/key_queue.c - see key_queue.h. */
#include "consume/key_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key of up to USUAL_KEY bytes gets a block of that size; MAX_SPARES of them are kept: 240 KiB. */
enum { USUAL_KEY = 96, MAX_SPARES = 1024 };

static struct ebi_key_queue **list_of(struct ebi_key_queues *queues, enum ebi_key_queue_state state) {
    switch (state) {
    case EBI_QUEUE_READY:
        return &queues->ready;
    case EBI_QUEUE_ALONE:
        return &queues->alone;
    case EBI_QUEUE_RETURNING:
        return &queues->returning;
    case EBI_QUEUE_DELAYED:
    case EBI_QUEUE_AT_WORK:
        break;
    }
    return NULL;
}

static void leave_list(struct ebi_key_queues *queues, struct ebi_key_queue *queue) {
    struct ebi_key_queue **list = list_of(queues, queue->state);

    if (list)
        DL_DELETE(*list, queue);
    ebi_timers_remove(&queues->delayed, &queue->due);
}

void ebi_key_queue_set_state(struct ebi_key_queues *queues, struct ebi_key_queue *queue, enum ebi_key_queue_state state) {
    leave_list(queues, queue);
    queue->state = state;
    struct ebi_key_queue **list = list_of(queues, state);
    if (list)
        DL_APPEND(*list, queue);
}

void ebi_key_queue_make_ready(struct ebi_key_queues *queues, struct ebi_key_queue *queue) {
    queue->turn = ++queues->turns;
    ebi_key_queue_set_state(queues, queue, queue->head->alone ? EBI_QUEUE_ALONE : EBI_QUEUE_READY);
}

static struct ebi_key_queue *new_queue(struct ebi_key_queues *queues, size_t key_len) {
    struct ebi_key_queue *queue = key_len <= USUAL_KEY ? queues->spares : NULL;

    if (queue) {
        queues->spares = queue->next;
        queues->n_spares--;
    } else {
        queue = malloc(sizeof *queue + (key_len < USUAL_KEY ? USUAL_KEY : key_len));
    }
    if (queue) {
        memset(queue, 0, offsetof(struct ebi_key_queue, hh));
        queue->key_len = key_len;
    }
    return queue;
}

static void recycle(struct ebi_key_queues *queues, struct ebi_key_queue *queue) {
    if (queue->key_len > USUAL_KEY || queues->n_spares == MAX_SPARES) {
        free(queue);
        return;
    }
    queue->next = queues->spares;
    queues->spares = queue;
    queues->n_spares++;
}

void ebi_key_queue_remove(struct ebi_key_queues *queues, struct ebi_key_queue *queue) {
    leave_list(queues, queue);
    HASH_DEL(queues->by_key, queue);
    recycle(queues, queue);
}

struct ebi_key_queue *ebi_key_queue_find(struct ebi_key_queues *queues, const char *key, size_t len) {
    struct ebi_key_queue *queue = NULL;
    char own[24];

    if (!key) { /* a message's key never begins with two NULs: see queue_key in state.h */
        len = (size_t)snprintf(own + 2, sizeof own - 2, "%llx", (unsigned long long)++queues->nameless) + 2;
        own[0] = own[1] = '\0';
        key = own;
    } else {
        HASH_FIND(hh, queues->by_key, key, len, queue);
    }
    if (queue)
        return queue;
    queue = new_queue(queues, len);
    if (!queue)
        return NULL;
    memcpy(queue->key, key, len);
    HASH_ADD(hh, queues->by_key, key, len, queue);
    if (!EBI_HASHED(queue)) {
        recycle(queues, queue);
        return NULL;
    }
    queue->state = EBI_QUEUE_AT_WORK;
    return queue;
}

void ebi_key_queue_advance(struct ebi_key_queues *queues, struct ebi_key_queue *queue) {
    struct ebi_inflight *first = queue->head;

    DL_DELETE(queue->head, first);
    if (queue->head)
        ebi_key_queue_make_ready(queues, queue);
    else if (ebi_key_queue_is_returning(queues, queue))
        ebi_key_queue_set_state(queues, queue, EBI_QUEUE_RETURNING);
    else
        ebi_key_queue_remove(queues, queue);
}

void ebi_key_queues_remove_all(struct ebi_key_queues *queues) {
    struct ebi_key_queue *queue, *next;

    HASH_ITER(hh, queues->by_key, queue, next)
    ebi_key_queue_remove(queues, queue);
}

void ebi_key_queues_free(struct ebi_key_queues *queues) {
    ebi_key_queues_remove_all(queues);
    while (queues->spares)
        free(new_queue(queues, 0));
}
