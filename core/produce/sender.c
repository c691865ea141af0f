/* core/produce/sender.c - see sender.h.
 *
 * Only the sender's thread calls the plugin; any thread wakes it. Other threads put messages and wait under `lock`; reports may
 * come from any thread, and are collected under `report_lock`. plugin/instance.h says which locks may be held when: no two of
 * them together, and neither of them while the plugin is called. */
#include "produce/sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/clock_watch.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/thread.h"
#include "plugin/instance.h"
#include "plugin/message.h"
#include "produce/outbound.h"

enum { MOST_BATCH = 10000, IDLE_MS = 1000 };

struct ebi_sender {
    const struct ebi_broker *broker;
    const struct eb_producer_ops *ops;
    struct ebi_log *log;
    struct ebi_instance instance;       /* the thread's own, but for what its comments say */
    pthread_t thread;
    unsigned forks;                     /* ebi_forks() at open: in a child nothing of this works */
    struct ebi_left left;

    pthread_mutex_t lock;               /* guards what follows, to the blank line */
    pthread_cond_t changed;             /* room came, something was reported, the link changed */
    struct ebi_outbound outbound;
    int64_t close_by_ms;
    bool closing, flushing, polling;
    size_t inside;                      /* threads in a put, a flush or a wait for the link: close waits for them */
    unsigned link_awaited;              /* threads in ebi_sender_wait_link, which tell why it did not come */
    int64_t absent_since_ms;            /* the link was never up, and nobody has said so; 0: nothing to say */

    pthread_mutex_t report_lock;        /* guards reports */
    struct ebi_out *reports, **reports_end;

    struct ebi_out **batch;             /* the thread's own */
};

struct ebi_sender_limits ebi_sender_limits_of(const struct ebi_bus_settings *settings) {
    return (struct ebi_sender_limits){
        .messages = (size_t)settings->queue_messages,
        .bytes = (size_t)settings->queue_bytes,
        .batch_messages = settings->batch_messages < MOST_BATCH ? (size_t)settings->batch_messages : MOST_BATCH,
        .batch_bytes = (size_t)settings->batch_bytes,
        .linger_ms = settings->linger,
        .delivery_timeout_ms = settings->delivery_timeout,
    };
}

/* ---- What the plugin calls ---- */

/* With the lock. */
static void link_changed(struct ebi_instance *instance) {
    struct ebi_sender *sender = EBI_INSTANCE_OWNER(&instance->host, struct ebi_sender, instance);

    if (!instance->link_was_up && !sender->absent_since_ms && !sender->outbound.limits.absence_is_told)
        sender->absent_since_ms = ebi_ticks_ms();
    pthread_cond_broadcast(&sender->changed);
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *theirs) {
    struct ebi_sender *sender = EBI_INSTANCE_OWNER(host, struct ebi_sender, instance);
    struct eb_delivery delivery;

    ebi_sized_copy(&delivery, sizeof delivery, theirs);
    struct ebi_out *out = (struct ebi_out *)(uintptr_t)delivery.token;
    ebi_out_report(out, &delivery);
    out->next = NULL;
    pthread_mutex_lock(&sender->report_lock);
    *sender->reports_end = out;
    sender->reports_end = &out->next;
    pthread_mutex_unlock(&sender->report_lock);
}

/* ---- Reporting ---- */

static void tell(struct ebi_out *out) {
    struct ebi_report report = {
        .message = &out->message,
        .status = out->status,
        .error = out->status == EB_OK ? NULL : out->error,
        .position = out->position,
        .maybe_stored = out->maybe_stored,
    };
    struct eb_error unknown;

    if (out->status != EB_OK && !report.error) {
        ebi_error(&unknown, out->status, EB_KIND_BROKER, "not delivered, and there was no memory to keep the reason");
        report.error = &unknown;
    }
    out->reported(out->arg, &report);
}

static struct ebi_out *take_reports(struct ebi_sender *sender) {
    pthread_mutex_lock(&sender->report_lock);
    struct ebi_out *reports = sender->reports;
    sender->reports = NULL;
    sender->reports_end = &sender->reports;
    pthread_mutex_unlock(&sender->report_lock);
    return reports;
}

