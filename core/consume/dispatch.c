/* core/consume/dispatch.c - see dispatch.h. */
#include "consume/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/message.h"

enum { ALONE_ABOVE = 3 };               /* deliveries beyond the failures, until an event is run alone */

/* ---- Messages ---- */

/* Blocks up to that size are made of that size; so many are kept to be used again: 1.5 MiB. */
enum { USUAL_SIZE = 1536, MOST_SPARES = 1024 };

struct ebi_inflight *ebi_inflight_new(const struct eb_message *message, const struct eb_schema *key_schema,
                                const struct eb_schema *schema, struct ebi_inflight *spare) {
    size_t room = ebi_message_room(message), head = (sizeof(struct ebi_inflight) + 15) & ~(size_t)15;
    struct ebi_inflight *inflight = spare;

    if (!room || head + room > USUAL_SIZE) {
        free(spare);
        inflight = room ? malloc(head + room) : NULL;
    } else if (!spare) {
        inflight = malloc(USUAL_SIZE);
    }
    if (!inflight)
        return NULL;
    ebi_message_copy(&inflight->message, message, (char *)inflight + head);
    inflight->message.key_schema = key_schema;
    inflight->message.schema = schema;
    memset(&inflight->queue, 0, offsetof(struct ebi_inflight, receiver) - offsetof(struct ebi_inflight, queue));
    inflight->receiver[0] = '\0';
    inflight->bytes = head + room;
    inflight->failures = inflight->message.failures;
    return inflight;
}

static void empty(struct ebi_inflight *inflight) {
    eb_event_free(inflight->event);
    free(inflight->why);
    free(inflight->detail);
}

void ebi_inflight_free(struct ebi_inflight *inflight) {
    if (!inflight)
        return;
    empty(inflight);
    free(inflight);
}

/* As ebi_inflight_free, or it is kept as a block to be used again. */
static void drop(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    if (inflight->bytes > USUAL_SIZE || dispatch->n_spares == MOST_SPARES) {
        ebi_inflight_free(inflight);
        return;
    }
    empty(inflight);
    inflight->next = dispatch->spares;
    dispatch->spares = inflight;
    dispatch->n_spares++;
}

struct ebi_inflight *ebi_dispatch_spare(struct ebi_dispatch *dispatch) {
    struct ebi_inflight *spare = dispatch->spares;

    if (spare) {
        dispatch->spares = spare->next;
        dispatch->n_spares--;
    }
    return spare;
}

/* ---- Lists of queues ---- */

static void enlist(struct ebi_key_queue_list *list, struct ebi_key_queue *queue) {
    queue->prev = list->last;
    queue->next = NULL;
    if (list->last)
        list->last->next = queue;
    else
        list->first = queue;
    list->last = queue;
}

static void delist(struct ebi_key_queue_list *list, struct ebi_key_queue *queue) {
    if (queue->prev)
        queue->prev->next = queue->next;
    else
        list->first = queue->next;
    if (queue->next)
        queue->next->prev = queue->prev;
    else
        list->last = queue->prev;
    queue->prev = queue->next = NULL;
}

static struct ebi_key_queue_list *list_of(struct ebi_dispatch *dispatch, const struct ebi_key_queue *queue) {
    switch (queue->state) {
    case EBI_QUEUE_READY:
        return &dispatch->ready;
    case EBI_QUEUE_ALONE:
        return &dispatch->alone;
    case EBI_QUEUE_RETURNING:
        return &dispatch->returning;
    case EBI_QUEUE_DELAYED:
    case EBI_QUEUE_AT_WORK:
        break;
    }
    return NULL;
}

static void take_out(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue) {
    struct ebi_key_queue_list *list = list_of(dispatch, queue);

    if (list)
        delist(list, queue);
    ebi_timers_remove(&dispatch->delayed, &queue->due);
}

static void move(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue, enum ebi_key_queue_state state) {
    take_out(dispatch, queue);
    queue->state = state;
    struct ebi_key_queue_list *list = list_of(dispatch, queue);
    if (list)
        enlist(list, queue);
}

/* Its first message may come to work when it is its turn. */
static void make_ready(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue) {
    queue->turn = ++dispatch->turns;
    move(dispatch, queue, queue->head->alone ? EBI_QUEUE_ALONE : EBI_QUEUE_READY);
}

/* Keys up to that length get a block of that size; so many are kept: 240 KiB. */
enum { USUAL_KEY = 96, MAX_SPARE_QUEUES = 1024 };

