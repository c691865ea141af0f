/* tests/unit/avro/test_paths.c - setting and reading fields by path. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "../../event_of.h"
#include "json/event_data.h"

static struct ebi_schema *schema;
static struct ebi_data *data;

static void begin(void) {
    schema = kitchen();
    data = ebi_data_new(schema);
    cr_assert(data);
}

static void end(void) {
    ebi_data_free(data);
    ebi_schema_free(schema);
}

TestSuite(paths, .init = begin, .fini = end);

static enum eb_status set(const char *path, const char *text) {
    return eb_event_set_text(event_of(data), path, text, strlen(text), NULL);
}

static void holds(const char *path, const char *expected) {
    const char *text = NULL;
    size_t len = 0;
    struct eb_error err;

    cr_assert_eq(eb_event_get_text(event_of(data), path, &text, &len, &err), EB_OK, "%s: %s", path, err.text);
    cr_assert_str_eq(text, expected, "%s", path);
    cr_assert_eq(len, strlen(expected));
}

static void is_null(const char *path) {
    const char *text = "untouched";
    size_t len = 7;

    cr_assert_eq(eb_event_get_text(event_of(data), path, &text, &len, NULL), EB_EMPTY, "%s", path);
    cr_assert_str_eq(text, "untouched");
    cr_assert_eq(len, 7);
}

static void counts(const char *path, size_t expected) {
    size_t count = 0;
    struct eb_error err;

    cr_assert_eq(eb_event_count(event_of(data), path, &count, &err), EB_OK, "%s: %s", path, err.text);
    cr_assert_eq(count, expected, "%s has %zu", path, count);
}

Test(paths, an_event_set_field_by_field_has_the_bytes_of_python) {
    struct ebi_schema *login = installed_schema("org.openedx.learning.auth.session.login.completed.v1");
    struct ebi_data *event = ebi_data_new(login);
    char *hex;

    cr_assert_eq(eb_event_set_text(event_of(event), "user.pii.username", "foobob", 6, NULL), EB_OK);
    cr_assert_eq(eb_event_set_text(event_of(event), "user.pii.email", "bob@foo.example", 15, NULL), EB_OK);
    cr_assert_eq(eb_event_set_text(event_of(event), "user.pii.name", "Bob Foo", 7, NULL), EB_OK);
    cr_assert_eq(eb_event_set_bool(event_of(event), "user.is_active", 5, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(event), "user.id", 123, NULL), EB_OK);
    hex = hex_of(event);
    cr_assert_str_eq(hex, "f601010c666f6f626f621e626f6240666f6f2e6578616d706c650e426f6220466f6f");
    free(hex);
    ebi_data_free(event);
    ebi_schema_free(login);
}

Test(paths, each_type_is_set_and_read) {
    const void *bytes;
    size_t len;
    int64_t whole;
    double real;
    int flag;

    cr_assert_eq(eb_event_set_bool(event_of(data), "flag", -1, NULL), EB_OK);
    cr_assert_eq(eb_event_get_bool(event_of(data), "flag", &flag, NULL), EB_OK);
    cr_assert_eq(flag, 1);
    cr_assert_eq(eb_event_set_long(event_of(data), "big", INT64_MIN, NULL), EB_OK);
    cr_assert_eq(eb_event_get_long(event_of(data), "big", &whole, NULL), EB_OK);
    cr_assert_eq(whole, INT64_MIN);
    cr_assert_eq(eb_event_set_long(event_of(data), "small", INT32_MAX, NULL), EB_OK);
    cr_assert_eq(eb_event_get_long(event_of(data), "small", &whole, NULL), EB_OK);
    cr_assert_eq(whole, INT32_MAX);
    cr_assert_eq(eb_event_set_double(event_of(data), "real", -0.0, NULL), EB_OK);
    cr_assert_eq(eb_event_get_double(event_of(data), "real", &real, NULL), EB_OK);
    cr_assert(real == 0 && signbit(real));
    cr_assert_eq(eb_event_set_double(event_of(data), "single", 0.1, NULL), EB_OK);
    cr_assert_eq(eb_event_get_double(event_of(data), "single", &real, NULL), EB_OK);
    cr_assert_eq(real, (double)0.1f);
    cr_assert_eq(eb_event_set_bytes(event_of(data), "raw", "a\0b", 3, NULL), EB_OK);
    cr_assert_eq(eb_event_get_bytes(event_of(data), "raw", &bytes, &len, NULL), EB_OK);
    cr_assert(len == 3 && memcmp(bytes, "a\0b", 3) == 0);
    cr_assert_eq(eb_event_set_bytes(event_of(data), "hash", "\1\2\3\4", 4, NULL), EB_OK);
    cr_assert_eq(eb_event_get_bytes(event_of(data), "hash", &bytes, &len, NULL), EB_OK);
    cr_assert(len == 4 && memcmp(bytes, "\1\2\3\4", 4) == 0);
    cr_assert_eq(set("color", "GREEN"), EB_OK);
    holds("color", "GREEN");
    cr_assert_eq(eb_event_set_text(event_of(data), "text", "x\0y", 3, NULL), EB_OK);
    cr_assert_eq(eb_event_get_bytes(event_of(data), "text", &bytes, &len, NULL), EB_PERMANENT);
    cr_assert_eq(set("text", ""), EB_OK);
    holds("text", "");
}

Test(paths, what_is_wrong_is_told_with_the_path) {
    static const struct {
        const char *path, *expected;
    } cases[] = {
        { "", ": not a path, from \"\" on" },
        { "tex", "tex: there is no field tex; did you mean text?" },
        { "person.nam", "person.nam: there is no field nam in person; did you mean name?" },
        { "others[0].nam", "others[0].nam: there is no field nam in others[]; did you mean name?" },
        { "others[].name", "others[].name: not a path, from \"[].name\" on" },
        { "text.x", "text.x: text is a string, which has no fields" },
        { "text[0]", "text[0]: text is a string, which is not a list" },
        { "tags{x}", "tags{x}: tags is a list of string, which is not a map" },
        { "context[0]", "context[0]: context is a map of string, which is not a list" },
        { "context.de", "context.de: context is a map of string, which has no fields" },
        { "any{x}.y", "any{x}.y: any is a record, which is not a map" },
        { "late.x", "late.x: late is a string, which has no fields" },
        { "tags[x]", "tags[x]: not a path, from \"[x]\" on" },
        { "tags[0", "tags[0: not a path" },
        { "tags[]", "tags[]: not a path" },
        { "tags[-1]", "tags[-1]: not a path" },
        { "tags[99999999999]", "tags[99999999999]: not a path" },
        { "tags[0]x", "tags[0]x: not a path, from \"x\" on" },
        { "context{de", "context{de: not a path" },
        { "text.", "text.: not a path, from \".\" on" },
        { ".text", ".text: not a path" },
        { "person..name", "person..name: not a path, from \"..name\" on" },
        { "[0]", "[0]: not a path" },
        { "tags", "tags: expected list of string, found a text" },
        { "person", "person: expected record or null, found a text" },
        { "big", "big: expected long, found a text" },
        { "tags[1]", "tags[1]: the list has 0 items, numbered from 0" },
        { "others[0].pet[0]", "others[0].pet[0]: others[].pet is a record, which is not a list" },
        { "deep{a}[1]{b}", "deep{a}[1]{b}: expected long, found a text" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };

        cr_expect_eq(eb_event_set_text(event_of(data), cases[i].path, "x", 1, &err), EB_PERMANENT, "%s was taken",
                     cases[i].path);
        cr_expect_eq(err.kind, EB_KIND_DATA);
        cr_expect(strncmp(err.text, cases[i].expected, strlen(cases[i].expected)) == 0, "%s\n  gave: %s\n  not:  %s",
                  cases[i].path, err.text, cases[i].expected);
    }
}

Test(paths, a_value_of_another_type_or_beyond_its_range_is_refused) {
    struct eb_error err;

    cr_assert_eq(eb_event_set_long(event_of(data), "text", 1, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "text: expected string, found a whole number");
    cr_assert_eq(eb_event_set_long(event_of(data), "real", 1, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_double(event_of(data), "big", 1, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "big: expected long, found a floating-point number");
    cr_assert_eq(eb_event_set_bool(event_of(data), "big", 1, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_text(event_of(data), "raw", "x", 1, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_bytes(event_of(data), "text", "x", 1, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_null(event_of(data), "text", &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "text: expected string, found null");
    cr_assert_eq(eb_event_set_empty(event_of(data), "text", &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_long(event_of(data), "small", INT64_C(1) << 31, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "small: a number beyond the 32 bits of an int");
    cr_assert_eq(eb_event_set_double(event_of(data), "single", 1e39, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_double(event_of(data), "single", INFINITY, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "single: expected a finite number, found an infinite one");
    cr_assert_eq(eb_event_set_double(event_of(data), "single", NAN, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "single: expected a finite number, found NaN");
    cr_assert_eq(eb_event_set_bytes(event_of(data), "hash", "abc", 3, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "hash: expected 4 bytes, found 3");
    cr_assert_eq(eb_event_set_text(event_of(data), "color", "PINK", 4, &err), EB_PERMANENT);
    cr_assert_eq(eb_event_set_text(event_of(data), "text", "\xff", 1, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "text: the text is not UTF-8");
    cr_assert_eq(eb_event_set_text(event_of(data), "text", "12345678\xc3", 9, &err), EB_PERMANENT);
    cr_assert_eq(set("text", "12345678\xc3\xa9"), EB_OK);
}

Test(paths, what_is_not_set_is_told_apart_from_null) {
    struct eb_error err;
    const char *text;
    size_t len;

    cr_assert_eq(eb_event_get_text(event_of(data), "text", &text, &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "text: not set");
    cr_assert_eq(eb_event_get_text(event_of(data), "tags[0]", &text, &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "tags[0]: tags is not set");
    cr_assert_eq(eb_event_count(event_of(data), "tags", &len, &err), EB_PERMANENT);
    is_null("late");
    is_null("any");
    is_null("person.name");
    is_null("person.pet.name");
    cr_assert_eq(eb_event_count(event_of(data), "person", &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "person: expected record or null, found a list or map");
}

Test(paths, optional_fields_take_a_value_or_null) {
    cr_assert_eq(set("late", "x"), EB_OK);
    holds("late", "x");
    cr_assert_eq(eb_event_set_null(event_of(data), "late", NULL), EB_OK);
    is_null("late");
    cr_assert_eq(set("late", "y"), EB_OK);
    holds("late", "y");
    cr_assert_eq(eb_event_set_null(event_of(data), "nothing", NULL), EB_OK);
    is_null("nothing");
}

Test(paths, an_optional_record_comes_to_be_there_with_its_first_field) {
    struct eb_error err;

    cr_assert_eq(set("person.pet.name", "Rex"), EB_OK);
    holds("person.pet.name", "Rex");
    cr_assert_eq(set("person.name", "Ann"), EB_OK);
    cr_assert_eq(eb_event_set_null(event_of(data), "person", NULL), EB_OK);
    is_null("person.name");
    is_null("person.pet.name");
    cr_assert_eq(set("person.name", "Bo"), EB_OK);
    is_null("person.pet.name"); /* Rex is not back */
    cr_assert_eq(eb_event_set_empty(event_of(data), "person", NULL), EB_OK);
    cr_assert_eq(ebi_data_complete(data, &err), EB_PERMANENT);
    cr_assert_eq(set("person.name", "Cy"), EB_OK);
    cr_assert_eq(set("person.pet.name", "Tom"), EB_OK);
    cr_assert_eq(eb_event_set_null(event_of(data), "person.pet", NULL), EB_OK);
    is_null("person.pet.name");
    holds("person.name", "Cy");
}

