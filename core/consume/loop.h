/* core/consume/loop.h - the loop of a worker: gives verdicts to the plugin and receives messages, until the worker is to end; then
 * drains. */
#ifndef EBI_LOOP_H
#define EBI_LOOP_H

#include "consume/state.h"

/* Receives until the worker is stopped, has its count, is at the end where it was to end there, or has failed. */
void ebi_loop_run(struct eb_consumer *);

/* Finishes what is at work, and hands the rest back; cancels receivers that take longer than drain_timeout. */
void ebi_loop_drain(struct eb_consumer *);

/* Gives the plugin the verdicts that are there. EB_FATAL: the instance is done. */
int32_t ebi_loop_settle(struct eb_consumer *, struct eb_error *);

#endif
