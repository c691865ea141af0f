/* core/consume/worker.c - opens a worker, runs it until eb_consumer_stop or its end, and closes it. See worker.h and eventbus/consumer.h. */
#include "consume/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "consume/dead_letter.h"
#include "consume/host_callbacks.h"
#include "consume/link.h"
#include "consume/loop.h"
#include "consume/open_checks.h"
#include "consume/state.h"
#include "consume/thread_pool.h"

enum { CLOSE_MS = 5000 };

/* ---- Running ---- */

/* The thread eb-stop. While the caller of eb_consumer_run is inside the plugin with all signals blocked, this thread takes the
 * signals in its place, so that a handler that stops the worker runs at once, also in a program of one thread. */
static void *stopper_run(void *arg) {
    struct eb_consumer *consumer = arg;

    pthread_sigmask(SIG_SETMASK, &consumer->callers_signals, NULL);
    for (;;) {
        while (sem_wait(&consumer->wake_asked) != 0)
            continue; /* a signal came */
        if (atomic_load(&consumer->run_over))
            return NULL;
        ebi_consumer_lock(consumer);
        pthread_cond_broadcast(&consumer->work);
        ebi_consumer_unlock(consumer);
        ebi_instance_wake(&consumer->instance);
    }
}

void eb_consumer_stop(struct eb_consumer *consumer) {
    if (!consumer)
        return;
    long long last = atomic_load(&consumer->stopped_ms), now = ebi_ticks_ms();

    if ((last && now - last < EBI_STOP_AGAIN_MS) || !atomic_compare_exchange_strong(&consumer->stopped_ms, &last, now))
        return;
    atomic_fetch_add(&consumer->stops, 1);
    sem_post(&consumer->wake_asked); /* a signal handler may call this, but not a plugin's wake */
}

void eb_consumer_count(const struct eb_consumer *consumer, struct eb_consumer_counts *counts) {
    if (!counts)
        return;
    struct eb_consumer_counts now = { .size = counts->size };

    if (consumer) {
        now.received = atomic_load(&consumer->counters.received);
        now.succeeded = atomic_load(&consumer->counters.succeeded);
        now.retried = atomic_load(&consumer->counters.retried);
        now.dead_lettered = atomic_load(&consumer->counters.dead_lettered);
        now.skipped = atomic_load(&consumer->counters.skipped);
        now.returned = atomic_load(&consumer->counters.returned);
    }
    memcpy(counts, &now, counts->size < sizeof now ? counts->size : sizeof now);
}

/* The result of eb_consumer_run. */
static enum eb_status result_of(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status = EB_OK;

    ebi_consumer_lock(consumer);
    if (consumer->failed) {
        status = consumer->failure.status < EB_OK ? (enum eb_status)consumer->failure.status : EB_FATAL;
        if (err)
            *err = consumer->failure;
    }
    ebi_consumer_unlock(consumer);
    return status;
}

bool ebi_worker_drained_late(const struct eb_consumer *consumer) {
    return consumer->drained_late;
}

enum eb_status eb_consumer_run(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status;

    if (ebi_is_null(consumer, "the consumer", err))
        return EB_PERMANENT;
    if (ebi_is_parents(consumer->forks, "the consumer", err))
        return EB_FATAL;
    if (atomic_load(&consumer->run_over))
        return ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "the consumer has run to its end; close it and open another one");
    status = ebi_check_receivers(consumer, err);
    if (status != EB_OK)
        return status;
    ebi_thread_block_signals(&consumer->callers_signals);
    status = ebi_thread_pool_start(consumer, err);
    if (status == EB_OK)
        status = ebi_thread_start(&consumer->stopper, "eb-stop", stopper_run, consumer, err);
    if (status == EB_OK) {
        ebi_loop_run(consumer);
        ebi_loop_drain(consumer);
        status = result_of(consumer, err);
        atomic_store(&consumer->run_over, true);
        sem_post(&consumer->wake_asked);
        pthread_join(consumer->stopper, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &consumer->callers_signals, NULL);
    return status;
}

void eb_consumer_close(struct eb_consumer *consumer) {
    struct eb_error err = { 0 };

    if (!consumer)
        return;
    if (ebi_is_parents(consumer->forks, "the consumer", NULL)) {
        ebi_leave_behind(&consumer->left); /* the lock of its member's name is the parent's, too */
        return;
    }
    ebi_thread_pool_end(consumer);
    if (consumer->instance.open)
        ebi_loop_settle(consumer, &err);
    ebi_link_close(consumer, CLOSE_MS);
    ebi_dead_letters_close(consumer, CLOSE_MS);
    ebi_dispatch_free(&consumer->dispatch);
    ebi_inflight_pool_free(&consumer->spares);
    ebi_instance_destroy(&consumer->instance);
    ebi_writer_schemas_free(consumer->writers);
    ebi_decoder_free(consumer->decoder);
    ebi_bytes_free(&consumer->queue_key);
    ebi_cancel_free(&consumer->cancel);
    ebi_supervisor_free(&consumer->external.supervisor);
    ebi_forward_free(&consumer->external.forward);
    ebi_member_leave(&consumer->member);
    ebi_task_free(&consumer->task);
    sem_destroy(&consumer->wake_asked);
    pthread_cond_destroy(&consumer->work);
    pthread_mutex_destroy(&consumer->lock);
    free(consumer->threads);
    free(consumer);
}

