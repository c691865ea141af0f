/* core/receiver/receiver.h - external receivers: a command, a web address, or what the eventbus command itself does
 * with an event. A worker runs one instead of the receivers that the program has connected. */
#ifndef EBI_RECEIVER_H
#define EBI_RECEIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <eventbus/event.h>
#include "receiver/detail.h"

/* Where the cause of a failed run lies. */
enum ebi_cause {
    EBI_RECEIVERS_FAULT, /* the receiver ran and failed: this counts as an attempt */
    EBI_TOLD_TO_END,     /* a signal that asks a program to end has ended the receiver: this counts as an attempt,
                                         * unless the worker is asked to end as well, as a service manager asks all processes */
    EBI_OWN_TROUBLE      /* the worker could not run the receiver, or does not know how it ended: this counts as no
                                         * attempt. With EB_KIND_CONFIG the configuration is wrong */
};

/* What became of one receiver run. */
struct ebi_run {
    enum eb_status status;        /* EB_OK, EB_RETRIABLE, EB_PERMANENT; EB_GONE: cancelled, this counts as no attempt */
    enum ebi_cause cause;         /* of a failure */
    struct eb_error error;        /* set unless the status is EB_OK or EB_GONE */
    int64_t wait_ms;              /* how long the receiver asks to wait before a retry; 0: it does not ask */
    char receiver[64];            /* its name */
    char detail[EBI_DETAIL_ROOM]; /* of a failure, in the receiver's own words: see detail.h; "" where it wrote nothing */
};

/* Ends the runs at work at once. A worker has one. Any thread. */
struct ebi_cancel {
    atomic_bool now;
    int fd; /* an eventfd that becomes readable then */
};
enum eb_status ebi_cancel_init(struct ebi_cancel *, struct eb_error *);
void ebi_cancel_free(struct ebi_cancel *);
void ebi_cancel_now(struct ebi_cancel *); /* also in a signal handler */

/* An external receiver. Each thread of a worker has one of its own. */
struct ebi_receiver {
    void (*run)(struct ebi_receiver *, const struct eb_event *, struct ebi_run *);
    void (*free)(struct ebi_receiver *);
};

/* Creates a receiver for each thread. create returns NULL on failure, with err. */
struct ebi_receiver_kind {
    struct ebi_receiver *(*create)(const void *arg, struct ebi_cancel *, struct eb_error *);
    const void *arg;
};

/* Runs /bin/sh -c COMMAND in a process group of its own, with the event as JSON on its standard input. Exit status 0 is success, 65
 * a permanent failure; any other status, and a run longer than timeout_ms, is a retriable failure. */
struct ebi_supervisor;
struct ebi_forward;
struct ebi_exec_settings {
    const char *command;
    struct ebi_supervisor *supervisor; /* starts the command; shared by the worker's threads */
    int64_t timeout_ms;
    enum ebi_detail_kept
        detail; /* off: the command has the worker's standard error; else the worker reads it and passes it on */
    struct ebi_forward *forward;
};
struct ebi_receiver *ebi_exec_create(const void *settings, struct ebi_cancel *, struct eb_error *);

/* Sends a POST request with the event as application/cloudevents+json. The status line of the response decides: 2xx is success; 408,
 * 425, 429 and 5xx are retriable failures, which wait for Retry-After, up to retry_max_ms; any other status is a permanent failure.
 * A request without a status line is a retriable failure, whatever the reason. Redirects are not followed. Little is read of what
 * follows the status line, and it is not waited for. */
struct ebi_webhook_settings {
    const char *url;
    int64_t timeout_ms, retry_max_ms;
    enum ebi_detail_kept detail;
    bool proxies; /* uses http_proxy and the like; never for addresses of this machine */
};
struct ebi_receiver *ebi_webhook_create(const void *settings, struct ebi_cancel *, struct eb_error *);

/* EB_PERMANENT, EB_KIND_CONFIG: the URL is not http:// or https:// with a host. The error does not show the URL: it may hold a
 * password. */
enum eb_status ebi_webhook_check(const char *url, struct eb_error *);

#endif
