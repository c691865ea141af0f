/* tests/unit/base/test_topic.c - names of topics with and without the prefix, patterns, dead-letter topics, points. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/topic.h"
#include "../memory.h"

Test(topic, a_prefix_is_put_before_a_topic_and_taken_off_again) {
    static const struct {
        const char *prefix, *topic, *full;
    } cases[] = { { NULL, "t", "t" }, { "", "t", "t" }, { "dev", "t", "dev-t" }, { "dev", "dev-t", "dev-dev-t" } };

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

Test(topic, what_has_another_prefix_keeps_it) {
    cr_expect_str_eq(ebi_short_topic("dev", "device"), "device");
    cr_expect_str_eq(ebi_short_topic("dev", "prod-t"), "prod-t");
    cr_expect_str_eq(ebi_short_topic("dev", "d"), "d");
}

Test(topic, a_name_has_the_prefix_or_another) {
    cr_expect(ebi_topic_has_prefix(NULL, "t") && ebi_topic_has_prefix("", "t") && ebi_topic_has_prefix("dev", "dev-t"));
    cr_expect_not(ebi_topic_has_prefix("dev", "device"));
}

Test(topic, a_star_stands_for_any_text) {
    static const struct {
        const char *pattern, *topic;
        bool matches;
    } cases[] = {
        { "t", "t", true },           { "t", "tt", false },   { "*", "", true },        { "*", "t", true },
        { "a*", "a", true },          { "a*c", "abc", true }, { "a*c", "abcd", false }, { "*b*", "abc", true },
        { "a*b*c", "a-b-b-c", true }, { "**", "x", true },    { "", "", true },         { "", "t", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(ebi_topic_matches(cases[i].pattern, (struct eb_text){ cases[i].topic, strlen(cases[i].topic) }),
                     cases[i].matches, "%s %s", cases[i].pattern, cases[i].topic);
    cr_expect(ebi_topic_is_pattern("a*") && !ebi_topic_is_pattern("a"));
}

Test(topic, a_dead_letter_topic_leads_back_to_its_topic) {
    static const struct {
        const char *template, *prefix, *topic, *letters;
    } cases[] = { { "{topic}.dlq", NULL, "t", "t.dlq" },
                  { "{topic}.dlq", "dev", "dev-t", "dev-t.dlq" },
                  { "dead.{topic}", "", "t", "dead.t" },
                  { "a.{topic}.b", "dev", "dev-t", "dev-a.t.b" },
                  { "all", "dev", "dev-t", "dev-all" } };
    struct eb_text source;
    bool cut;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *letters = ebi_dead_letter_topic(cases[i].template, cases[i].prefix, cases[i].topic);

        cr_expect_str_eq(letters, cases[i].letters);
        cr_expect(ebi_dead_letter_source(cases[i].template, cases[i].prefix, letters, &source, &cut), "%s", letters);
        cr_expect_not(cut);
        cr_expect(source.data ? source.len == 1 && *source.data == 't' : i == 4);
        cr_expect_not(ebi_dead_letter_source(cases[i].template, cases[i].prefix, "other", &source, &cut));
        free(letters);
    }
    cr_expect_not(ebi_dead_letter_source("{topic}.dlq", NULL, ".dlq", &source, &cut), "a topic has a name");
}

Test(topic, a_name_too_long_for_a_broker_is_cut_at_a_whole_character) {
    char topic[252], *letters;
    struct eb_text source;
    bool cut;

    for (size_t i = 0; i + 1 < sizeof topic; i += 2)
        memcpy(topic + i, "\xc3\xa9", 2);
    topic[240] = '\0';
    cr_assert_not_null(letters = ebi_dead_letter_topic("{topic}.dead-letters", NULL, topic));
    cr_expect_leq(strlen(letters), 249);
    cr_expect_null(strstr(letters, "\xc3-"), "no half of a character: %s", letters);
    cr_expect(ebi_dead_letter_source("{topic}.dead-letters", NULL, letters, &source, &cut) && cut);
    free(letters);
}

Test(topic, a_point_is_a_word_a_time_or_a_position) {
    static const struct {
        const char *text;
        int32_t kind; /* 0: refused */
        /* clang-format off */
    } cases[] = {
        {NULL, EB_EARLIEST}, {"earliest", EB_EARLIEST}, {"latest", EB_LATEST}, {"-15m", EB_TIME},
        {"2026-11-25T10:00:00Z", EB_TIME}, {"20261125T100000Z", EB_TIME}, {"20261125Tx", 0}, {"2026", EB_POSITION}, {"20261125", EB_POSITION},
        {"1-2", EB_POSITION}, {"12", EB_POSITION}, {"-", 0}, {"", 0}, {"2026-99-99", 0},
        {"15m", EB_TIME}, {"1h", EB_TIME}, {"7d", EB_TIME}, {"2026-11-25", EB_TIME}, {"2026-11-25 10:00+02:00", EB_TIME},
        {"now", EB_LATEST}, {"end", EB_LATEST}, {"start", EB_EARLIEST}, {"beginning", EB_EARLIEST}, {"1:2,3:4", EB_POSITION},
        {"15:m", EB_POSITION}, {"5mm", 0},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };
        struct eb_point point;
        enum eb_status status = ebi_point_read(cases[i].text, &point, &err);

        cr_expect_eq(status, cases[i].kind ? EB_OK : EB_PERMANENT, "%s: %s", cases[i].text, err.text);
        if (status == EB_OK)
            cr_expect_eq(point.kind, cases[i].kind, "%s", cases[i].text);
        else
            cr_expect_eq(err.kind, EB_KIND_CONFIG, "%s", cases[i].text);
    }
    struct eb_point point;
    cr_expect_eq(ebi_point_read("-", &point, NULL), EB_PERMANENT);
}
