/* core/produce/undelivered.h - the file for events that could not be delivered: one CloudEvent a line, which
 * `eventbus produce -` takes. */
#ifndef EBI_UNDELIVERED_H
#define EBI_UNDELIVERED_H

#include "base/bytes.h"
#include "signal/event.h"

/* Adds an event as a line, with the topic it was for (mode 0600, folders made as needed, safe on disk when it returns).
 * Any thread, any process at once: a line is one write. */
enum eb_status ebi_undelivered_add(const char *path, const struct eb_event *, const char *topic, struct eb_error *);

#endif