/* ---- Opening ---- */

/* Chooses what runs in place of the program's own receivers: what the caller gives, else what the section says, else what the caller
 * prints with. */
static void choose_receiver(struct eb_consumer *consumer, const struct ebi_worker_overrides *overrides) {
    const struct ebi_consume_settings *settings = &consumer->task.settings;
    struct ebi_external_receiver *external = &consumer->external;
    enum ebi_detail_kept detail = (enum ebi_detail_kept)settings->failure_detail;
    const char *command = overrides->exec      ? overrides->exec
                          : overrides->webhook ? NULL
                                               : settings->exec,
               *url = overrides->webhook ? overrides->webhook
                      : overrides->exec  ? NULL
                                         : settings->webhook;

    external->supervisor.command = command;
    external->exec = (struct ebi_exec_settings){ command, &external->supervisor, settings->receiver_timeout, detail,
                                                 &external->forward };
    external->webhook = (struct ebi_webhook_settings){ url, settings->receiver_timeout, settings->retry_max, detail,
                                                       settings->webhook_proxy == 0 };
    if (command)
        external->kind = (struct ebi_receiver_kind){ ebi_exec_create, &external->exec };
    else if (url)
        external->kind = (struct ebi_receiver_kind){ ebi_webhook_create, &external->webhook };
    else
        external->kind = overrides->printing;
}

static void subscribe(struct eb_consumer *consumer) {
    consumer->subscription = (struct eb_subscription){
        .size = sizeof consumer->subscription,
        .topics = (const char *const *)consumer->task.topics,
        .n_topics = consumer->task.n_topics,
        .group = consumer->task.group,
        .consumer = consumer->member.name,
        .start = &consumer->task.start,
        .order = consumer->task.order,
        .max_messages = (uint32_t)consumer->task.settings.max_in_flight,
        .max_bytes = (uint64_t)consumer->task.settings.max_in_flight_bytes,
        .until_end = consumer->task.until_end,
    };
    consumer->instance.subscription = &consumer->subscription;
}

/* Does all that can fail. eb_consumer_close frees what was made until then. */
static enum eb_status prepare(struct eb_consumer *consumer, const struct eb_consumer_options *options,
                              const struct ebi_worker_overrides *overrides, struct eb_error *err) {
    enum eb_status status = ebi_check_open(consumer, overrides, err);

    if (status != EB_OK)
        return status;
    choose_receiver(consumer, overrides);
    consumer->observer = overrides->observer;
    size_t n = (size_t)(overrides->concurrency ? overrides->concurrency : consumer->task.settings.concurrency);
    consumer->threads = calloc(n, sizeof *consumer->threads);
    consumer->n_threads = consumer->threads ? n : 0;
    consumer->writers = ebi_writer_schemas_new(consumer->deps.signals, ebi_mark_schemas_in_use, consumer);
    consumer->decoder = ebi_decoder_new();
    if (!consumer->threads || !consumer->writers || !consumer->decoder)
        return ebi_error_memory(err);
    status = ebi_cancel_init(&consumer->cancel, err);
    if (status == EB_OK)
        status = ebi_member_take(ebi_config_state(consumer->deps.config), consumer->task.group, options->consumer,
                                 &consumer->member, err);
    if (status == EB_OK)
        status = ebi_dead_letters_open(consumer, err);
    if (status != EB_OK)
        return status;
    ebi_link_log_missing_lock(consumer);
    subscribe(consumer);
    status = ebi_instance_open(&consumer->instance, err);
    if (status != EB_OK)
        ebi_point_explain(&consumer->task.start, err);
    return status;
}

enum eb_status ebi_worker_new(const struct ebi_worker_deps *deps, const struct eb_consumer_options *options,
                              const struct ebi_worker_overrides *overrides, struct eb_consumer **out, struct eb_error *err) {
    enum eb_status status = ebi_broker_needs(deps->broker, false, true, false, err);
    struct eb_consumer *consumer;

    if (status != EB_OK)
        return status;
    consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return ebi_error_memory(err);
    consumer->deps = *deps;
    consumer->ops = deps->broker->plugin->consumer;
    consumer->forks = ebi_forks();
    consumer->cancel.fd = consumer->member.lock = -1;
    pthread_mutex_init(&consumer->lock, NULL);
    ebi_cond_init(&consumer->work);
    sem_init(&consumer->wake_asked, 0, 0);
    ebi_dispatch_init(&consumer->dispatch);
    ebi_supervisor_init(&consumer->external.supervisor, NULL);
    ebi_forward_init(&consumer->external.forward);
    ebi_instance_init(&consumer->instance, EBI_CONSUMER, deps->broker, deps->service, deps->log, &consumer->lock);
    ebi_host_callbacks_set(&consumer->instance.host);
    status = ebi_task_make(deps->config, deps->bus, options, &consumer->task, err);
    if (status == EB_OK)
        status = prepare(consumer, options, overrides, err);
    if (status != EB_OK) {
        eb_consumer_close(consumer);
        return status;
    }
    *out = consumer;
    return EB_OK;
}
