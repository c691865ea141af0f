/* tests/unit/schema/test_resolve.c - what one schema wrote, read by another: Avro's rules of resolution, and the check
 * whether a schema has changed as it may. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "schema/resolve.h"

/* The fields of the two outermost records; what the writer wrote as JSON; what the reader then has, or the error. */
struct resolution {
    const char *writer, *reader, *json, *expected, *error;
};

static void resolve(const struct resolution *r) {
    struct ebi_schema *writer = schema_with(r->writer), *reader = schema_with(r->reader);
    struct ebi_data *written = data_of(writer, r->json), *read = ebi_data_new(reader);
    struct ebi_resolution *resolver = NULL;
    struct ebi_bytes avro = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status = ebi_resolution_new(writer, reader, &resolver, &err);

    cr_assert_eq(ebi_data_to_avro(written, &avro, NULL), EB_OK);
    if (status == EB_OK)
        status = ebi_data_from_avro_of(read, resolver, avro.data, avro.len, &err);
    cr_expect_eq(status, r->error ? EB_PERMANENT : EB_OK, "%s for %s: %s", r->writer, r->reader, err.text);
    if (r->error)
        cr_expect(strncmp(err.text, r->error, strlen(r->error)) == 0, "%s\n  for  %s\n  gave %s\n  not  %s", r->writer,
                  r->reader, err.text, r->error);
    if (r->expected && status == EB_OK) {
        char *json = json_of(read);

        cr_expect_str_eq(json, r->expected, "%s for %s: %s", r->writer, r->reader, json);
        free(json);
    }
    ebi_resolution_free(resolver);
    ebi_bytes_free(&avro);
    ebi_data_free(written);
    ebi_data_free(read);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
}

#define F(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define D(name, type, initial) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" initial "}"
#define A(type) F("a", type)
#define ENUM(symbols) "{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[" symbols "]}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"
#define LIST(type) "{\"type\":\"array\",\"items\":" type "}"
#define MAP(type) "{\"type\":\"map\",\"values\":" type "}"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"

