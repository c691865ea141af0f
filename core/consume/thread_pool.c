/* core/consume/thread_pool.c - see thread_pool.h. */
#include "consume/thread_pool.h"

#include <poll.h>

#include "base/clock.h"
#include "base/error.h"
#include "consume/dead_letter.h"
#include "consume/outcome.h"
#include "consume/process.h"
#include "consume/watch.h"

/* Waits a moment for the worker to be stopped. Whoever stops all processes of a service may reach a command before this worker. */
static void await_stop(struct eb_consumer *consumer) {
    enum { MOMENT_MS = 500, LOOK_MS = 10 };
    struct pollfd cancelled = { .fd = consumer->cancel.fd, .events = POLLIN };
    int64_t by = ebi_ticks_ms() + MOMENT_MS;

    while (!ebi_consumer_is_stopped(consumer) && ebi_ticks_ms() < by && poll(&cancelled, 1, LOOK_MS) <= 0)
        continue;
}

/* Works on one message, from the dispatch to its verdict. Lock held, and given back while the receivers run. */
static void process_one(struct ebi_worker_thread *thread, struct ebi_inflight *inflight) {
    struct eb_consumer *consumer = thread->consumer;
    bool dead_letter = inflight->stage == EBI_STAGE_DEAD_LETTER;

    if (ebi_dispatch_has_next(&consumer->dispatch))
        pthread_cond_signal(&consumer->work); /* another thread can take that one */
    ebi_consumer_unlock(consumer);
    if (!dead_letter) {
        struct ebi_run run;

        run.status = EB_OK; /* a failure fills in the rest */
        run.cause = EBI_RECEIVERS_FAULT;
        run.wait_ms = 0;
        run.receiver[0] = run.detail[0] = '\0';
        enum ebi_outcome outcome = ebi_process(thread, inflight, &run);
        if (run.cause == EBI_TOLD_TO_END)
            await_stop(consumer);
        ebi_consumer_lock(consumer);
        dead_letter = ebi_outcome_apply(consumer, inflight, outcome, &run);
        if (!dead_letter && !consumer->wake_wanted)
            return; /* and takes the next one without giving the lock back */
        ebi_consumer_unlock_and_wake(consumer);
    }
    if (dead_letter)
        ebi_dead_letter_send(consumer, inflight);
    ebi_consumer_lock(consumer);
}

static void *thread_run(void *arg) {
    struct ebi_worker_thread *thread = arg;
    struct eb_consumer *consumer = thread->consumer;

    ebi_consumer_lock(consumer);
    while (!consumer->threads_end) {
        struct ebi_inflight *inflight = consumer->draining ? NULL : ebi_dispatch_next(&consumer->dispatch);

        if (inflight)
            process_one(thread, inflight);
        else
            ebi_consumer_wait(consumer, INT64_MAX);
    }
    ebi_consumer_unlock(consumer);
    return NULL;
}

enum eb_status ebi_thread_pool_start(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < consumer->n_threads && status == EB_OK; i++) {
        struct ebi_worker_thread *thread = &consumer->threads[i];

        if (thread->started)
            continue; /* by an earlier eb_consumer_run that failed to start */
        thread->consumer = consumer;
        if (!thread->decoder && !(thread->decoder = ebi_decoder_new()))
            return ebi_error_memory(err);
        if (consumer->external.kind.create && !thread->receiver &&
            !(thread->receiver = consumer->external.kind.create(consumer->external.kind.arg, &consumer->cancel, err)))
            return EB_FATAL;
        status = ebi_thread_start(&thread->id, "eb-receive", thread_run, thread, err);
        thread->started = status == EB_OK;
    }
    return status;
}

void ebi_thread_pool_end(struct eb_consumer *consumer) {
    ebi_consumer_lock(consumer);
    if (consumer->drained_late && consumer->dispatch.running.n > 0)
        ebi_watch_log_unfinished(consumer, "the worker closes when its receiver returns");
    consumer->threads_end = true;
    pthread_cond_broadcast(&consumer->work);
    ebi_consumer_unlock(consumer);
    for (size_t i = 0; i < consumer->n_threads; i++) {
        struct ebi_worker_thread *thread = &consumer->threads[i];

        if (thread->started)
            pthread_join(thread->id, NULL);
        if (thread->receiver)
            thread->receiver->free(thread->receiver);
        ebi_decoder_free(thread->decoder);
        eb_event_free(thread->event);
        *thread = (struct ebi_worker_thread){ 0 };
    }
}
