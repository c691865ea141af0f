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

struct ebi_taken *ebi_taken_new(const struct eb_message *message, const struct eb_schema *key_schema,
                                const struct eb_schema *schema, struct ebi_taken *spare) {
    size_t room = ebi_message_room(message), head = (sizeof(struct ebi_taken) + 15) & ~(size_t)15;
    struct ebi_taken *taken = spare;

    if (!room || head + room > USUAL_SIZE) {
        free(spare);
        taken = room ? malloc(head + room) : NULL;
    } else if (!spare) {
        taken = malloc(USUAL_SIZE);
    }
    if (!taken)
        return NULL;
    ebi_message_copy(&taken->message, message, (char *)taken + head);
    taken->message.key_schema = key_schema;
    taken->message.schema = schema;
    memset(&taken->lane, 0, offsetof(struct ebi_taken, receiver) - offsetof(struct ebi_taken, lane));
    taken->receiver[0] = '\0';
    taken->bytes = head + room;
    taken->failures = taken->message.failures;
    return taken;
}

static void empty(struct ebi_taken *taken) {
    eb_event_free(taken->event);
    free(taken->why);
    free(taken->detail);
}

void ebi_taken_free(struct ebi_taken *taken) {
    if (!taken)
        return;
    empty(taken);
    free(taken);
}

/* As ebi_taken_free, or it is kept as a block to be used again. */
static void drop(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    if (taken->bytes > USUAL_SIZE || dispatch->n_spares == MOST_SPARES) {
        ebi_taken_free(taken);
        return;
    }
    empty(taken);
    taken->next = dispatch->spares;
    dispatch->spares = taken;
    dispatch->n_spares++;
}

struct ebi_taken *ebi_dispatch_spare(struct ebi_dispatch *dispatch) {
    struct ebi_taken *spare = dispatch->spares;

    if (spare) {
        dispatch->spares = spare->next;
        dispatch->n_spares--;
    }
    return spare;
}

/* ---- Lists of lanes ---- */

static void enlist(struct ebi_lane_list *list, struct ebi_lane *lane) {
    lane->prev = list->last;
    lane->next = NULL;
    if (list->last)
        list->last->next = lane;
    else
        list->first = lane;
    list->last = lane;
}

static void delist(struct ebi_lane_list *list, struct ebi_lane *lane) {
    if (lane->prev)
        lane->prev->next = lane->next;
    else
        list->first = lane->next;
    if (lane->next)
        lane->next->prev = lane->prev;
    else
        list->last = lane->prev;
    lane->prev = lane->next = NULL;
}

static struct ebi_lane_list *list_of(struct ebi_dispatch *dispatch, const struct ebi_lane *lane) {
    switch (lane->state) {
    case EBI_LANE_READY:
        return &dispatch->ready;
    case EBI_LANE_ALONE:
        return &dispatch->alone;
    case EBI_LANE_RETURNING:
        return &dispatch->returning;
    case EBI_LANE_SLEEPING:
    case EBI_LANE_AT_WORK:
        break;
    }
    return NULL;
}

static void take_out(struct ebi_dispatch *dispatch, struct ebi_lane *lane) {
    struct ebi_lane_list *list = list_of(dispatch, lane);

    if (list)
        delist(list, lane);
    ebi_timers_remove(&dispatch->sleeping, &lane->due);
}

static void move(struct ebi_dispatch *dispatch, struct ebi_lane *lane, enum ebi_lane_state state) {
    take_out(dispatch, lane);
    lane->state = state;
    struct ebi_lane_list *list = list_of(dispatch, lane);
    if (list)
        enlist(list, lane);
}

/* Its first message may come to work when it is its turn. */
static void make_ready(struct ebi_dispatch *dispatch, struct ebi_lane *lane) {
    lane->turn = ++dispatch->turns;
    move(dispatch, lane, lane->head->alone ? EBI_LANE_ALONE : EBI_LANE_READY);
}

/* Keys up to that length get a block of that size; so many are kept: 240 KiB. */
enum { USUAL_KEY = 96, MOST_SPARE_LANES = 1024 };

static struct ebi_lane *new_lane(struct ebi_dispatch *dispatch, size_t key_len) {
    struct ebi_lane *lane = key_len <= USUAL_KEY ? dispatch->spare_lanes : NULL;

    if (lane) {
        dispatch->spare_lanes = lane->next;
        dispatch->n_spare_lanes--;
    } else {
        lane = malloc(sizeof *lane + (key_len < USUAL_KEY ? USUAL_KEY : key_len));
    }
    if (lane) {
        memset(lane, 0, offsetof(struct ebi_lane, hh));
        lane->key_len = key_len;
    }
    return lane;
}