Test(resolve, by_the_rules_of_avro) {
    static const struct resolution table[] = {
        /* promotions */
        { A("\"int\""), A("\"long\""), "{\"a\":7}", "{\"a\":7}", NULL },
        { A("\"int\""), A("\"float\""), "{\"a\":7}", "{\"a\":7.0}", NULL },
        { A("\"int\""), A("\"double\""), "{\"a\":-7}", "{\"a\":-7.0}", NULL },
        { A("\"long\""), A("\"float\""), "{\"a\":16777217}", "{\"a\":16777216.0}", NULL },
        { A("\"long\""), A("\"double\""), "{\"a\":7}", "{\"a\":7.0}", NULL },
        { A("\"float\""), A("\"double\""), "{\"a\":0.5}", "{\"a\":0.5}", NULL },
        { A("\"string\""), A("\"bytes\""), "{\"a\":\"abc\"}", "{\"a\":\"YWJj\"}", NULL },
        { A("\"bytes\""), A("\"string\""), "{\"a\":\"YWJj\"}", "{\"a\":\"abc\"}", NULL },
        { A("\"bytes\""), A("\"string\""), "{\"a\":\"/w==\"}", NULL, "data.a, byte 2: bytes that are not UTF-8" },
        { A("\"long\""), A("\"int\""), "{\"a\":7}", NULL, "a: the writer's long cannot be read as int" },
        { A("\"double\""), A("\"float\""), "{\"a\":7}", NULL, "a: the writer's double cannot be read as float" },
        { A("\"boolean\""), A("\"long\""), "{\"a\":true}", NULL, "a: the writer's boolean cannot be read as long" },
        { A("\"null\""), A("\"null\""), "{}", "{\"a\":null}", NULL },
        { A("\"null\""), A("[\"null\",\"long\"]"), "{}", "{\"a\":null}", NULL },
        { A("\"null\""), A("\"long\""), "{}", NULL, "a: the writer's null cannot be read as long" },
        /* fields: missing, new, in another order, inside others */
        { A("\"long\"") "," F("b", "\"string\""), F("b", "\"string\""), "{\"a\":7,\"b\":\"x\"}", "{\"b\":\"x\"}", NULL },
        { A("\"long\""), A("\"long\"") "," D("b", "[\"null\",\"string\"]", "null"), "{\"a\":7}", "{\"a\":7,\"b\":null}", NULL },
        { A("\"long\""), D("b", "\"string\"", "\"x\"") "," A("\"long\""), "{\"a\":7}", "{\"b\":\"x\",\"a\":7}", NULL },
        { A("\"long\""), A("\"long\"") "," F("b", "\"string\""), "{\"a\":7}", NULL,
          "b: the writer's schema has no such field, and the reader's has no default for it" },
        { A("\"long\""), A("\"long\"") "," D("b", "\"string\"", "7"), "{\"a\":7}", NULL,
          "b: the writer's schema has no such field, and the reader's has no valid default for it" },
        { A("\"long\"") "," F("b", "\"string\""), F("b", "\"string\"") "," A("\"long\""), "{\"a\":7,\"b\":\"x\"}",
          "{\"b\":\"x\",\"a\":7}", NULL },
        { A(RECORD("P", F("x", "\"long\"") "," F("y", LIST("\"string\"")))),
          A(RECORD("P", D("z", "\"long\"", "3") "," F("x", "\"double\""))), "{\"a\":{\"x\":1,\"y\":[\"p\",\"q\"]}}",
          "{\"a\":{\"z\":3,\"x\":1.0}}", NULL },
        { A(RECORD("P", F("x", "\"long\""))), A(RECORD("Q", F("x", "\"long\""))), "{\"a\":{\"x\":1}}", NULL,
          "a: the writer's record P cannot be read as record Q" },
        { A(LIST(RECORD("P", F("x", "\"long\"")))), A(LIST(RECORD("P", D("y", "\"long\"", "2")))),
          "{\"a\":[{\"x\":1},{\"x\":2}]}", "{\"a\":[{\"y\":2},{\"y\":2}]}", NULL },
        { A(LIST(RECORD("P", F("x", "\"long\"")))), A(LIST(RECORD("P", F("y", "\"long\"")))), "{\"a\":[]}", NULL,
          "a[].y: the writer's schema has no such field" },
        /* lists, maps, enums, fixed */
        { A(LIST("\"int\"")), A(LIST("\"double\"")), "{\"a\":[1,2]}", "{\"a\":[1.0,2.0]}", NULL },
        { A(MAP("\"int\"")), A(MAP("[\"null\",\"long\"]")), "{\"a\":{\"y\":1,\"x\":2}}", "{\"a\":{\"x\":2,\"y\":1}}", NULL },
        { A(LIST("\"int\"")), A(MAP("\"int\"")), "{\"a\":[]}", NULL,
          "a: the writer's list of int cannot be read as map of int" },
        { A(LIST("\"string\"")), A(LIST("\"long\"")), "{\"a\":[]}", NULL, "a[]: the writer's string cannot be read as long" },
        { A(ENUM("\"X\",\"Y\"")), A(ENUM("\"Y\",\"X\"")), "{\"a\":\"X\"}", "{\"a\":\"X\"}", NULL },
        { A(ENUM("\"X\",\"Y\"")), A(ENUM("\"X\"")), "{\"a\":\"Y\"}", NULL,
          "data.a, byte 1: symbol Y, which our schema does not" },
        { A(ENUM("\"X\",\"Y\"")), A("{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[\"O\",\"X\"],\"default\":\"X\"}"),
          "{\"a\":\"Y\"}", "{\"a\":\"X\"}", NULL },
        { A(FIXED("H", "2")), A(FIXED("H", "2")), "{\"a\":\"AAE=\"}", "{\"a\":\"AAE=\"}", NULL },
        { A(FIXED("H", "2")), A(FIXED("H", "3")), "{\"a\":\"AAE=\"}", NULL,
          "a: the writer's fixed H cannot be read as fixed H" },
        { A(FIXED("H", "2")), A(FIXED("G", "2")), "{\"a\":\"AAE=\"}", NULL,
          "a: the writer's fixed H cannot be read as fixed G" },
        /* unions */
        { A("\"long\""), A("[\"null\",\"long\"]"), "{\"a\":7}", "{\"a\":7}", NULL },
        { A("\"int\""), A("[\"double\",\"null\"]"), "{\"a\":7}", "{\"a\":7.0}", NULL },
        { A("[\"null\",\"long\"]"), A("\"long\""), "{\"a\":7}", "{\"a\":7}", NULL },
        { A("[\"null\",\"long\"]"), A("\"long\""), "{\"a\":null}", NULL,
          "data.a, byte 1: null, which our schema does not take" },
        { A("[\"null\",\"long\"]"), A("[\"long\",\"null\"]"), "{\"a\":7}", "{\"a\":7}", NULL },
        { A("[\"null\",\"long\"]"), A("[\"long\",\"null\"]"), "{\"a\":null}", "{\"a\":null}", NULL },
        { A("[\"null\",\"long\"]"), A("[\"null\",\"string\"]"), "{\"a\":null}", "{\"a\":null}", NULL },
        { A("[\"null\",\"long\"]"), A("[\"null\",\"string\"]"), "{\"a\":7}", NULL,
          "data.a, byte 1: a long, which our schema does" },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"null\",\"string\"]"), "{\"a\":\"x\"}", "{\"a\":\"x\"}", NULL },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"null\",\"string\"]"), "{\"a\":null}", "{\"a\":null}", NULL },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"null\",\"string\"]"), "{\"a\":7}", NULL, "data.a, byte 1: a long, which" },
        { A("[\"null\",\"long\",\"string\"]"), A("\"string\""), "{\"a\":null}", NULL, "data.a, byte 1: null, which" },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"string\",\"double\",\"null\"]"), "{\"a\":7}", "{\"a\":7.0}", NULL },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"string\",\"double\",\"null\"]"), "{\"a\":null}", "{\"a\":null}", NULL },
        { A("\"string\""), A("[\"null\",\"long\",\"string\"]"), "{\"a\":\"x\"}", "{\"a\":\"x\"}", NULL },
        { A("\"boolean\""), A("[\"null\",\"long\",\"string\"]"), "{\"a\":true}", NULL,
          "a: the writer's boolean cannot be read as null or" },
        { A("[\"string\"]"), A("\"string\""), "{\"a\":\"x\"}", "{\"a\":\"x\"}", NULL },
        { A(RECORD("P", F("x", "\"long\""))), A("[\"null\"," RECORD("P", F("x", "\"long\"")) ",\"string\"]"),
          "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}", NULL },
        { A("[\"null\"," RECORD("P", F("x", "\"long\"")) "]"), A("[\"null\"," RECORD("P", D("y", "\"long\"", "5")) "]"),
          "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":5}}", NULL },
        { A("[\"null\"," RECORD("P", F("x", "\"long\"")) "]"), A("[\"null\"," RECORD("P", D("y", "\"long\"", "5")) "]"),
          "{\"a\":null}", "{\"a\":null}", NULL },
        /* what is skipped */
        { A("[\"null\"," RECORD("P", F("x", MAP("[\"null\",\"long\",\"string\"]"))) "]") "," F("b", "\"int\""),
          F("b", "\"int\""), "{\"a\":{\"x\":{\"k\":\"v\",\"l\":null}},\"b\":7}", "{\"b\":7}", NULL },
        { A(LIST("\"null\"")) "," F("h", FIXED("H", "2")) "," F("d", "\"double\"") "," F("b", "\"boolean\""),
          F("b", "\"boolean\""), "{\"a\":[null],\"h\":\"AAE=\",\"d\":1,\"b\":true}", "{\"b\":true}", NULL },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        resolve(&table[i]);
}

