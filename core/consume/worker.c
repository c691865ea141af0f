/* core/consume/worker.c - the worker's life: opened, run until it is told to stop, drained, closed.
 *
 * The loop, in the thread that called eb_consumer_run, is the only one to call the plugin, but for wake. Hands run the
 * receivers. They meet in the dispatch, under the lock. */
#include "consume/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/clock_watch.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/thread.h"
#include "receiver/command_check.h"
#include "plugin/host_log.h"
#include "produce/producer.h"
#include "signal/registry.h"

enum { LONGEST_WAIT_MS = 1000, CLOSE_MS = 5000, CANCEL_GRACE_MS = 5000, PAUSE_AFTER_ERROR_MS = 1000 };
static const struct ebi_backoff reopening = {.first_ms = 500, .max_ms = 30000, .jitter = 0.2};

/* ---- Hands ---- */

static bool stopped(const struct eb_consumer *consumer) {
    return atomic_load(&consumer->stops) > 0;
}

/* Who stops all processes of a service may reach a command first: whether this worker is stopped, too, is known a moment later. */
static void await_stop(struct eb_consumer *consumer) {
    enum { MOMENT_MS = 500, LOOK_MS = 10 };
    struct pollfd cancelled = {.fd = consumer->cancel.fd, .events = POLLIN};
    int64_t by = ebi_ticks_ms() + MOMENT_MS;

    while (!stopped(consumer) && ebi_ticks_ms() < by && poll(&cancelled, 1, LOOK_MS) <= 0)
        continue;
}

/* Works on one message, from the dispatch to its verdict. With the lock, which is given up meanwhile. */
static void work_on(struct ebi_worker_thread *thread, struct ebi_inflight *inflight) {
    struct eb_consumer *consumer = thread->consumer;
    bool dead_letter = inflight->stage == EBI_STAGE_DEAD_LETTER;

    if (ebi_dispatch_has_next(&consumer->dispatch))
        pthread_cond_signal(&consumer->work);           /* there is more than this hand can take */
    pthread_mutex_unlock(&consumer->lock);
    if (!dead_letter) {
        struct ebi_run run;

        run.status = EB_OK;             /* the rest is filled with a failure */
        run.cause = EBI_RECEIVERS_FAULT;
        run.wait_ms = 0;
        run.receiver[0] = run.detail[0] = '\0';
        enum ebi_outcome outcome = ebi_process(thread, inflight, &run);
        if (run.cause == EBI_TOLD_TO_END)
            await_stop(consumer);
        pthread_mutex_lock(&consumer->lock);
        dead_letter = ebi_outcome_apply(consumer, inflight, outcome, &run);
        if (!dead_letter && !consumer->wake_wanted)
            return;                     /* the short way to the next one */
        ebi_consumer_unlock(consumer);
    }
    if (dead_letter)
        ebi_dead_letter_send(consumer, inflight);
    pthread_mutex_lock(&consumer->lock);
}

static void *thread_run(void *arg) {
    struct ebi_worker_thread *thread = arg;
    struct eb_consumer *consumer = thread->consumer;

    pthread_mutex_lock(&consumer->lock);
    while (!consumer->threads_end) {
        struct ebi_inflight *inflight = consumer->draining ? NULL : ebi_dispatch_next(&consumer->dispatch);

        if (inflight)
            work_on(thread, inflight);
        else
            ebi_cond_wait_until(&consumer->work, &consumer->lock, INT64_MAX);
    }
    pthread_mutex_unlock(&consumer->lock);
    return NULL;
}

static enum eb_status start_threads(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < consumer->n_threads && status == EB_OK; i++) {
        struct ebi_worker_thread *thread = &consumer->threads[i];

        if (thread->started)
            continue;                   /* by a run that could not begin, as what else is there already */
        thread->consumer = consumer;
        if (!thread->decoder && !(thread->decoder = ebi_decoder_new()))
            return ebi_error_memory(err);
        if (consumer->receiver_kind.create && !thread->receiver &&
            !(thread->receiver = consumer->receiver_kind.create(consumer->receiver_kind.arg, &consumer->cancel, err)))
            return EB_FATAL;
        status = ebi_thread_start(&thread->id, "eb-receive", thread_run, thread, err);
        thread->started = status == EB_OK;
    }
    return status;
}

