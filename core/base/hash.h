/* core/base/hash.h - uthash, telling where memory is out instead of ending the process, and with a hash of ours: keys are
 * tokens of 8 bytes and short texts, and its own takes them byte by byte. */
#ifndef EBI_HASH_H
#define EBI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) ((hash) = ebi_hash((key), (size_t)(len)))

/* Eight bytes at a time, each spread over all bits by the finalizer of splitmix64; the low bits choose the bucket. */
static inline unsigned ebi_hash(const void *key, size_t len) {
    const char *at = key;
    uint64_t sum = len, part;

    for (;; at += sizeof part, len -= sizeof part) {
        part = 0;
        memcpy(&part, at, len < sizeof part ? len : sizeof part);
        sum = (sum ^ part) * UINT64_C(0xbf58476d1ce4e5b9);
        sum ^= sum >> 31;
        if (len <= sizeof part)
            return (unsigned)(sum * UINT64_C(0x94d049bb133111eb) >> 32);
    }
}

#include <uthash.h>

/* Buckets of up to 5 elements and not 10: each one more that is looked at is a miss of the cache. With 2 a table would grow and
 * grow, since some bucket always has so many. Read where a macro of uthash is used. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

/* Asked after each HASH_ADD: whether the element is in its table. False: no memory, and nothing was changed. */
#define EBI_HASHED(element) ((element)->hh.tbl != NULL)

#endif
