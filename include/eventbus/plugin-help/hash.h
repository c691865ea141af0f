/* eventbus/plugin-help/hash.h - FNV-1a for keys and names. Fast and stable: the same value in each process, version and machine.
 * An attacker can make names that collide; a table of what strangers choose mixes in a secret of its own. */
#ifndef EBP_HASH_H
#define EBP_HASH_H

#include <stddef.h>
#include <stdint.h>

#define EBP_FNV1A UINT64_C(14695981039346656037) /* the hash of nothing; begin with it */
#define EBP_FNV1A_32 UINT32_C(2166136261)

/* Hashes one more value; a byte as in FNV-1a proper, or a wider number at once. */
static inline uint64_t ebp_fnv1a_add(uint64_t hash, uint64_t value) {
    return (hash ^ value) * UINT64_C(1099511628211);
}

static inline uint64_t ebp_fnv1a(uint64_t hash, const void *data, size_t len) {
    const unsigned char *bytes = (const unsigned char *)data;

    for (size_t i = 0; i < len; i++)
        hash = ebp_fnv1a_add(hash, bytes[i]);
    return hash;
}

static inline uint32_t ebp_fnv1a_32_add(uint32_t hash, unsigned char byte) {
    return (hash ^ byte) * UINT32_C(16777619);
}

/* Spreads a hash so that each of its bits depends on all of the key (the finalizer of MurmurHash3). FNV-1a alone leaves the
 * upper bits of a short key alike. */
static inline uint64_t ebp_hash_mix(uint64_t hash) {
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

#endif