static void end_threads(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    if (consumer->drained_late && consumer->dispatch.at_work > 0)
        ebi_watch_log_unfinished(consumer, "the worker closes when its receiver returns");
    consumer->threads_end = true;
    pthread_cond_broadcast(&consumer->work);
    pthread_mutex_unlock(&consumer->lock);
    for (size_t i = 0; i < consumer->n_threads; i++) {
        struct ebi_worker_thread *thread = &consumer->threads[i];

        if (thread->started)
            pthread_join(thread->id, NULL);
        thread->started = false;
        if (thread->receiver)
            thread->receiver->free(thread->receiver);
        ebi_decoder_free(thread->decoder);
        eb_event_free(thread->event);
        thread->event = NULL;
        thread->receiver = NULL;
        thread->decoder = NULL;
    }
}

/* ---- The plugin's instance ---- */

static void set_instance(struct eb_consumer *consumer, void *self) {
    pthread_mutex_lock(&consumer->wake_lock);
    consumer->waker = self;
    pthread_mutex_unlock(&consumer->wake_lock);
    consumer->self = self;
}

static enum eb_status open_instance(struct eb_consumer *consumer, struct eb_error *err) {
    void *self = NULL;
    sigset_t before;

    ebi_thread_block_signals(&before);
    int32_t status = consumer->ops->open(&consumer->host, consumer->deps.broker->settings, &consumer->subscription,
                                         &self, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (status < EB_OK) {
        if (err && err->kind == EB_KIND_NONE)
            err->kind = EB_KIND_BROKER;
        ebi_error_context(err, "broker %s", consumer->deps.broker->name);
        return status == EB_RETRIABLE || status == EB_PERMANENT ? (enum eb_status)status : EB_FATAL;
    }
    set_instance(consumer, self);
    return EB_OK;
}

static void close_instance(struct eb_consumer *consumer, int32_t timeout_ms) {
    void *self = consumer->self;

    if (!self)
        return;
    sigset_t before;

    set_instance(consumer, NULL);
    ebi_thread_block_signals(&before);
    consumer->ops->close(self, timeout_ms);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&consumer->lock);
    ebi_dispatch_drop(&consumer->dispatch);
    pthread_mutex_unlock(&consumer->lock);
    ebi_writer_schemas_forget_ids(consumer->writers);
    consumer->lease_ms = 0;
}

/* ---- The loop ---- */

/* Gives the plugin the verdicts gathered so far. EB_FATAL: the instance is done. */
static int32_t settle(struct eb_consumer *consumer, struct eb_error *err) {
    struct eb_verdict *verdicts;
    uint64_t batch;

    pthread_mutex_lock(&consumer->lock);
    size_t n = ebi_dispatch_gather(&consumer->dispatch, &verdicts, &batch);
    pthread_mutex_unlock(&consumer->lock);
    if (n == 0)
        return EB_OK;
    int32_t status = consumer->ops->settle(consumer->self, verdicts, n, err);
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind == EB_RETURN)
            atomic_fetch_add(&consumer->counters.returned, 1);
    free(verdicts);
    pthread_mutex_lock(&consumer->lock);
    ebi_dispatch_given(&consumer->dispatch, batch);
    pthread_mutex_unlock(&consumer->lock);
    if (status <= EB_FATAL)
        return EB_FATAL;
    if (status < EB_OK)
        ebi_log_line(consumer->deps.log, EBI_ERROR, "broker %s: settling: %s", consumer->deps.broker->name, err->text);
    return EB_OK;
}

/* How many more messages may come in, without more being settled than was asked for. With the lock. */
static uint32_t room(const struct eb_consumer *consumer) {
    size_t most = (size_t)consumer->task.settings.max_in_flight, in_flight = consumer->dispatch.in_flight;
    uint64_t free_places = in_flight < most ? most - in_flight : 0;

    if (consumer->dispatch.bytes >= (size_t)consumer->task.settings.max_in_flight_bytes)
        return 0;
    if (consumer->task.count) {
        uint64_t left = consumer->task.count > consumer->settled + in_flight
                            ? consumer->task.count - consumer->settled - in_flight : 0;

        free_places = left < free_places ? left : free_places;
    }
    return (uint32_t)free_places;
}

