/* conform/host/random.h - random numbers that can be repeated: splitmix64, the same numbers for the same seed everywhere. */
#ifndef EBC_RANDOM_H
#define EBC_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct ebc_random {
    uint64_t state; /* the seed, to begin with */
};

static inline uint64_t ebc_random(struct ebc_random *random) {
    uint64_t x = random->state += UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Returns 0 .. limit-1; limit must be at least 1. The bias of the remainder is too small to matter here. */
static inline size_t ebc_random_below(struct ebc_random *random, size_t limit) {
    return (size_t)(ebc_random(random) % limit);
}

/* Returns a different seed for each text: FNV-1a, started at `seed`. */
static inline uint64_t ebc_random_seed(uint64_t seed, const char *text) {
    uint64_t hash = seed ^ UINT64_C(0xCBF29CE484222325);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return hash;
}

#endif
