/* core/consume/dispatch.c - see dispatch.h. */
#include "consume/dispatch.h"

#include <assert.h>

#include "base/clock.h"

enum { ALONE_ABOVE = 3 }; /* deliveries beyond the failures, after which an event runs alone */

/* ---- All that is in flight ---- */

void ebi_dispatch_init(struct ebi_dispatch *dispatch) {
    *dispatch = (struct ebi_dispatch){ .verdicts.batch = 1 };
}

static void set_state(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, enum ebi_inflight_state state) {
    if (inflight->state == EBI_WAITING)
        dispatch->waiting--;
    if (state == EBI_WAITING)
        dispatch->waiting++;
    inflight->state = state;
}

static void set_verdict(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, enum eb_verdict_kind kind,
                        uint32_t delay_ms, int64_t now_ms) {
    set_state(dispatch, inflight, EBI_SETTLING);
    if (kind == EB_RETURN)
        ebi_attempts_keep(&dispatch->attempts, inflight);
    inflight->acked = kind == EB_ACK;
    inflight->queue = NULL;
    inflight->prev = inflight->next = NULL;
    ebi_verdicts_add(&dispatch->verdicts, inflight->message.token, kind, delay_ms, now_ms);
}

/* Whether a message was delivered again and again beyond its failures: perhaps its workers crashed on it. */
static bool is_suspicious(const struct ebi_inflight *inflight) {
    return inflight->message.deliveries > (uint64_t)inflight->failures + ALONE_ABOVE;
}

static void list_inflight(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    DL_APPEND2(dispatch->all, inflight, all_prev, all_next);
    dispatch->in_flight++;
    dispatch->bytes += inflight->bytes;
}

static void unlist_inflight(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    DL_DELETE2(dispatch->all, inflight, all_prev, all_next);
    HASH_DEL(dispatch->by_token, inflight);
    dispatch->in_flight--;
    dispatch->bytes -= inflight->bytes;
}

static struct ebi_inflight *find(const struct ebi_dispatch *dispatch, uint64_t token) {
    struct ebi_inflight *inflight = NULL;

    HASH_FIND(hh, dispatch->by_token, &token, sizeof token, inflight);
    return inflight;
}

bool ebi_dispatch_add(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, const char *key, size_t key_len,
                      int64_t now_ms) {
    struct ebi_key_queue *queue;

    ebi_running_set_time(&dispatch->running, now_ms);
    if (!ebi_verdicts_reserve(&dispatch->verdicts, dispatch->in_flight + 1) ||
        !(queue = ebi_key_queue_find(&dispatch->queues, key, key_len)))
        return false;
    HASH_ADD(hh, dispatch->by_token, message.token, sizeof inflight->message.token, inflight);
    if (!EBI_HASHED(inflight)) {
        if (!queue->head && queue->state != EBI_QUEUE_RETURNING)
            ebi_key_queue_remove(&dispatch->queues, queue); /* it was made for this message */
        return false;
    }
    list_inflight(dispatch, inflight);
    ebi_attempts_recall(&dispatch->attempts, inflight);
    inflight->alone = is_suspicious(inflight);
    inflight->state = EBI_SETTLING;                             /* not waiting yet */
    if (ebi_key_queue_is_returning(&dispatch->queues, queue)) { /* an earlier message of its key is on its way back */
        set_verdict(dispatch, inflight, EB_RETURN, 0, now_ms);
        queue->returned_with = dispatch->verdicts.batch;
        return true;
    }
    set_state(dispatch, inflight, EBI_WAITING);
    inflight->queue = queue;
    DL_APPEND(queue->head, inflight);
    if (queue->head == inflight)
        ebi_key_queue_make_ready(&dispatch->queues, queue);
    return true;
}

void ebi_dispatch_given(struct ebi_dispatch *dispatch, uint64_t batch) {
    struct ebi_key_queues *queues = &dispatch->queues;
    struct ebi_key_queue *queue, *next;

    queues->given = batch;
    DL_FOREACH_SAFE(queues->returning, queue, next)
    if (!ebi_key_queue_is_returning(queues, queue))
        ebi_key_queue_remove(queues, queue);
}

bool ebi_dispatch_settled(struct ebi_dispatch *dispatch, uint64_t token, int64_t boot_ms, bool *acked, bool *late) {
    struct ebi_inflight *inflight = find(dispatch, token);

    if (!inflight || inflight->state != EBI_SETTLING)
        return false;
    *acked = inflight->acked;
    *late = inflight->lease_ends_ms && boot_ms > inflight->lease_ends_ms;
    unlist_inflight(dispatch, inflight);
    ebi_inflight_recycle(&dispatch->spares, inflight);
    return true;
}

