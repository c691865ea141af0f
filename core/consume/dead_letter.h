/* core/consume/dead_letter.h - stores an event that failed for good as a dead letter, and acknowledges it only after that. */
#ifndef EBI_DEAD_LETTER_H
#define EBI_DEAD_LETTER_H

#include <eventbus/error.h>
#include "consume/inflight.h"

struct eb_consumer;

/* Opens the sender of dead letters, where the configuration wants them: see ebi_dead_letter_topics_check. */
enum eb_status ebi_dead_letters_open(struct eb_consumer *, struct eb_error *);
void ebi_dead_letters_close(struct eb_consumer *, int32_t timeout_ms);

/* Sends the dead letter of a message that is at work. The message is parked until the broker has stored it. Not under the lock. */
void ebi_dead_letter_send(struct eb_consumer *, struct ebi_inflight *);

#endif
