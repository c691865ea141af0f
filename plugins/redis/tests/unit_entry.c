/* plugins/redis/tests/unit_entry.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"

/* ---- ids ---- */

Test(entry_id, is_read_and_printed) {
    static const struct {
        const char *from, *to;
    } ids[] = {
        { "0-0", "0-0" },
        { "17-3", "17-3" },
        { "17", "17-0" },
        { "18446744073709551615-18446744073709551615", "18446744073709551615-18446744073709551615" },
    };

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char printed[RD_ID_ROOM];
        struct rd_id id;

        cr_assert(rd_id_parse(ids[i].from, &id), "%s", ids[i].from);
        rd_id_print(id, printed);
        cr_expect_str_eq(printed, ids[i].to);
    }
}

Test(entry_id, refuses_what_is_none) {
    static const char *const wrong[] = { "", "-", "-1", "1-", "x", "1-x", "1 -2", "1-2-3", "18446744073709551616-0", "+1" };
    struct rd_id id;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(rd_id_parse(wrong[i], &id), "%s", wrong[i]);
}

Test(entry_id, knows_its_neighbours) {
    struct rd_id zero = { 0 }, five = { 5, 0 }, last = { 5, UINT64_MAX };

    cr_expect_eq(rd_id_compare(rd_id_before(zero), zero), 0);
    cr_expect_eq(rd_id_compare(rd_id_before(five), (struct rd_id){ 4, UINT64_MAX }), 0);
    cr_expect_eq(rd_id_compare(rd_id_after(last), (struct rd_id){ 6, 0 }), 0);
    cr_expect_lt(rd_id_compare(five, last), 0);
}

/* ---- writing ---- */

static const struct eb_header attrs[] = {
    { { "type", 4 }, { "t.v1", 4 } },       { { "id", 2 }, { "i", 1 } },
    { { "source", 6 }, { "", 0 } },         { { "time", 4 }, { "2026-11-23T20:00:00+00:00", 25 } },
    { { "minorversion", 12 }, { "0", 1 } },
};

static struct eb_message message(const struct eb_header *headers, size_t n) {
    return (struct eb_message){ .size = sizeof(struct eb_message),
                                .topic = { "t", 1 },
                                .payload = { "\0x", 2 },
                                .attrs = attrs,
                                .n_attrs = 5,
                                .headers = headers,
                                .n_headers = n };
}

Test(entry_write, attributes_data_headers_in_this_order) {
    static const struct eb_header headers[] = { { { "x", 1 }, { "t", 1 } }, { { "x", 1 }, { "", 0 } } };
    static const char *const want[] = {
        "type", "t.v1", "id", "i", "time", "2026-11-23T20:00:00+00:00", "minorversion", "0", "event_data",
        "\0x",  "x",    "t",  "x", ""
    };
    struct eb_message more = message(headers, 2);
    const char *argv[RD_FIELDS_MAX];
    size_t lens[RD_FIELDS_MAX], n = rd_entry_write(&more, argv, lens);

    cr_assert_eq(n, sizeof want / sizeof *want);
    for (size_t i = 0; i < n; i++)
        cr_expect(lens[i] == (i == 9 ? 2 : strlen(want[i])) && memcmp(argv[i], want[i], lens[i]) == 0, "field %zu", i);
    cr_expect_not(rd_entry_is_dead_letter(&more));
}

Test(entry_write, what_no_entry_can_hold_is_named) {
    static const struct eb_header absent[] = { { { "a", 1 }, { NULL, 0 } } };
    static const struct eb_header type[] = { { { "type", 4 }, { "x", 1 } } };
    static const struct eb_header data[] = { { { "event_data", 10 }, { "x", 1 } } };
    struct eb_message fine = message(NULL, 0), bad;

    cr_expect_null(rd_entry_unfit(&fine));
    bad = message(absent, 1);
    cr_expect(rd_entry_unfit(&bad));
    bad = message(type, 1);
    cr_expect(rd_entry_unfit(&bad));
    bad = message(data, 1);
    cr_expect(rd_entry_unfit(&bad));
    bad = message(NULL, 0);
    bad.payload.len = 0;
    cr_expect(rd_entry_unfit(&bad));
    bad = message(NULL, 0);
    bad.topic.len = 0;
    cr_expect(rd_entry_unfit(&bad));
}

/* ---- reading ---- */

enum { MOST = 2 * RD_HEADERS + 200 };

/* An entry's fields, as the reader makes them. */
static struct rd_node fields_of(struct rd_node *nodes, const char *const *texts) {
    size_t n = 0;

    for (; texts[n]; n++)
        nodes[n] = (struct rd_node){ .type = REDIS_REPLY_STRING, .n = strlen(texts[n]), .text = texts[n] };
    return (struct rd_node){ .type = REDIS_REPLY_ARRAY, .n = n, .items = nodes };
}

static struct eb_message take(const char *const *texts, struct rd_entry_read *read) {
    struct eb_message got = { .size = sizeof got };
    struct rd_node nodes[MOST], fields = fields_of(nodes, texts);

    rd_entry_take(&fields, (struct rd_id){ 17, 3 }, read, &got);
    return got;
}

static void expect_attr(const struct eb_message *got, size_t i, const char *name, const char *value) {
    cr_assert_lt(i, got->n_attrs);
    cr_expect(got->attrs[i].name.len == strlen(name) && memcmp(got->attrs[i].name.data, name, strlen(name)) == 0);
    cr_expect(got->attrs[i].value.len == strlen(value) && memcmp(got->attrs[i].value.data, value, strlen(value)) == 0, "%s",
              name);
}

