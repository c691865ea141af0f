/* core/consume/process.h - a worker thread's work on one message: decode it, run its receivers. */
#ifndef EBI_PROCESS_H
#define EBI_PROCESS_H

#include "consume/state.h"

/* run: with status EB_OK at first. Not under the lock. */
enum ebi_outcome ebi_process(struct ebi_worker_thread *, struct ebi_inflight *, struct ebi_run *);

#endif
