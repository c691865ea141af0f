/* core/consume/state.h - the state of a worker and its locks, which the parts of core/consume share. Nobody outside of this folder
 * includes it.
 *
 * One thread, the caller of eb_consumer_run, runs the loop: only that thread calls the plugin, except for wake. Worker threads run
 * the receivers. They meet in the dispatch, under the lock.
 *
 * plugin/instance.h says why the lock, which host calls take, is never held while the plugin is called; nor is the plugin called
 * from within a host call. */
#ifndef EBI_CONSUME_STATE_H
#define EBI_CONSUME_STATE_H

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/consumer.h>
#include "base/bytes.h"
#include "base/fork.h"
#include "base/thread.h"
#include "consume/decode.h"
#include "consume/dispatch.h"
#include "consume/member.h"
#include "consume/task.h"
#include "consume/worker_deps.h"
#include "consume/writer_schemas.h"
#include "plugin/instance.h"
#include "produce/sender.h"
#include "receiver/forward.h"
#include "receiver/receiver.h"
#include "receiver/supervisor.h"

/* The receiver that runs instead of the program's own, and what it is made of. kind.create NULL: the program's own receivers run. */
struct ebi_external_receiver {
    struct ebi_receiver_kind kind;
    struct ebi_exec_settings exec;
    struct ebi_supervisor supervisor; /* starts the commands of exec */
    struct ebi_forward forward;       /* passes on what processes write that a command left behind */
    struct ebi_webhook_settings webhook;
};

/* A thread that runs receivers, and what it keeps from one event to the next. */
struct ebi_worker_thread {
    struct eb_consumer *consumer;
    pthread_t id;
    bool started;
    struct ebi_decoder *decoder;
    struct ebi_receiver *receiver; /* NULL: the program's own receivers */
    struct eb_event *event;        /* the last one, to be used again; NULL: none */
};

struct ebi_counters {
    atomic_ullong received, succeeded, retried, dead_lettered, skipped, returned;
};

/* Why receivers cannot be run at all, whatever the event. Times are of ebi_ticks_ms; 0: never. */
struct ebi_trouble {
    int64_t since_ms, last_ms; /* since: 0 again as soon as a receiver has run */
    uint32_t tries;            /* in a row that ran no receiver */
    bool any_ran;              /* a receiver has run since the worker was opened */
};

/* See dead_letter_topics.h. */
struct ebi_dead_letter_topics {
    struct ebi_known_topic *known; /* they exist */
    int64_t create_again_ms;       /* a topic could not be created: no other attempt before that */
    uint32_t failed_creates;       /* in a row */
    struct eb_error create_error;
};

struct eb_consumer {
    /* Set while the worker is opened; any thread reads it. */
    struct ebi_worker_deps deps;
    struct ebi_task task;
    const struct eb_consumer_ops *ops;
    struct ebi_external_receiver external;
    struct ebi_worker_observer observer;
    struct ebi_sender *dead_letters; /* NULL: none are kept */
    struct ebi_worker_thread *threads;
    size_t n_threads;
    unsigned forks; /* ebi_forks() at open: in a child nothing of this works */
    struct ebi_left left;

    /* Any thread. */
    struct ebi_cancel cancel;
    struct ebi_counters counters;
    atomic_int stops;        /* calls of eb_consumer_stop that count */
    atomic_llong stopped_ms; /* when the last of them came; 0: none yet */
    atomic_bool run_over;
    sem_t wake_asked; /* posted where the plugin may not be woken: in signal handlers, in its own calls */

    pthread_mutex_t lock; /* guards what follows, to the next blank line */
    pthread_cond_t work;  /* a message became ready, or the threads are to end */
    struct ebi_dispatch dispatch;
    bool receiving;           /* the loop is inside receive, and is to be woken for what is urgent, */
    int64_t receive_until_ms; /*   and waits no longer than that */
    bool wake_wanted;         /* the loop is to be woken as soon as the lock is given back */
    bool threads_end, draining;
    struct ebi_dead_letter_topics dead_letter_topics;
    uint32_t consecutive_errors;
    struct ebi_trouble trouble;
    uint64_t settled;  /* events, for count */
    bool drained_late; /* receivers were still running when the drain was over */
    bool failed;       /* the worker is to end with this */
    struct eb_error failure;

