/* core/consume/attempts.h - the failed attempts of events that are back with the broker: for a retry, or handed back.
 *
 * A broker that delays retries should count them, and deliver an event with its count. Whether it does shows when it delivers an
 * event again that this worker has counted. Until a broker has shown that it counts, an event is given to it for a retry only if
 * its count can be kept here; and once a count was wrong, retries wait in the worker. So on a broker that counts nothing an
 * event has retry.attempts runs at the worker that settles it, and before that one run at each other worker. */
#ifndef EBI_ATTEMPTS_H
#define EBI_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/hash.h"

struct ebi_inflight;
struct ebi_attempt;

enum ebi_counting { EBI_COUNTING_UNKNOWN, EBI_COUNTS, EBI_MISCOUNTS };

/* Guarded by the worker's lock. Zeroed at first. Bounded: when it is full, the count that was kept first is dropped. */
struct ebi_attempts {
    struct ebi_attempt *kept; /* NULL: none */
    size_t n_kept;
    enum ebi_counting broker;
    uint32_t theirs, ours; /* with EBI_MISCOUNTS: the counts that differed */
};

void ebi_attempts_free(struct ebi_attempts *);

/* Keeps the count of an event that is handed back, if there is memory, and the event has an id or a position to know it by. */
void ebi_attempts_keep(struct ebi_attempts *, const struct ebi_inflight *);

/* Keeps the count of an event whose verdict may not have reached the broker. */
void ebi_attempts_keep_uncertain(struct ebi_attempts *, const struct ebi_inflight *);

/* Keeps the count of an event that the broker is to delay for a retry. False: the event may not be given to the broker, since its
 * count could get lost. */
bool ebi_attempts_keep_retry(struct ebi_attempts *, const struct ebi_inflight *, int64_t delay_ms);

/* Corrects the count and the time of the first failure of a message that has come in, by what was kept of it. */
void ebi_attempts_recall(struct ebi_attempts *, struct ebi_inflight *);

#endif
