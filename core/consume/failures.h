/* core/consume/failures.h - what follows from a failure: a retry here or with the broker, a dead letter, the end of the worker; and
 * a wait where receivers cannot be run at all. All with the lock held. */
#ifndef EBI_FAILURES_H
#define EBI_FAILURES_H

#include "consume/state.h"

/* A receiver failed: the message is retried, or given up. True: it is to become a dead letter. */
bool ebi_failure_of_receiver(struct eb_consumer *, struct ebi_inflight *, const struct ebi_run *);

/* The message can never be run. True: it is to become a dead letter. */
bool ebi_failure_unusable(struct eb_consumer *, struct ebi_inflight *, const struct ebi_run *);

/* No signal has the message's type: it is skipped or given up, by on_unknown. True: it is to become a dead letter. */
bool ebi_failure_unknown(struct eb_consumer *, struct ebi_inflight *, const struct ebi_run *);

/* The program has no receiver for the message, and on_no_receiver = stop. */
void ebi_failure_no_receiver(struct eb_consumer *, struct ebi_inflight *);

/* The worker could not run a receiver: the message waits until it can, or the worker ends. */
void ebi_failure_of_worker(struct eb_consumer *, struct ebi_inflight *, const struct ebi_run *);

/* A receiver has run, whatever came of it. */
void ebi_failures_note_run(struct eb_consumer *);

/* The broker has shown by this message whether it counts failed attempts: logs it where it does not. */
void ebi_failures_log_miscount(struct eb_consumer *, const struct ebi_inflight *);

#endif
