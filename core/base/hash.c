/* core/base/hash.c - see hash.h. */
#include "base/hash.h"

#include "base/backoff.h"

uint64_t ebi_hash_seeds[2];

/* Runs before any thread of this library, and before any table exists. */
__attribute__((constructor)) static void draw_seeds(void) {
    ebi_hash_seeds[0] = ebi_chance() | 1;
    ebi_hash_seeds[1] = ebi_chance() | 1;
}
