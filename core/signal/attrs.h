/* core/signal/attrs.h - metadata as the attributes of a message, in both directions. */
#ifndef EBI_ATTRS_H
#define EBI_ATTRS_H

#include <eventbus/plugin.h>
#include "base/clock.h"
#include "signal/event.h"

enum { EBI_N_ATTRS = 7 };

/* The attributes in wire order: type, id, source, time, minorversion, sourcehost, sourcelib (as the Python producers
 * write them). Texts are borrowed from the event and from this struct: it must not be moved. */
struct ebi_attrs {
    struct eb_header items[EBI_N_ATTRS];
    char time[EBI_ISO_ROOM], minorversion[16];
};

void ebi_attrs_of(const struct eb_event *, struct ebi_attrs *);

/* The value of an attribute; data NULL where the message has none. */
struct eb_text ebi_attr(const struct eb_message *, const char *name);

/* Takes the metadata of a message into an event. Missing source, sourcehost, time and sourcelib are the consumer's own,
 * a missing id is new. The texts are borrowed from the message, and NUL-ended there: see ebi_taken in core/consume.
 * EB_PERMANENT, EB_KIND_DATA: an attribute that cannot be read, by its name. */
enum eb_status ebi_attrs_take(struct eb_event *, const struct eb_message *, struct eb_error *);

#endif
