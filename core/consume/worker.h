/* core/consume/worker.h - a worker from the inside: one thread talks to the plugin, others run the receivers. */
#ifndef EBI_WORKER_H
#define EBI_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/consumer.h>
#include <eventbus/signal.h>
#include "base/fork.h"
#include "receiver/forward.h"
#include "base/log.h"
#include "receiver/supervisor.h"
#include "consume/dispatch.h"
#include "consume/member.h"
#include "receiver/receiver.h"
#include "consume/task.h"
#include "consume/writer_schemas.h"
#include "plugin/plugins.h"
#include "produce/routes.h"
#include "produce/sender.h"

/* What a worker is made of; all of it is borrowed until it is closed. */
struct ebi_worker_deps {
    struct ebi_config *config;
    const struct ebi_bus_settings *bus;
    const char *service;
    const struct ebi_broker *broker;
    const struct ebi_broker *dead_letter_broker;        /* the same, or another */
    const struct ebi_signals *signals;
    const struct ebi_routes *routes;
    struct ebi_log *log;
    void (*before_event)(void *);
    void *before_event_arg;
};

/* What a caller from inside, such as the eventbus command, wants otherwise than the section says. */
struct ebi_worker_overrides {
    const char *exec, *webhook;         /* NULL: the section's */
    int64_t concurrency;                /* 0: the section's */
    struct ebi_receiver_kind printing;  /* create NULL: none; what to do with events where neither exec nor webhook is set */
};

struct ebi_counters {
    atomic_ullong received, succeeded, retried, dead_lettered, skipped, returned;
};

/* The worker's own trouble, which keeps it from running receivers. Times are of ebi_ticks_ms; 0: never. */
struct ebi_trouble {
    int64_t since_ms, last_ms;          /* since: 0 again as soon as a receiver has run */
    uint32_t tries;                     /* in a row that ran no receiver */
    bool any_ran;                       /* a receiver has run since the worker was opened */
};

/* A thread that runs receivers, and what it keeps from one event to the next. */
struct ebi_worker_thread {
    struct eb_consumer *consumer;
    pthread_t id;
    bool started;
    struct ebi_decoder *decoder;
    struct ebi_receiver *receiver;      /* NULL: the program's own receivers */
    struct eb_event *event;             /* the last one, to be used again; NULL: none */
};

struct eb_consumer {
    struct ebi_worker_deps deps;
    struct ebi_task task;
    const struct eb_consumer_ops *ops;
    struct eb_host host;
    struct eb_subscription subscription;
    struct ebi_member member;
    struct ebi_sender *dead_letters;    /* NULL: none are kept */
    struct ebi_receiver_kind receiver_kind;
    struct ebi_exec_settings exec;
    struct ebi_supervisor supervisor;   /* starts the commands of exec */
    struct ebi_forward forward;         /* passes on what they leave behind writes */
    struct ebi_webhook_settings webhook;
    struct ebi_cancel cancel;
    struct ebi_counters counters;
    struct ebi_worker_thread *threads;
    size_t n_threads;
    unsigned forks;                     /* ebi_forks() at open: in a child nothing of this works */
    struct ebi_left left;
    atomic_int stops;                   /* calls of eb_consumer_stop that count */
    atomic_llong stopped_ms;            /* when the last one did; 0: none yet */
    atomic_bool run_over;
    bool unheard_logged;                  /* it was said, before the hands began, that the program has no receivers */
    sigset_t callers_signals;           /* the mask of the thread that called eb_consumer_run */
    sem_t wake_asked;                   /* posted where the plugin may not be woken: in signal handlers, in its own calls */
    pthread_t stopper;                  /* waits for it */

    pthread_mutex_t wake_lock;          /* guards waker; taken by no host call, see ebi_consumer_wake */
    void *waker;                        /* the plugin's instance, while it may be woken */

    pthread_mutex_t lock;               /* guards what follows, to the blank line */
    pthread_cond_t work;                /* a message became ready, or the hands are to end */
    struct ebi_dispatch dispatch;
    bool receiving;                     /* the loop is inside receive, and wants to be woken for what is urgent, */
    int64_t receive_until_ms;           /*   and waits so long at most */
    bool wake_wanted;                   /* ... and is, as soon as the lock is given back */
    bool threads_end, draining;
    bool link_was_up, link_lost;
    int64_t link_waited_ms;             /* for the broker, before the instance was opened: counts for connect_timeout */
    struct eb_error link_why;
    struct ebi_known_topic *known_topics;           /* dead-letter topics that are there, see dead_letter.c */
    int64_t create_again_ms;              /* a topic could not be made: no other try before that */
    uint32_t failed_creates;             /* in a row */
    struct eb_error create_error;
    uint32_t consecutive_errors;
    struct ebi_trouble trouble;         /* why receivers cannot be run */
    uint64_t settled;                   /* events, for count */
    bool drained_late;                  /* receivers were still running when the drain was over */
    bool failed;                        /* the worker is to end with this */
    struct eb_error failure;