/* What time brings: retries that are due, leases to extend. Answers until when to wait at most. With the lock. */
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

static bool urgent_verdicts(const struct eb_consumer *consumer) {
    return consumer->dispatch.n_verdicts > 0 && !ebi_dispatch_has_next(&consumer->dispatch);
}

/* Nothing is out any more. With the lock. */
static bool is_settled(const struct eb_consumer *consumer) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;

    return dispatch->in_flight == 0 && dispatch->at_work == 0 && dispatch->parked == 0;
}

/* One round: what is due, what is to be settled, and then whatever comes in until `by`. */
static int32_t turn(struct eb_consumer *consumer, bool take_more, int64_t by, struct eb_error *err) {
    int64_t now = consumer->turn_ms = ebi_ticks_ms();

    ebi_clock_watch(consumer->deps.log, now);
    pthread_mutex_lock(&consumer->lock);
    int64_t due = do_due(consumer, now);
    pthread_mutex_unlock(&consumer->lock);
    if (settle(consumer, err) <= EB_FATAL)
        return EB_FATAL;                /* nothing may be asked of it any more */
    pthread_mutex_lock(&consumer->lock);
    uint32_t max = take_more ? room(consumer) : 0;
    if (by < due)
        due = by;
    consumer->receiving = true;
    consumer->receive_until_ms = due;
    bool urgent = urgent_verdicts(consumer) || consumer->failed || (take_more ? stopped(consumer) : is_settled(consumer));
    pthread_mutex_unlock(&consumer->lock);
    int64_t wait = urgent ? 0 : due - ebi_ticks_ms();
    int32_t status = consumer->ops->receive(consumer->self, max, (int32_t)(wait < 0 ? 0 : wait), err);
    ebi_announce_received(consumer);
    pthread_mutex_lock(&consumer->lock);
    consumer->receiving = false;
    pthread_mutex_unlock(&consumer->lock);
    return status;
}

static bool reached_count(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    bool reached = consumer->task.count && consumer->settled >= consumer->task.count;
    pthread_mutex_unlock(&consumer->lock);
    return reached;
}

static bool failed(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    bool has = consumer->failed;
    pthread_mutex_unlock(&consumer->lock);
    return has;
}

static void fail(struct eb_consumer *consumer, const struct eb_error *why) {
    pthread_mutex_lock(&consumer->lock);
    ebi_consumer_fail(consumer, why);
    pthread_mutex_unlock(&consumer->lock);
}

/* What is left of connect_timeout; enough for the plugin to say what it finds wrong. */
static int64_t time_to_connect(const struct eb_consumer *consumer) {
    enum { LEAST_MS = 2000 };
    int64_t all = consumer->deps.broker->own.connect_timeout, left = all - consumer->link_waited_ms;

    return left > LEAST_MS ? left : all < LEAST_MS ? all : LEAST_MS;
}

/* A broker that was not there once within connect_timeout: the operator wants to know, not to wait. */
static void check_link(struct eb_consumer *consumer, int64_t by) {
    struct eb_error why;

    pthread_mutex_lock(&consumer->lock);
    bool there = consumer->link_was_up;
    why = consumer->link_why;
    pthread_mutex_unlock(&consumer->lock);
    if (there || ebi_ticks_ms() < by)
        return;
    if (!why.text[0])
        ebi_error(&why, EB_RETRIABLE, EB_KIND_BROKER, "no answer in connect_timeout");
    why.status = EB_RETRIABLE;
    why.kind = EB_KIND_BROKER;
    ebi_error_context(&why, "broker %s cannot be reached", consumer->deps.broker->name);
    fail(consumer, &why);
}