static struct ebi_key_queue *new_queue(struct ebi_dispatch *dispatch, size_t key_len) {
    struct ebi_key_queue *queue = key_len <= USUAL_KEY ? dispatch->spare_queues : NULL;

    if (queue) {
        dispatch->spare_queues = queue->next;
        dispatch->n_spare_queues--;
    } else {
        queue = malloc(sizeof *queue + (key_len < USUAL_KEY ? USUAL_KEY : key_len));
    }
    if (queue) {
        memset(queue, 0, offsetof(struct ebi_key_queue, hh));
        queue->key_len = key_len;
    }
    return queue;
}

static void drop_queue(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue) {
    if (queue->key_len > USUAL_KEY || dispatch->n_spare_queues == MAX_SPARE_QUEUES) {
        free(queue);
        return;
    }
    queue->next = dispatch->spare_queues;
    dispatch->spare_queues = queue;
    dispatch->n_spare_queues++;
}

static void remove_queue(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue) {
    take_out(dispatch, queue);
    HASH_DEL(dispatch->queues, queue);
    drop_queue(dispatch, queue);
}

static struct ebi_key_queue *queue_of(struct ebi_dispatch *dispatch, const char *key, size_t len) {
    struct ebi_key_queue *queue = NULL;
    char own[24];

    if (!key) {                         /* no key begins with two NULs: see ebi_consumer's queue_key */
        len = (size_t)snprintf(own + 2, sizeof own - 2, "%llx", (unsigned long long)++dispatch->nameless) + 2;
        own[0] = own[1] = '\0';
        key = own;
    } else {
        HASH_FIND(hh, dispatch->queues, key, len, queue);
    }
    if (queue)
        return queue;
    queue = new_queue(dispatch, len);
    if (!queue)
        return NULL;
    memcpy(queue->key, key, len);
    HASH_ADD(hh, dispatch->queues, key, len, queue);
    if (!EBI_HASHED(queue)) {
        drop_queue(dispatch, queue);
        return NULL;
    }
    queue->state = EBI_QUEUE_AT_WORK;     /* until its first message is in it */
    return queue;
}

/* ---- Verdicts ---- */

/* Room for a verdict is made when a message comes in, so that none can be lost for want of memory later. */
static bool reserve_verdicts(struct ebi_dispatch *dispatch) {
    /* A final one and an extension for each, and those that are not gathered yet, for want of memory. */
    size_t want = dispatch->n_verdicts + 2 * (dispatch->in_flight + 1);

    if (dispatch->verdict_room >= want)
        return true;
    size_t room = want < 64 ? 64 : want * 2;
    struct eb_verdict *verdicts = realloc(dispatch->verdicts, room * sizeof *verdicts);
    if (!verdicts)
        return false;
    dispatch->verdicts = verdicts;
    dispatch->verdict_room = room;
    return true;
}

static void give(struct ebi_dispatch *dispatch, const struct ebi_inflight *inflight, enum eb_verdict_kind kind,
                 uint32_t delay_ms, int64_t now_ms) {
    if (dispatch->n_verdicts == 0)
        dispatch->first_verdict_ms = now_ms;
    dispatch->verdicts[dispatch->n_verdicts++] =
        (struct eb_verdict){.token = inflight->message.token, .delay_ms = delay_ms, .kind = kind};
}

static void set_state(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, enum ebi_inflight_state state) {
    if (inflight->state == EBI_WAITING)
        dispatch->waiting--;
    if (state == EBI_WAITING)
        dispatch->waiting++;
    inflight->state = state;
}

static void judge(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, enum eb_verdict_kind kind, uint32_t delay_ms,
                  int64_t now_ms) {
    set_state(dispatch, inflight, EBI_SETTLING);
    if (kind == EB_RETURN)
        ebi_attempts_keep(&dispatch->attempts, inflight);
    inflight->acked = kind == EB_ACK;
    inflight->queue = NULL;
    inflight->prev = inflight->next = NULL;
    give(dispatch, inflight, kind, delay_ms, now_ms);
}

size_t ebi_dispatch_gather(struct ebi_dispatch *dispatch, struct eb_verdict **verdicts, uint64_t *batch) {
    size_t n = dispatch->n_verdicts;

    *batch = dispatch->batch;
    *verdicts = NULL;
    if (n == 0)
        return 0;
    struct eb_verdict *fresh = malloc(dispatch->verdict_room * sizeof *fresh);
    if (!fresh)
        return 0;                       /* they stay, and are gathered another time */
    *verdicts = dispatch->verdicts;
    dispatch->verdicts = fresh;
    dispatch->n_verdicts = 0;
    dispatch->batch++;
    return n;
}

