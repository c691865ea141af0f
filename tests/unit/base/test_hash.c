/* tests/unit/base/test_hash.c - keys from outside do not meet in one bucket, whoever chose them. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/hash.h"

enum { BLOCKS = 12, KEYS = 1 << BLOCKS };

/* Key i of a family whose members differ in top bits alone, which a product without a seed carries through unchanged. */
static size_t make(char key[2 * 8 * BLOCKS], unsigned i) {
    for (unsigned block = 0; block < BLOCKS; block++) {
        uint64_t first = UINT64_C(0x4141414141414141), second = first;

        if (i >> block & 1) {
            first ^= UINT64_C(1) << 63;
            second ^= UINT64_C(1) << 63 ^ UINT64_C(1) << 32;
        }
        memcpy(key + 16 * block, &first, 8);
        memcpy(key + 16 * block + 8, &second, 8);
    }
    return (size_t)16 * BLOCKS;
}

Test(hash, keys_made_to_meet_do_not) {
    static unsigned in_bucket[KEYS];
    char key[2 * 8 * BLOCKS];
    unsigned most = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned *n = &in_bucket[ebi_hash(key, make(key, i)) % KEYS];

        most = ++*n > most ? *n : most;
    }
    cr_assert_lt(most, 16, "%u of %u keys in one of as many buckets", most, KEYS);
}

Test(hash, the_seed_differs_by_process) {
    cr_assert_neq(ebi_hash_seeds[0], 0);
    cr_assert_neq(ebi_hash_seeds[0], ebi_hash_seeds[1]);
}

Test(hash, numbers_in_a_row_spread) {
    static unsigned in_bucket[4096];
    unsigned most = 0;

    for (uint64_t i = 0; i < 4096; i++) {
        unsigned *n = &in_bucket[ebi_hash(&i, sizeof i) % 4096];

        most = ++*n > most ? *n : most;
    }
    cr_assert_lt(most, 16, "%u in one bucket", most);
}
