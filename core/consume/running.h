/* core/consume/running.h - the messages at work, and when one that is to run alone may run.
 *
 * A message that is to run alone waits until nothing else is at work, and the others wait for it. But a receiver that hangs
 * must hold up only itself. So the others wait for EBI_ALONE_PAUSE_MS at first, then go on until EBI_HANGS_MS have passed, and then
 * wait again; what has been at work for EBI_HANGS_MS no longer counts; and when the one that runs alone has run for that long,
 * others run beside it. */
#ifndef EBI_RUNNING_H
#define EBI_RUNNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "consume/inflight.h"
#include "consume/key_queue.h"

enum { EBI_ALONE_PAUSE_MS = 1000, EBI_HANGS_MS = 10000 };

/* Zeroed at first. */
struct ebi_running {
    struct ebi_inflight *first; /* the longest at work; a list of utlist by work_prev and work_next */
    size_t n;
    struct ebi_inflight *alone;   /* runs alone; NULL: none does, or it has hung for too long */
    int64_t alone_waits_since_ms; /* when the first one that is to run alone began to wait for others; 0: none waits */
    bool others_pass;             /* the others go on while it waits, */
    bool others_pass_logged;      /*   and the log says so: see watch.c */
    int64_t now_ms;               /* the latest time that was told */
};

static inline void ebi_running_set_time(struct ebi_running *running, int64_t now_ms) {
    if (now_ms > running->now_ms)
        running->now_ms = now_ms;
}

/* Returns the queue whose first message may run now; NULL: none. */
struct ebi_key_queue *ebi_running_next_queue(const struct ebi_running *, const struct ebi_key_queues *);

/* The message comes to work, or was at work until now. */
void ebi_running_add(struct ebi_running *, struct ebi_inflight *);
void ebi_running_remove(struct ebi_running *, struct ebi_inflight *);

/* Does what time brings for one that waits to run alone, or runs alone and hangs. Returns whether another message may run now.
 * Lowers *due_ms to when there is more to do. */
bool ebi_running_wake(struct ebi_running *, const struct ebi_key_queues *, int64_t *due_ms);

#endif