/* ---- Working ---- */

struct ebi_inflight *ebi_dispatch_next(struct ebi_dispatch *dispatch) {
    struct ebi_key_queue *queue = ebi_running_next_queue(&dispatch->running, &dispatch->queues);

    if (!queue)
        return NULL;
    struct ebi_inflight *inflight = queue->head;
    ebi_key_queue_set_state(&dispatch->queues, queue, EBI_QUEUE_AT_WORK);
    set_state(dispatch, inflight, EBI_AT_WORK);
    ebi_running_add(&dispatch->running, inflight);
    return inflight;
}

/* Ends the work on a message that is at work or parked. False: its instance was closed meanwhile, and it is freed. */
static bool stop_work(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    assert(inflight->state == EBI_AT_WORK || inflight->state == EBI_PARKED);
    if (inflight->state == EBI_PARKED)
        dispatch->parked--;
    else
        ebi_running_remove(&dispatch->running, inflight);
    if (inflight->queue)
        return true;
    DL_DELETE2(dispatch->dropped, inflight, all_prev, all_next);
    ebi_inflight_free(inflight);
    return false;
}

void ebi_dispatch_ack(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t now_ms) {
    ebi_running_set_time(&dispatch->running, now_ms);
    if (!stop_work(dispatch, inflight))
        return;
    ebi_key_queue_advance(&dispatch->queues, inflight->queue);
    set_verdict(dispatch, inflight, EB_ACK, 0, now_ms);
}

/* Gives a message a verdict, and hands back those behind it in its queue, so that none passes it. What the plugin delivers of
 * the key before it has been given these verdicts is handed back as well. */
static void return_with_followers(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, enum eb_verdict_kind kind,
                                  uint32_t delay_ms, int64_t now_ms) {
    struct ebi_key_queue *queue = inflight->queue;
    struct ebi_inflight *follower = inflight->next;

    DL_DELETE(queue->head, inflight);
    set_verdict(dispatch, inflight, kind, delay_ms, now_ms);
    while (follower) {
        struct ebi_inflight *next = follower->next;

        DL_DELETE(queue->head, follower);
        set_verdict(dispatch, follower, EB_RETURN, 0, now_ms);
        follower = next;
    }
    queue->returned_with = dispatch->verdicts.batch;
    if (!queue->head)
        ebi_key_queue_set_state(&dispatch->queues, queue, EBI_QUEUE_RETURNING);
}

void ebi_dispatch_return(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t now_ms) {
    if (stop_work(dispatch, inflight))
        return_with_followers(dispatch, inflight, EB_RETURN, 0, now_ms);
}

bool ebi_dispatch_retry(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t delay_ms, int64_t now_ms) {
    if (delay_ms > UINT32_MAX)
        delay_ms = UINT32_MAX;
    if (inflight->queue && !ebi_attempts_keep_retry(&dispatch->attempts, inflight, delay_ms))
        return false;
    if (stop_work(dispatch, inflight))
        return_with_followers(dispatch, inflight, EB_RETRY, (uint32_t)delay_ms, now_ms);
    return true;
}

void ebi_dispatch_delay(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t due_ms) {
    if (!stop_work(dispatch, inflight))
        return;
    set_state(dispatch, inflight, EBI_WAITING);
    ebi_key_queue_set_state(&dispatch->queues, inflight->queue, EBI_QUEUE_DELAYED);
    ebi_timers_add(&dispatch->queues.delayed, &inflight->queue->due, due_ms);
}

void ebi_dispatch_park(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    assert(inflight->state == EBI_AT_WORK);
    ebi_running_remove(&dispatch->running, inflight);
    dispatch->parked++;
    set_state(dispatch, inflight, EBI_PARKED); /* its queue stays at work */
}

bool ebi_dispatch_wake(struct ebi_dispatch *dispatch, int64_t now_ms, int64_t *due_ms) {
    struct ebi_timers *delayed = &dispatch->queues.delayed;
    struct ebi_timer *timer;
    bool woke = false;

    ebi_running_set_time(&dispatch->running, now_ms);
    while ((timer = ebi_timers_take_due(delayed, now_ms))) {
        ebi_key_queue_make_ready(&dispatch->queues, ebi_key_queue_of(timer));
        woke = true;
    }
    if (delayed->first && delayed->first->at_ms < *due_ms)
        *due_ms = delayed->first->at_ms;
    return ebi_running_wake(&dispatch->running, &dispatch->queues, due_ms) || woke;
}

