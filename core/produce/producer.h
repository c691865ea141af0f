/* core/produce/producer.h - a service's events on their way to its broker: encoding, keys, reports, the audit trail. */
#ifndef EBI_PRODUCER_H
#define EBI_PRODUCER_H

#include <eventbus/producer.h>
#include <eventbus/signal.h>
#include "produce/producer_deps.h"

/* Any thread. */
struct ebi_producer;

/* Opens the sender at once where routes are enabled; else with the first event that is sent. */
enum eb_status ebi_producer_new(const struct ebi_producer_deps *, struct ebi_producer **, struct eb_error *);

/* Closes the sender as ebi_sender_close does, and frees the producer. *kept: how many events this producer added to the file of
 * undelivered events; *lost: how many it could not add. */
void ebi_producer_close(struct ebi_producer *, int64_t timeout_ms, size_t *kept, size_t *lost);

/* The general handler: a receiver of every signal. arg is the struct ebi_producer. */
enum eb_status ebi_general_handler(const struct eb_event *, void *arg, struct eb_error *);

/* The key of an event. Where text.data is not NULL the key is these bytes; they have the schema of `field`, or of a route's key
 * field, if that makes the same bytes of the event. Otherwise the key is the value of the field (its path). Neither: no key. */
struct ebi_key {
    const char *field;
    struct eb_text text;
};

/* eb_produce, eb_bus_on_delivery and eb_bus_queue_wait. */
enum eb_status ebi_produce(struct ebi_producer *, const struct eb_event *, const char *topic, const struct ebi_key *,
                           eb_delivered, void *arg, struct eb_error *);

/* The same for an event that the caller keeps until it is delivered: a failure is logged and reported, and the event is not
 * added to the file of undelivered events. send_id: of an earlier attempt, so that a broker which stored the event then can tell;
 * data NULL: none. */
enum eb_status ebi_produce_kept(struct ebi_producer *, const struct eb_event *, const char *topic, const struct ebi_key *,
                                struct eb_text send_id, eb_delivered, void *arg, struct eb_error *);

/* Adds an event that is not sent, for instance because the broker cannot be reached, to the file of undelivered events: for the
 * topic, or where that is NULL for each of its routes. ebi_producer_close counts it as kept. EB_PERMANENT: its data or key cannot
 * be encoded. */
enum eb_status ebi_producer_keep(struct ebi_producer *, const struct eb_event *, const char *topic, const struct ebi_key *,
                                 struct eb_error *);
void ebi_producer_on_delivery(struct ebi_producer *, eb_delivered, void *arg);
void ebi_producer_queue_wait(struct ebi_producer *, int64_t wait_ms);

/* From now on sending waits for room for as long as it takes, or until asked() is true, as after a signal: then EB_FULL. Called
 * before the first event is sent. */
void ebi_producer_wait_unless(struct ebi_producer *, bool (*asked)(void));

enum eb_status ebi_producer_flush(struct ebi_producer *, int64_t timeout_ms, struct eb_error *); /* eb_bus_flush */

/* Returns the sender, and opens it if it is not open yet. EB_PERMANENT, EB_KIND_CONFIG: no producer is configured. */
enum eb_status ebi_producer_sender(struct ebi_producer *, struct ebi_sender **, struct eb_error *);

#endif
