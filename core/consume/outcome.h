/* core/consume/outcome.h - what follows from running the receivers of a message: acknowledge, retry, dead letter, or stop. */
#ifndef EBI_OUTCOME_H
#define EBI_OUTCOME_H

#include "consume/state.h"

/* Ends the work on a message that is at work. Lock held. True: it is to become a dead letter, and is still at work with the
 * caller, who calls ebi_dead_letter_send. */
bool ebi_outcome_apply(struct eb_consumer *, struct ebi_inflight *, enum ebi_outcome, const struct ebi_run *);

#endif