    /* The loop's own, from here on. */
    struct ebi_instance instance; /* except what the lock guards, or a lock of its own */
    struct eb_subscription subscription;
    struct ebi_member member;
    struct ebi_writer_schemas *writers;
    struct ebi_decoder *decoder;
    struct ebi_inflight_pool spares; /* for the messages that come in */
    struct ebi_bytes queue_key;      /* of the message that comes in; begins with its topic or with "strict" */
    int64_t receive_began_ms;
    uint32_t unannounced;           /* messages that came in since a thread was woken */
    int64_t watch_at_ms;            /* when to look next at what has been at work for long */
    int64_t lease_ms, extend_at_ms; /* the shortest lease seen; 0: none */
    int64_t link_waited_ms;         /* for the broker, before the instance was opened: counts for connect_timeout */
    bool unheard_logged;            /* the log said before the threads began that the program has no receivers */
    sigset_t callers_signals;       /* the mask of the thread that called eb_consumer_run */
    pthread_t stopper;              /* turns wake_asked into a wake */
};

/* ---- The lock ---- */

static inline void ebi_consumer_lock(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->lock);
}

/* Gives the lock back without a wake: by the loop itself, within host calls, and after what makes nothing urgent. */
static inline void ebi_consumer_unlock(struct eb_consumer *consumer) {
    pthread_mutex_unlock(&consumer->lock);
}

/* Gives the lock back, and wakes the loop if that is wanted. Not within a host call. */
void ebi_consumer_unlock_and_wake(struct eb_consumer *);

/* Gives the lock back until `work` is signalled, or until a time of ebi_ticks_ms, INT64_MAX for ever. False: the time came. */
static inline bool ebi_consumer_wait(struct eb_consumer *consumer, int64_t until_ms) {
    return ebi_cond_wait_until(&consumer->work, &consumer->lock, until_ms);
}

/* ---- Waking the loop ---- */

/* Lets the loop come out of receive if verdicts wait that are urgent. Lock held; the loop is woken by
 * ebi_consumer_unlock_and_wake. */
void ebi_consumer_nudge(struct eb_consumer *, int64_t now_ms);

/* ---- Small things that several parts need ---- */

/* Tells the observer that the loop goes round. The loop's thread only; the lock is not held. */
void ebi_consumer_tell_state(struct eb_consumer *);

static inline bool ebi_consumer_is_stopped(const struct eb_consumer *consumer) {
    return atomic_load(&consumer->stops) > 0;
}

/* The worker is to end with this error; the first one counts. Lock held. */
void ebi_consumer_fail(struct eb_consumer *, const struct eb_error *);

/* The same, not under the lock. The loop's. */
void ebi_consumer_lock_and_fail(struct eb_consumer *, const struct eb_error *);

/* Not under the lock. */
bool ebi_consumer_has_failed(struct eb_consumer *);

/* Keeps a message here that is at work or parked, and runs it again after wait_ms; hands it back where the broker takes it away.
 * Lock held. */
void ebi_consumer_delay(struct eb_consumer *, struct ebi_inflight *, int64_t wait_ms);

/* The topic of a message without the prefix, for those who read. */
const char *ebi_consumer_topic(const struct eb_consumer *, const struct ebi_inflight *);

/* The position of a message, for those who read: "?" where the plugin names none. */
const char *ebi_position_of(const struct eb_message *);

/* Logs a line about a received event: its topic, id, type and position, and one more field or NULL. */
void ebi_log_message(const struct eb_consumer *, const struct eb_message *, enum ebi_level, const char *text,
                     const struct ebi_log_field *more);

#endif