void ebi_dispatch_given(struct ebi_dispatch *dispatch, uint64_t batch) {
    struct ebi_key_queue *queue = dispatch->returning.first, *next;

    for (; queue; queue = next) {
        next = queue->next;
        if (queue->returned_with <= batch)
            remove_queue(dispatch, queue);
    }
}

/* ---- All that is in flight ---- */

void ebi_dispatch_init(struct ebi_dispatch *dispatch) {
    *dispatch = (struct ebi_dispatch){.batch = 1};
}

static void forget(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    if (inflight->all_prev)
        inflight->all_prev->all_next = inflight->all_next;
    else
        dispatch->all_first = inflight->all_next;
    if (inflight->all_next)
        inflight->all_next->all_prev = inflight->all_prev;
    else
        dispatch->all_last = inflight->all_prev;
    HASH_DEL(dispatch->by_token, inflight);
    dispatch->in_flight--;
    dispatch->bytes -= inflight->bytes;
}

/* Handed out again and again beyond its failures: perhaps it is what its workers died of. */
static bool is_suspicious(const struct ebi_inflight *inflight) {
    return inflight->message.deliveries > (uint64_t)inflight->failures + ALONE_ABOVE;
}

static void append(struct ebi_key_queue *queue, struct ebi_inflight *inflight) {
    inflight->queue = queue;
    inflight->prev = queue->tail;
    inflight->next = NULL;
    if (queue->tail)
        queue->tail->next = inflight;
    else
        queue->head = inflight;
    queue->tail = inflight;
}

static void count_in(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    inflight->all_prev = dispatch->all_last;
    inflight->all_next = NULL;
    if (dispatch->all_last)
        dispatch->all_last->all_next = inflight;
    else
        dispatch->all_first = inflight;
    dispatch->all_last = inflight;
    dispatch->in_flight++;
    dispatch->bytes += inflight->bytes;
}

static void see_time(struct ebi_dispatch *dispatch, int64_t now_ms) {
    if (now_ms > dispatch->now_ms)
        dispatch->now_ms = now_ms;
}

bool ebi_dispatch_add(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, const char *key, size_t key_len,
                      int64_t now_ms) {
    struct ebi_key_queue *queue;

    see_time(dispatch, now_ms);
    if (!reserve_verdicts(dispatch) || !(queue = queue_of(dispatch, key, key_len)))
        return false;
    HASH_ADD(hh, dispatch->by_token, message.token, sizeof inflight->message.token, inflight);
    if (!EBI_HASHED(inflight)) {
        if (!queue->head && queue->state != EBI_QUEUE_RETURNING)
            remove_queue(dispatch, queue);                /* made for this one */
        return false;
    }
    count_in(dispatch, inflight);
    ebi_attempts_recall(&dispatch->attempts, inflight);
    inflight->alone = is_suspicious(inflight);
    inflight->state = EBI_SETTLING;          /* not waiting yet */
    if (queue->state == EBI_QUEUE_RETURNING) {            /* an earlier one of its key is on its way back */
        judge(dispatch, inflight, EB_RETURN, 0, now_ms);
        queue->returned_with = dispatch->batch;
        return true;
    }
    set_state(dispatch, inflight, EBI_WAITING);
    append(queue, inflight);
    if (queue->head == inflight)
        make_ready(dispatch, queue);
    return true;
}

bool ebi_dispatch_settled(struct ebi_dispatch *dispatch, uint64_t token, bool *acked) {
    struct ebi_inflight *inflight = NULL;

    HASH_FIND(hh, dispatch->by_token, &token, sizeof token, inflight);
    if (!inflight || inflight->state != EBI_SETTLING)
        return false;
    *acked = inflight->acked;
    forget(dispatch, inflight);
    drop(dispatch, inflight);
    return true;
}

void ebi_dispatch_free(struct ebi_dispatch *dispatch) {
    ebi_dispatch_drop(dispatch);
    while (dispatch->spares)
        free(ebi_dispatch_spare(dispatch));
    while (dispatch->spare_queues)
        free(new_queue(dispatch, 0));
    free(dispatch->verdicts);
    ebi_attempts_free(&dispatch->attempts);
    *dispatch = (struct ebi_dispatch){0};
}

