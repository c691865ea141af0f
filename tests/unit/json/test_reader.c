/* tests/unit/json/test_reader.c - JSON to values: what is refused, with its path, and what is kept exactly. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "json/event_data.h"

#define LOGIN "org.openedx.learning.auth.session.login.completed.v1"
#define PII "\"pii\":{\"username\":\"u\",\"email\":\"e\",\"name\":\"n\"}"

/* In a buffer of its own size, so that a sanitizer sees each step beyond it. */
static enum eb_status read_tight(struct ebi_data *data, const char *json, size_t len, struct eb_error *err) {
    char *copy = malloc(len ? len : 1);
    enum eb_status status;

    memcpy(copy, json, len);
    status = ebi_data_from_json(data, "data", copy, len, err);
    free(copy);
    return status;
}

static void refused(struct ebi_data *data, const char *json, const char *expected) {
    struct eb_error err = { 0 };

    cr_expect_eq(read_tight(data, json, strlen(json), &err), EB_PERMANENT, "%.200s was taken", json);
    cr_expect_eq(err.kind, EB_KIND_DATA, "%.200s", json);
    cr_expect(strncmp(err.text, expected, strlen(expected)) == 0, "%.200s\n  gave: %s\n  not:  %s", json, err.text, expected);
}

Test(json, what_is_wrong_is_told_with_path_and_types) {
    static const struct {
        const char *json, *expected;
    } cases[] = {
        { "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"email\":7,\"name\":\"n\"}}}",
          "data.user.pii.email: expected string, found number" },
        { "{\"user\":{\"id\":\"1\",\"is_active\":true," PII "}}", "data.user.id: expected long, found string" },
        { "{\"user\":{\"id\":1.5,\"is_active\":true," PII "}}",
          "data.user.id: expected long, found number with a fraction or exponent" },
        { "{\"user\":{\"id\":1e3,\"is_active\":true," PII "}}", "data.user.id: expected long, found number with a fraction" },
        { "{\"user\":{\"id\":9223372036854775808,\"is_active\":true," PII "}}",
          "data.user.id: expected long, found number beyond 64 bits" },
        { "{\"user\":{\"id\":-9223372036854775809,\"is_active\":true," PII "}}",
          "data.user.id: expected long, found number bey" },
        { "{\"user\":{\"id\":100000000000000000000000000000,\"is_active\":true," PII "}}",
          "data.user.id: expected long, found n" },
        { "{\"user\":{\"id\":1,\"is_active\":1," PII "}}", "data.user.is_active: expected boolean, found number" },
        { "{\"user\":{\"id\":1,\"is_active\":null," PII "}}", "data.user.is_active: expected boolean, found null" },
        { "{\"user\":{\"id\":[1],\"is_active\":true," PII "}}", "data.user.id: expected long, found list" },
        { "{\"user\":[]}", "data.user: expected object, found list" },
        { "{\"user\":\"Bob\"}", "data.user: expected object, found string" },
        { "[]", "data: expected object, found list" },
        { "null", "data: expected object, found null" },
        { "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"name\":\"n\"}}}",
          "data.user.pii.email: missing; expected string" },
        { "{}", "data.user: missing; expected record" },
        { "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"emial\":\"e\",\"name\":\"n\"}}}",
          "data.user.pii: there is no field \"emial\"; did you mean email?" },
        { "{\"usr\":{}}", "data: there is no field \"usr\"; did you mean user?" },
        { "{\"completely_other\":1}", "data: there is no field \"completely_other\"" },
        { "{\"user\\u0000\":1}", "data: there is no field \"user?\"" },
        { "{\"user\":{\"id\":1,\"id\":1,\"is_active\":true," PII "}}", "data.user.id: given twice" },
        { "{\"user\":{\"id\":1,\"is_active\":true," PII "},\"user\":{}}", "data.user: given twice" },
        { "{\"user\":{\"\\u0069d\":1,\"id\":2,\"is_active\":true," PII "}}", "data.user.id: given twice" },
        { "{\"user\":{\"id\":1,\"is_active\":true," PII "}} x", "data: not JSON at byte 81: something follows the object" },
        { "{\"user\":{\"id\":1,\"is_active\":true," PII "}}{}", "data: not JSON at byte 80: something follows" },
        { "", "data: not JSON at byte 0: the text ends too early" },
        { "{\"user\":{\"id\":1", "data.user: not JSON at byte 15: the text ends too early" },
        { "{\"user\":{\"id\":1}", "data.user.is_active: missing" },
        { "{\"user\":{\"id\":1,}}", "data.user: not JSON at byte 16: expected a name in quotes" },
        { "{\"user\":{\"id\" 1}}", "data.user.id: not JSON at byte 14: expected ':'" },
        { "{\"user\":{\"id\":1 \"is_active\":true}}", "data.user: not JSON at byte 16: expected ',' or '}'" },
        { "{\"user\":{\"id\":01}}", "data.user.id: not JSON at byte 14: malformed number" },
        { "{\"user\":{\"id\":-}}", "data.user.id: not JSON at byte 14: malformed number" },
        { "{\"user\":{\"id\":+1}}", "data.user.id: not JSON at byte 14: a value cannot begin like this" },
        { "{\"user\":{\"id\":NaN}}", "data.user.id: not JSON at byte 14: a value cannot begin like this" },
        { "{\"user\":{\"id\":1,\"is_active\":truth}}", "data.user.is_active: not JSON at byte 28: unknown value" },
        { "{\"user\":{\"id\":1,\"is_active\":tru", "data.user.is_active: not JSON at byte 28: unknown value" },
        { "{'user':1}", "data: not JSON at byte 1: expected a name in quotes" },
        { "\xef\xbb\xbf{}", "data: not JSON at byte 0: a value cannot begin like this" },
    };
    struct ebi_schema *schema = installed_schema(LOGIN);
    struct ebi_data *data = ebi_data_new(schema);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(data, cases[i].json, cases[i].expected);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json, broken_strings_are_refused_where_they_break) {
    static const struct {
        const char *text, *expected;
        /* clang-format off */
    } cases[] = {
        { "\"abc", "data.a: not JSON at byte 9: the text ends too early" },
        { "\"abc\\", "data.a: not JSON at byte 10: the text ends too early" },
        { "\"\\x\"", "data.a: not JSON at byte 7: unknown escape" },
        { "\"\\u12\"", "data.a: not JSON at byte 8: \\u needs four hex digits" },
        { "\"\\u12g4\"", "data.a: not JSON at byte 8: \\u needs four hex digits" },
        { "\"\\ud800\"", "data.a: not JSON at byte 12: half of a surrogate pair" },
        { "\"\\ud800x\"", "data.a: not JSON at byte 12: half of a surrogate pair" },
        { "\"\\ud800\\u0041\"", "data.a: not JSON at byte 12: half of a surrogate pair" },
        { "\"\\udc00\"", "data.a: not JSON at byte 12: half of a surrogate pair" },
        { "\"a\nb\"", "data.a: not JSON at byte 7: a control character in a string; it must be escaped" },
        { "\"a\x1f""b\"", "data.a: not JSON at byte 7: a control character" },
        { "\"\xff\"", "data.a: not JSON at byte 6: not UTF-8" },
        { "\"\xc3\"", "data.a: not JSON at byte 6: not UTF-8" },
        { "\"\xed\xa0\x80\"", "data.a: not JSON at byte 6: not UTF-8" },
        { "\"\xc0\x80\"", "data.a: not JSON at byte 6: not UTF-8" },
        { "\"\xf4\x90\x80\x80\"", "data.a: not JSON at byte 6: not UTF-8" },
    };
    /* clang-format on */
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":\"string\"}");
    struct ebi_data *data = ebi_data_new(schema);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[64];

        snprintf(json, sizeof json, "{\"a\":%s", cases[i].text);
        refused(data, json, cases[i].expected);
    }
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json, every_type_tells_what_it_expected) {
    static const struct {
        const char *field, *json, *expected;
    } cases[] = {
        { "nothing", "0", "data.nothing: expected null, found number" },
        { "flag", "\"true\"", "data.flag: expected boolean, found string" },
        { "small", "2147483648", "data.small: expected int, found number beyond 32 bits" },
        { "small", "-2147483649", "data.small: expected int, found number beyond 32 bits" },
        { "single", "1e39", "data.single: expected float, found number beyond its range" },
        { "real", "1e309", "data.real: expected double, found number beyond its range" },
        { "real", "NaN", "data.real: expected double, found NaN or Infinity, which JSON does not have" },
        { "single", "-Infinity", "data.single: expected float, found NaN or Infinity, which JSON does not have" },
        { "real", "\"NaN\"", "data.real: expected double, found string" },
        { "real", "1.", "data.real: not JSON at byte 8: malformed number" },
        { "real", ".5", "data.real: not JSON at byte 8: a value cannot begin like this" },
        { "real", "1e", "data.real: not JSON at byte 8: malformed number" },
        { "real", "1e+", "data.real: not JSON at byte 8: malformed number" },
        { "real", "-", "data.real: not JSON at byte 8: malformed number" },
        { "real", "true", "data.real: expected double, found boolean" },
        { "raw", "\"AAA\"", "data.raw: expected bytes in base64, found another string" },
        { "raw", "\"A*==\"", "data.raw: expected bytes in base64, found another string" },
        { "raw", "7", "data.raw: expected bytes, found number" },
        { "color", "\"PINK\"", "data.color: expected one of the enum's 3 symbols, of which the first is RED, found another s" },
        { "color", "1", "data.color: expected enum, found number" },
        { "hash", "\"AAAA\"", "data.hash: expected 4 bytes in base64, found 3" },
        { "tags", "\"x\"", "data.tags: expected list of string, found string" },
        { "tags", "[\"x\",1]", "data.tags[1]: expected string, found number" },
        { "tags", "[\"x\"", "data.tags: not JSON at byte 12: the text ends too early" },
        { "tags", "[\"x\" \"y\"]", "data.tags: not JSON at byte 13: expected ',' or ']'" },
        { "tags", "[,]", "data.tags[0]: not JSON at byte 9: a value cannot begin like this" },
        { "context", "[]", "data.context: expected map of string, found list" },
        { "context", "{\"secret\":1}", "data.context{item 0}: expected string, found number" },
        { "context", "{1:\"x\"}", "data.context: not JSON at byte 12: expected a key in quotes" },
        { "context", "{\"k\":\"1\",\"a\":\"2\",\"k\":\"3\"}", "data.context: a key is given twice" },
        { "deep", "{\"a\":[{},{\"b\":1,\"c\":true}]}", "data.deep{item 0}[1]{item 1}: expected long, found boolean" },
        { "person", "{\"name\":\"x\",\"age\":1.0}", "data.person.age: expected int or null, found number with a fraction" },
        { "person", "7", "data.person: expected object or null, found number" },
        { "person", "{\"age\":7}", "data.person.name: missing; expected string" },
        { "others", "[{\"name\":\"a\"},{\"name\":\"b\",\"pet\":{}}]", "data.others[1].pet.name: missing; expected string" },
        { "others", "[{\"name\":\"a\"},{\"name\":\"b\",\"pets\":{}}]",
          "data.others[1]: there is no field \"pets\"; did you mean pet?" },
        { "any", "{\"x\":1}", "data.any.y: missing; expected long" },
        { "any", "[1]", "data.any[0]: expected string, found number" },
        { "late", "1", "data.late: expected string or null, found number" },
    };
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = ebi_data_new(schema);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_bytes json = { 0 };

        cr_assert(ebi_bytes_add_format(&json, "{\"%s\":%s", cases[i].field, cases[i].json));
        if (strcmp(cases[i].field, "real") == 0) /* so that the places are those above */
            cr_assert(ebi_bytes_add_text(&json, "}"));
        refused(data, json.data, cases[i].expected);
        ebi_bytes_free(&json);
    }
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json, nothing_is_as_deep_as_it_pretends) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = ebi_data_new(schema);
    char *deep = malloc(1000001);

    memset(deep, '[', 1000000);
    deep[1000000] = '\0';
    memcpy(deep, "{\"any\":", 7);
    refused(data, deep, "data.any[0]: expected string, found list");
    memset(deep, '[', 7);
    refused(data, deep, "data: expected object, found list");
    free(deep);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json, what_is_refused_changes_nothing) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full);
    char *before = json_of(data), *after;

    refused(data, "{\"flag\":false,\"tags\":[\"other\"],\"person\":null,\"small\":\"x\"}", "data.small: expected int");
    after = json_of(data);
    cr_assert_str_eq(after, before);
    free(before);
    free(after);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* Everything cut off early is refused, at each byte of it. */
