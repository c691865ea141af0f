/* tests/unit/base/test_nearest.c */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/nearest.h"

static const struct {
    const char *from, *to;
    unsigned limit, want;
} edits[] = {
    { "", "", 5, 0 },
    { "topic", "topic", 5, 0 },
    { "topc", "topic", 5, 1 },
    { "topicc", "topic", 5, 1 },
    { "tobic", "topic", 5, 1 },
    { "toipc", "topic", 5, 1 },
    { "otpic", "topic", 5, 1 },
    { "topci", "topic", 5, 1 },
    { "abc", "", 5, 3 },
    { "", "abc", 5, 3 },
    { "kitten", "sitting", 5, 3 },
    { "kitten", "sitting", 2, 3 },
    { "abcdefgh", "zzzzzzzz", 3, 4 },
    { "abdc", "acbd", 5, 2 },
};

Test(nearest, edits) {
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        unsigned got = ebi_edits(edits[i].from, edits[i].to, edits[i].limit);

        cr_assert_eq(got, edits[i].want, "%s -> %s: %u", edits[i].from, edits[i].to, got);
    }
}

static const char *const names[] = { "service", "producer", "consumer", "topic_prefix", "plugin_path", "schema_path", "key" };

Test(nearest, what_was_probably_meant) {
    /* clang-format off */
    static const char *const cases[][2] = {
        { "servce", "service" }, { "plugin_pth", "plugin_path" }, { "prodcuer", "producer" },
        { "topicprefix", "topic_prefix" }, { "kye", "key" }, { "service", "service" }, { "schemapath", "schema_path" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ptrdiff_t found = ebi_nearest(cases[i][0], names, sizeof names / sizeof *names);

        cr_assert_geq(found, 0, "%s", cases[i][0]);
        cr_assert_str_eq(names[found], cases[i][1], "%s", cases[i][0]);
    }
}

Test(nearest, nothing_is_suggested_that_is_far) {
    static const char *const cases[] = { "", "x", "xyz", "colour", "partitions" };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(ebi_nearest(cases[i], names, sizeof names / sizeof *names), -1, "%s", cases[i]);
    cr_assert_eq(ebi_nearest("service", NULL, 0), -1);
}

Test(nearest, a_huge_text_costs_nothing) {
    size_t len = 1 << 20;
    char *huge = malloc(len + 1);

    memset(huge, 'x', len);
    huge[len] = '\0';
    cr_assert_eq(ebi_nearest(huge, names, sizeof names / sizeof *names), -1);
    cr_assert_eq(ebi_edits("service", huge, 3), 4);
    free(huge);
}