/* ---- Working ---- */

static bool hangs(const struct ebi_dispatch *dispatch, const struct ebi_inflight *inflight) {
    return dispatch->now_ms - inflight->began_ms >= EBI_HANGS_MS;
}

/* The queue that comes first in turn has a message that is to run alone. */
static bool alone_comes_first(const struct ebi_dispatch *dispatch) {
    const struct ebi_key_queue *alone = dispatch->alone.first, *ready = dispatch->ready.first;

    return alone && (!ready || alone->turn < ready->turn);
}

/* One that is to be alone waits for the others, and they for it: none starves. */
static struct ebi_key_queue *next_queue(const struct ebi_dispatch *dispatch) {
    if (dispatch->alone_at_work)
        return NULL;
    if (!alone_comes_first(dispatch))
        return dispatch->ready.first;
    if (!dispatch->work_last || hangs(dispatch, dispatch->work_last))   /* the last one began last: all hang */
        return dispatch->alone.first;
    return dispatch->alone_steps_aside ? dispatch->ready.first : NULL;
}

bool ebi_dispatch_has_next(const struct ebi_dispatch *dispatch) {
    return next_queue(dispatch) != NULL;
}

static void begin_work(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    set_state(dispatch, inflight, EBI_AT_WORK);
    inflight->began_ms = dispatch->now_ms;
    inflight->logged_ms = 0;
    inflight->work_next = NULL;
    inflight->work_prev = dispatch->work_last;
    if (dispatch->work_last)
        dispatch->work_last->work_next = inflight;
    else
        dispatch->work_first = inflight;
    dispatch->work_last = inflight;
    dispatch->at_work++;
}

static void end_work(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    if (inflight->work_prev)
        inflight->work_prev->work_next = inflight->work_next;
    else
        dispatch->work_first = inflight->work_next;
    if (inflight->work_next)
        inflight->work_next->work_prev = inflight->work_prev;
    else
        dispatch->work_last = inflight->work_prev;
    dispatch->at_work--;
    if (dispatch->alone_at_work == inflight)
        dispatch->alone_at_work = NULL;
}

struct ebi_inflight *ebi_dispatch_next(struct ebi_dispatch *dispatch) {
    struct ebi_key_queue *queue = next_queue(dispatch);

    if (!queue)
        return NULL;
    struct ebi_inflight *inflight = queue->head;
    move(dispatch, queue, EBI_QUEUE_AT_WORK);
    if (inflight->alone) {
        inflight->n_hanging = dispatch->at_work;
        dispatch->alone_at_work = inflight;
        dispatch->alone_since_ms = 0;
        dispatch->alone_steps_aside = dispatch->alone_logged = false;
    }
    begin_work(dispatch, inflight);
    return inflight;
}

/* Keeps one that is at work or parked in sight when its instance is dropped. */
static void keep_dropped(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    inflight->all_prev = NULL;
    inflight->all_next = dispatch->dropped;
    if (dispatch->dropped)
        dispatch->dropped->all_prev = inflight;
    dispatch->dropped = inflight;
}

static void end_dropped(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    if (inflight->all_prev)
        inflight->all_prev->all_next = inflight->all_next;
    else
        dispatch->dropped = inflight->all_next;
    if (inflight->all_next)
        inflight->all_next->all_prev = inflight->all_prev;
    ebi_inflight_free(inflight);
}

/* One at work or parked is neither any more. False: its instance was dropped meanwhile, and it is gone now. */
static bool stop_work(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    if (inflight->state == EBI_PARKED)
        dispatch->parked--;
    else
        end_work(dispatch, inflight);
    if (inflight->queue)
        return true;
    end_dropped(dispatch, inflight);
    return false;
}

/* Takes the first message out of its queue, which goes on with the next, or ends. */
static void advance(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue) {
    queue->head = queue->head->next;
    if (queue->head) {
        queue->head->prev = NULL;
        make_ready(dispatch, queue);
        return;
    }
    queue->tail = NULL;
    remove_queue(dispatch, queue);
}

void ebi_dispatch_ack(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t now_ms) {
    see_time(dispatch, now_ms);
    if (!stop_work(dispatch, inflight))
        return;
    advance(dispatch, inflight->queue);
    judge(dispatch, inflight, EB_ACK, 0, now_ms);
}

/* Gives back all of a queue behind its first, and keeps the queue until the plugin knows, so that what it hands over before
 * that goes back as well. */