    void *self;                         /* the plugin's instance, from here on: the loop's own */
    struct ebi_writer_schemas *writers;
    struct ebi_decoder *decoder;
    struct ebi_bytes queue_key;         /* of the message that comes in */
    int64_t turn_ms;                    /* when the loop began to receive */
    uint32_t unannounced;               /* messages that came in since a hand was woken */
    int64_t watch_at_ms;                /* when to look next at what has been at work for long */
    int64_t lease_ms, extend_at_ms;     /* the shortest lease seen; 0: none */
    uint32_t openings;                  /* in a row that led to nothing */
};

/* ---- process.c: a hand's work on one message, without the lock ---- */

enum ebi_outcome {
    EBI_SUCCEEDED,
    EBI_FAILED,                         /* a receiver failed: retriable or permanent, see run.status */
    EBI_UNUSABLE,                       /* it can never be run: flawed, undecodable */
    EBI_UNKNOWN,                        /* no signal has its type */
    EBI_NO_RECEIVER,                        /* the program has no receiver for it, and that is not allowed */
    EBI_CANCELLED
};
enum ebi_outcome ebi_process(struct ebi_worker_thread *, struct ebi_inflight *, struct ebi_run *);

/* Decodes a message into an event: EBI_SUCCEEDED, EBI_UNUSABLE or EBI_UNKNOWN with run->error. The schemas of the message
 * are those of ebi_writer_schemas_take. The event may be one to be used again, or NULL; it is so after a failure. */
enum ebi_outcome ebi_decode_message(const struct ebi_signals *, struct ebi_decoder *, const struct eb_message *,
                            struct eb_event **, struct ebi_run *);

/* Notes in an event where it came from; texts stay the message's. prefix: the configured one, taken off the topic. */
void ebi_event_set_origin(struct eb_event *, const struct eb_message *, const char *prefix, uint32_t failures);

/* ---- outcome.c: what follows from it, with the lock ---- */

/* True: it is to become a dead letter, and is still at work with the caller, who buries it. */
bool ebi_outcome_apply(struct eb_consumer *, struct ebi_inflight *, enum ebi_outcome, const struct ebi_run *);

/* A line about an event that was received: its topic, id, type and position, and one more field or NULL. */
void ebi_log_message(const struct eb_consumer *, const struct eb_message *, enum ebi_level, const char *text,
                     const struct ebi_log_field *more);

/* The broker has shown, by this event, whether it counts failed attempts: says so where it does not. With the lock. */
void ebi_log_miscount(struct eb_consumer *, const struct ebi_inflight *);

/* Where a message is, for those who read: "?" where the plugin does not say. */
const char *ebi_position_of(const struct eb_message *);

/* Keeps one here, at work or parked until now, to be worked on again after a while; hands it back when the broker takes it
 * away. */
void ebi_consumer_delay(struct eb_consumer *, struct ebi_inflight *, int64_t wait_ms);

/* The worker is to end, with this. With the lock. */
void ebi_consumer_fail(struct eb_consumer *, const struct eb_error *);

/* Lets the loop come out of receive, where verdicts wait that are urgent. With the lock; it takes effect with: */
void ebi_consumer_nudge(struct eb_consumer *, int64_t now_ms);

/* Gives the lock back, and wakes the loop if that is wanted. Not within a host call: no lock that host calls take is held
 * while the plugin is called, nor may the plugin be called from inside of one. */
void ebi_consumer_unlock(struct eb_consumer *);

/* Lets the loop come out of receive. Without the lock, not within a host call. */
void ebi_consumer_wake(struct eb_consumer *);

/* Whether it is a dead letter that had to go without its data: see enum ebi_dead_letter_form. */
bool ebi_dead_letter_lacks_data(const struct eb_message *);

/* ---- dead_letter.c: dead letters ---- */

/* Opens the sender where dead letters are wanted, and makes sure that their topics exist or can be made: they are made with
 * their first dead letter. */
enum eb_status ebi_dead_letters_open(struct eb_consumer *, struct eb_error *);
void ebi_dead_letters_close(struct eb_consumer *, int32_t timeout_ms);

/* Sends one, at work, to its dead-letter topic: it is parked meanwhile. Without the lock. */
void ebi_dead_letter_send(struct eb_consumer *, struct ebi_inflight *);

/* ---- watch.c: what takes long is named in the log; with the lock ---- */

/* What has been at work for so long that others wait for it, or that nobody may know of it. */
void ebi_watch(struct eb_consumer *, int64_t now_ms);

/* All that is at work or on its way to a dead-letter topic; the first ones by name. */
void ebi_watch_log_unfinished(struct eb_consumer *, const char *what);

/* ---- host_callbacks.c: what the plugin calls ---- */

struct eb_host ebi_host_callbacks(struct eb_consumer *);

/* Tells the writers which schemas messages refer to: see ebi_writer_schemas_new. Without the lock. */
void ebi_mark_schemas_in_use(void *consumer, struct ebi_writer_schemas *);

/* Wakes a hand for what has come in since the last time. The loop's, without the lock. */
void ebi_announce_received(struct eb_consumer *);

/* ---- worker.c ---- */

enum { EBI_STOP_AGAIN_MS = 1000 };      /* a call of eb_consumer_stop sooner after one that counted does not count */

enum eb_status ebi_worker_new(const struct ebi_worker_deps *, const struct eb_consumer_options *,
                              const struct ebi_worker_overrides *, struct eb_consumer **, struct eb_error *);

#endif
