/* core/base/hash.h - uthash, set up to report that memory is out instead of ending the process, and with another hash: keys are tokens of
 * 8 bytes and short texts, which uthash's own hash reads byte by byte, and texts come from outside. */
#ifndef EBI_HASH_H
#define EBI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) ((hash) = ebi_hash((key), (size_t)(len)))

/* Two odd random numbers, drawn when the library is loaded, so that nobody outside can make keys that meet in one bucket. */
extern uint64_t ebi_hash_seeds[2];

/* Eight bytes at a time: the upper half of a product mixes what is above, the lower half what is below. */
static inline uint64_t ebi_hash_mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline unsigned ebi_hash(const void *key, size_t len) {
    const char *at = key;
    uint64_t sum = len, part;

    for (;; at += sizeof part, len -= sizeof part) {
        part = 0;
        memcpy(&part, at, len < sizeof part ? len : sizeof part);
        sum = ebi_hash_mix(sum ^ ebi_hash_seeds[0], part ^ ebi_hash_seeds[1]);
        if (len <= sizeof part)
            return (unsigned)(sum ^ sum >> 32);
    }
}

#include <uthash.h>

/* Buckets of up to 5 elements and not 10: each one more that is looked at is a miss of the cache. With 2 a table would grow and
 * grow, since some bucket always has so many. Read where a macro of uthash is used. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

/* Called after each HASH_ADD: whether the element is in its table. False: no memory, and nothing was changed. */
#define EBI_HASHED(element) ((element)->hh.tbl != NULL)

#endif
