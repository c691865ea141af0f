/* tests/unit/consume/test_task.c - which topics a worker reads, and where its dead letters go. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "consume/task.h"

static struct ebi_task task_of(const char *prefix, const char *letters, char **topics) {
    struct ebi_task task = { .topics = topics, .prefix = prefix };

    task.settings.dead_letter_topic = letters;
    while (topics[task.n_topics])
        task.n_topics++;
    return task;
}

Test(task, a_pattern_takes_in_what_it_matches_but_its_own_dead_letters) {
    static const struct {
        const char *topics[3], *letters, *topic;
        bool wanted;
    } cases[] = {
        { { "a" }, "{topic}.dlq", "a", true },
        { { "a" }, "{topic}.dlq", "a.dlq", false },
        { { "a" }, "{topic}.dlq", "ab", false },
        { { "log-*" }, "{topic}.dlq", "log-a", true },
        { { "log-*" }, "{topic}.dlq", "log-", true },
        { { "log-*" }, "{topic}.dlq", "log", false },
        { { "log-*" }, "{topic}.dlq", "catalog-a", false },
        { { "log-*" }, "{topic}.dlq", "log-a.dlq", false },
        { { "log-*" }, "{topic}.dlq", "log-a.dlq.dlq", false },
        { { "log-*" }, "{topic}.dlq", ".dlq", false },
        { { "log-*", "log-a.dlq" }, "{topic}.dlq", "log-a.dlq", true }, /* it was asked for by its name */
        { { "log-*", "log-a.dlq" }, "{topic}.dlq", "log-b.dlq", false },
        { { "*.dlq" }, "{topic}.dlq", "log-a.dlq", true }, /* others' dead letters, read on purpose */
        { { "*.dlq" }, "{topic}.dlq", "log-a.dlq.dlq", false },
        { { "*" }, "{topic}.dlq", "x", true },
        { { "*" }, "{topic}.dlq", "x.dlq", false },
        { { "*" }, "{topic}.dlq", ".dlq", true }, /* of no topic: a name is never empty */
        { { "*" }, "dead.{topic}", "dead.x", false },
        { { "*" }, "dead.{topic}", "dead.", true },
        { { "*" }, "a.{topic}.b", "a.x.b", false },
        { { "*" }, "a.{topic}.b", "a.b", true },
        { { "*" }, "dead", "dead", false },
        { { "*" }, "dead", "deadly", true },
        { { "*-a-*" }, "{topic}.dlq", "x-a-y", true },
        { { "*-a-*" }, "{topic}.dlq", "x-a-a-y", true },
        { { "*-a-*" }, "{topic}.dlq", "x-b-y", false },
        { { "a**b" }, "{topic}.dlq", "ab", true },
        { { "a?[x]" }, "{topic}.dlq", "a?[x]", true },
        { { "a?[x]*" }, "{topic}.dlq", "a?[x]y", true }, /* only '*' is special */
        { { "a?[x]*" }, "{topic}.dlq", "abxy", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_task task = task_of("", cases[i].letters, (char **)(void *)cases[i].topics);

        cr_expect_eq(ebi_task_wants(&task, cases[i].topic), cases[i].wanted, "topic %s, subscribed %s, dead letters in %s",
                     cases[i].topic, cases[i].topics[0], cases[i].letters);
    }
}

Test(task, a_prefix_stands_before_dead_letter_topics_as_well) {
    char *topics[] = { "p-log-*", NULL };
    struct ebi_task task = task_of("p", "dead.{topic}", topics);
    char *letters = ebi_task_dead_letter_topic(&task, "p-log-a");

    cr_assert_str_eq(letters, "p-dead.log-a");
    cr_assert(ebi_task_wants(&task, "p-log-a"));
    cr_assert_not(ebi_task_wants(&task, "p-dead.log-a"));
    topics[0] = "p-*";
    cr_assert_not(ebi_task_wants(&task, letters));
    cr_assert(ebi_task_wants(&task, "p-deaf.log-a"));
    free(letters);
}

static void check_long_name(struct ebi_task *task, const char *topic, const char *start, const char *end) {
    char *letters = ebi_task_dead_letter_topic(task, topic), *again = ebi_task_dead_letter_topic(task, topic);

    cr_assert_str_eq(letters, again);
    cr_expect_leq(strlen(letters), 249, "%zu bytes", strlen(letters));
    cr_expect_geq(strlen(letters), 246, "%zu bytes", strlen(letters));
    cr_expect_eq(strncmp(letters, start, strlen(start)), 0, "%s", letters);
    cr_expect_str_eq(letters + strlen(letters) - strlen(end), end);
    cr_expect_not(ebi_task_wants(task, letters), "%s", letters);
    free(letters);
    free(again);
}

Test(task, the_name_of_a_dead_letter_topic_fits_every_broker) {
    char topic[400], *topics[] = { "p-*q", NULL };
    static const char *const letters[] = { "{topic}.dlq", "dead.{topic}.q" };

    for (size_t k = 0; k < 2; k++)
        for (size_t len = 240; len < 260; len++) {
            struct ebi_task task = task_of("p", letters[k], topics);
            memset(topic, 'x', len);
            memcpy(topic, "p-", 2);
            strcpy(topic + len, "q");
            cr_assert(ebi_task_wants(&task, topic));
            char *first = ebi_task_dead_letter_topic(&task, topic);
            if (len + 1 + (k ? 7 : 4) <= 249)
                cr_expect_eq(strlen(first), len + 1 + (k ? 7 : 4), "what fits is whole");
            else
                check_long_name(&task, topic, k ? "p-dead.xxx" : "p-xxx", k ? ".q" : ".dlq");
            topic[len - 1] = 'y';
            char *second = ebi_task_dead_letter_topic(&task, topic);
            cr_expect_str_neq(first, second);
            free(first);
            free(second);
            for (size_t at = 2; at + 2 <= len - 1; at += 2)
                memcpy(topic + at, "é", 2);
            second = ebi_task_dead_letter_topic(&task, topic);
            cr_expect_leq(strlen(second), 249);
            cr_expect_null(strstr(second, "\xc3-"), "no half of a character: %s", second);
            free(second);
        }
}