Test(resolve, defaults_of_every_type) {
    static const struct {
        const char *type, *initial, *expected;
    } table[] = {
        { "\"null\"", "null", "null" },
        { "\"boolean\"", "true", "true" },
        { "\"boolean\"", "false", "false" },
        { "\"int\"", "-7", "-7" },
        { "\"long\"", "9223372036854775807", "9223372036854775807" },
        { "\"float\"", "0.5", "0.5" },
        { "\"double\"", "-0.0", "-0.0" },
        { "\"double\"", "7", "7.0" },
        { "\"string\"", "\"\xc3\xa9\"", "\"\xc3\xa9\"" },
        { "\"bytes\"", "\"\\u00ff\\u0080a\"", "\"/4Bh\"" },
        { FIXED("H", "2"), "\"\\u00ff\\u0001\"", "\"/wE=\"" },
        { ENUM("\"X\",\"Y\""), "\"Y\"", "\"Y\"" },
        { LIST("\"long\""), "[]", "[]" },
        { LIST("\"long\""), "[1,2]", "[1,2]" },
        { MAP("\"long\""), "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}" },
        { RECORD("P", F("x", "\"long\"") "," D("y", "\"long\"", "2")), "{\"x\":1}", "{\"x\":1,\"y\":2}" },
        { "[\"null\",\"long\"]", "null", "null" },
        { "[\"long\",\"null\"]", "7", "7" },
        { "[\"null\",\"long\",\"string\"]", "\"x\"", "\"x\"" },
        { "[\"null\",\"long\",\"string\"]", "null", "null" },
    };
    static const struct {
        const char *type, *initial;
        /* clang-format off */
    } wrong[] = {
        { "\"null\"", "0" }, { "\"boolean\"", "1" }, { "\"int\"", "2147483648" }, { "\"long\"", "1.5" },
        { "\"double\"", "\"1\"" },
        { "\"float\"", "1e39" }, { "\"string\"", "7" }, { "\"bytes\"", "\"\\u0100\"" }, { FIXED("H", "2"), "\"a\"" },
        { ENUM("\"X\""), "\"Z\"" }, { LIST("\"long\""), "{}" }, { LIST("\"long\""), "[\"x\"]" },
        { MAP("\"long\""), "[]" },
        { RECORD("P", F("x", "\"long\"")), "{}" }, { "[\"null\",\"long\"]", "\"x\"" },
        { "[\"null\",\"long\",\"string\"]", "[]" },
    };
    /* clang-format on */
    char reader[512], expected[128];

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(reader, sizeof reader, D("b", "%s", "%s"), table[i].type, table[i].initial);
        snprintf(expected, sizeof expected, "{\"b\":%s}", table[i].expected);
        resolve(&(struct resolution){ A("\"long\""), reader, "{\"a\":1}", expected, NULL });
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(reader, sizeof reader, D("b", "%s", "%s"), wrong[i].type, wrong[i].initial);
        resolve(&(struct resolution){ A("\"long\""), reader, "{\"a\":1}", NULL,
                                      "b: the writer's schema has no such field, and the reader's has no valid" });
    }
}

