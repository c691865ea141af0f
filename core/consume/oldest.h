/* core/consume/oldest.h - which things of a cache make room: those that were not used for longest. */
#ifndef EBI_OLDEST_H
#define EBI_OLDEST_H

#include <stddef.h>
#include <stdint.h>

/* Sorts the stamps of last use, at least one. Returns the stamp of an eighth of them, at least of the first: what was used no later
 * than that makes room. */
uint64_t ebi_oldest_eighth(uint64_t *stamps, size_t n);

#endif
