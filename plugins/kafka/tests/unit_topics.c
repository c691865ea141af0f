/* plugins/kafka/tests/unit_topics.c - the schemas that are sent to a topic: any number of them, found at once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include "producer/topics.h"
#include "../../../tests/unit/growth.h"

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

/* Looks up n schemas in turn, eight times. */
static void look_up(size_t n) {
    static int calls;
    char name[20];
    struct eb_text text = { name, (size_t)snprintf(name, sizeof name, "t%d", calls++) };
    struct kf_topic *topic = kf_topics_get(&topics, text);

    for (uint64_t i = 0; i < 8 * n; i++)
        subject(topic, 1 + i % n);
}

Test(kafka_topics, schemas_are_found_in_proportional_time) {
    expect_growth("looked up", look_up, 1000);
}
