/* conform/cases/schemas.c - schemas beside messages: each message has its writer's, and one schema serves many topics. */
#include "cases/case.h"

#include <string.h>

#define NAME "org.openedx.conform.versions.v1.CloudEvent"
#define HEAD "{\"fields\": [{\"name\": \"blob\", \"type\": \"bytes\"}"
#define TAIL "], \"name\": \"CloudEvent\", \"namespace\": \"org.openedx.conform.versions.v1\", \"type\": \"record\"}"
static const char first_json[] = HEAD TAIL,
                  second_json[] = HEAD ", {\"default\": 0, \"name\": \"added\", \"type\": \"long\"}" TAIL;

/* The ids are far from those of the events' own schemas. */
static const struct eb_schema versions[2] = {
    { sizeof(struct eb_schema), 1001, { NAME, sizeof NAME - 1 }, { first_json, sizeof first_json - 1 } },
    { sizeof(struct eb_schema), 1002, { NAME, sizeof NAME - 1 }, { second_json, sizeof second_json - 1 } },
};

static struct eb_text text(const char *data) {
    return (struct eb_text){ data, strlen(data) };
}

/* An event of that version: the second has a long, 21, behind the bytes. */
static void set_version(struct ebc_test *t, struct ebc_event *event, int version) {
    struct eb_text was = event->message.payload;
    char *payload = ebc_alloc(t, was.len + 1);

    memcpy(payload, was.data, was.len);
    payload[was.len] = 42;
    event->message.payload = (struct eb_text){ payload, was.len + (size_t)version };
    event->message.schema = &versions[version];
    event->attrs[0].value = text("org.openedx.conform.versions.v1");
}

/* Within one instance an id stands for one text. */
static void check_ids(struct ebc_test *t, struct ebc_received **got, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i && got[i]->message->schema; k++) {
            const struct eb_schema *a = got[i]->message->schema, *b = got[k]->message->schema;

            if (b && a->id == b->id && (a->json.len != b->json.len || memcmp(a->json.data, b->json.data, a->json.len) != 0))
                ebc_break(t, EBC_SCHEMA,
                          "expected schema id %llu to stand for one text; it came with two, at events %zu and %zu",
                          (unsigned long long)a->id, got[k]->event->number, got[i]->event->number);
        }
}

static bool same(struct eb_text a, struct eb_text b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static void check_schemas(struct ebc_test *t, struct ebc_received **got, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct eb_schema *sent = got[i]->event->message.schema, *came = got[i]->message->schema;

        if (came && (!same(came->json, sent->json) || !same(came->name, sent->name)))
            ebc_break(t, EBC_SCHEMA, "expected the schema that event %zu was sent with, %s, or NULL; came %.*s",
                      got[i]->event->number, sent->json.data, (int)(came->json.len < 300 ? came->json.len : 300),
                      came->json.data);
        ebc_expect_same_values(t, got[i]);
    }
    check_ids(t, got, n);
}

static void each_message_has_its_writers_schema(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 30, 1);

    for (size_t i = 0; i < sent.n; i++)
        set_version(t, ebc_event(t, sent, i), i < 3 ? 0 : (int)ebc_random_below(&t->random, 2));
    ebc_send_through_new(t, sent);
    check_schemas(t, ebc_read_stored(t, topic, group, sent.n), sent.n);
}

static void one_schema_serves_many_topics(struct ebc_test *t) {
    enum { TOPICS = 8, EACH = 3 };
    const char *topics[TOPICS], *group = NULL;
    struct ebc_range sent = { t->n_events, 0 };
    struct ebc_consumer *c;

    for (size_t i = 0; i < TOPICS; i++) {
        topics[i] = ebc_topic(t, ebc_format(t, "t%zu", i));
        group = ebc_group(t, topics[i], "g");
    }
    sent.first = t->n_events;
    for (size_t i = 0; i < (size_t)EACH * TOPICS; i++)
        set_version(t, ebc_new_event(t, topics[i % TOPICS], "key"), i >= TOPICS);
    sent.n = t->n_events - sent.first;
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topics = topics, .n_topics = TOPICS, .group = group });
    ebc_send_through_new(t, sent);
    ebc_receive_and_ack(c, sent.n); /* the host notes an event that comes under another topic */
    ebc_expect_events(t, EBC_SCHEMA, ebc_all(c), ebc_count(c), ebc_listed(t, sent), sent.n);
    check_schemas(t, ebc_all(c), ebc_count(c));
}

/* clang-format off */
const struct ebc_case ebc_schemas[] = {
    { .group = "receiving", .name = "each-message-has-its-writers-schema",
      .about = "two versions of a schema in one topic: each message comes with its own, an id stands for one text",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = each_message_has_its_writers_schema },
    { .group = "receiving", .name = "one-schema-serves-many-topics",
      .about = "messages with one schema id in many topics come from the topic that they were sent to",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = one_schema_serves_many_topics },
    { 0 },
};
/* clang-format on */
