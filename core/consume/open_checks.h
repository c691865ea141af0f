/* core/consume/open_checks.h - what is checked before a worker opens or runs, so that a mistake shows before the first event. */
#ifndef EBI_OPEN_CHECKS_H
#define EBI_OPEN_CHECKS_H

#include "consume/state.h"

/* Whether the plugin can do what the task asks for, and the external receiver can be used. */
enum eb_status ebi_check_open(const struct eb_consumer *, const struct ebi_worker_overrides *, struct eb_error *);

/* Whether the program has a receiver: without any, it would acknowledge all events and do nothing. Logs that, or refuses to run,
 * by on_no_receiver. */
enum eb_status ebi_check_receivers(struct eb_consumer *, struct eb_error *);

#endif