/* Tells the callers of a list of messages, and gives their room back. Without the lock. */
static void finish(struct ebi_sender *sender, struct ebi_out *done) {
    if (!done)
        return;
    for (struct ebi_out *out = done; out; out = out->next)
        tell(out);
    pthread_mutex_lock(&sender->lock);
    while (done) {
        struct ebi_out *next = done->next;

        ebi_outbound_settle(&sender->outbound, done);
        done = next;
    }
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* A message is given up: says how long it was tried, and why the last try failed. */
static void give_up(struct ebi_sender *sender, struct ebi_out *out, bool closing) {
    struct eb_error *err = out->error;
    int64_t waited = ebi_ticks_ms() - out->put_ms;

    if (!err && (err = malloc(sizeof *err))) {
        pthread_mutex_lock(&sender->lock);
        *err = sender->instance.link_error;
        pthread_mutex_unlock(&sender->lock);
        if (!err->text[0])
            ebi_error(err, EB_RETRIABLE, EB_KIND_BROKER, "broker %s did not take it", sender->broker->name);
        out->error = err;
    }
    out->status = EB_RETRIABLE;
    if (err) {
        err->status = EB_RETRIABLE;
        ebi_error_context(err, closing ? "given up at close after %" PRId64 ".%" PRId64 " s"
                                       : "given up after %" PRId64 ".%" PRId64 " s (delivery_timeout)",
                          waited / 1000, waited % 1000 / 100);
    }
}

/* Sorts what the plugin reported into done and again. final: nothing goes back into the queue. */
static void work_off_reports(struct ebi_sender *sender, bool final) {
    struct ebi_out *reports = take_reports(sender), *done = NULL, **end = &done;
    int64_t now = ebi_ticks_ms();

    if (!reports)
        return;
    pthread_mutex_lock(&sender->lock);
    while (reports) {
        struct ebi_out *out = reports;

        reports = out->next;
        out->next = NULL;
        if (out->status == EB_OK)
            ebi_instance_works(&sender->instance);
        bool may_wait = out->status != EB_OK || sender->outbound.failed > 0;   /* then only is chance worth its price */
        if (!ebi_outbound_reported(&sender->outbound, out, final, now, may_wait ? ebi_chance() : 0))
            continue;
        *end = out;
        end = &out->next;
    }
    pthread_mutex_unlock(&sender->lock);
    for (struct ebi_out *out = done; out; out = out->next)
        if (out->status == EB_RETRIABLE)
            give_up(sender, out, final);
    finish(sender, done);
}

static void expire(struct ebi_sender *sender, bool everything) {
    struct ebi_out *expired = NULL, **end = &expired, *out;
    int64_t now = ebi_ticks_ms();

    pthread_mutex_lock(&sender->lock);
    while ((out = ebi_outbound_expired(&sender->outbound, now, everything))) {
        *end = out;
        end = &out->next;
    }
    pthread_mutex_unlock(&sender->lock);
    for (out = expired; out; out = out->next)
        give_up(sender, out, everything);
    finish(sender, expired);
}

/* ---- The plugin's instance ---- */

/* The instance is done: its messages come back as retriable, a new one is opened after a while. */
static void give_instance_up(struct ebi_sender *sender, const struct eb_error *why) {
    ebi_instance_give_up(&sender->instance, why);
    work_off_reports(sender, false);
}

static void reopen(struct ebi_sender *sender) {
    struct eb_error err = {0};

    if (ebi_instance_open(&sender->instance, &err) != EB_OK)
        ebi_instance_postpone(&sender->instance, &err);
}

/* ---- The thread ---- */

/* Hands a batch to the plugin; what it does not take goes back. True when it took all of it. */
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
    ebi_outbound_unpick(&sender->outbound, sender->batch + taken, n - taken);
    pthread_mutex_unlock(&sender->lock);
    if (answer < 0)
        give_instance_up(sender, err);
    return false;
}

/* Waits, with the lock, for the time, while there is no instance; not for so long that what expires has to wait. */
static void wait_for_opening(struct ebi_sender *sender) {
    int64_t by = ebi_ticks_ms() + IDLE_MS;

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

/* One round with an open instance: submit what may go, poll, work off what was reported. */
static void round_of(struct ebi_sender *sender) {
    struct eb_error err = {0};
    int64_t now = ebi_ticks_ms(), due = now + IDLE_MS;

    ebi_clock_watch(sender->log, now);
    pthread_mutex_lock(&sender->lock);
    bool overdue = ebi_outbound_overdue(&sender->outbound, now);
    size_t n = overdue ? 0 : ebi_outbound_pick(&sender->outbound, now, sender->closing || sender->flushing,
                                               sender->batch, MOST_BATCH, &due);
    if (sender->closing && sender->close_by_ms < due)
        due = sender->close_by_ms;
    sender->polling = n == 0;           /* from here on a put wakes the plugin */
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
        sched_yield();                  /* whoever puts may have more: a batch, and one wake for all of it */
    work_off_reports(sender, false);
    if (status <= EB_FATAL)
        give_instance_up(sender, &err);
}

/* A broker that was not there from the start is told of a moment later, unless somebody who waits for it does that. */
static void tell_absence(struct ebi_sender *sender) {
    struct eb_error why;
    bool tell;

    pthread_mutex_lock(&sender->lock);
    tell = sender->absent_since_ms && !sender->instance.link_was_up && !sender->link_awaited &&
           ebi_ticks_ms() - sender->absent_since_ms >= IDLE_MS;
    if (tell) {
        sender->absent_since_ms = INT64_MAX;            /* once */
        why = sender->instance.link_error;
    }
    pthread_mutex_unlock(&sender->lock);
    if (tell)
        ebi_instance_log_absence(&sender->instance, &why);
}

static void *run(void *arg) {
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
            round_of(sender);
        expire(sender, false);
        tell_absence(sender);
        pthread_mutex_lock(&sender->lock);
    }
    pthread_mutex_unlock(&sender->lock);
    ebi_instance_close(&sender->instance, sender->close_by_ms - ebi_ticks_ms());
    work_off_reports(sender, true);
    expire(sender, true);
    return NULL;
}

