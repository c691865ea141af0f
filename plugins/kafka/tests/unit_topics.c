/* plugins/kafka/tests/unit_topics.c - the schemas that are sent to a topic: any number of them, found at once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>
#include "topics.h"

static struct sr_registry *registry;
static struct kf_topics topics;

static void begin(void) {
    static const char *const urls[] = { "http://127.0.0.1:1", NULL };
    const struct sr_settings settings = { .urls = urls };

    cr_assert_eq(sr_open(&settings, &registry, NULL), EB_OK);
}

static void end(void) {
    kf_topics_free(&topics);
    sr_close(registry);
}

TestSuite(kafka_topics, .init = begin, .fini = end);

static struct kf_subject *subject(struct kf_topic *topic, uint64_t id) {
    char json[64];
    int len = snprintf(json, sizeof json, "{\"type\":\"string\",\"name\":\"n%llu\"}", (unsigned long long)id);
    const struct eb_schema schema = { .size = sizeof schema, .id = id, .name = { "x", 1 }, .json = { json, (size_t)len } };
    struct kf_subject *found = kf_topics_subject(topic, registry, &schema, NULL);

    cr_assert_not_null(found);
    cr_assert_eq(found->schema, id);
    return found;
}

Test(kafka_topics, a_schema_keeps_its_subject) {
    struct kf_topic *topic = kf_topics_get(&topics, (struct eb_text){ "logins", 6 });
    struct kf_subject *first = subject(topic, 1);

    for (uint64_t id = 2; id < 200; id++)
        cr_assert_neq(subject(topic, id)->entry, first->entry);
    cr_assert_eq(subject(topic, 1), first);
}

/* CPU seconds for looking up n schemas in turn, eight times, once they are there. */
static double turns(const char *name, uint64_t n) {
    struct kf_topic *topic = kf_topics_get(&topics, (struct eb_text){ name, strlen(name) });
    struct timespec from, to;

    for (uint64_t i = 0; i < n; i++)
        subject(topic, 1 + i);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (uint64_t i = 0; i < 8 * n; i++)
        subject(topic, 1 + i % n);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

Test(kafka_topics, twice_as_many_schemas_take_about_twice_the_time) {
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    double once = 1e9, twice = 1e9;

    for (size_t i = 0; i < 6; i += 2) {         /* the least of three: other processes only add to it */
        double few = turns(names[i], 2000), many = turns(names[i + 1], 4000);

        once = few < once ? few : once;
        twice = many < twice ? many : twice;
    }
    cr_assert_lt(twice, 2.5 * once, "2000 schemas: %.4f s, 4000: %.4f s", once, twice);
}