static void return_followers(struct ebi_dispatch *dispatch, struct ebi_key_queue *queue, struct ebi_inflight *follower,
                             int64_t now_ms) {
    while (follower) {
        struct ebi_inflight *next = follower->next;

        judge(dispatch, follower, EB_RETURN, 0, now_ms);
        follower = next;
    }
    queue->head = queue->tail = NULL;
    queue->returned_with = dispatch->batch;
    move(dispatch, queue, EBI_QUEUE_RETURNING);
}

static void give_queue_back(struct ebi_dispatch *dispatch, struct ebi_inflight *first, enum eb_verdict_kind kind,
                           uint32_t delay_ms, int64_t now_ms) {
    struct ebi_key_queue *queue = first->queue;
    struct ebi_inflight *follower = first->next;

    judge(dispatch, first, kind, delay_ms, now_ms);
    return_followers(dispatch, queue, follower, now_ms);
}

void ebi_dispatch_return(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t now_ms) {
    if (stop_work(dispatch, inflight))
        give_queue_back(dispatch, inflight, EB_RETURN, 0, now_ms);
}

bool ebi_dispatch_retry(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t delay_ms, int64_t now_ms) {
    if (delay_ms > UINT32_MAX)
        delay_ms = UINT32_MAX;
    if (inflight->queue && !ebi_attempts_keep_retry(&dispatch->attempts, inflight, delay_ms))
        return false;
    if (stop_work(dispatch, inflight))
        give_queue_back(dispatch, inflight, EB_RETRY, (uint32_t)delay_ms, now_ms);
    return true;
}

void ebi_dispatch_delay(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight, int64_t due_ms) {
    if (!stop_work(dispatch, inflight))
        return;
    set_state(dispatch, inflight, EBI_WAITING);
    move(dispatch, inflight->queue, EBI_QUEUE_DELAYED);
    ebi_timers_add(&dispatch->delayed, &inflight->queue->due, due_ms);
}

void ebi_dispatch_park(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    end_work(dispatch, inflight);
    dispatch->parked++;
    set_state(dispatch, inflight, EBI_PARKED);             /* its queue stays at work */
}

static void lower(int64_t *due_ms, int64_t to) {
    if (to < *due_ms)
        *due_ms = to;
}

/* Whether the others go on while one that is to run alone waits for those at work. True: that may have changed. */
static bool wait_to_be_alone(struct ebi_dispatch *dispatch, int64_t *due_ms) {
    int64_t now = dispatch->now_ms;

    if (!alone_comes_first(dispatch) || !dispatch->work_last) {
        dispatch->alone_since_ms = 0;
        dispatch->alone_steps_aside = dispatch->alone_logged = false;
        return false;
    }
    if (!dispatch->alone_since_ms)
        dispatch->alone_since_ms = now;
    int64_t pause_ends = dispatch->alone_since_ms + EBI_ALONE_PAUSE_MS, aside_ends = dispatch->alone_since_ms + EBI_HANGS_MS;
    int64_t all_hang = dispatch->work_last->began_ms + EBI_HANGS_MS;

    dispatch->alone_steps_aside = now >= pause_ends && now < aside_ends;
    if (now < pause_ends)
        lower(due_ms, pause_ends);
    if (now < aside_ends)
        lower(due_ms, aside_ends);
    if (now < all_hang)
        lower(due_ms, all_hang);
    return dispatch->alone_steps_aside || now >= all_hang;
}

/* One that runs alone and hangs gets company. True: just now. */
static bool end_being_alone(struct ebi_dispatch *dispatch, int64_t *due_ms) {
    if (!dispatch->alone_at_work)
        return false;
    if (!hangs(dispatch, dispatch->alone_at_work)) {
        lower(due_ms, dispatch->alone_at_work->began_ms + EBI_HANGS_MS);
        return false;
    }
    dispatch->alone_at_work = NULL;
    return true;
}

bool ebi_dispatch_wake(struct ebi_dispatch *dispatch, int64_t now_ms, int64_t *due_ms) {
    struct ebi_timer *timer;
    bool woke = false;

    see_time(dispatch, now_ms);
    while ((timer = ebi_timers_take_due(&dispatch->delayed, now_ms))) {
        make_ready(dispatch, EBI_TIMER_OF(timer, struct ebi_key_queue, due));
        woke = true;
    }
    if (dispatch->delayed.first)
        lower(due_ms, dispatch->delayed.first->at_ms);
    woke |= end_being_alone(dispatch, due_ms);
    woke |= wait_to_be_alone(dispatch, due_ms);
    return woke;
}

