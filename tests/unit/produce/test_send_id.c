/* tests/unit/produce/test_send_id.c - the names of sends: unique, short, printable. */
#include <criterion/criterion.h>
#include <string.h>
#include "produce/send_id.h"

Test(send_id, a_prefix_and_the_number_in_hex) {
    static const struct {
        uint64_t number;
        const char *hex;
    } cases[] = { { 0, "0" },
                  { 15, "f" },
                  { 16, "10" },
                  { UINT64_C(0x123456789abcdef), "123456789abcdef" },
                  { UINT64_MAX, "ffffffffffffffff" } };
    static const char prefix[] = "0123456789abcdef01234567";
    char id[EBI_SEND_ID_ROOM];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = ebi_send_id_write(id, prefix, cases[i].number);

        cr_expect_eq(len, strlen(id));
        cr_expect_eq(memcmp(id, prefix, EBI_SEND_ID_PREFIX), 0);
        cr_expect_eq(id[EBI_SEND_ID_PREFIX], '-');
        cr_expect_str_eq(id + EBI_SEND_ID_PREFIX + 1, cases[i].hex);
        cr_expect(ebi_send_id_valid((struct eb_text){ id, len }));
    }
}

Test(send_id, no_two_senders_have_the_same_prefix) {
    char prefixes[1000][EBI_SEND_ID_PREFIX];

    for (size_t i = 0; i < 1000; i++)
        ebi_send_id_prefix(prefixes[i]);
    for (size_t i = 0; i < 1000; i++) {
        for (size_t j = 0; j < EBI_SEND_ID_PREFIX; j++)
            cr_assert(strchr("0123456789abcdef", prefixes[i][j]) && prefixes[i][j]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(memcmp(prefixes[i], prefixes[j], EBI_SEND_ID_PREFIX), 0);
    }
}

Test(send_id, what_was_read_is_one_if_it_is_short_and_printable) {
    static const char long_one[] = "0123456789012345678901234567890123456789012345678901234567890123x";

    cr_expect(ebi_send_id_valid((struct eb_text){ "a", 1 }));
    cr_expect(ebi_send_id_valid((struct eb_text){ "!~", 2 }));
    cr_expect(ebi_send_id_valid((struct eb_text){ long_one, 64 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ long_one, 65 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ "", 0 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ "a b", 3 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ "a\0b", 3 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ "\xc3\xa9", 2 }));
    cr_expect_not(ebi_send_id_valid((struct eb_text){ "\x7f", 1 }));
}
