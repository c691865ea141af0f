/* core/consume/worker.h - opens a worker: one thread talks to the plugin, others run the receivers. */
#ifndef EBI_WORKER_H
#define EBI_WORKER_H

#include <eventbus/consumer.h>
#include "consume/worker_deps.h"

enum { EBI_STOP_AGAIN_MS = 1000 }; /* a call of eb_consumer_stop that comes sooner after one that counted does not count */

enum eb_status ebi_worker_new(const struct ebi_worker_deps *, const struct eb_consumer_options *,
                              const struct ebi_worker_overrides *, struct eb_consumer **, struct eb_error *);

/* Whether receivers were still running when the drain was over: eb_consumer_close waits for them. After eb_consumer_run. */
bool ebi_worker_drained_late(const struct eb_consumer *);

#endif