/* ---- The interface ---- */

static void sender_free(struct ebi_sender *sender) {
    ebi_instance_destroy(&sender->instance);
    ebi_outbound_free(&sender->outbound);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->report_lock);
    pthread_mutex_destroy(&sender->lock);
    free(sender->batch);
    free(sender);
}

enum eb_status ebi_sender_open(const struct ebi_broker *broker, const char *service,
                               const struct ebi_sender_limits *limits, struct ebi_log *log, struct ebi_sender **out,
                               struct eb_error *err) {
    struct ebi_sender *sender = calloc(1, sizeof *sender);
    enum eb_status status;

    if (!sender)
        return ebi_error_memory(err);
    sender->broker = broker;
    sender->ops = broker->plugin->producer;
    sender->log = log;
    sender->forks = ebi_forks();
    sender->reports_end = &sender->reports;
    sender->batch = malloc(MOST_BATCH * sizeof *sender->batch);
    pthread_mutex_init(&sender->lock, NULL);
    pthread_mutex_init(&sender->report_lock, NULL);
    ebi_cond_init(&sender->changed);
    ebi_instance_init(&sender->instance, EBI_PRODUCER, broker, service, log, &sender->lock);
    sender->instance.host.delivered = on_delivered;
    sender->instance.link_changed = link_changed;
    status = ebi_outbound_init(&sender->outbound, limits, sender->ops->traits & EB_T_ORDER, err);
    if (status == EB_OK && !sender->batch)
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = ebi_instance_open(&sender->instance, err);
    if (status == EB_OK) {
        status = ebi_thread_start(&sender->thread, "eb-send", run, sender, err);
        if (status != EB_OK)
            ebi_instance_close(&sender->instance, 0);
    }
    if (status != EB_OK) {
        sender_free(sender);
        return status;
    }
    *out = sender;
    return EB_OK;
}

/* With the lock, as the last thing done with the sender: close waits for all that are inside. */
static void leave(struct ebi_sender *sender) {
    if (--sender->inside == 0 && sender->closing)
        pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* Lets the thread come out of the plugin's poll if it is there. With the lock, which is given up meanwhile. */
static void wake(struct ebi_sender *sender) {
    sigset_t before;

    if (!sender->polling)
        return;
    sender->polling = false;            /* once is enough */
    pthread_mutex_unlock(&sender->lock);
    ebi_thread_block_signals(&before);
    ebi_instance_wake(&sender->instance);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&sender->lock);
}

static enum eb_status wait_for_room(struct ebi_sender *sender, const struct ebi_out *out, int64_t wait_ms,
                                    struct eb_error *err) {
    int64_t by = 0;                     /* the clock is asked only where there is something to wait for */

    if (!ebi_outbound_ever_fits(&sender->outbound, out))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%zu bytes are more than the whole queue takes (queue_bytes)",
                         out->bytes);
    while (!sender->closing && !ebi_outbound_has_room(&sender->outbound, out)) {
        if (by == 0)
            by = wait_ms < 0 ? INT64_MAX : ebi_ticks_ms() + wait_ms;
        if (wait_ms == 0 || !ebi_cond_wait_until(&sender->changed, &sender->lock, by))
            return ebi_error(err, EB_FULL, EB_KIND_BROKER,
                             "the queue of broker %s is full: %zu messages, %zu bytes (queue_messages, queue_bytes)",
                             sender->broker->name, sender->outbound.messages, sender->outbound.bytes);
    }
    if (sender->closing)
        return ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "the producer of broker %s is being closed",
                         sender->broker->name);
    return EB_OK;
}

