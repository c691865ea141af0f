/* core/consume/dead_letter_message.h - a dead letter: the original message, as much of it as the broker takes, with headers that
 * say why it failed. */
#ifndef EBI_DEAD_LETTER_MESSAGE_H
#define EBI_DEAD_LETTER_MESSAGE_H

#include <stdbool.h>
#include <eventbus/plugin.h>
#include "base/clock.h"
#include "base/fingerprint.h"
#include "consume/inflight.h"
#include "signal/attrs.h"

/* The dead letter of a message in flight, in the form that its `form` says. The texts stay the original's. */
struct ebi_dead_letter {
    struct eb_message message; /* without topic, which the caller fills in, and without position */
    struct eb_header own_attrs[EBI_N_ATTRS];
    char attempts[16], first[EBI_ISO_ROOM], last[EBI_ISO_ROOM], size[24], digest[EBI_DIGEST_ROOM];
};

/* prefix: of topics; group: the consumer group it failed in. False: no memory. */
bool ebi_dead_letter_make(struct ebi_dead_letter *, const struct ebi_inflight *, const char *prefix, const char *group);
void ebi_dead_letter_clear(struct ebi_dead_letter *);

/* Whether a message is a dead letter that had to go without its data: see EBI_FORM_NO_DATA. */
bool ebi_dead_letter_lacks_data(const struct eb_message *);

/* The value of a message's header; data NULL: it has none of that name. */
struct eb_text ebi_message_header(const struct eb_message *, const char *name);

#endif
