/* tests/unit/produce/test_routes.c - names of topics with and without the prefix. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "produce/routes.h"
#include "../memory.h"

Test(routes, a_prefix_is_put_before_a_topic_and_taken_off_again) {
    static const struct {
        const char *prefix, *topic, *full;
    } cases[] = {{NULL, "t", "t"}, {"", "t", "t"}, {"dev", "t", "dev-t"}, {"dev", "dev-t", "dev-dev-t"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *full = ebi_full_topic(cases[i].prefix, cases[i].topic);

        cr_expect_str_eq(full, cases[i].full);
        cr_expect_str_eq(ebi_short_topic(cases[i].prefix, full), cases[i].topic);
        free(full);
        fail_allocation(1);
        cr_expect_null(ebi_full_topic(cases[i].prefix, cases[i].topic));
        cr_expect(allocation_failed());
    }
}

Test(routes, what_has_another_prefix_keeps_it) {
    cr_expect_str_eq(ebi_short_topic("dev", "device"), "device");
    cr_expect_str_eq(ebi_short_topic("dev", "prod-t"), "prod-t");
    cr_expect_str_eq(ebi_short_topic("dev", "d"), "d");
}
