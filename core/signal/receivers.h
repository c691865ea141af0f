/* core/signal/receivers.h - a list of named receivers that may change while it is being run. */
#ifndef EBI_RECEIVERS_H
#define EBI_RECEIVERS_H

#include <stdbool.h>
#include <eventbus/signal.h>

/* Any thread. Runs see the list as it was when they began, but for receivers taken off meanwhile: those are skipped. */
struct ebi_receivers;

struct ebi_receivers *ebi_receivers_new(void);          /* NULL: no memory */
void ebi_receivers_free(struct ebi_receivers *);        /* none may be running */

/* EB_PERMANENT: the name is taken. */
enum eb_status ebi_receivers_add(struct ebi_receivers *, const char *name, eb_receiver, void *arg, struct eb_error *);

/* Waits until it runs in no other thread. EB_GONE: there is none of that name. */
enum eb_status ebi_receivers_remove(struct ebi_receivers *, const char *name);

/* Whether there is one, but for those that are this function. */
bool ebi_receivers_any(struct ebi_receivers *, eb_receiver but);

/* Runs them all, adding to the outcome; with stop_at_failure, until one fails, and answers its status with err filled.
 * Otherwise EB_OK, or EB_FATAL when there is no memory to note a failure. */
enum eb_status ebi_receivers_run(struct ebi_receivers *, const struct eb_event *, bool stop_at_failure,
                                 struct eb_outcome *, struct eb_error *);

#endif
