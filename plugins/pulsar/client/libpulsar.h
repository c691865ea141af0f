/* client/libpulsar.h - libpulsar's C interface, and what this plugin needs of its C++ interface.
 *
 * The C interface has no functions for some settings that a promise of this plugin depends on. libpulsar exports those of its
 * C++ classes, and an object of the C interface begins with the C++ object that it wraps, so they can be called with it.
 * configure looks for each; those that return false could not be set. */
#ifndef PL_LIBPULSAR_H
#define PL_LIBPULSAR_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <pulsar/c/authentication.h>
#include <eventbus/plugin.h>
#include <pulsar/c/client.h>

/* The broker confirms acknowledgements; without it the callback only says that they were sent. */
bool pl_cxx_ack_receipt(pulsar_consumer_configuration_t *);

/* A batch holds messages of one key, so that Key_Shared can give the keys to different members. */
bool pl_cxx_batch_by_key(pulsar_producer_configuration_t *);

/* Ends the client and its threads without asking a broker. What it has not called back for then is never called back. False:
 * this libpulsar cannot. */
bool pl_cxx_shutdown(pulsar_client_t *);

/* The numbers of a message id, which the C interface has as bytes alone. False: this libpulsar has no such functions. */
struct pl_id_numbers {
    int64_t ledger, entry;
    int32_t partition, index, batch_size;
};
bool pl_cxx_id(const pulsar_message_id_t *, struct pl_id_numbers *);

/* Sets a property, whose name and value end with NUL. */
void pl_set_property(pulsar_message_t *, struct eb_text name, struct eb_text value);

/* Lends up to `room` properties of a received message, valid while it lives, by name in the order of their bytes. Returns how many it
 * has; -1: this libpulsar cannot, or its objects are laid out otherwise as far as that can be seen. */
int pl_cxx_properties(const pulsar_message_t *, struct eb_header *list, int room);

/* How long one try to connect may take, and the longest wait between two. */
void pl_cxx_connecting(pulsar_client_configuration_t *, int timeout_ms, int max_backoff_ms);

#endif