/* Waits without a plugin to wait in. */
static void pause_for(struct eb_consumer *consumer, int64_t ms) {
    int64_t by = ebi_ticks_ms() + ms;

    pthread_mutex_lock(&consumer->lock);
    while (!stopped(consumer) && !consumer->failed && ebi_cond_wait_until(&consumer->work, &consumer->lock, by))
        continue;
    pthread_mutex_unlock(&consumer->lock);
}

/* The instance is done: what it handed over comes again by the next one. */
static void reopen(struct eb_consumer *consumer, const struct eb_error *why) {
    struct eb_error err = {0};

    ebi_log_line(consumer->deps.log, EBI_ERROR, "broker %s: the consumer is opened anew: %s",
                 consumer->deps.broker->name, why->text);
    close_instance(consumer, 0);
    while (!consumer->self && !stopped(consumer) && !failed(consumer)) {
        pause_for(consumer, ebi_backoff_wait(&reopening, ++consumer->openings, ebi_chance()));
        enum eb_status status = open_instance(consumer, &err);

        if (status == EB_PERMANENT)
            fail(consumer, &err);
        else if (status != EB_OK)
            ebi_log_line(consumer->deps.log, EBI_ERROR, "%s; trying again", err.text);
    }
}

/* Says once that the member's name has no lock. */
static void report_no_lock(const struct eb_consumer *consumer) {
    const struct ebi_member *member = &consumer->member;

    if (*member->no_lock)
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "group %s: the name of consumer %s has no lock: %s; %s. STATE_DIRECTORY names another state folder",
                     consumer->task.group, member->name, member->no_lock,
                     member->n ? "it is one for this run alone" : "see that no other worker is given it");
}

/* The broker shows this member's name in use elsewhere. A given name is a mistake of the configuration; a default name is
 * left to the other one, and the next one taken: what this instance was handed comes again. */
static void rename_member(struct eb_consumer *consumer, const struct eb_error *why) {
    const char *state = ebi_config_state(consumer->deps.config), *group = consumer->task.group;
    struct eb_error err = *why;

    if (consumer->member.n == 0) {
        err.kind = EB_KIND_CONFIG;
        ebi_error_context(&err, "broker %s", consumer->deps.broker->name);
        fail(consumer, &err);
        return;
    }
    close_instance(consumer, 0);        /* it borrows the name */
    if (ebi_member_take_next(state, group, &consumer->member, &err) != EB_OK) {
        fail(consumer, &err);
        return;
    }
    ebi_log_line(consumer->deps.log, EBI_WARNING, "group %s: this consumer takes the name %s", group, consumer->member.name);
    report_no_lock(consumer);
    reopen(consumer, why);
}

static void receive_until_told(struct eb_consumer *consumer) {
    int64_t link_by = ebi_ticks_ms() + time_to_connect(consumer);

    while (!stopped(consumer) && !failed(consumer) && !reached_count(consumer)) {
        struct eb_error err = {0};
        int32_t status = turn(consumer, true, link_by > ebi_ticks_ms() ? link_by : INT64_MAX, &err);

        if (status == EB_END && consumer->task.until_end)
            return;
        if (status <= EB_FATAL) {
            reopen(consumer, &err);
        } else if (status == EB_PERMANENT && err.kind == EB_KIND_NAME) {
            rename_member(consumer, &err);
        } else if (status == EB_PERMANENT) {
            ebi_error_context(&err, "broker %s", consumer->deps.broker->name);
            fail(consumer, &err);
        } else if (status < EB_OK) {
            ebi_log_line(consumer->deps.log, EBI_ERROR, "broker %s: receiving: %s", consumer->deps.broker->name, err.text);
            pause_for(consumer, PAUSE_AFTER_ERROR_MS);
        } else if (status == EB_OK) {
            consumer->openings = 0;
        }
        check_link(consumer, link_by);
    }
}

/* ---- Draining ---- */

static bool all_settled(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    bool settled = is_settled(consumer);
    pthread_mutex_unlock(&consumer->lock);
    return settled;
}