/* Hostile bytes come through a resolver no better than without. */
static void flip_through(const char *writer_text, const char *reader_text, const char *json) {
    struct ebi_schema *writer = schema_of(writer_text), *reader = schema_of(reader_text);
    struct ebi_data *written = data_of(writer, json), *read = ebi_data_new(reader);
    struct ebi_resolution *resolver = NULL;
    struct ebi_bytes avro = { 0 };
    struct eb_error err;
    size_t taken = 0;

    cr_assert_eq(ebi_resolution_new(writer, reader, &resolver, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_data_to_avro(written, &avro, NULL), EB_OK);
    for (size_t len = 0; len < avro.len; len++) {
        char *cut = malloc(len ? len : 1);

        memcpy(cut, avro.data, len);
        cr_assert_eq(ebi_data_from_avro_of(read, resolver, cut, len, &err), EB_PERMANENT);
        free(cut);
    }
    for (size_t bit = 0; bit < avro.len * 8; bit++) {
        avro.data[bit / 8] ^= (char)(1 << bit % 8);
        if (ebi_data_from_avro_of(read, resolver, avro.data, avro.len, NULL) == EB_OK) {
            free(hex_of(read));
            taken++;
        }
        avro.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    cr_assert_gt(taken, 0);
    cr_assert(ebi_bytes_add(&avro, "", 1));
    cr_assert_eq(ebi_data_from_avro_of(read, resolver, avro.data, avro.len, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "1 bytes are left over"), "%s", err.text);
    ebi_resolution_free(resolver);
    ebi_bytes_free(&avro);
    ebi_data_free(written);
    ebi_data_free(read);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
}

Test(resolve, hostile_bytes_are_no_fault) {
    flip_through(kitchen_text, kitchen_text, kitchen_full);
    flip_through(kitchen_text, "{\"type\":\"record\",\"name\":\"CloudEvent\",\"fields\":[]}", kitchen_full);
}

Test(resolve, a_block_of_nothing_is_not_skipped_for_ever) {
    struct ebi_schema *writer = schema_with(A(LIST("\"null\""))), *reader = schema_with("");
    struct ebi_data *read = ebi_data_new(reader);
    struct ebi_resolution *resolver = NULL;
    struct ebi_bytes avro = from_hex("feffffffffffffff7f00");
    struct eb_error err;

    cr_assert_eq(ebi_resolution_new(writer, reader, &resolver, &err), EB_OK);
    cr_assert_eq(ebi_data_from_avro_of(read, resolver, avro.data, avro.len, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "too many for an event of 10 bytes"), "%s", err.text);
    ebi_bytes_free(&avro);
    ebi_resolution_free(resolver);
    ebi_data_free(read);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
}

static void resolves_to_itself(const struct golden *golden) {
    struct ebi_schema *writer = installed_schema(golden->type), *reader = installed_schema(golden->type);
    struct ebi_data *data = ebi_data_new(reader);
    struct ebi_resolution *resolver = NULL;
    struct ebi_bytes avro = from_hex(golden->hex);
    struct eb_error err;
    char *hex;

    cr_assert_eq(ebi_resolution_new(writer, reader, &resolver, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_data_from_avro_of(data, resolver, avro.data, avro.len, &err), EB_OK, "%s", err.text);
    hex = hex_of(data);
    cr_assert_str_eq(hex, golden->hex);
    free(hex);
    ebi_bytes_free(&avro);
    ebi_resolution_free(resolver);
    ebi_data_free(data);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
}

Test(resolve, the_same_schema_twice_changes_nothing) {
    cr_assert_eq(each_golden(resolves_to_itself), 216);
}

Test(resolve, records_of_other_names_are_other_events) {
    struct ebi_schema *writer = schema_of("{\"type\":\"record\",\"name\":\"x.A\",\"fields\":[]}");
    struct ebi_schema *reader = schema_of("{\"type\":\"record\",\"name\":\"x.B\",\"fields\":[]}");
    struct ebi_resolution *resolver = NULL;
    struct eb_error err;

    cr_assert_eq(ebi_resolution_new(writer, reader, &resolver, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "the event: the writer's record A cannot be read as record B");
    cr_assert_null(resolver);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
}

/* ---- Evolution ---- */

static void collect(void *arg, const char *problem) {
    cr_assert(ebi_bytes_add_format(arg, "%s\n", problem));
}

Test(evolution, each_breach_is_told) {
    static const struct {
        const char *older, *newer, *problems;
    } table[] = {
        { A("\"long\""), A("\"long\""), "" },
        { A("\"long\""), A("\"long\"") "," D("b", "[\"null\",\"string\"]", "null"), "" },
        { A("\"long\""), D("b", "[\"null\",\"string\"]", "null") "," A("\"long\""), "" },
        { A("\"long\""), A("\"long\"") "," D("b", RECORD("P", D("x", "\"long\"", "1")), "{}"), "" },
        { A("\"long\""), A("\"long\"") "," F("b", "\"string\""),
          "b: new without a valid default, so that older events cannot be read any more\n" },
        { A("\"long\""), A("\"long\"") "," D("b", "\"string\"", "7"),
          "b: new without a valid default, so that older events cannot be read any more\n" },
        { A("\"long\"") "," F("b", "\"string\""), A("\"long\""), "b: was removed; fields must stay\n" },
        { A("\"int\""), A("\"long\""), "a: was int, is long; a field must keep its type\n" },
        { A("\"long\""), A("[\"null\",\"long\"]"), "a: was long, is long or null; a field must keep its type\n" },
        { A("[\"null\",\"long\"]"), A("[\"long\",\"null\"]"),
          "a: was long or null, is long or null in another order; a field must keep its type\n" },
        { A(RECORD("P", F("x", "\"long\""))), A(RECORD("Q", F("x", "\"long\""))),
          "a: was record P, is record Q; a field must keep its type\n" },
        { A(RECORD("P", F("x", "\"long\""))), A(RECORD("P", F("x", "\"long\"") "," D("y", "\"long\"", "1"))),
          "a.y: new inside a; only the outermost record may get new fields\n" },
        { A(LIST(RECORD("P", F("x", "\"long\"")))), A(LIST(RECORD("P", F("y", "\"long\"")))),
          "a[].x: was removed; fields must stay\n"
          "a[].y: new inside a[]; only the outermost record may get new fields\n" },
        { A("\"long\"") "," F("b", "\"string\""), F("b", "\"string\"") "," A("\"long\""),
          "b: its place among the other fields has changed; fields must keep their order\n" },
        { A(ENUM("\"X\"")), A(ENUM("\"X\",\"Y\"")), "a: was enum C, is enum C of other symbols; a field must keep its type\n" },
        { A(ENUM("\"X\"")), A(ENUM("\"Y\"")), "a: was enum C, is enum C of other symbols; a field must keep its type\n" },
        { A(FIXED("H", "1")), A(FIXED("H", "2")), "a: was fixed H, is fixed H of another size; a field must keep its type\n" },
        { A(MAP("\"string\"")), A(MAP("\"long\"")), "a: was map of string, is map of long; a field must keep its type\n" },
        { A("[\"null\",\"long\",\"string\"]"), A("[\"null\",\"long\",\"boolean\"]"),
          "a: was null or long or string, is null or long or boolean; a field must keep its type\n" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct ebi_schema *older = schema_with(table[i].older), *newer = schema_with(table[i].newer);
        struct ebi_bytes seen = { 0 };
        struct eb_error err;
        int lines = 0, told;

        cr_assert(ebi_bytes_add_text(&seen, ""));
        told = ebi_schema_evolution(older, newer, collect, &seen, &err);
        cr_expect_str_eq(seen.data, table[i].problems, "%s -> %s\n%s", table[i].older, table[i].newer, seen.data);
        for (const char *at = seen.data; *at; at++)
            lines += *at == '\n';
        cr_expect_eq(told, lines);
        ebi_bytes_free(&seen);
        ebi_schema_free(older);
        ebi_schema_free(newer);
    }
}

Test(evolution, events_of_two_types_cannot_be_compared) {
    struct ebi_schema *older = kitchen(), *newer = schema_with(A("\"long\""));
    struct eb_error err;

    cr_assert_eq(ebi_schema_evolution(older, newer, NULL, NULL, &err), -1);
    cr_assert_str_eq(err.text, "the schemas are of different event types, org.example.kitchen.v1 and t.v1");
    ebi_schema_free(older);
    ebi_schema_free(newer);
}

Test(evolution, an_outermost_record_of_another_name_is_a_breach) {
    struct ebi_schema *older = schema_of("{\"type\":\"record\",\"name\":\"x.A\",\"fields\":[]}");
    struct ebi_schema *newer = schema_of("{\"type\":\"record\",\"name\":\"x.B\",\"fields\":[]}");
    struct ebi_bytes seen = { 0 };

    cr_assert_eq(ebi_schema_evolution(older, newer, collect, &seen, NULL), 1);
    cr_assert_str_eq(seen.data, "the event: was record A, is record B; a field must keep its type\n");
    ebi_bytes_free(&seen);
    ebi_schema_free(older);
    ebi_schema_free(newer);
}
