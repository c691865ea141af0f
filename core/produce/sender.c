/* core/produce/sender.c - see sender.h: what other threads call. */
#include "produce/sender.h"

#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "produce/sender_state.h"

struct ebi_sender_limits ebi_sender_limits_of(const struct ebi_bus_settings *settings) {
    return (struct ebi_sender_limits){
        .messages = (size_t)settings->queue_messages,
        .bytes = (size_t)settings->queue_bytes,
        .batch_messages = settings->batch_messages < EBI_SENDER_BATCH ? (size_t)settings->batch_messages : EBI_SENDER_BATCH,
        .batch_bytes = (size_t)settings->batch_bytes,
        .linger_ms = settings->linger,
        .delivery_timeout_ms = settings->delivery_timeout,
    };
}

static void sender_free(struct ebi_sender *sender) {
    ebi_instance_destroy(&sender->instance);
    ebi_outbound_free(&sender->outbound);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->report_lock);
    pthread_mutex_destroy(&sender->lock);
    free(sender->batch);
    free(sender);
}

enum eb_status ebi_sender_open(const struct ebi_broker *broker, const char *service, const struct ebi_sender_limits *limits,
                               struct ebi_log *log, struct ebi_sender **out, struct eb_error *err) {
    struct ebi_sender *sender = calloc(1, sizeof *sender);
    enum eb_status status;

    if (!sender)
        return ebi_error_memory(err);
    sender->broker = broker;
    sender->ops = broker->plugin->producer;
    sender->log = log;
    sender->forks = ebi_forks();
    sender->reports_end = &sender->reports;
    sender->batch = malloc(EBI_SENDER_BATCH * sizeof *sender->batch);
    pthread_mutex_init(&sender->lock, NULL);
    pthread_mutex_init(&sender->report_lock, NULL);
    ebi_cond_init(&sender->changed);
    ebi_instance_init(&sender->instance, EBI_PRODUCER, broker, service, log, &sender->lock);
    sender->instance.host.delivered = ebi_sender_on_delivered;
    sender->instance.link_changed = ebi_sender_link_changed;
    status = ebi_outbound_init(&sender->outbound, limits, broker->traits.producer & EB_T_ORDER, err);
    if (status == EB_OK && !sender->batch)
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = ebi_instance_open(&sender->instance, err);
    if (status == EB_OK) {
        status = ebi_thread_start(&sender->thread, "eb-send", ebi_sender_run, sender, err);
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

/* Lock held; gives it up. The last thing that a thread does with the sender: close waits for all that are inside. */
static void leave(struct ebi_sender *sender) {
    if (--sender->inside == 0 && sender->closing)
        pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* Ends the plugin's poll if the thread waits there. Lock held; it is given up for the call. */
static void wake(struct ebi_sender *sender) {
    sigset_t before;

    if (!sender->polling)
        return;
    EBI_ASSERT_HELD(&sender->lock);
    sender->polling = false; /* once is enough */
    pthread_mutex_unlock(&sender->lock);
    ebi_thread_block_signals(&before);
    ebi_instance_wake(&sender->instance);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&sender->lock);
}

static enum eb_status wait_for_room(struct ebi_sender *sender, const struct ebi_outbound_message *out, int64_t wait_ms,
                                    struct eb_error *err) {
    int64_t by = 0; /* reads the clock only where it has to wait */

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
        return ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "the producer of broker %s is being closed", sender->broker->name);
    return EB_OK;
}

/* Copies a message. NULL, with *status and the error: it cannot be sent, or there is no memory. */
static struct ebi_outbound_message *copy_message(struct ebi_sender *sender, const struct eb_message *message,
                                                 enum eb_status *status, struct eb_error *err) {
    size_t size = ebi_outbound_message_size(message, err);

    *status = EB_PERMANENT;
    if (!size)
        return NULL;
    pthread_mutex_lock(&sender->lock);
    struct ebi_outbound_message *spare = ebi_outbound_spare(&sender->outbound, size);
    pthread_mutex_unlock(&sender->lock);
    *status = EB_FATAL;
    return ebi_outbound_message_new(message, size, spare, err);
}

static bool is_parents(const struct ebi_sender *sender, struct eb_error *err) {
    return ebi_is_parents(sender->forks, "the bus", err);
}

enum eb_status ebi_sender_put(struct ebi_sender *sender, const struct eb_message *message, int64_t wait_ms,
                              ebi_reported reported, void *arg, struct eb_error *err) {
    enum eb_status status;

    if (is_parents(sender, err))
        return EB_FATAL;
    struct ebi_outbound_message *out = copy_message(sender, message, &status, err);
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
        sched_yield(); /* where both threads share a CPU, the sender's goes first, while the messages are in the cache */
    if (status != EB_OK)
        ebi_outbound_message_free(out);
    return status;
}

enum eb_status ebi_sender_flush(struct ebi_sender *sender, int64_t timeout_ms, struct eb_error *err) {
    int64_t by = timeout_ms < 0 ? INT64_MAX : ebi_ticks_ms() + timeout_ms;
    uint64_t epoch;

    if (is_parents(sender, err))
        return EB_FATAL;
    pthread_mutex_lock(&sender->lock);
    enum eb_status status = ebi_outbound_end_epoch(&sender->outbound, &epoch, err);
    sender->inside++;
    sender->flushing = true;
    wake(sender);
    while (status == EB_OK && !ebi_outbound_flushed(&sender->outbound, epoch))
        if (!ebi_cond_wait_until(&sender->changed, &sender->lock, by))
            status = ebi_error(err, EB_RETRIABLE, EB_KIND_BROKER, "%zu messages wait for broker %s still",
                               sender->outbound.messages, sender->broker->name);
    sender->flushing = false; /* another flush at work then lingers, which only takes longer */
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
        sender->absent_since_ms = INT64_MAX; /* the caller has the error, and reports it */
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
    sender->polling = true; /* ends a poll for room as well, which no put would */
    wake(sender);
    pthread_mutex_unlock(&sender->lock);
    pthread_join(sender->thread, NULL);
    pthread_mutex_lock(&sender->lock);
    while (sender->inside > 0) /* threads that waited for room return first */
        ebi_cond_wait_until(&sender->changed, &sender->lock, INT64_MAX);
    pthread_mutex_unlock(&sender->lock);
    sender_free(sender);
}
