/* core/consume/host_callbacks.h - what a plugin's consumer calls: messages come in, verdicts are confirmed, partitions go. */
#ifndef EBI_HOST_CALLBACKS_H
#define EBI_HOST_CALLBACKS_H

#include "consume/state.h"

/* Adds to the host of a worker's instance what a consumer calls. */
void ebi_host_callbacks_set(struct eb_host *);

/* Marks the schemas that messages refer to: see ebi_writer_schemas_new. Not under the lock. */
void ebi_mark_schemas_in_use(void *consumer, struct ebi_writer_schemas *);

/* Wakes a thread for what has come in since the last time. The loop's. */
void ebi_announce_received(struct eb_consumer *);

#endif