static void drop_lane(struct ebi_dispatch *dispatch, struct ebi_lane *lane) {
    if (lane->key_len > USUAL_KEY || dispatch->n_spare_lanes == MOST_SPARE_LANES) {
        free(lane);
        return;
    }
    lane->next = dispatch->spare_lanes;
    dispatch->spare_lanes = lane;
    dispatch->n_spare_lanes++;
}

static void remove_lane(struct ebi_dispatch *dispatch, struct ebi_lane *lane) {
    take_out(dispatch, lane);
    HASH_DEL(dispatch->lanes, lane);
    drop_lane(dispatch, lane);
}

static struct ebi_lane *lane_of(struct ebi_dispatch *dispatch, const char *key, size_t len) {
    struct ebi_lane *lane = NULL;
    char own[24];

    if (!key) {                         /* no key begins with two NULs: see ebi_consumer's lane_key */
        len = (size_t)snprintf(own + 2, sizeof own - 2, "%llx", (unsigned long long)++dispatch->nameless) + 2;
        own[0] = own[1] = '\0';
        key = own;
    } else {
        HASH_FIND(hh, dispatch->lanes, key, len, lane);
    }
    if (lane)
        return lane;
    lane = new_lane(dispatch, len);
    if (!lane)
        return NULL;
    memcpy(lane->key, key, len);
    HASH_ADD(hh, dispatch->lanes, key, len, lane);
    if (!EBI_HASHED(lane)) {
        drop_lane(dispatch, lane);
        return NULL;
    }
    lane->state = EBI_LANE_AT_WORK;     /* until its first message is in it */
    return lane;
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

static void give(struct ebi_dispatch *dispatch, const struct ebi_taken *taken, enum eb_verdict_kind what,
                 uint32_t delay_ms, int64_t now_ms) {
    if (dispatch->n_verdicts == 0)
        dispatch->first_verdict_ms = now_ms;
    dispatch->verdicts[dispatch->n_verdicts++] =
        (struct eb_verdict){.token = taken->message.token, .delay_ms = delay_ms, .what = what};
}

static void set_state(struct ebi_dispatch *dispatch, struct ebi_taken *taken, enum ebi_taken_state state) {
    if (taken->state == EBI_WAITING)
        dispatch->waiting--;
    if (state == EBI_WAITING)
        dispatch->waiting++;
    taken->state = state;
}

static void judge(struct ebi_dispatch *dispatch, struct ebi_taken *taken, enum eb_verdict_kind what, uint32_t delay_ms,
                  int64_t now_ms) {
    set_state(dispatch, taken, EBI_JUDGED);
    if (what == EB_RETURN)
        ebi_attempts_keep(&dispatch->attempts, taken);
    taken->acked = what == EB_ACK;
    taken->lane = NULL;
    taken->prev = taken->next = NULL;
    give(dispatch, taken, what, delay_ms, now_ms);
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
    struct ebi_lane *lane = dispatch->returning.first, *next;

    for (; lane; lane = next) {
        next = lane->next;
        if (lane->returned_with <= batch)
            remove_lane(dispatch, lane);
    }
}

/* ---- All that is in flight ---- */

void ebi_dispatch_init(struct ebi_dispatch *dispatch) {
    *dispatch = (struct ebi_dispatch){.batch = 1};
}

static void forget(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    if (taken->all_prev)
        taken->all_prev->all_next = taken->all_next;
    else
        dispatch->all_first = taken->all_next;
    if (taken->all_next)
        taken->all_next->all_prev = taken->all_prev;
    else
        dispatch->all_last = taken->all_prev;
    HASH_DEL(dispatch->by_token, taken);
    dispatch->in_flight--;
    dispatch->bytes -= taken->bytes;
}

/* Handed out again and again beyond its failures: perhaps it is what its workers died of. */
static bool is_suspicious(const struct ebi_taken *taken) {
    return taken->message.deliveries > (uint64_t)taken->failures + ALONE_ABOVE;
}

static void append(struct ebi_lane *lane, struct ebi_taken *taken) {
    taken->lane = lane;
    taken->prev = lane->tail;
    taken->next = NULL;
    if (lane->tail)
        lane->tail->next = taken;
    else
        lane->head = taken;
    lane->tail = taken;
}

static void count_in(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    taken->all_prev = dispatch->all_last;
    taken->all_next = NULL;
    if (dispatch->all_last)
        dispatch->all_last->all_next = taken;
    else
        dispatch->all_first = taken;
    dispatch->all_last = taken;
    dispatch->in_flight++;
    dispatch->bytes += taken->bytes;
}

static void see_time(struct ebi_dispatch *dispatch, int64_t now_ms) {
    if (now_ms > dispatch->now_ms)
        dispatch->now_ms = now_ms;
}

bool ebi_dispatch_add(struct ebi_dispatch *dispatch, struct ebi_taken *taken, const char *key, size_t key_len,
                      int64_t now_ms) {
    struct ebi_lane *lane;

    see_time(dispatch, now_ms);
    if (!reserve_verdicts(dispatch) || !(lane = lane_of(dispatch, key, key_len)))
        return false;
    HASH_ADD(hh, dispatch->by_token, message.token, sizeof taken->message.token, taken);
    if (!EBI_HASHED(taken)) {
        if (!lane->head && lane->state != EBI_LANE_RETURNING)
            remove_lane(dispatch, lane);                /* made for this one */
        return false;
    }
    count_in(dispatch, taken);
    ebi_attempts_recall(&dispatch->attempts, taken);
    taken->alone = is_suspicious(taken);
    taken->state = EBI_JUDGED;          /* not waiting yet */
    if (lane->state == EBI_LANE_RETURNING) {            /* an earlier one of its key is on its way back */
        judge(dispatch, taken, EB_RETURN, 0, now_ms);
        lane->returned_with = dispatch->batch;
        return true;
    }
    set_state(dispatch, taken, EBI_WAITING);
    append(lane, taken);
    if (lane->head == taken)
        make_ready(dispatch, lane);
    return true;
}

bool ebi_dispatch_settled(struct ebi_dispatch *dispatch, uint64_t token, bool *acked) {
    struct ebi_taken *taken = NULL;

    HASH_FIND(hh, dispatch->by_token, &token, sizeof token, taken);
    if (!taken || taken->state != EBI_JUDGED)
        return false;
    *acked = taken->acked;
    forget(dispatch, taken);
    drop(dispatch, taken);
    return true;
}

void ebi_dispatch_free(struct ebi_dispatch *dispatch) {
    ebi_dispatch_drop(dispatch);
    while (dispatch->spares)
        free(ebi_dispatch_spare(dispatch));
    while (dispatch->spare_lanes)
        free(new_lane(dispatch, 0));
    free(dispatch->verdicts);
    ebi_attempts_free(&dispatch->attempts);
    *dispatch = (struct ebi_dispatch){0};
}

/* ---- Working ---- */

static bool hangs(const struct ebi_dispatch *dispatch, const struct ebi_taken *taken) {
    return dispatch->now_ms - taken->began_ms >= EBI_HANGS_MS;
}

/* The lane that comes first in turn has a message that is to run alone. */
static bool alone_comes_first(const struct ebi_dispatch *dispatch) {
    const struct ebi_lane *alone = dispatch->alone.first, *ready = dispatch->ready.first;

    return alone && (!ready || alone->turn < ready->turn);
}

/* One that is to be alone waits for the others, and they for it: none starves. */
static struct ebi_lane *next_lane(const struct ebi_dispatch *dispatch) {
    if (dispatch->alone_at_work)
        return NULL;
    if (!alone_comes_first(dispatch))
        return dispatch->ready.first;
    if (!dispatch->work_last || hangs(dispatch, dispatch->work_last))   /* the last one began last: all hang */
        return dispatch->alone.first;
    return dispatch->alone_steps_aside ? dispatch->ready.first : NULL;
}

bool ebi_dispatch_has_next(const struct ebi_dispatch *dispatch) {
    return next_lane(dispatch) != NULL;
}

static void begin_work(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    set_state(dispatch, taken, EBI_AT_WORK);
    taken->began_ms = dispatch->now_ms;
    taken->told_ms = 0;
    taken->work_next = NULL;
    taken->work_prev = dispatch->work_last;
    if (dispatch->work_last)
        dispatch->work_last->work_next = taken;
    else
        dispatch->work_first = taken;
    dispatch->work_last = taken;
    dispatch->at_work++;
}

static void end_work(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    if (taken->work_prev)
        taken->work_prev->work_next = taken->work_next;
    else
        dispatch->work_first = taken->work_next;
    if (taken->work_next)
        taken->work_next->work_prev = taken->work_prev;
    else
        dispatch->work_last = taken->work_prev;
    dispatch->at_work--;
    if (dispatch->alone_at_work == taken)
        dispatch->alone_at_work = NULL;
}

struct ebi_taken *ebi_dispatch_next(struct ebi_dispatch *dispatch) {
    struct ebi_lane *lane = next_lane(dispatch);

