/* core/consume/attempts.h - the failed attempts of events that are back with the broker: for a retry, or handed back.
 *
 * A broker that holds retries should count them, and hand an event out with its count. Whether it does shows when an event
 * comes again that this worker has counted: until a broker has shown that it counts, an event is given to it for a retry only
 * if its count can be kept here; and once a count was wrong, retries wait in the worker. */
#ifndef EBI_ATTEMPTS_H
#define EBI_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/hash.h"

struct ebi_inflight;
struct ebi_attempt;

enum ebi_counting { EBI_COUNTING_UNKNOWN, EBI_COUNTS, EBI_MISCOUNTS };

/* Belongs to whoever holds the worker's lock. Zeroed at first. Bounded: the count that was kept first gives way. */
struct ebi_attempts {
    struct ebi_attempt *kept;           /* NULL: none */
    size_t n_kept;
    enum ebi_counting broker;
    uint32_t theirs, ours;              /* the counts that differed, with EBI_MISCOUNTS */
};

void ebi_attempts_free(struct ebi_attempts *);

/* Keeps the count of an event that is handed back. Without memory, or a name to know it by, it is not kept. */
void ebi_attempts_keep(struct ebi_attempts *, const struct ebi_inflight *);

/* The same for one whose verdict may not have reached the broker. */
void ebi_attempts_keep_uncertain(struct ebi_attempts *, const struct ebi_inflight *);

/* The same for one that the broker is to hold for delay_ms, for a retry. False: it may not be given to the broker for that,
 * since its count could get lost. */
bool ebi_attempts_keep_retry(struct ebi_attempts *, const struct ebi_inflight *, int64_t delay_ms);

/* A message has come in: corrects its count and the time of its first failure by what was kept of it. */
void ebi_attempts_recall(struct ebi_attempts *, struct ebi_inflight *);

#endif