Test(json, every_beginning_of_it_is_refused) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = ebi_data_new(schema);
    struct eb_error err;

    for (size_t len = 0; len < strlen(kitchen_full); len++)
        cr_assert_eq(read_tight(data, kitchen_full, len, &err), EB_PERMANENT, "%.*s", (int)len, kitchen_full);
    cr_assert_eq(read_tight(data, kitchen_full, strlen(kitchen_full), &err), EB_OK);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* Each byte replaced by another: refused, or understood and written again without a fault. */
Test(json, whatever_byte_is_changed_there_is_no_fault) {
    static const char others[] = "\"\\{}[],:0-.eEtn u\x01\x80\xff";
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = ebi_data_new(schema);
    char *json = strdup(kitchen_full);
    size_t taken = 0;

    for (size_t i = 0; i < strlen(kitchen_full); i++) {
        for (const char *other = others; *other; other++) {
            json[i] = *other;
            if (read_tight(data, json, strlen(kitchen_full), NULL) != EB_OK)
                continue;
            free(hex_of(data));
            free(json_of(data));
            taken++;
        }
        json[i] = kitchen_full[i];
    }
    cr_assert_gt(taken, 100);
    free(json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json, optional_fields_may_be_left_out) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *bare = data_of(schema, kitchen_bare);
    struct ebi_data *less = data_of(schema, "{\"flag\":false,\"small\":0,\"big\":0,\"single\":0,\"real\":0,"
                                            "\"raw\":\"\",\"text\":\"\",\"color\":\"RED\",\"hash\":\"AAAAAA==\","
                                            "\"tags\":[],\"context\":{},\"deep\":{},\"others\":[],\"holes\":[]}");
    char *one = json_of(bare), *other = json_of(less);

    cr_assert_str_eq(one, kitchen_bare);
    cr_assert_str_eq(other, kitchen_bare);
    free(one);
    free(other);
    ebi_data_free(bare);
    ebi_data_free(less);
    ebi_schema_free(schema);
}