Test(paths, one_past_the_last_appends_and_two_are_refused) {
    struct eb_error err;
    const char *text;
    size_t len;

    cr_assert_eq(set("tags[0]", "a"), EB_OK);
    cr_assert_eq(set("tags[1]", "b"), EB_OK);
    cr_assert_eq(eb_event_set_text(event_of(data), "tags[3]", "d", 1, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "tags[3]: the list has 2 items, numbered from 0");
    counts("tags", 2);
    cr_assert_eq(set("tags[0]", "c"), EB_OK);
    counts("tags", 2);
    holds("tags[0]", "c");
    holds("tags[1]", "b");
    cr_assert_eq(eb_event_get_text(event_of(data), "tags[2]", &text, &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "tags[2]: the list has 2 items, numbered from 0");
    cr_assert_eq(eb_event_set_empty(event_of(data), "tags", NULL), EB_OK);
    counts("tags", 0);
    cr_assert_eq(set("tags[1]", "x"), EB_PERMANENT);
    cr_assert_eq(set("tags[0]", "x"), EB_OK);
    holds("tags[0]", "x");
}

Test(paths, lists_of_records_and_what_is_in_them) {
    struct eb_error err;
    int64_t age;

    cr_assert_eq(set("others[0].name", "A"), EB_OK);
    cr_assert_eq(set("others[1].pet.name", "Rex"), EB_OK);
    counts("others", 2);
    holds("others[1].pet.name", "Rex");
    is_null("others[0].pet.name");
    cr_assert_eq(eb_event_set_long(event_of(data), "others[0].age", 7, NULL), EB_OK);
    cr_assert_eq(eb_event_set_empty(event_of(data), "others[2]", NULL), EB_OK);
    counts("others", 3);
    cr_assert_eq(eb_event_set_text(event_of(data), "others[4].name", "x", 1, &err), EB_PERMANENT);
    counts("others", 3);
    cr_assert_eq(eb_event_set_empty(event_of(data), "others", NULL), EB_OK);
    cr_assert_eq(set("others[0].name", "B"), EB_OK);
    /* nothing is left of the old one */
    cr_assert_eq(eb_event_get_long(event_of(data), "others[0].age", &age, NULL), EB_EMPTY);
}

Test(paths, maps_are_read_by_key_and_kept_in_their_order) {
    static const char *const keys[] = { "de", "", "fr", "d", "\xf0\x9f\x98\x80", "\xef\xbf\xbf", "de-AT" };
    static const char *const order[] = { "", "d", "de", "de-AT", "fr", "\xef\xbf\xbf", "\xf0\x9f\x98\x80" };
    struct eb_error err;
    const char *key;
    char path[32];
    size_t len;

    for (size_t i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "context{%s}", keys[i]);
        cr_assert_eq(set(path, keys[i]), EB_OK);
    }
    counts("context", 7);
    for (size_t i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "context{%s}", order[i]);
        holds(path, order[i]);
        cr_assert_eq(eb_event_map_key(event_of(data), "context", i, &key, &len, NULL), EB_OK);
        cr_assert_str_eq(key, order[i]);
        cr_assert_eq(len, strlen(order[i]));
    }
    cr_assert_eq(set("context{de}", "changed"), EB_OK);
    counts("context", 7);
    holds("context{de}", "changed");
    cr_assert_eq(eb_event_map_key(event_of(data), "context", 7, &key, &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "context: the map has 7 items, numbered from 0");
    cr_assert_eq(eb_event_get_text(event_of(data), "context{it}", &key, &len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "context{it}: the map has no such key");
    cr_assert_eq(eb_event_map_key(event_of(data), "tags", 0, &key, &len, &err), EB_PERMANENT);
}

Test(paths, a_backslash_protects_what_would_end_a_key) {
    const char *key;
    size_t len;

    cr_assert_eq(set("context{a\\}b\\\\c}", "x"), EB_OK);
    holds("context{a\\}b\\\\c}", "x");
    cr_assert_eq(eb_event_map_key(event_of(data), "context", 0, &key, &len, NULL), EB_OK);
    cr_assert_str_eq(key, "a}b\\c");
    cr_assert_eq(set("context{a[0].b}", "y"), EB_OK);
    holds("context{a[0].b}", "y");
    cr_assert_eq(set("context{\\a}", "z"), EB_OK);
    holds("context{a}", "z");
}

Test(paths, brackets_follow_each_other) {
    int64_t whole;
    struct eb_error err;

    cr_assert_eq(eb_event_set_long(event_of(data), "deep{k}[0]{x}", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "deep{k}[1]{y}", 2, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "deep{a}[0]{z}", 3, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "deep{b}[1]{z}", 3, &err), EB_PERMANENT);
    counts("deep", 2); /* b was not made on the way to the refusal */
    counts("deep{k}", 2);
    cr_assert_eq(eb_event_get_long(event_of(data), "deep{k}[1]{y}", &whole, NULL), EB_OK);
    cr_assert_eq(whole, 2);
    cr_assert_eq(eb_event_set_empty(event_of(data), "deep{c}", NULL), EB_OK);
    counts("deep{c}", 0);
}

Test(paths, a_union_holds_what_was_set_last) {
    struct eb_error err;
    int64_t whole;
    double real;
    int flag;

    cr_assert_eq(eb_event_set_long(event_of(data), "any", 7, NULL), EB_OK);
    cr_assert_eq(eb_event_get_long(event_of(data), "any", &whole, NULL), EB_OK);
    cr_assert_eq(whole, 7);
    cr_assert_eq(eb_event_get_double(event_of(data), "any", &real, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "any: now holds a long, not a floating-point number");
    cr_assert_eq(eb_event_set_double(event_of(data), "any", 7.5, NULL), EB_OK);
    cr_assert_eq(eb_event_get_double(event_of(data), "any", &real, NULL), EB_OK);
    cr_assert_eq(eb_event_set_bool(event_of(data), "any", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_get_bool(event_of(data), "any", &flag, NULL), EB_OK);
    cr_assert_eq(set("any", "text"), EB_OK);
    holds("any", "text");
    cr_assert_eq(set("any[0]", "item"), EB_OK);
    counts("any", 1);
    holds("any[0]", "item");
    cr_assert_eq(eb_event_set_long(event_of(data), "any.x", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_get_long(event_of(data), "any.x", &whole, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "any.y", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_set_null(event_of(data), "any", NULL), EB_OK);
    is_null("any");
    cr_assert_eq(eb_event_get_long(event_of(data), "any.x", &whole, &err), EB_EMPTY);
    cr_assert_eq(eb_event_set_long(event_of(data), "any.x", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_get_long(event_of(data), "any.y", &whole, &err), EB_PERMANENT); /* emptied meanwhile */
    cr_assert_eq(eb_event_set_bytes(event_of(data), "any", "x", 1, &err), EB_PERMANENT);
}

Test(paths, a_text_may_be_part_of_the_event_it_is_set_in) {
    const char *text;
    size_t len;

    cr_assert_eq(set("text", "abcdefghijklmnopqrstuvwxyz"), EB_OK);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(eb_event_get_text(event_of(data), "text", &text, &len, NULL), EB_OK);
        cr_assert_eq(eb_event_set_text(event_of(data), "text", text + 1, len - 1, NULL), EB_OK);
        if (len == 2)
            break;
    }
    holds("text", "z");
    cr_assert_eq(set("tags[0]", "first"), EB_OK);
    for (size_t i = 1; i < 100; i++) {
        char path[16];

        snprintf(path, sizeof path, "tags[%zu]", i);
        cr_assert_eq(eb_event_get_text(event_of(data), "tags[0]", &text, &len, NULL), EB_OK);
        cr_assert_eq(eb_event_set_text(event_of(data), path, text, len, NULL), EB_OK);
        holds(path, "first");
    }
}

/* However often the same is set, it takes no more memory: seen by where texts are put. */
Test(paths, setting_again_and_again_does_not_grow) {
    const char *first[4], *now;
    size_t len;

    for (int i = 0; i < 1000; i++) {
        static const char *const paths[] = { "text", "late", "tags[0]", "context{k}" };

        cr_assert_eq(eb_event_set_null(event_of(data), "late", NULL), EB_OK);
        cr_assert_eq(eb_event_set_empty(event_of(data), "tags", NULL), EB_OK);
        cr_assert_eq(eb_event_set_empty(event_of(data), "context", NULL), EB_OK);
        for (size_t p = 0; p < 4; p++) {
            cr_assert_eq(eb_event_set_text(event_of(data), paths[p], "some text of some length", (size_t)i % 24, NULL), EB_OK);
            cr_assert_eq(eb_event_get_text(event_of(data), paths[p], &now, &len, NULL), EB_OK);
            if (i == 23)
                first[p] = now;
            cr_assert(i <= 23 || first[p] == now, "%s moved in round %d", paths[p], i);
        }
    }
}

/* JSON and Avro take keys that are UTF-8 only, so such an item could never be sent. */
Test(paths, a_key_in_a_path_is_utf8) {
    struct eb_error err;

    cr_assert_eq(eb_event_set_empty(event_of(data), "context", NULL), EB_OK);
    cr_assert_eq(eb_event_set_text(event_of(data), "context{\xf0\x90\x80}", "x", 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "UTF-8"), "%s", err.text);
    counts("context", 0);
}
