/* core/produce/sender_state.h - a sender from the inside: shared by sender.c, sender_thread.c and delivery_reports.c.
 *
 * Only the sender's thread calls the plugin; any thread wakes it. Other threads put messages and wait under `lock`; reports may
 * come from any thread, and are collected under `report_lock`. plugin/instance.h says which locks may be held when: no two of
 * them together, and neither of them while the plugin is called. */
#ifndef EBI_SENDER_STATE_H
#define EBI_SENDER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/fork.h"
#include "plugin/instance.h"
#include "produce/outbound.h"

enum { EBI_SENDER_BATCH = 10000 }; /* messages that are handed to the plugin at a time, at most */

struct ebi_sender {
    const struct ebi_broker *broker;
    const struct eb_producer_ops *ops;
    struct ebi_log *log;
    struct ebi_instance instance; /* belongs to the thread, except for what it guards itself */
    pthread_t thread;
    unsigned forks; /* ebi_forks() at open: in a child nothing of this works */
    struct ebi_left left;

    pthread_mutex_t lock;   /* guards what follows, to the blank line */
    pthread_cond_t changed; /* there is room, something was reported, the link changed */
    struct ebi_outbound outbound;
    int64_t close_by_ms;
    bool closing, flushing, polling;
    size_t inside;           /* threads in a put, a flush or a wait for the link: close waits for them */
    unsigned link_awaited;   /* threads in ebi_sender_wait_link, whose callers report a broker that is away */
    int64_t absent_since_ms; /* since when the broker is away, not logged yet; 0: it is not; INT64_MAX: it is logged */

    pthread_mutex_t report_lock;                         /* guards reports */
    struct ebi_outbound_message *reports, **reports_end; /* by next_report */

    struct ebi_outbound_message **batch; /* the thread's own */
};

/* ---- sender_thread.c ---- */

/* The sender's thread; arg is the sender, whose instance is open. Returns when it is closing and nothing is left to do. */
void *ebi_sender_run(void *arg);

/* The instance's link has changed. Lock held. */
void ebi_sender_link_changed(struct ebi_instance *);

/* ---- delivery_reports.c ---- */

/* The host's callback: any thread. */
void ebi_sender_on_delivered(const struct eb_host *, const struct eb_delivery *);

/* Takes what the plugin has reported, and reports what is done with to its callers. What may be tried again goes back into the
 * queue, unless `final` is set. The sender's thread, without the lock. */
void ebi_sender_process_reports(struct ebi_sender *, bool final);

/* Reports what has waited for longer than delivery_timeout, or everything, as failed. The sender's thread, without the lock. */
void ebi_sender_expire(struct ebi_sender *, bool everything);

#endif