Test(json, all_types_come_back_as_they_went) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full);
    char *json = json_of(data);

    cr_assert_str_eq(json, kitchen_full);
    free(json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* One field of a type: what is read from `json` is written as `expected`. */
static void kept(const char *type, const char *json, const char *expected) {
    struct ebi_bytes fields = { 0 }, text = { 0 };
    struct ebi_schema *schema;
    struct ebi_data *data;
    char *written;

    cr_assert(ebi_bytes_add_format(&fields, "{\"name\":\"a\",\"type\":%s}", type));
    cr_assert(ebi_bytes_add_format(&text, "{\"a\":%s}", json));
    schema = schema_with(fields.data);
    data = data_of(schema, text.data);
    written = json_of(data);
    ebi_bytes_clear(&text);
    cr_assert(ebi_bytes_add_format(&text, "{\"a\":%s}", expected));
    cr_expect_str_eq(written, text.data, "%s: %s became %s", type, json, written);
    free(written);
    ebi_data_free(data);
    ebi_schema_free(schema);
    ebi_bytes_free(&fields);
    ebi_bytes_free(&text);
}

Test(json, numbers_are_kept_exactly) {
    static const char *const wholes[] = { "0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993" };
    static const struct {
        const char *json, *expected;
        /* clang-format off */
    } reals[] = {
        { "-0.0", "-0.0" }, { "-0", "-0.0" }, { "0", "0.0" }, { "1", "1.0" }, { "0.1", "0.1" }, { "1e22", "1e+22" },
        { "1E2", "100.0" }, { "5e-324", "5e-324" }, { "2.2250738585072014e-308", "2.2250738585072014e-308" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" }, { "0.30000000000000004", "0.30000000000000004" },
        { "1e16", "1e+16" }, { "1000000000000000", "1000000000000000.0" }, { "123456.789", "123456.789" },
        { "1e-5", "1e-05" },
        { "0.0001", "0.0001" }, { "-268264.08439738804", "-268264.08439738804" }, { "1e-400", "0.0" },
        { "0.333333333333333333333333333333333333333", "0.3333333333333333" },
        { "179769313486231570000e288", "1.7976931348623157e+308" }, { "9007199254740993", "9007199254740992.0" },
        { "18446744073709551617", "1.8446744073709552e+19" }, { "8.5", "8.5" }, { "100.25", "100.25" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        kept("\"long\"", wholes[i], wholes[i]);
    kept("\"long\"", "-0", "0");
    kept("\"int\"", "-2147483648", "-2147483648");
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        kept("\"double\"", reals[i].json, reals[i].expected);
    kept("\"float\"", "0.1", "0.1");
    kept("\"float\"", "16777217", "16777216.0");
    kept("\"float\"", "3.4028235e38", "3.4028235e+38");
    kept("\"float\"", "1e-45", "1e-45");
}

Test(json, texts_are_kept_exactly) {
    kept("\"string\"", "\"\\u0000\"", "\"\\u0000\"");
    kept("\"string\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001F\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\"");
    kept("\"string\"", "\"\\ud83d\\ude00\\u00e9\\uFFFF\\u0800\"", "\"\xf0\x9f\x98\x80\xc3\xa9\xef\xbf\xbf\xe0\xa0\x80\"");
    kept("\"string\"", "\"\x7f\xf4\x8f\xbf\xbf\"", "\"\x7f\xf4\x8f\xbf\xbf\"");
    kept("\"bytes\"", "\"\"", "\"\"");
    kept("\"bytes\"", "\"AA==\"", "\"AA==\"");
    kept("\"bytes\"", "\"AAEC+/8=\"", "\"AAEC+/8=\"");
}

/* A text that ends, or has something to be escaped, at each place of an eight-byte step. */
Test(json, texts_of_all_lengths_are_kept_exactly) {
    static const char *const specials[] = { "", "\\\"", "\\n", "\\u0001", "\xc3\xa9", "\xf0\x9f\x98\x80" };

    for (size_t len = 0; len < 40; len++)
        for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
            char json[128];

            snprintf(json, sizeof json, "\"%.*s%s%.*s\"", (int)len, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH", specials[i],
                     (int)(40 - len) / 3, "abcdefghijklmnopqrstuvwxyz");
            kept("\"string\"", json, json);
        }
}

Test(json, unions_take_what_looks_like_one_of_their_types) {
    static const char any[] = "[\"null\",\"boolean\",\"long\",\"double\",\"string\","
                              "{\"type\":\"array\",\"items\":\"string\"},{\"type\":\"map\",\"values\":\"long\"}]";
    static const char *const values[] = { "null", "true", "7", "7.5", "\"7\"", "[\"7\"]", "{\"a\":7}" };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        kept(any, values[i], values[i]);
    kept("[\"double\",\"string\"]", "7", "7.0");
    kept("[\"string\"]", "\"x\"", "\"x\"");
}

Test(json, maps_are_kept_in_the_order_of_code_points) {
    kept("{\"type\":\"map\",\"values\":\"long\"}", "{\"b\":1,\"\\ud83d\\ude00\":2,\"a\":3,\"\\uffff\":4,\"\":5,\"ab\":6}",
         "{\"\":5,\"a\":3,\"ab\":6,\"b\":1,\"\xef\xbf\xbf\":4,\"\xf0\x9f\x98\x80\":2}");
}

Test(json, blanks_may_stand_anywhere_between) {
    kept("{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"long\"}}", " [ { } ,\n{ \"a\" : 1 , \"b\"\t:\r2 } ] ",
         "[{},{\"a\":1,\"b\":2}]");
}
