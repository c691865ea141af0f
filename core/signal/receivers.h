/* core/signal/receivers.h - a list of named receivers that may change while it is run. */
#ifndef EBI_RECEIVERS_H
#define EBI_RECEIVERS_H

#include <stdbool.h>
#include <eventbus/signal.h>

/* Any thread may use it. A run sees the list as it was when the run began, but skips receivers that have been removed
 * since. */
struct ebi_receivers;

struct ebi_receivers *ebi_receivers_new(void);   /* NULL: no memory */
void ebi_receivers_free(struct ebi_receivers *); /* no receiver may be running */

/* Adds a receiver. EB_PERMANENT: the name is taken. */
enum eb_status ebi_receivers_add(struct ebi_receivers *, const char *name, eb_receiver, void *arg, struct eb_error *);

/* Removes a receiver, and waits until it runs in no other thread. EB_GONE: no receiver has that name. */
enum eb_status ebi_receivers_remove(struct ebi_receivers *, const char *name);

/* Returns whether there is a receiver other than this function. */
bool ebi_receivers_any(struct ebi_receivers *, eb_receiver but);

/* Runs all receivers and adds to the outcome. With stop_at_failure it ends at the first that fails, and returns that
 * status and error. Otherwise it returns EB_OK, or EB_FATAL when there is no memory to note a failure. */
enum eb_status ebi_receivers_run(struct ebi_receivers *, const struct eb_event *, bool stop_at_failure, struct eb_outcome *,
                                 struct eb_error *);

#endif
