/* core/produce/sender_thread.c - the sender's thread: it hands messages to the plugin, lets it make progress, and reopens it when
 * it has failed. See sender_state.h. */
#include <sched.h>

#include "base/clock.h"
#include "base/clock_watch.h"
#include "base/error.h"
#include "base/thread.h"
#include "produce/sender_state.h"

enum { IDLE_MS = 1000 };

/* ---- The link ---- */

void ebi_sender_link_changed(struct ebi_instance *instance) {
    struct ebi_sender *sender = EBI_INSTANCE_OWNER(&instance->host, struct ebi_sender, instance);

    EBI_ASSERT_HELD(&sender->lock);
    if (!instance->link_was_up && !sender->absent_since_ms && !sender->outbound.limits.absence_is_told)
        sender->absent_since_ms = ebi_ticks_ms();
    pthread_cond_broadcast(&sender->changed);
}

/* Logs once that the broker could not be reached since the instance was opened, unless a thread waits for the link and reports
 * it. */
static void log_absence(struct ebi_sender *sender) {
    struct eb_error why;
    bool log;

    pthread_mutex_lock(&sender->lock);
    log = sender->absent_since_ms && !sender->instance.link_was_up && !sender->link_awaited &&
          ebi_ticks_ms() - sender->absent_since_ms >= IDLE_MS;
    if (log) {
        sender->absent_since_ms = INT64_MAX; /* it is logged now */
        why = sender->instance.link_error;
    }
    pthread_mutex_unlock(&sender->lock);
    if (log)
        ebi_instance_log_absence(&sender->instance, &why);
}

/* ---- The thread ---- */

/* The instance has failed: its close reports its messages as retriable, and it is opened again after a wait. */
static void give_instance_up(struct ebi_sender *sender, const struct eb_error *why) {
    ebi_instance_give_up(&sender->instance, why);
    ebi_sender_process_reports(sender, false);
}

static void reopen(struct ebi_sender *sender) {
    struct eb_error err = { 0 };

    if (ebi_instance_open(&sender->instance, &err) != EB_OK)
        ebi_instance_postpone(&sender->instance, &err);
}

/* Hands a batch to the plugin, and puts back what it does not take. True: the plugin took all of it. */
static bool submit(struct ebi_sender *sender, size_t n, struct eb_error *err) {
    const struct eb_message *messages[64];
    size_t taken = 0;
    int64_t answer = 0;

    while (taken < n) {
        size_t part = n - taken < 64 ? n - taken : 64;

        for (size_t i = 0; i < part; i++)
            messages[i] = &sender->batch[taken + i]->message;
        answer = sender->ops->submit(sender->instance.self, messages, part, err);
        if (answer > 0)
            taken += (size_t)answer < part ? (size_t)answer : part;
        if (answer < (int64_t)part)
            break;
    }
    if (taken == n)
        return true;
    pthread_mutex_lock(&sender->lock);
    ebi_outbound_put_back(&sender->outbound, sender->batch + taken, n - taken);
    pthread_mutex_unlock(&sender->lock);
    if (answer < 0)
        give_instance_up(sender, err);
    return false;
}

/* Lock held. Sleeps until the next attempt to reopen, at most IDLE_MS so that expiry still runs. */
static void wait_for_opening(struct ebi_sender *sender) {
    int64_t by = ebi_ticks_ms() + IDLE_MS;

    EBI_ASSERT_HELD(&sender->lock);
    if (sender->instance.open_at_ms < by)
        by = sender->instance.open_at_ms;
    if (sender->closing && sender->close_by_ms < by)
        by = sender->close_by_ms;
    if (ebi_ticks_ms() < by)
        ebi_cond_wait_until(&sender->changed, &sender->lock, by);
}

static bool finished(const struct ebi_sender *sender) {
    return sender->closing && (sender->outbound.messages == 0 || ebi_ticks_ms() >= sender->close_by_ms);
}

/* One turn with an open instance: submits what may go, polls, and processes what was reported. */
static void take_turn(struct ebi_sender *sender) {
    struct eb_error err = { 0 };
    int64_t now = ebi_ticks_ms(), due = now + IDLE_MS;

    ebi_clock_watch(sender->log, now);
    pthread_mutex_lock(&sender->lock);
    bool overdue = ebi_outbound_overdue(&sender->outbound, now);
    size_t n = overdue ? 0
                       : ebi_outbound_pick(&sender->outbound, now, sender->closing || sender->flushing, sender->batch,
                                           EBI_SENDER_BATCH, &due);
    if (sender->closing && sender->close_by_ms < due)
        due = sender->close_by_ms;
    sender->polling = n == 0; /* from here on a put wakes the plugin, and clears this */
    pthread_mutex_unlock(&sender->lock);
    if (overdue) {
        ebi_error(&err, EB_RETRIABLE, EB_KIND_BROKER, "no answer in delivery_timeout");
        give_instance_up(sender, &err);
        return;
    }
    bool all = n == 0 || submit(sender, n, &err);
    if (!sender->instance.open)
        return;
    int64_t timeout = n > 0 && all ? 0 : due - now;
    int32_t status = sender->ops->poll(sender->instance.self, (int32_t)(timeout < 0 ? 0 : timeout), &err);
    pthread_mutex_lock(&sender->lock);
    bool woken = n == 0 && !sender->polling;
    sender->polling = false;
    pthread_mutex_unlock(&sender->lock);
    if (woken)
        sched_yield(); /* lets the thread that put a message put more, which then go as one batch */
    ebi_sender_process_reports(sender, false);
    if (status <= EB_FATAL)
        give_instance_up(sender, &err);
}

void *ebi_sender_run(void *arg) {
    struct ebi_sender *sender = arg;

    pthread_mutex_lock(&sender->lock);
    while (!finished(sender)) {
        if (!sender->instance.open)
            wait_for_opening(sender);
        bool closing = finished(sender);
        pthread_mutex_unlock(&sender->lock);
        if (!closing && !sender->instance.open && ebi_ticks_ms() >= sender->instance.open_at_ms)
            reopen(sender);
        if (!closing && sender->instance.open)
            take_turn(sender);
        ebi_sender_expire(sender, false);
        log_absence(sender);
        pthread_mutex_lock(&sender->lock);
    }
    pthread_mutex_unlock(&sender->lock);
    ebi_instance_close(&sender->instance, sender->close_by_ms - ebi_ticks_ms());
    ebi_sender_process_reports(sender, true);
    ebi_sender_expire(sender, true);
    return NULL;
}