Test(entry_read, attributes_data_and_other_fields) {
    struct rd_entry_read read;
    struct eb_message got = take((const char *[]){ "type", "t", "id", "i", "more", "", "event_data", "d", "dlq_x", "y", NULL },
                                 &read);

    cr_expect_null(got.decode_error.data);
    cr_expect_eq(got.n_attrs, 2);
    expect_attr(&got, 0, "type", "t");
    expect_attr(&got, 1, "id", "i");
    cr_expect(got.n_headers == 2 && got.headers[0].value.data && got.headers[0].value.len == 0);
    cr_expect(got.payload.len == 1 && got.id.len == 1);
    cr_expect_str_eq(got.position.data, "17-3");
    cr_expect_eq(got.time_ms, 17);
}

Test(entry_read, an_empty_attribute_is_missing) {
    struct rd_entry_read read;
    struct eb_message got = take((const char *[]){ "type", "a", "id", "", "event_data", "c", NULL }, &read);

    cr_expect_null(got.decode_error.data);
    cr_expect_eq(got.n_attrs, 1);
    expect_attr(&got, 0, "type", "a");
    cr_expect_null(got.id.data);
}

/* A dead letter of it is written with the same fields in the same order. */
static void expect_written_again(const char *const *texts) {
    static const struct eb_header dlq = { { "dlq_topic", 9 }, { "t", 1 } };
    const char *argv[RD_FIELDS_MAX];
    struct rd_entry_read read;
    struct eb_message got = take(texts, &read);
    size_t lens[RD_FIELDS_MAX], n, i;

    cr_expect(got.decode_error.data && got.decode_error.len > 0, "%s", texts[0]);
    cr_expect_str_eq(got.position.data, "17-3");
    read.headers[got.n_headers++] = dlq;
    got.topic = (struct eb_text){ "t.dlq", 5 };
    cr_expect_null(rd_entry_unfit(&got), "%s", texts[0]);
    n = rd_entry_write(&got, argv, lens);
    for (i = 0; texts[i] && i < n; i++)
        cr_expect(lens[i] == strlen(texts[i]) && memcmp(argv[i], texts[i], lens[i]) == 0, "field %zu of %s", i, texts[0]);
    cr_expect_eq(i + 2, n, "%s", texts[0]);
}

Test(entry_read, what_is_no_event_has_a_decode_error_and_keeps_its_fields) {
    /* clang-format off */
    static const char *const flawed[][9] = {
        { "id", "i", "event_data", "d", NULL }, { "type", "", "event_data", "d", NULL },
        { "type", "t", "id", "i", NULL }, { "type", "t", "event_data", "", NULL }, { "x", "y", NULL },
        { "", "", NULL }, { "type", "t", "event_data", "d", "type", "t", NULL },
        { "id", "1", "type", "t", "id", "2", "event_data", "d", NULL },
        { "type", "t", "event_data", "d", "event_data", "e", NULL },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof flawed / sizeof *flawed; i++)
        expect_written_again(flawed[i]);
}

Test(entry_read, no_fields_and_half_a_field_are_decode_errors) {
    struct rd_entry_read read;

    cr_expect(take((const char *[]){ NULL }, &read).decode_error.data);
    cr_expect(take((const char *[]){ "type", NULL }, &read).decode_error.data);
}

Test(entry_read, too_many_fields_and_no_texts_are_decode_errors) {
    static char names[MOST][8];
    const char *texts[MOST + 1] = { "type", "t", "event_data", "d" };
    struct rd_node nodes[2] = { { .type = REDIS_REPLY_INTEGER, .number = 1 }, { .type = REDIS_REPLY_NIL } };
    struct rd_node fields = { .type = REDIS_REPLY_ARRAY, .n = 2, .items = nodes };
    struct eb_message got = { .size = sizeof got };
    struct rd_entry_read read;

    for (size_t i = 4; i < MOST; i++) {
        snprintf(names[i], sizeof names[i], "f%zu", i);
        texts[i] = names[i];
    }
    cr_expect(take(texts, &read).decode_error.data);
    cr_expect_eq(read.n_headers, RD_HEADERS);
    rd_entry_take(&fields, (struct rd_id){ 0 }, &read, &got);
    cr_expect(got.decode_error.data);
}

Test(entry_write, a_dead_letter_has_room_beside_as_many_headers_as_an_entry_may_have) {
    static struct eb_header headers[RD_HEADERS + 12];
    const char *argv[RD_FIELDS_MAX];
    size_t lens[RD_FIELDS_MAX];
    struct eb_message message = { .size = sizeof message, .topic = { "t", 1 }, .payload = { "d", 1 }, .headers = headers };

    for (size_t i = 0; i < RD_HEADERS; i++)
        headers[i] = (struct eb_header){ { "trace", 5 }, { "1", 1 } };
    message.n_headers = RD_HEADERS;
    cr_expect_null(rd_entry_unfit(&message));
    headers[0].value = (struct eb_text){ NULL, 0 };
    cr_expect(rd_entry_unfit(&message), "a header without a value");
    for (size_t i = RD_HEADERS; i < RD_HEADERS + 12; i++)
        headers[i] = (struct eb_header){ { "dlq_topic", 9 }, { "t", 1 } };
    message.n_headers = RD_HEADERS + 12;
    cr_expect_null(rd_entry_unfit(&message), "a dead letter, in which it is an empty one");
    cr_expect_eq(rd_entry_write(&message, argv, lens), 2 * (1 + RD_HEADERS + 12));
    headers[RD_HEADERS] = headers[1];
    cr_expect(rd_entry_unfit(&message), "one header of its own too many");
}
