/* plugins/kafka/tests/unit_headers.c - the headers of an event: as a new list, and in one that another event had. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "record/headers.h"

#define FIXED "ce_specversion=1.0;content-type=application/avro;ce_datacontenttype=application/avro;"
#define TEXT(literal)                                                                                                          \
    { literal, sizeof(literal) - 1 }

/* "name=value;" for each. */
static const char *all_of(const rd_kafka_headers_t *list) {
    static char said[2000];
    const char *name;
    const void *value;
    size_t len, at = 0;

    said[0] = '\0';
    for (size_t i = 0; rd_kafka_header_get_all(list, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        at += (size_t)snprintf(said + at, sizeof said - at, "%s=%.*s;", name, value ? (int)len : 4,
                               value ? (const char *)value : "NULL");
    return said;
}

static struct eb_header header(const char *name, const char *value) {
    return (struct eb_header){ { name, strlen(name) }, { value, value ? strlen(value) : 0 } };
}

/* An event with two attributes, and one more where a name is given. */
static rd_kafka_headers_t *list_of(struct kf_header_pool *lists, const char *id, const char *time, const char *name,
                                   const char *value) {
    const struct eb_header attrs[] = { header("id", id), header("time", time), header(name ? name : "", value) };
    const struct eb_message message = { .size = sizeof message, .attrs = attrs, .n_attrs = name ? 3 : 2 };

    return kf_headers_new(lists, &message);
}

Test(kafka_headers, stand_in_the_order_of_python) {
    /* clang-format off */
    static const struct eb_header attrs[] = {
        { TEXT("type"), TEXT("t") },      { TEXT("id"), TEXT("i") },           { TEXT("source"), TEXT("s") },
        { TEXT("time"), TEXT("now") },    { TEXT("minorversion"), TEXT("0") }, { TEXT("sourcehost"), TEXT("h") },
        { TEXT("sourcelib"), TEXT("1") }, { TEXT("other"), TEXT("o") } };
    const struct eb_message message = { .size = sizeof message, .attrs = attrs, .n_attrs = 8 };
    struct kf_header_pool lists = {0};
    rd_kafka_headers_t *list = kf_headers_new(&lists, &message);

    cr_assert_str_eq(all_of(list), FIXED "ce_type=t;ce_id=i;ce_source=s;ce_time=now;ce_minorversion=0;sourcehost=h;"
                                   "sourcelib=1;other=o;");
    rd_kafka_headers_destroy(list);
}

/* Whatever the first event left, the second one's list is what a new one would be; the same one where it can be. */
Test(kafka_headers, a_list_is_filled_again_with_all_of_the_next_event) {
    static const struct {
        const char *id, *time, *name, *value;
        bool same;
        const char *want;
    } cases[] = {
        { "id-2", "noon", NULL, NULL, false, "ce_id=id-2;ce_time=noon;" },
        { "id-2", "noon", "more", "12", true, "ce_id=id-2;ce_time=noon;more=12;" },
        { "id-1", "dawn", "more", "ab", true, "ce_id=id-1;ce_time=dawn;more=ab;" },
        { "id-22", "noon", "more", "12", false, "ce_id=id-22;ce_time=noon;more=12;" },
        { "id-2", "eve", "more", "12", false, "ce_id=id-2;ce_time=eve;more=12;" },
        { "id-2", "noon", "mine", "12", false, "ce_id=id-2;ce_time=noon;mine=12;" },
        { "id-2", "noon", "more", NULL, false, "ce_id=id-2;ce_time=noon;more=NULL;" },
        { "id-2", "noon", "more", "", false, "ce_id=id-2;ce_time=noon;more=;" },
    };
    /* clang-format on */
    char want[500];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kf_header_pool lists = { 0 };
        rd_kafka_headers_t *first = list_of(&lists, "id-1", "dawn", "more", "ab"), *second;

        lists.spare[lists.n++] = first;
        second = list_of(&lists, cases[i].id, cases[i].time, cases[i].name, cases[i].value);
        snprintf(want, sizeof want, FIXED "%s", cases[i].want);
        cr_assert_str_eq(all_of(second), want, "case %zu", i);
        cr_assert(!cases[i].same || second == first, "case %zu: a new list", i);
        cr_assert_eq(lists.n, 0, "case %zu", i);
        rd_kafka_headers_destroy(second);
    }
}

Test(kafka_headers, a_list_with_fewer_is_not_filled_again) {
    struct kf_header_pool lists = { 0 };
    rd_kafka_headers_t *first = list_of(&lists, "id-1", "dawn", NULL, NULL);

    lists.spare[lists.n++] = first;
    rd_kafka_headers_t *second = list_of(&lists, "id-2", "noon", "more", "ab");
    cr_assert_str_eq(all_of(second), FIXED "ce_id=id-2;ce_time=noon;more=ab;");
    lists.spare[lists.n++] = second;
    kf_header_pool_free(&lists);
}

Test(kafka_headers, an_absent_value_is_no_empty_one) {
    static const char *const values[] = { NULL, "", NULL };
    struct kf_header_pool lists = { 0 };

    for (size_t i = 0; i < 3; i++) {
        rd_kafka_headers_t *list = list_of(&lists, "id-1", "dawn", "more", values[i]);

        cr_assert_str_eq(all_of(list),
                         values[i] ? FIXED "ce_id=id-1;ce_time=dawn;more=;" : FIXED "ce_id=id-1;ce_time=dawn;more=NULL;",
                         "list %zu", i);
        lists.spare[lists.n++] = list;
    }
    kf_header_pool_free(&lists);
}

/* Of any size, and a value of their own where others have a fixed one: such a list is not kept, and none is used for it. */
Test(kafka_headers, an_event_with_further_headers_has_a_new_list) {
    static const struct eb_header more = { TEXT("content-type"), TEXT("text/plain") };
    const struct eb_message message = { .size = sizeof message, .headers = &more, .n_headers = 1 };
    struct kf_header_pool lists = { 0 };
    rd_kafka_headers_t *first = list_of(&lists, "id-1", "dawn", NULL, NULL);

    lists.spare[lists.n++] = first;
    rd_kafka_headers_t *list = kf_headers_new(&lists, &message);
    cr_assert_str_eq(all_of(list), "ce_specversion=1.0;ce_datacontenttype=application/avro;content-type=text/plain;");
    kf_header_pool_keep(&lists, &message, NULL);
    cr_assert_eq(lists.n, 1, "that of before");
    rd_kafka_headers_destroy(list);
    kf_header_pool_free(&lists);
}

/* librdkafka ends a name at its first NUL when it reads it. */
Test(kafka_headers, a_name_with_a_nul_is_found) {
    const struct eb_header headers[] = { { TEXT("plain"), TEXT("a") }, { TEXT("\0"), TEXT("b") }, { { "", 0 }, TEXT("c") } };
    struct eb_message message = { .size = sizeof message, .headers = headers, .n_headers = 3 };

    cr_assert_eq(kf_unfit_header(&message), 2);
    message.n_headers = 1;
    cr_assert_eq(kf_unfit_header(&message), 0);
    message.n_headers = 0;
    cr_assert_eq(kf_unfit_header(&message), 0);
}