/* ---- Giving back ---- */

static void return_list(struct ebi_dispatch *dispatch, struct ebi_key_queue_list *list, int64_t now_ms) {
    while (list->first)
        give_queue_back(dispatch, list->first->head, EB_RETURN, 0, now_ms);
}

/* Those behind one at work or parked. */
static void return_behind(struct ebi_dispatch *dispatch, struct ebi_inflight *first, int64_t now_ms) {
    struct ebi_inflight *follower = first->next, *next;

    first->next = NULL;
    first->queue->tail = first;
    for (; follower; follower = next) {
        next = follower->next;
        judge(dispatch, follower, EB_RETURN, 0, now_ms);
    }
}

void ebi_dispatch_return_waiting(struct ebi_dispatch *dispatch, int64_t now_ms) {
    return_list(dispatch, &dispatch->ready, now_ms);
    return_list(dispatch, &dispatch->alone, now_ms);
    while (dispatch->delayed.first)
        give_queue_back(dispatch, EBI_TIMER_OF(dispatch->delayed.first, struct ebi_key_queue, due)->head, EB_RETURN, 0, now_ms);
    if (!dispatch->waiting)
        return;
    for (struct ebi_inflight *inflight = dispatch->all_first; inflight; inflight = inflight->all_next)
        if (inflight->state == EBI_AT_WORK || inflight->state == EBI_PARKED)
            return_behind(dispatch, inflight, now_ms);
}

/* Takes a waiting message out of its queue, wherever it stands there. */
static void pull_out(struct ebi_dispatch *dispatch, struct ebi_inflight *inflight) {
    struct ebi_key_queue *queue = inflight->queue;

    if (queue->head == inflight) {
        advance(dispatch, queue);
        return;
    }
    inflight->prev->next = inflight->next;
    if (inflight->next)
        inflight->next->prev = inflight->prev;
    else
        queue->tail = inflight->prev;
}

void ebi_dispatch_revoke(struct ebi_dispatch *dispatch, const uint64_t *tokens, size_t n, int64_t now_ms) {
    for (size_t i = n; i-- > 0;) {      /* the last first: what stands in front goes back behind it */
        struct ebi_inflight *inflight = NULL;

        HASH_FIND(hh, dispatch->by_token, &tokens[i], sizeof tokens[i], inflight);
        if (!inflight || inflight->state == EBI_SETTLING)
            continue;
        inflight->revoked = true;
        if (inflight->state != EBI_WAITING)
            continue;
        pull_out(dispatch, inflight);
        judge(dispatch, inflight, EB_RETURN, 0, now_ms);
    }
}

void ebi_dispatch_extend(struct ebi_dispatch *dispatch, int64_t now_ms) {
    for (struct ebi_inflight *inflight = dispatch->all_first; inflight; inflight = inflight->all_next)
        if (inflight->state != EBI_SETTLING && dispatch->n_verdicts + dispatch->in_flight < dispatch->verdict_room)
            give(dispatch, inflight, EB_EXTEND, 0, now_ms);
}

void ebi_dispatch_drop(struct ebi_dispatch *dispatch) {
    struct ebi_key_queue *queue, *next_queue;
    struct ebi_inflight *inflight, *next;

    for (inflight = dispatch->all_first; inflight; inflight = next) {
        next = inflight->all_next;
        if (inflight->state != EBI_SETTLING)
            ebi_attempts_keep(&dispatch->attempts, inflight);
        else if (!inflight->acked)
            ebi_attempts_keep_uncertain(&dispatch->attempts, inflight);
        forget(dispatch, inflight);
        inflight->queue = NULL;
        if (inflight->state == EBI_AT_WORK || inflight->state == EBI_PARKED)
            keep_dropped(dispatch, inflight);
        else
            ebi_inflight_free(inflight);
    }
    HASH_ITER(hh, dispatch->queues, queue, next_queue)
        remove_queue(dispatch, queue);
    dispatch->n_verdicts = dispatch->waiting = 0;
}

void ebi_dispatch_each(const struct ebi_dispatch *dispatch, void (*each)(void *arg, const struct ebi_inflight *), void *arg) {
    for (const struct ebi_inflight *inflight = dispatch->all_first; inflight; inflight = inflight->all_next)
        each(arg, inflight);
    for (const struct ebi_inflight *inflight = dispatch->dropped; inflight; inflight = inflight->all_next)
        each(arg, inflight);
}