/* The message in a block of ours. NULL, with *status and the error: it cannot be sent, or there is no memory. */
static struct ebi_out *take(struct ebi_sender *sender, const struct eb_message *message, enum eb_status *status,
                            struct eb_error *err) {
    size_t size = ebi_out_size(message, err);

    *status = EB_PERMANENT;
    if (!size)
        return NULL;
    pthread_mutex_lock(&sender->lock);
    struct ebi_out *spare = ebi_outbound_spare(&sender->outbound, size);
    pthread_mutex_unlock(&sender->lock);
    *status = EB_FATAL;
    return ebi_out_new(message, size, spare, err);
}

static bool is_parents(const struct ebi_sender *sender, struct eb_error *err) {
    return ebi_is_parents(sender->forks, "the bus", err);
}

enum eb_status ebi_sender_put(struct ebi_sender *sender, const struct eb_message *message, int64_t wait_ms,
                              ebi_reported reported, void *arg, struct eb_error *err) {
    enum eb_status status;

    if (is_parents(sender, err))
        return EB_FATAL;
    struct ebi_out *out = take(sender, message, &status, err);
    if (!out)
        return status;
    out->reported = reported;
    out->arg = arg;
    pthread_mutex_lock(&sender->lock);
    sender->inside++;
    status = wait_for_room(sender, out, wait_ms, err);
    if (status == EB_OK)
        status = ebi_outbound_put(&sender->outbound, out, ebi_ticks_ms(), err);
    bool batch = status == EB_OK && sender->outbound.waiting == sender->outbound.limits.batch_messages;
    if (status == EB_OK)
        wake(sender);
    leave(sender);
    if (batch)
        sched_yield();                  /* where both share a CPU the sender's thread goes first, while it is in the cache */
    if (status != EB_OK)
        ebi_out_free(out);
    return status;
}

enum eb_status ebi_sender_flush(struct ebi_sender *sender, int64_t timeout_ms, struct eb_error *err) {
    int64_t by = timeout_ms < 0 ? INT64_MAX : ebi_ticks_ms() + timeout_ms;
    uint64_t epoch;

    if (is_parents(sender, err))
        return EB_FATAL;
    pthread_mutex_lock(&sender->lock);
    enum eb_status status = ebi_outbound_mark(&sender->outbound, &epoch, err);
    sender->inside++;
    sender->flushing = true;
    wake(sender);
    while (status == EB_OK && !ebi_outbound_flushed(&sender->outbound, epoch))
        if (!ebi_cond_wait_until(&sender->changed, &sender->lock, by))
            status = ebi_error(err, EB_RETRIABLE, EB_KIND_BROKER, "%zu messages wait for broker %s still",
                               sender->outbound.messages, sender->broker->name);
    sender->flushing = false;           /* another flush at work lingers a little more, no harm done */
    leave(sender);
    return status;
}

enum eb_status ebi_sender_wait_link(struct ebi_sender *sender, int64_t timeout_ms, struct eb_error *err) {
    int64_t by = ebi_ticks_ms() + timeout_ms;

    pthread_mutex_lock(&sender->lock);
    sender->inside++;
    sender->link_awaited++;
    while (!sender->instance.link_was_up && !sender->closing && ebi_cond_wait_until(&sender->changed, &sender->lock, by))
        continue;
    sender->link_awaited--;
    enum eb_status status = ebi_instance_reached(&sender->instance, "no answer from the broker yet", err);
    if (!sender->instance.link_was_up)
        sender->absent_since_ms = INT64_MAX;            /* the caller has it now, and tells it */
    leave(sender);
    return status;
}

void ebi_sender_close(struct ebi_sender *sender, int64_t timeout_ms) {
    if (!sender)
        return;
    if (is_parents(sender, NULL)) {
        ebi_leave_behind(&sender->left);
        return;
    }
    pthread_mutex_lock(&sender->lock);
    sender->closing = true;
    sender->close_by_ms = timeout_ms < 0 ? INT64_MAX : ebi_ticks_ms() + timeout_ms;
    pthread_cond_broadcast(&sender->changed);
    sender->polling = true;             /* a poll for room, which no put would end, too */
    wake(sender);
    pthread_mutex_unlock(&sender->lock);
    pthread_join(sender->thread, NULL);
    pthread_mutex_lock(&sender->lock);
    while (sender->inside > 0)          /* those that waited for room are told, and leave */
        ebi_cond_wait_until(&sender->changed, &sender->lock, INT64_MAX);
    pthread_mutex_unlock(&sender->lock);
    sender_free(sender);
}
