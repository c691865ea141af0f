/* core/consume/loop.c - see loop.h. */
#include "consume/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/clock_watch.h"
#include "base/error.h"
#include "consume/host_callbacks.h"
#include "consume/link.h"
#include "consume/watch.h"

enum { LONGEST_WAIT_MS = 1000, CANCEL_GRACE_MS = 5000, PAUSE_AFTER_ERROR_MS = 1000, DRAIN_PAUSE_MS = 20 };

/* ---- One round ---- */

int32_t ebi_loop_settle(struct eb_consumer *consumer, struct eb_error *err) {
    struct eb_verdict *verdicts;
    uint64_t batch;

    ebi_consumer_lock(consumer);
    size_t n = ebi_verdicts_take(&consumer->dispatch.verdicts, &verdicts, &batch);
    ebi_consumer_unlock(consumer);
    if (n == 0)
        return EB_OK;
    int32_t status = consumer->ops->settle(consumer->instance.self, verdicts, n, err);
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind == EB_RETURN)
            atomic_fetch_add(&consumer->counters.returned, 1);
    free(verdicts);
    ebi_consumer_lock(consumer);
    ebi_dispatch_given(&consumer->dispatch, batch);
    ebi_consumer_unlock(consumer);
    if (status <= EB_FATAL)
        return EB_FATAL;
    if (status < EB_OK)
        ebi_log_line(consumer->deps.log, EBI_ERROR, "broker %s: settling failed: %s", consumer->deps.broker->name, err->text);
    return EB_OK;
}

/* Returns how many more messages may come in, so that no more are settled than were asked for. Lock held. */
static uint32_t free_room(const struct eb_consumer *consumer) {
    size_t most = (size_t)consumer->task.settings.max_in_flight, in_flight = consumer->dispatch.in_flight;
    uint64_t room = in_flight < most ? most - in_flight : 0;

    if (consumer->dispatch.bytes >= (size_t)consumer->task.settings.max_in_flight_bytes)
        return 0;
    if (consumer->task.count) {
        uint64_t left = consumer->task.count > consumer->settled + in_flight
                            ? consumer->task.count - consumer->settled - in_flight
                            : 0;

        room = left < room ? left : room;
    }
    return (uint32_t)room;
}

/* Does what time brings: wakes what is due, extends leases. Returns until when to wait at most. Lock held. */
static int64_t do_due(struct eb_consumer *consumer, int64_t now) {
    int64_t due = now + LONGEST_WAIT_MS;

    if (ebi_dispatch_wake(&consumer->dispatch, now, &due))
        pthread_cond_broadcast(&consumer->work);
    ebi_watch(consumer, now);
    if (consumer->lease_ms > 0) {
        if (now >= consumer->extend_at_ms) {
            ebi_dispatch_extend(&consumer->dispatch, now);
            consumer->extend_at_ms = now + consumer->lease_ms / 3;
        }
        due = consumer->extend_at_ms < due ? consumer->extend_at_ms : due;
    }
    return due;
}

/* Whether nothing is in flight or at work any more. Lock held. */
static bool is_settled(const struct eb_consumer *consumer) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;

    return dispatch->in_flight == 0 && dispatch->running.n == 0 && dispatch->parked == 0;
}

/* Whether receive is not to wait. Lock held. */
static bool is_urgent(const struct eb_consumer *consumer, bool draining) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;

    if (consumer->failed || (dispatch->verdicts.n > 0 && !ebi_dispatch_has_next(dispatch)))
        return true;
    return draining ? is_settled(consumer) : ebi_consumer_is_stopped(consumer);
}

/* One round: does what is due, settles, then receives until something comes or `by`; while it drains, nothing comes in. */
static int32_t run_once(struct eb_consumer *consumer, bool draining, int64_t by, struct eb_error *err) {
    int64_t now = consumer->receive_began_ms = ebi_ticks_ms();

    ebi_consumer_tell_state(consumer);
    ebi_clock_watch(consumer->deps.log, now);
    ebi_consumer_lock(consumer);
    int64_t due = do_due(consumer, now);
    ebi_consumer_unlock(consumer);
    if (ebi_loop_settle(consumer, err) <= EB_FATAL)
        return EB_FATAL; /* no other call of this instance but close is allowed */
    ebi_consumer_lock(consumer);
    uint32_t max = draining ? 0 : free_room(consumer);
    ebi_inflight_pool_refill(&consumer->spares, &consumer->dispatch.spares);
    if (by < due)
        due = by;
    consumer->receiving = true;
    consumer->receive_until_ms = due;
    bool urgent = is_urgent(consumer, draining);
    ebi_consumer_unlock(consumer);
    int64_t wait = urgent ? 0 : due - ebi_ticks_ms();
    int32_t status = consumer->ops->receive(consumer->instance.self, max, (int32_t)(wait < 0 ? 0 : wait), err);
    ebi_announce_received(consumer);
    ebi_consumer_lock(consumer);
    consumer->receiving = false;
    ebi_consumer_unlock(consumer);
    return status;
}