static void return_waiting(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    size_t before = consumer->dispatch.in_flight - consumer->dispatch.at_work - consumer->dispatch.parked;
    ebi_dispatch_return_waiting(&consumer->dispatch, ebi_ticks_ms());
    if (before)
        ebi_log_line(consumer->deps.log, EBI_DEBUG, "%zu event(s) at hand are settled or handed back", before);
    pthread_mutex_unlock(&consumer->lock);
}

static void wait_a_little(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
    ebi_cond_wait_until(&consumer->work, &consumer->lock, ebi_ticks_ms() + 20);
    pthread_mutex_unlock(&consumer->lock);
}

/* Settles until all is, or the time is over, or the caller has lost patience. */
static bool settle_until(struct eb_consumer *consumer, int64_t by, int impatient) {
    while (!all_settled(consumer) && ebi_ticks_ms() < by && atomic_load(&consumer->stops) < impatient) {
        struct eb_error err = {0};

        return_waiting(consumer);
        if (!consumer->self)
            wait_a_little(consumer);    /* the hands finish what they are at; it comes again all the same */
        else if (turn(consumer, false, by, &err) <= EB_FATAL)
            close_instance(consumer, 0);
    }
    return all_settled(consumer);
}

static void drain(struct eb_consumer *consumer) {
    bool told = stopped(consumer);

    pthread_mutex_lock(&consumer->lock);
    consumer->draining = true;
    pthread_mutex_unlock(&consumer->lock);
    if (settle_until(consumer, ebi_ticks_ms() + consumer->task.settings.drain_timeout, told ? 2 : 1))
        return;
    struct eb_error why;
    ebi_error(&why, EB_RETRIABLE, EB_KIND_NONE,
              "ended before all receivers were done; the events at work are handed back and come again");
    pthread_mutex_lock(&consumer->lock);
    ebi_watch_log_unfinished(consumer, "not done in the time for draining; it is handed back and comes again");
    pthread_mutex_unlock(&consumer->lock);
    ebi_cancel_now(&consumer->cancel);
    settle_until(consumer, ebi_ticks_ms() + CANCEL_GRACE_MS, 3);
    pthread_mutex_lock(&consumer->lock);
    consumer->drained_late = true;
    pthread_mutex_unlock(&consumer->lock);
    fail(consumer, &why);
}

/* ---- The interface ---- */

/* While the caller of eb_consumer_run is inside the plugin, with all signals blocked, this thread takes those that it
 * would have taken: so a handler that stops the worker runs at once, in a program of one thread as well. */
static void *stopper_run(void *arg) {
    struct eb_consumer *consumer = arg;

    pthread_sigmask(SIG_SETMASK, &consumer->callers_signals, NULL);
    for (;;) {
        while (sem_wait(&consumer->wake_asked) != 0)
            continue;                   /* EINTR */
        if (atomic_load(&consumer->run_over))
            return NULL;
        pthread_mutex_lock(&consumer->lock);
        pthread_cond_broadcast(&consumer->work);
        pthread_mutex_unlock(&consumer->lock);
        ebi_consumer_wake(consumer);
    }
}

void eb_consumer_stop(struct eb_consumer *consumer) {
    if (!consumer)
        return;
    long long last = atomic_load(&consumer->stopped_ms), now = ebi_ticks_ms();

    if ((last && now - last < EBI_STOP_AGAIN_MS) || !atomic_compare_exchange_strong(&consumer->stopped_ms, &last, now))
        return;
    atomic_fetch_add(&consumer->stops, 1);
    sem_post(&consumer->wake_asked);    /* may be called in a signal handler, unlike a plugin's wake */
}

void eb_consumer_count(const struct eb_consumer *consumer, struct eb_consumer_counts *counts) {
    if (!counts)
        return;
    if (!consumer) {
        const struct eb_consumer_counts none = {.size = counts->size};

        memcpy(counts, &none, counts->size < sizeof none ? counts->size : sizeof none);
        return;
    }
    struct eb_consumer_counts now = {
        .size = counts->size,
        .received = atomic_load(&consumer->counters.received),
        .succeeded = atomic_load(&consumer->counters.succeeded),
        .retried = atomic_load(&consumer->counters.retried),
        .dead_lettered = atomic_load(&consumer->counters.dead_lettered),
        .skipped = atomic_load(&consumer->counters.skipped),
        .returned = atomic_load(&consumer->counters.returned),
    };

    memcpy(counts, &now, counts->size < sizeof now ? counts->size : sizeof now);
}

