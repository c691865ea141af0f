/* core/produce/producer_state.h - a producer from the inside: shared by producer.c and receipts.c. */
#ifndef EBI_PRODUCER_STATE_H
#define EBI_PRODUCER_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/producer.h>
#include "produce/event_message.h"
#include "produce/producer_deps.h"

struct ebi_producer {
    struct ebi_producer_deps deps;
    atomic_llong queue_wait_ms;
    bool (*asked_to_end)(void); /* ends a wait for room; NULL: nothing does */
    atomic_size_t kept, lost;
    _Atomic(struct ebi_sender *) sender; /* NULL until it is needed */
    pthread_mutex_t lock;                /* guards opening the sender, and the two below */
    eb_delivered on_delivery;
    void *on_delivery_arg;
    atomic_bool calls_back; /* on_delivery is set: looked at without the lock */
};

/* Who keeps an event that is not delivered. */
enum ebi_keeper { EBI_PRODUCER_KEEPS, EBI_CALLER_KEEPS };

/* One call of eb_produce, from put to report. */
struct ebi_request {
    struct ebi_producer *producer;
    const struct ebi_key_field *key;
    enum ebi_keeper keeper;
    eb_delivered delivered;
    void *arg;
};

/* ---- receipts.c: what became of an event ---- */

/* The report of an event that the general handler sent; arg is the producer. */
void ebi_producer_on_routed(void *arg, const struct ebi_report *);

/* The report of an event that a call of eb_produce sent; arg is its struct ebi_request, which is freed. */
void ebi_producer_on_requested(void *arg, const struct ebi_report *);

/* An event of the general handler did not get into the queue: logs why, keeps it in the file, calls the service's callback. */
void ebi_producer_not_queued(struct ebi_producer *, const struct ebi_encoded *, const struct eb_event *,
                             const struct ebi_target *, const struct eb_error *why);

#endif
