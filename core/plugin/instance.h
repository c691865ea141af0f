/* core/plugin/instance.h - one instance of a plugin in one role: opened, woken, closed, and reopened after a wait when it has
 * failed; and the part of its host that is the same in every role: log, metric, link, busy.
 *
 * Threads. The owner (a sender, a worker, an admin) calls these functions from one thread at a time; only ebi_instance_wake
 * may be called from any thread. The plugin may call its host from any thread.
 *
 * Locks. A plugin may hold a lock of its own while it calls the host, and take the same lock in wake. So a lock that a host
 * call takes is never held while the plugin is called, wake included. It follows that
 * - wake_lock, which keeps the instance alive during wake, is taken by no host call;
 * - the owner's lock, which host calls take, is not held by who calls open, close, give_up or wake here (asserted);
 * - no two of these locks are held together. */
#ifndef EBI_INSTANCE_H
#define EBI_INSTANCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/log.h"
#include "plugin/plugins.h"

enum ebi_role { EBI_PRODUCER, EBI_CONSUMER, EBI_ADMIN };

/* Part of its owner. */
struct ebi_instance {
    enum ebi_role role;
    const struct ebi_broker *broker;
    struct ebi_log *log;
    struct eb_host host; /* core is this instance; the owner adds the callbacks of its role before open */
    const struct eb_subscription *subscription; /* of a consumer: set before open */
    bool open;                                  /* the owner's thread only */
    void *self;                                 /* the plugin's own, while it is open */
    uint32_t failures;                          /* in a row: of opening, and of an instance that did nothing useful */
    int64_t open_at_ms;                         /* when to open after a failure, in ebi_ticks_ms */

    pthread_mutex_t wake_lock; /* guards may_wake */
    bool may_wake;

    pthread_mutex_t *lock; /* the owner's: guards what follows; NULL in an admin, where links are not noted */
    bool link_was_up, link_lost;
    struct eb_error link_error;                  /* why the link is down, or why opening failed; text "": unknown */
    void (*link_changed)(struct ebi_instance *); /* called with the owner's lock on each change; NULL: not called */
};

/* The owner of an instance, in a host call: the struct of this type that has the instance as this member. */
#define EBI_INSTANCE_OWNER(host, type, member) ((type *)(void *)((char *)(host)->core - offsetof(type, member)))

/* Everything is borrowed until ebi_instance_destroy. The broker's plugin must have the role. */
void ebi_instance_init(struct ebi_instance *, enum ebi_role, const struct ebi_broker *, const char *service, struct ebi_log *,
                       pthread_mutex_t *owners_lock);

/* The instance must not be open. */
void ebi_instance_destroy(struct ebi_instance *);

/* Opens it, with the signals of the calling thread blocked. The error names the broker; statuses as in ebi_instance_error. */
enum eb_status ebi_instance_open(struct ebi_instance *, struct eb_error *);

/* Closes it, if it is open; a wake at work is waited for. Negative times count as 0. No wake reaches the plugin afterwards. */
void ebi_instance_close(struct ebi_instance *, int64_t timeout_ms);

/* Ends the plugin's wait in poll or receive; does nothing where no instance is open. Any thread; not within a host call. */
void ebi_instance_wake(struct ebi_instance *);

/* The instance has failed: logs why, closes it at once, and sets open_at_ms, further away with each failure in a row. */
void ebi_instance_give_up(struct ebi_instance *, const struct eb_error *why);

/* Opening has failed: logs why, keeps it as link_error, and sets open_at_ms likewise. */
void ebi_instance_postpone(struct ebi_instance *, const struct eb_error *why);

/* The instance did something useful: the next failure is the first in a row. */
static inline void ebi_instance_works(struct ebi_instance *instance) {
    instance->failures = 0;
}

/* What a failed call of the plugin means: EB_RETRIABLE and EB_PERMANENT stay, anything else is EB_FATAL. Completes the error:
 * EB_KIND_BROKER where the plugin gave no kind, and the broker's name in front. err may be NULL. */
enum eb_status ebi_instance_error(const struct ebi_instance *, int32_t status, struct eb_error *err);

/* EB_OK when the link has ever been up. Else EB_RETRIABLE, and in err, which is not NULL, that the broker cannot be reached and
 * why: `otherwise` where the plugin gave no reason. The owner's lock is held. */
enum eb_status ebi_instance_reached(const struct ebi_instance *, const char *otherwise, struct eb_error *err);

/* Logs that the broker has been away since the start; a link that was lost is logged by itself. */
void ebi_instance_log_absence(const struct ebi_instance *, const struct eb_error *why);

#endif
