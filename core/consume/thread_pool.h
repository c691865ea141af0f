/* core/consume/thread_pool.h - the worker threads, which take messages from the dispatch and run their receivers. */
#ifndef EBI_THREAD_POOL_H
#define EBI_THREAD_POOL_H

#include <eventbus/error.h>

struct eb_consumer;

/* Starts the threads that are not started yet. */
enum eb_status ebi_thread_pool_start(struct eb_consumer *, struct eb_error *);

/* Ends the threads. Waits for receivers that still run. */
void ebi_thread_pool_end(struct eb_consumer *);

#endif