static enum eb_status answer(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status = EB_OK;

    pthread_mutex_lock(&consumer->lock);
    if (consumer->failed) {
        status = consumer->failure.status < EB_OK ? (enum eb_status)consumer->failure.status : EB_FATAL;
        if (err)
            *err = consumer->failure;
    }
    pthread_mutex_unlock(&consumer->lock);
    return status;
}

/* A program without any receiver acknowledges all events for nothing: it is told so, or does not begin. */
static enum eb_status check_heard(struct eb_consumer *consumer, struct eb_error *err) {
    const char *group = consumer->task.group;

    if (consumer->receiver_kind.create || ebi_signals_heard(consumer->deps.signals, NULL, ebi_general_handler))
        return EB_OK;
    if (consumer->task.needs_receivers)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "group %s: no receiver is connected; call eb_connect before eb_consumer_run, or set exec or webhook", group);
    if (!consumer->unheard_logged) {
        consumer->unheard_logged = true;
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "group %s: no receiver is connected: all events are acknowledged, and nothing is done (on_no_receiver)", group);
    }
    return EB_OK;
}

enum eb_status eb_consumer_run(struct eb_consumer *consumer, struct eb_error *err) {
    enum eb_status status;

    if (ebi_is_null(consumer, "the consumer", err))
        return EB_PERMANENT;
    if (ebi_is_parents(consumer->forks, "the consumer", err))
        return EB_FATAL;
    if (atomic_load(&consumer->run_over))
        return ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "the consumer has run to its end; close it and open another one");
    status = check_heard(consumer, err);
    if (status != EB_OK)
        return status;
    ebi_thread_block_signals(&consumer->callers_signals);
    status = start_threads(consumer, err);
    if (status == EB_OK)
        status = ebi_thread_start(&consumer->stopper, "eb-stop", stopper_run, consumer, err);
    if (status == EB_OK) {
        receive_until_told(consumer);
        drain(consumer);
        status = answer(consumer, err);
        atomic_store(&consumer->run_over, true);
        sem_post(&consumer->wake_asked);
        pthread_join(consumer->stopper, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &consumer->callers_signals, NULL);
    return status;
}

void eb_consumer_close(struct eb_consumer *consumer) {
    struct eb_error err = {0};

    if (!consumer)
        return;
    if (ebi_is_parents(consumer->forks, "the consumer", NULL)) {
        ebi_leave_behind(&consumer->left);              /* its member's lock is the parent's, too */
        return;
    }
    end_threads(consumer);                /* waits for receivers that are still running */
    if (consumer->self)
        settle(consumer, &err);
    close_instance(consumer, CLOSE_MS);
    ebi_dead_letters_close(consumer, CLOSE_MS);
    ebi_dispatch_free(&consumer->dispatch);
    ebi_writer_schemas_free(consumer->writers);
    ebi_decoder_free(consumer->decoder);
    ebi_bytes_free(&consumer->queue_key);
    ebi_cancel_free(&consumer->cancel);
    ebi_supervisor_free(&consumer->supervisor);
    ebi_forward_free(&consumer->forward);
    ebi_member_leave(&consumer->member);
    ebi_task_free(&consumer->task);
    sem_destroy(&consumer->wake_asked);
    pthread_cond_destroy(&consumer->work);
    pthread_mutex_destroy(&consumer->wake_lock);
    pthread_mutex_destroy(&consumer->lock);
    free(consumer->threads);
    free(consumer);
}

/* ---- Opening ---- */

