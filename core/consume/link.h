/* core/consume/link.h - the worker's way to its broker: its instance of the plugin is closed, reopened when it is done, and given
 * another member name where that is in use. The loop's. */
#ifndef EBI_LINK_H
#define EBI_LINK_H

#include "consume/state.h"

/* Closes the instance, if one is open, and drops its messages: the broker delivers them again. */
void ebi_link_close(struct eb_consumer *, int32_t timeout_ms);

/* Closes an instance that is done, and opens another one, with growing waits, until that succeeds or the worker is to end. */
void ebi_link_reopen(struct eb_consumer *, const struct eb_error *why);

/* The broker reports that this member's name is in use elsewhere. A given name is a mistake of the configuration, and the worker
 * fails; a default name is left to the other member, and the next one is taken with a new instance. */
void ebi_link_rename_member(struct eb_consumer *, const struct eb_error *why);

/* Logs once that the member's name has no lock. */
void ebi_link_log_missing_lock(const struct eb_consumer *);

/* Returns when connect_timeout ends, in ebi_ticks_ms. */
int64_t ebi_link_deadline(const struct eb_consumer *);

/* Fails the worker where the deadline has passed and the broker was not reached once: the operator wants to know. */
void ebi_link_check(struct eb_consumer *, int64_t deadline_ms);

/* Waits until a time of ebi_ticks_ms, or until the worker is to end, where there is no plugin to wait in. */
void ebi_link_pause(struct eb_consumer *, int64_t until_ms);

#endif
