/* core/consume/running.c - see running.h. */
#include "consume/running.h"

static bool hangs(const struct ebi_running *running, const struct ebi_inflight *inflight) {
    return running->now_ms - inflight->began_ms >= EBI_HANGS_MS;
}

/* Returns the message that came to work last; NULL: none is at work. */
static const struct ebi_inflight *latest(const struct ebi_running *running) {
    return running->first ? running->first->work_prev : NULL;
}

/* Whether the queue that comes first in turn has a message that is to run alone. */
static bool alone_comes_first(const struct ebi_key_queues *queues) {
    return queues->alone && (!queues->ready || queues->alone->turn < queues->ready->turn);
}

/* One that is to run alone waits for the others, and they for it, so that none starves. */
struct ebi_key_queue *ebi_running_next_queue(const struct ebi_running *running, const struct ebi_key_queues *queues) {
    if (running->alone)
        return NULL;
    if (!alone_comes_first(queues))
        return queues->ready;
    if (!running->first || hangs(running, latest(running))) /* the latest began last: when it hangs, all do */
        return queues->alone;
    return running->others_pass ? queues->ready : NULL;
}

static void end_waiting(struct ebi_running *running) {
    running->alone_waits_since_ms = 0;
    running->others_pass = running->others_pass_logged = false;
}

void ebi_running_add(struct ebi_running *running, struct ebi_inflight *inflight) {
    if (inflight->alone) {
        inflight->n_hanging = running->n;
        running->alone = inflight;
        end_waiting(running);
    }
    inflight->began_ms = running->now_ms;
    inflight->logged_ms = 0;
    DL_APPEND2(running->first, inflight, work_prev, work_next);
    running->n++;
}

void ebi_running_remove(struct ebi_running *running, struct ebi_inflight *inflight) {
    DL_DELETE2(running->first, inflight, work_prev, work_next);
    running->n--;
    if (running->alone == inflight)
        running->alone = NULL;
}

static void lower(int64_t *due_ms, int64_t to) {
    if (to < *due_ms)
        *due_ms = to;
}

/* Decides whether the others go on while one that is to run alone waits for those at work. True: that may have changed. */
static bool wait_to_run_alone(struct ebi_running *running, const struct ebi_key_queues *queues, int64_t *due_ms) {
    int64_t now = running->now_ms;

    if (!alone_comes_first(queues) || !running->first) {
        end_waiting(running);
        return false;
    }
    if (!running->alone_waits_since_ms)
        running->alone_waits_since_ms = now;
    int64_t pause_ends = running->alone_waits_since_ms + EBI_ALONE_PAUSE_MS,
            passing_ends = running->alone_waits_since_ms + EBI_HANGS_MS, all_hang = latest(running)->began_ms + EBI_HANGS_MS;

    running->others_pass = now >= pause_ends && now < passing_ends;
    if (now < pause_ends)
        lower(due_ms, pause_ends);
    if (now < passing_ends)
        lower(due_ms, passing_ends);
    if (now < all_hang)
        lower(due_ms, all_hang);
    return running->others_pass || now >= all_hang;
}

/* Lets others run beside one that runs alone and hangs. True: since just now. */
static bool end_running_alone(struct ebi_running *running, int64_t *due_ms) {
    if (!running->alone)
        return false;
    if (!hangs(running, running->alone)) {
        lower(due_ms, running->alone->began_ms + EBI_HANGS_MS);
        return false;
    }
    running->alone = NULL;
    return true;
}

bool ebi_running_wake(struct ebi_running *running, const struct ebi_key_queues *queues, int64_t *due_ms) {
    bool ended = end_running_alone(running, due_ms);

    return wait_to_run_alone(running, queues, due_ms) || ended;
}
