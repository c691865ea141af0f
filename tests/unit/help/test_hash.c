/* tests/unit/help/test_hash.c - the values are stored in files and sent to other workers: they never change. */
#include <criterion/criterion.h>
#include <string.h>
#include <eventbus/plugin-help/hash.h>

/* From the authors' own list of test values. */
Test(help_hash, values_are_those_of_fnv_1a) {
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = {
        { "", UINT64_C(0xcbf29ce484222325) },
        { "a", UINT64_C(0xaf63dc4c8601ec8c) },
        { "foobar", UINT64_C(0x85944171f73967e8) },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        cr_assert_eq(ebp_fnv1a(EBP_FNV1A, known[i].text, strlen(known[i].text)), known[i].hash, "%s", known[i].text);
}

Test(help_hash, a_hash_goes_on_where_it_ended) {
    uint64_t hash = ebp_fnv1a(ebp_fnv1a(EBP_FNV1A, "foo", 3), "bar", 3);

    cr_assert_eq(hash, UINT64_C(0x85944171f73967e8));
    cr_assert_eq(ebp_fnv1a_add(EBP_FNV1A, 'a'), UINT64_C(0xaf63dc4c8601ec8c));
}

Test(help_hash, there_is_one_of_32_bits) {
    cr_assert_eq(ebp_fnv1a_32_add(EBP_FNV1A_32, 'a'), UINT32_C(0xe40c292c));
}

/* "a" and "b" differ in the lower bits of FNV-1a alone. */
Test(help_hash, mixing_spreads_to_the_upper_bits) {
    uint64_t a = ebp_hash_mix(ebp_fnv1a(EBP_FNV1A, "a", 1)), b = ebp_hash_mix(ebp_fnv1a(EBP_FNV1A, "b", 1));

    cr_assert_neq(a >> 48, b >> 48);
    cr_assert_eq(ebp_hash_mix(0), 0);
    cr_assert_eq(ebp_hash_mix(1), UINT64_C(0xb456bcfc34c2cb2c));
}