/* ---- Receiving ---- */

/* Whether the worker is to receive more: it is not stopped, has not failed, and has not settled as many as were asked for. */
static bool goes_on(struct eb_consumer *consumer) {
    if (ebi_consumer_is_stopped(consumer))
        return false;
    ebi_consumer_lock(consumer);
    bool ends = consumer->failed || (consumer->task.count && consumer->settled >= consumer->task.count);
    ebi_consumer_unlock(consumer);
    return !ends;
}

void ebi_loop_run(struct eb_consumer *consumer) {
    int64_t link_by = ebi_link_deadline(consumer);

    while (goes_on(consumer)) {
        struct eb_error err = { 0 };
        int32_t status = run_once(consumer, false, link_by > ebi_ticks_ms() ? link_by : INT64_MAX, &err);

        if (status == EB_END && consumer->task.until_end)
            return;
        if (status <= EB_FATAL) {
            ebi_link_reopen(consumer, &err);
        } else if (status == EB_PERMANENT && err.kind == EB_KIND_NAME) {
            ebi_link_rename_member(consumer, &err);
        } else if (status == EB_PERMANENT) {
            ebi_error_context(&err, "broker %s", consumer->deps.broker->name);
            ebi_consumer_lock_and_fail(consumer, &err);
        } else if (status < EB_OK) {
            ebi_log_line(consumer->deps.log, EBI_ERROR, "broker %s: receiving failed: %s", consumer->deps.broker->name,
                         err.text);
            ebi_link_pause(consumer, ebi_ticks_ms() + PAUSE_AFTER_ERROR_MS);
        } else if (status == EB_OK) {
            ebi_instance_works(&consumer->instance);
        }
        ebi_link_check(consumer, link_by);
    }
}

/* ---- Draining ---- */

static bool all_settled(struct eb_consumer *consumer) {
    ebi_consumer_lock(consumer);
    bool settled = is_settled(consumer);
    ebi_consumer_unlock(consumer);
    return settled;
}

static void return_waiting(struct eb_consumer *consumer) {
    ebi_consumer_lock(consumer);
    size_t before = consumer->dispatch.in_flight - consumer->dispatch.running.n - consumer->dispatch.parked;
    ebi_dispatch_return_waiting(&consumer->dispatch, ebi_ticks_ms());
    if (before)
        ebi_log_line(consumer->deps.log, EBI_DEBUG, "%zu event(s) that waited are settled or handed back", before);
    ebi_consumer_unlock(consumer);
}

/* Waits, where there is no plugin to wait in, for threads that finish their work; the broker delivers those events again. */
static void wait_for_threads(struct eb_consumer *consumer) {
    ebi_consumer_tell_state(consumer);
    ebi_consumer_lock(consumer);
    ebi_consumer_wait(consumer, ebi_ticks_ms() + DRAIN_PAUSE_MS);
    ebi_consumer_unlock(consumer);
}

/* Settles until all is settled, or the time comes, or eb_consumer_stop was called so many times. Returns whether all is. */
static bool settle_until(struct eb_consumer *consumer, int64_t by, int stops) {
    while (!all_settled(consumer) && ebi_ticks_ms() < by && atomic_load(&consumer->stops) < stops) {
        struct eb_error err = { 0 };

        return_waiting(consumer);
        if (!consumer->instance.open)
            wait_for_threads(consumer);
        else if (run_once(consumer, true, by, &err) <= EB_FATAL)
            ebi_link_close(consumer, 0);
    }
    return all_settled(consumer);
}

void ebi_loop_drain(struct eb_consumer *consumer) {
    bool was_stopped = ebi_consumer_is_stopped(consumer);
    struct eb_error why;

    ebi_consumer_lock(consumer);
    consumer->draining = true;
    ebi_consumer_unlock(consumer);
    ebi_consumer_tell_state(consumer);
    if (settle_until(consumer, ebi_ticks_ms() + consumer->task.settings.drain_timeout, was_stopped ? 2 : 1))
        return;
    ebi_consumer_lock(consumer);
    ebi_watch_log_unfinished(consumer, "not done in the time for draining; it is handed back and will be delivered again");
    ebi_consumer_unlock(consumer);
    ebi_cancel_now(&consumer->cancel);
    settle_until(consumer, ebi_ticks_ms() + CANCEL_GRACE_MS, 3);
    ebi_error(&why, EB_RETRIABLE, EB_KIND_NONE,
              "ended before all receivers were done; the events at work are handed back and will be delivered again");
    ebi_consumer_lock(consumer);
    consumer->drained_late = true;
    ebi_consumer_fail(consumer, &why);
    ebi_consumer_unlock(consumer);
}