/* ---- Handing back ---- */

static void return_list(struct ebi_dispatch *dispatch, struct ebi_key_queue **list, int64_t now_ms) {
    while (*list)
        return_with_followers(dispatch, (*list)->head, EB_RETURN, 0, now_ms);
}

void ebi_dispatch_return_waiting(struct ebi_dispatch *dispatch, int64_t now_ms) {
    struct ebi_key_queues *queues = &dispatch->queues;
    struct ebi_inflight *inflight;

    return_list(dispatch, &queues->ready, now_ms);
    return_list(dispatch, &queues->alone, now_ms);
    while (queues->delayed.first)
        return_with_followers(dispatch, ebi_key_queue_of(queues->delayed.first)->head, EB_RETURN, 0, now_ms);
    if (!dispatch->waiting)
        return;
    DL_FOREACH2(dispatch->all, inflight, all_next)
    if ((inflight->state == EBI_AT_WORK || inflight->state == EBI_PARKED) && inflight->next)
        return_with_followers(dispatch, inflight->next, EB_RETURN, 0, now_ms);
}

void ebi_dispatch_revoke(struct ebi_dispatch *dispatch, const uint64_t *tokens, size_t n, int64_t now_ms) {
    for (size_t i = 0; i < n; i++) {
        struct ebi_inflight *inflight = find(dispatch, tokens[i]);

        if (!inflight || inflight->state == EBI_SETTLING)
            continue;
        inflight->revoked = true;
        if (inflight->state == EBI_WAITING)
            return_with_followers(dispatch, inflight, EB_RETURN, 0, now_ms);
    }
}

/* Leases run on while the machine sleeps. One that has ended is not renewed: the broker may have taken the message away. */
static void renew_lease(struct ebi_inflight *inflight) {
    int64_t boot_ms;

    if (!inflight->lease_ends_ms)
        return;
    boot_ms = ebi_boot_us() / 1000;
    if (boot_ms <= inflight->lease_ends_ms)
        inflight->lease_ends_ms = boot_ms + inflight->message.lease_ms;
}

void ebi_dispatch_extend(struct ebi_dispatch *dispatch, int64_t now_ms) {
    struct ebi_verdicts *verdicts = &dispatch->verdicts;
    struct ebi_inflight *inflight;

    DL_FOREACH2(dispatch->all, inflight, all_next) {
        if (inflight->state == EBI_SETTLING || verdicts->n + dispatch->in_flight >= verdicts->room)
            continue;
        ebi_verdicts_add(verdicts, inflight->message.token, EB_EXTEND, 0, now_ms);
        renew_lease(inflight);
    }
}

/* ---- The end of an instance ---- */

void ebi_dispatch_drop(struct ebi_dispatch *dispatch) {
    struct ebi_inflight *inflight, *next;

    DL_FOREACH_SAFE2(dispatch->all, inflight, next, all_next) {
        if (inflight->state != EBI_SETTLING)
            ebi_attempts_keep(&dispatch->attempts, inflight);
        else if (!inflight->acked)
            ebi_attempts_keep_uncertain(&dispatch->attempts, inflight);
        unlist_inflight(dispatch, inflight);
        inflight->queue = NULL;
        if (inflight->state == EBI_AT_WORK || inflight->state == EBI_PARKED)
            DL_PREPEND2(dispatch->dropped, inflight, all_prev, all_next);
        else
            ebi_inflight_free(inflight);
    }
    ebi_key_queues_remove_all(&dispatch->queues);
    dispatch->verdicts.n = dispatch->waiting = 0;
}

void ebi_dispatch_free(struct ebi_dispatch *dispatch) {
    ebi_dispatch_drop(dispatch);
    ebi_inflight_pool_free(&dispatch->spares);
    ebi_key_queues_free(&dispatch->queues);
    ebi_verdicts_free(&dispatch->verdicts);
    ebi_attempts_free(&dispatch->attempts);
    *dispatch = (struct ebi_dispatch){ 0 };
}

void ebi_dispatch_each(const struct ebi_dispatch *dispatch, void (*each)(void *arg, const struct ebi_inflight *), void *arg) {
    const struct ebi_inflight *inflight;

    DL_FOREACH2(dispatch->all, inflight, all_next)
    each(arg, inflight);
    DL_FOREACH2(dispatch->dropped, inflight, all_next)
    each(arg, inflight);
}