    if (!lane)
        return NULL;
    struct ebi_taken *taken = lane->head;
    move(dispatch, lane, EBI_LANE_AT_WORK);
    if (taken->alone) {
        taken->company = dispatch->at_work;
        dispatch->alone_at_work = taken;
        dispatch->alone_since_ms = 0;
        dispatch->alone_steps_aside = dispatch->alone_told = false;
    }
    begin_work(dispatch, taken);
    return taken;
}

/* Keeps one that is at work or parked in sight when its instance is dropped. */
static void keep_dropped(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    taken->all_prev = NULL;
    taken->all_next = dispatch->dropped;
    if (dispatch->dropped)
        dispatch->dropped->all_prev = taken;
    dispatch->dropped = taken;
}

static void end_dropped(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    if (taken->all_prev)
        taken->all_prev->all_next = taken->all_next;
    else
        dispatch->dropped = taken->all_next;
    if (taken->all_next)
        taken->all_next->all_prev = taken->all_prev;
    ebi_taken_free(taken);
}

/* One at work or parked is neither any more. False: its instance was dropped meanwhile, and it is gone now. */
static bool lay_down(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    if (taken->state == EBI_PARKED)
        dispatch->parked--;
    else
        end_work(dispatch, taken);
    if (taken->lane)
        return true;
    end_dropped(dispatch, taken);
    return false;
}

/* Takes the first message out of its lane, which goes on with the next, or ends. */
static void advance(struct ebi_dispatch *dispatch, struct ebi_lane *lane) {
    lane->head = lane->head->next;
    if (lane->head) {
        lane->head->prev = NULL;
        make_ready(dispatch, lane);
        return;
    }
    lane->tail = NULL;
    remove_lane(dispatch, lane);
}

void ebi_dispatch_ack(struct ebi_dispatch *dispatch, struct ebi_taken *taken, int64_t now_ms) {
    see_time(dispatch, now_ms);
    if (!lay_down(dispatch, taken))
        return;
    advance(dispatch, taken->lane);
    judge(dispatch, taken, EB_ACK, 0, now_ms);
}

/* Gives back all of a lane behind its first, and keeps the lane until the plugin knows, so that what it hands over before
 * that goes back as well. */
static void return_followers(struct ebi_dispatch *dispatch, struct ebi_lane *lane, struct ebi_taken *follower,
                             int64_t now_ms) {
    while (follower) {
        struct ebi_taken *next = follower->next;

        judge(dispatch, follower, EB_RETURN, 0, now_ms);
        follower = next;
    }
    lane->head = lane->tail = NULL;
    lane->returned_with = dispatch->batch;
    move(dispatch, lane, EBI_LANE_RETURNING);
}

static void give_lane_back(struct ebi_dispatch *dispatch, struct ebi_taken *first, enum eb_verdict_kind what,
                           uint32_t delay_ms, int64_t now_ms) {
    struct ebi_lane *lane = first->lane;
    struct ebi_taken *follower = first->next;

    judge(dispatch, first, what, delay_ms, now_ms);
    return_followers(dispatch, lane, follower, now_ms);
}

void ebi_dispatch_return(struct ebi_dispatch *dispatch, struct ebi_taken *taken, int64_t now_ms) {
    if (lay_down(dispatch, taken))
        give_lane_back(dispatch, taken, EB_RETURN, 0, now_ms);
}

bool ebi_dispatch_retry(struct ebi_dispatch *dispatch, struct ebi_taken *taken, int64_t delay_ms, int64_t now_ms) {
    if (delay_ms > UINT32_MAX)
        delay_ms = UINT32_MAX;
    if (taken->lane && !ebi_attempts_keep_retry(&dispatch->attempts, taken, delay_ms))
        return false;
    if (lay_down(dispatch, taken))
        give_lane_back(dispatch, taken, EB_RETRY, (uint32_t)delay_ms, now_ms);
    return true;
}

void ebi_dispatch_sleep(struct ebi_dispatch *dispatch, struct ebi_taken *taken, int64_t due_ms) {
    if (!lay_down(dispatch, taken))
        return;
    set_state(dispatch, taken, EBI_WAITING);
    move(dispatch, taken->lane, EBI_LANE_SLEEPING);
    ebi_timers_add(&dispatch->sleeping, &taken->lane->due, due_ms);
}

void ebi_dispatch_park(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    end_work(dispatch, taken);
    dispatch->parked++;
    set_state(dispatch, taken, EBI_PARKED);             /* its lane stays at work */
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
        dispatch->alone_steps_aside = dispatch->alone_told = false;
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
    while ((timer = ebi_timers_take_due(&dispatch->sleeping, now_ms))) {
        make_ready(dispatch, EBI_TIMER_OF(timer, struct ebi_lane, due));
        woke = true;
    }
    if (dispatch->sleeping.first)
        lower(due_ms, dispatch->sleeping.first->at_ms);
    woke |= end_being_alone(dispatch, due_ms);
    woke |= wait_to_be_alone(dispatch, due_ms);
    return woke;
}

/* ---- Giving back ---- */

static void return_list(struct ebi_dispatch *dispatch, struct ebi_lane_list *list, int64_t now_ms) {
    while (list->first)
        give_lane_back(dispatch, list->first->head, EB_RETURN, 0, now_ms);
}

/* Those behind one at work or parked. */
static void return_behind(struct ebi_dispatch *dispatch, struct ebi_taken *first, int64_t now_ms) {
    struct ebi_taken *follower = first->next, *next;

    first->next = NULL;
    first->lane->tail = first;
    for (; follower; follower = next) {
        next = follower->next;
        judge(dispatch, follower, EB_RETURN, 0, now_ms);
    }
}

void ebi_dispatch_return_waiting(struct ebi_dispatch *dispatch, int64_t now_ms) {
    return_list(dispatch, &dispatch->ready, now_ms);
    return_list(dispatch, &dispatch->alone, now_ms);
    while (dispatch->sleeping.first)
        give_lane_back(dispatch, EBI_TIMER_OF(dispatch->sleeping.first, struct ebi_lane, due)->head, EB_RETURN, 0, now_ms);
    if (!dispatch->waiting)
        return;
    for (struct ebi_taken *taken = dispatch->all_first; taken; taken = taken->all_next)
        if (taken->state == EBI_AT_WORK || taken->state == EBI_PARKED)
            return_behind(dispatch, taken, now_ms);
}

/* Takes a waiting message out of its lane, wherever it stands there. */
static void pull_out(struct ebi_dispatch *dispatch, struct ebi_taken *taken) {
    struct ebi_lane *lane = taken->lane;

    if (lane->head == taken) {
        advance(dispatch, lane);
        return;
    }
    taken->prev->next = taken->next;
    if (taken->next)
        taken->next->prev = taken->prev;
    else
        lane->tail = taken->prev;
}

void ebi_dispatch_revoke(struct ebi_dispatch *dispatch, const uint64_t *tokens, size_t n, int64_t now_ms) {
    for (size_t i = n; i-- > 0;) {      /* the last first: what stands in front goes back behind it */
        struct ebi_taken *taken = NULL;

        HASH_FIND(hh, dispatch->by_token, &tokens[i], sizeof tokens[i], taken);
        if (!taken || taken->state == EBI_JUDGED)
            continue;
        taken->revoked = true;
        if (taken->state != EBI_WAITING)
            continue;
        pull_out(dispatch, taken);
        judge(dispatch, taken, EB_RETURN, 0, now_ms);
    }
}

void ebi_dispatch_extend(struct ebi_dispatch *dispatch, int64_t now_ms) {
    for (struct ebi_taken *taken = dispatch->all_first; taken; taken = taken->all_next)
        if (taken->state != EBI_JUDGED && dispatch->n_verdicts + dispatch->in_flight < dispatch->verdict_room)
            give(dispatch, taken, EB_EXTEND, 0, now_ms);
}

void ebi_dispatch_drop(struct ebi_dispatch *dispatch) {
    struct ebi_lane *lane, *next_lane;
    struct ebi_taken *taken, *next;

    for (taken = dispatch->all_first; taken; taken = next) {
        next = taken->all_next;
        if (taken->state != EBI_JUDGED)
            ebi_attempts_keep(&dispatch->attempts, taken);
        else if (!taken->acked)
            ebi_attempts_doubt(&dispatch->attempts, taken);
        forget(dispatch, taken);
        taken->lane = NULL;
        if (taken->state == EBI_AT_WORK || taken->state == EBI_PARKED)
            keep_dropped(dispatch, taken);
        else
            ebi_taken_free(taken);
    }
    HASH_ITER(hh, dispatch->lanes, lane, next_lane)
        remove_lane(dispatch, lane);
    dispatch->n_verdicts = dispatch->waiting = 0;
}

void ebi_dispatch_each(const struct ebi_dispatch *dispatch, void (*each)(void *arg, const struct ebi_taken *), void *arg) {
    for (const struct ebi_taken *taken = dispatch->all_first; taken; taken = taken->all_next)
        each(arg, taken);
    for (const struct ebi_taken *taken = dispatch->dropped; taken; taken = taken->all_next)
        each(arg, taken);
}