static void choose_receiver(struct eb_consumer *consumer, const struct ebi_worker_overrides *overrides) {
    const struct ebi_consume_settings *settings = &consumer->task.settings;
    const char *command = overrides->exec ? overrides->exec : overrides->webhook ? NULL : settings->exec,
               *url = overrides->webhook ? overrides->webhook : overrides->exec ? NULL : settings->webhook;

    consumer->supervisor.command = command;
    consumer->exec = (struct ebi_exec_settings){command, &consumer->supervisor, settings->receiver_timeout,
                                                (enum ebi_detail_kept)settings->failure_detail, &consumer->forward};
    consumer->webhook = (struct ebi_webhook_settings){url, settings->receiver_timeout, settings->retry_max,
                                                      (enum ebi_detail_kept)settings->failure_detail,
                                                      settings->webhook_proxy == 0};
    if (command)
        consumer->receiver_kind = (struct ebi_receiver_kind){ebi_exec_create, &consumer->exec};
    else if (url)
        consumer->receiver_kind = (struct ebi_receiver_kind){ebi_webhook_create, &consumer->webhook};
    else
        consumer->receiver_kind = overrides->printing;
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
}

static enum eb_status check_history(const struct eb_consumer *consumer, struct eb_error *err) {
    if ((consumer->ops->traits & EB_T_HISTORY) || consumer->task.start.kind == EB_LATEST || !consumer->task.position)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     "plugin %s keeps no history, so a new group cannot start at \"%s\"; leave --from out, or use latest",
                     consumer->deps.broker->plugin->about.name, consumer->task.position);
}

static enum eb_status check_receiver(const struct eb_consumer *consumer, const struct ebi_worker_overrides *overrides,
                                    struct eb_error *err) {
    if (!overrides->exec && !overrides->webhook)
        return ebi_task_check_receiver(consumer->deps.config, &consumer->task, err);
    if (overrides->exec && ebi_exec_is_empty(overrides->exec))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "--exec is empty: nothing would be run");
    enum eb_status status = overrides->webhook ? ebi_webhook_check(overrides->webhook, err) : EB_OK;
    if (status == EB_PERMANENT)
        ebi_error_context(err, "--webhook");
    return status;
}

/* All that can fail; what is made so far is freed by eb_consumer_close. */
static enum eb_status prepare(struct eb_consumer *consumer, const struct eb_consumer_options *options,
                              const struct ebi_worker_overrides *overrides, struct eb_error *err) {
    enum eb_status status = check_history(consumer, err);

    choose_receiver(consumer, overrides);
    if (status == EB_OK)
        status = check_receiver(consumer, overrides, err);
    if (status == EB_OK)
        status = ebi_task_check_patterns(&consumer->task, consumer->deps.broker, err);
    if (status != EB_OK)
        return status;
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
    report_no_lock(consumer);
    subscribe(consumer);
    status = open_instance(consumer, err);
    if (status != EB_OK)
        ebi_point_explain(&consumer->task.start, err);
    return status;
}

enum eb_status ebi_worker_new(const struct ebi_worker_deps *parts, const struct eb_consumer_options *options,
                              const struct ebi_worker_overrides *overrides, struct eb_consumer **out, struct eb_error *err) {
    enum eb_status status = ebi_broker_needs(parts->broker, false, true, false, err);
    struct eb_consumer *consumer;

    if (status != EB_OK)
        return status;
    consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return ebi_error_memory(err);
    consumer->deps = *parts;
    consumer->ops = parts->broker->plugin->consumer;
    consumer->forks = ebi_forks();
    consumer->cancel.fd = consumer->member.lock = -1;
    pthread_mutex_init(&consumer->lock, NULL);
    pthread_mutex_init(&consumer->wake_lock, NULL);
    ebi_cond_init(&consumer->work);
    sem_init(&consumer->wake_asked, 0, 0);
    ebi_dispatch_init(&consumer->dispatch);
    ebi_supervisor_init(&consumer->supervisor, NULL);
    ebi_forward_init(&consumer->forward);
    consumer->host = ebi_host_callbacks(consumer);
    status = ebi_task_make(parts->config, parts->bus, options, &consumer->task, err);
    if (status == EB_OK)
        status = prepare(consumer, options, overrides, err);
    if (status != EB_OK) {
        eb_consumer_close(consumer);
        return status;
    }
    *out = consumer;
    return EB_OK;
}
