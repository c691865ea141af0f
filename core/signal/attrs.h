/* core/signal/attrs.h - converts metadata to the attributes of a message and back. */
#ifndef EBI_ATTRS_H
#define EBI_ATTRS_H

#include <string.h>
#include <eventbus/plugin.h>
#include "base/clock.h"
#include "signal/event.h"

enum { EBI_N_ATTRS = 7 };

/* The attributes in wire order: type, id, source, time, minorversion, sourcehost, sourcelib (as the Python producers
 * write them). Their texts are borrowed from the event and from this struct, which must not be moved. */
struct ebi_attrs {
    struct eb_header items[EBI_N_ATTRS];
    char time[EBI_ISO_ROOM], minorversion[16];
};

void ebi_attrs_of(const struct eb_event *, struct ebi_attrs *);

/* Returns the value of the first attribute of that name; its data is NULL where the message has none. Inline, for names
 * whose length the compiler knows, since each event is asked for all of its own. */
static inline struct eb_text ebi_attr(const struct eb_message *message, const char *name) {
    size_t len = strlen(name);

    for (size_t i = 0; i < message->n_attrs; i++)
        if (message->attrs[i].name.len == len && memcmp(message->attrs[i].name.data, name, len) == 0)
            return message->attrs[i].value;
    return (struct eb_text){ 0 };
}

/* Takes the metadata of a message into an event. Where source, sourcehost, time or sourcelib is missing, the consumer's
 * own stays; where the id is missing, the new one stays. The texts are borrowed from the message and are NUL-ended
 * there: see ebi_inflight in core/consume. EB_PERMANENT, EB_KIND_DATA: which attribute cannot be read. */
enum eb_status ebi_attrs_take(struct eb_event *, const struct eb_message *, struct eb_error *);

#endif
