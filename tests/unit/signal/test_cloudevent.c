/* tests/unit/signal/test_cloudevent.c - an event as a line of JSON, whatever its message's headers and texts are. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schema/sample.h"
#include "signal/event.h"

#define LOGIN "org.openedx.learning.auth.session.login.completed.v1"

static struct ebi_signals *signals;
static struct eb_event *event;

static void make(void) {
    struct eb_error err;
    char schemas[4096];

    snprintf(schemas, sizeof schemas, "%s/conf/schemas", getenv("top_srcdir"));
    cr_assert_eq(ebi_signals_load(schemas, 1 << 20, "test", NULL, &signals, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_new(ebi_signals_find(signals, LOGIN, &err), &event, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_data_sample(event->data, &err), EB_OK);
}

static void drop(void) {
    eb_event_free(event);
    ebi_signals_free(signals);
}

TestSuite(cloudevent, .init = make, .fini = drop);

/* The event's line, which must be one, hold only what may be shown, and be read back. */
static json_t *line_of(void) {
    struct ebi_bytes line = { 0 };
    struct eb_event *again = NULL;
    struct eb_error err;
    struct ebi_address address = { 0 };

    cr_assert_eq(ebi_event_to_cloudevent(event, &line, &err), EB_OK, "%s", err.text);
    for (size_t i = 0; i < line.len; i++)
        cr_assert((unsigned char)line.data[i] >= 0x20 && line.data[i] != 0x7F, "byte %zu of %s", i, line.data);
    json_t *tree = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(tree, "%s", line.data);
    const char *name;
    json_t *value;
    json_object_foreach(tree, name, value)
        cr_assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(name), "attribute %s", name);
    cr_assert_eq(ebi_event_from_cloudevent(signals, NULL, line.data, line.len, &again, &address, &err), EB_OK, "%s", err.text);
    eb_event_free(again);
    ebi_address_free(&address);
    ebi_bytes_free(&line);
    return tree;
}

static void give(const struct eb_header *headers, size_t n) {
    event->headers = headers;
    event->n_headers = n;
}

static const char *text(const json_t *tree, const char *name) {
    return json_string_value(json_object_get(tree, name));
}

#define HEADER(name, value)                                                                                                    \
    {                                                                                                                          \
        { name, sizeof name - 1 }, {                                                                                           \
            value, sizeof value - 1                                                                                            \
        }                                                                                                                      \
    }

Test(cloudevent, a_headers_name_forges_nothing) {
    static const char long_name[] = "dlq_"
                                    "\1..............................................................................."
                                    ".....................";
    static const struct eb_header headers[] = {
        HEADER("dlq_\":\"\"}\n{\"specversion\":\"1.0\",\"id\":\"forged\"}\n{\"x", "1"),
        HEADER("dlq_a\0b", "2"),
        HEADER("dlq_\xff\x1b", "3"),
        HEADER("dlq_First", "4"),
        HEADER("dlq_", "no name"),
        { { long_name, sizeof long_name - 1 }, { "x", 1 } },
        HEADER("id", "not ours"),
        HEADER("dlq_reason", "why\n\x1b[2J\xe2\x80\xae"),
    };
    give(headers, sizeof headers / sizeof *headers);
    json_t *tree = line_of();

    cr_assert_str_eq(
        text(tree, "dlqx223a22227d0a7b227370656376657273696f6e223a22312e30222c226964223a22666f72676564227d0a7b2278"), "1");
    cr_assert_str_eq(text(tree, "dlqx610062"), "2");
    cr_assert_str_eq(text(tree, "dlqxff1b"), "3");
    cr_assert_str_eq(text(tree, "dlqx4669727374"), "4");
    cr_assert_str_eq(text(tree, "dlqreason"), "why\n\x1b[2J\xe2\x80\xae");
    cr_assert_str_eq(text(tree, "id"), event->meta.id);
    cr_assert_eq(json_object_size(tree), 10 + 5, "the one without a name, and the one of 101 bytes, are not shown");
    json_decref(tree);
}

