/* core/receiver/receiver.h - external receivers: a command, a web address, or what the eventbus command itself does
 * with an event. A worker runs one instead of the receivers that the program has connected. */
#ifndef EBI_RECEIVER_H
#define EBI_RECEIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <eventbus/event.h>
#include "receiver/detail.h"

/* Whose fault a failed run is. */
enum ebi_cause {
    EBI_RECEIVERS_FAULT,                /* the receiver ran and failed: that is an attempt */
    EBI_TOLD_TO_END,                    /* the receiver was ended by a signal that asks a program to end: an attempt, unless the
                                         * worker is asked to end as well, as by a service manager that asks all processes */
    EBI_OWN_TROUBLE                     /* the worker could not run it, or does not know how it ended: no attempt. With
                                         * EB_KIND_CONFIG the configuration is wrong */
};

/* What became of one receiver run. */
struct ebi_run {
    enum eb_status status;              /* EB_OK, EB_RETRIABLE, EB_PERMANENT; EB_GONE: cancelled, counts as not tried */
    enum ebi_cause cause;               /* of a failure */
    struct eb_error error;              /* unless EB_OK or EB_GONE */
    int64_t wait_ms;                    /* the receiver's own wish for the wait before a retry; 0: none */
    char receiver[64];                  /* which one */
    char detail[EBI_DETAIL_ROOM];       /* of a failure, in the receiver's own words: see detail.h; "" for none */
};

/* Tells runs at work to end at once. One for a worker; any thread. */
struct ebi_cancel {
    atomic_bool now;
    int fd;                             /* an eventfd that becomes readable then */
};
enum eb_status ebi_cancel_init(struct ebi_cancel *, struct eb_error *);
void ebi_cancel_free(struct ebi_cancel *);
void ebi_cancel_now(struct ebi_cancel *);               /* signal handlers, too */

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

/* /bin/sh -c COMMAND in a process group of its own, the event as JSON on its standard input: exit 0 succeeds, 65 is
 * permanent, anything else, or taking longer than timeout_ms, is retriable. */
struct ebi_supervisor;
struct ebi_forward;
struct ebi_exec_settings {
    const char *command;
    struct ebi_supervisor *supervisor;  /* of that command; shared by the worker's threads */
    int64_t timeout_ms;
    enum ebi_detail_kept detail;        /* off: standard error is the worker's own; else it passes through the worker */
    struct ebi_forward *forward;
};
struct ebi_receiver *ebi_exec_create(const void *settings, struct ebi_cancel *, struct eb_error *);

/* POST of the event as application/cloudevents+json. The status line of the answer decides: 2xx succeeds; 408, 425, 429 and
 * 5xx are retriable, with Retry-After up to retry_max_ms; others are permanent. No such line is retriable, whatever the
 * reason. Redirects are not followed. Of what follows the status line little is read, and it is not waited for. */
struct ebi_webhook_settings {
    const char *url;
    int64_t timeout_ms, retry_max_ms;
    enum ebi_detail_kept detail;
    bool proxies;                       /* by http_proxy and its like; never for this machine's own addresses */
};
struct ebi_receiver *ebi_webhook_create(const void *settings, struct ebi_cancel *, struct eb_error *);

/* EB_PERMANENT, EB_KIND_CONFIG: the URL is not http:// or https:// with a host. The error does not show the URL: it may hold a
 * password. */
enum eb_status ebi_webhook_check(const char *url, struct eb_error *);

#endif