Test(cloudevent, names_in_hex_are_nobody_elses) {
    static const struct eb_header headers[] = { HEADER("dlq_x41", "plain"), HEADER("dlq_A", "hex") };

    give(headers, 2);
    json_t *tree = line_of();
    cr_assert_str_eq(text(tree, "dlqx783431"), "plain");
    cr_assert_str_eq(text(tree, "dlqx41"), "hex");
    json_decref(tree);
}

Test(cloudevent, a_name_that_comes_twice_is_shown_once) {
    static const struct eb_header headers[] = { HEADER("dlq_attempts", "5"), HEADER("dlq_attempts", "6"),
                                                HEADER("dlq_last", "") };
    give(headers, 3);
    json_t *tree = line_of();

    cr_assert_eq(json_integer_value(json_object_get(tree, "dlqattempts")), 5);
    cr_assert_str_eq(text(tree, "dlqlast"), "");
    json_decref(tree);
}

Test(cloudevent, a_number_is_one_or_a_text) {
    static const struct eb_header headers[] = { HEADER("dlq_attempts", "5,\"id\":1") };

    give(headers, 1);
    json_t *tree = line_of();
    cr_assert_str_eq(text(tree, "dlqattempts"), "5,\"id\":1");
    json_decref(tree);
}

Test(cloudevent, thousands_of_headers_are_not_thousands_of_attributes) {
    static char names[4000][12];
    static struct eb_header headers[4000];

    for (size_t i = 0; i < 4000; i++)
        headers[i] = (struct eb_header){ { names[i], (size_t)snprintf(names[i], sizeof names[i], "dlq_%zu", i) }, { "v", 1 } };
    give(headers, 4000);
    json_t *tree = line_of();
    cr_assert_eq(json_object_size(tree), 10 + EBI_DLQ_MOST);
    cr_assert_str_eq(text(tree, "dlq63"), "v");
    json_decref(tree);
}

Test(cloudevent, texts_of_the_broker_and_of_the_sender_are_escaped) {
    struct eb_error err;
    static const char data[] =
        "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"\xc2\x9b\x7f\",\"email\":\"\xe2\x80\xa8\",\"name\":\"\"}}}";

    cr_assert_eq(eb_event_set_json(event, data, sizeof data - 1, &err), EB_OK, "%s", err.text);
    event->meta.topic = "a\x1b[31m";
    event->meta.key = "\xc2\x9b"
                      "2J";
    event->meta.key_len = 4;
    event->meta.position = "1\n2";
    event->meta.source = "\xe2\x80\xaexml";
    json_t *tree = line_of();
    cr_assert_str_eq(text(tree, "partitionkey"), "\xc2\x9b"
                                                 "2J");
    cr_assert_str_eq(text(tree, "topic"), "a\x1b[31m");
    cr_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(json_object_get(json_object_get(tree, "data"), "user"), "pii"), "username")),
                     "\xc2\x9b\x7f");
    json_decref(tree);
    struct ebi_bytes line = { 0 };
    cr_assert_eq(ebi_event_to_cloudevent(event, &line, &err), EB_OK);
    cr_assert(!strstr(line.data, "\xc2\x9b") && !strstr(line.data, "\xe2\x80"), "%s", line.data);
    ebi_bytes_free(&line);
}

Test(cloudevent, metadata_that_no_receiver_would_take_is_refused_when_it_is_set) {
    const struct {
        struct eb_metadata meta;
        const char *why;
    } cases[] = {
        { { .source = "openedx/\xff/web" }, "source is not UTF-8" },
        { { .sourcehost = "\xed\xa0\x80" }, "sourcehost is not UTF-8" },
        { { .sourcelib = "eleven" }, "sourcelib" },
        { { .sourcelib = "" }, "sourcelib" },
        { { .minorversion = -1 }, "minorversion" },
    };
    struct eb_error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(eb_event_set_metadata(event, &cases[i].meta, &err), EB_PERMANENT, "%s", cases[i].why);
        cr_expect(strstr(err.text, cases[i].why), "%s, and not: %s", cases[i].why, err.text);
    }
}
