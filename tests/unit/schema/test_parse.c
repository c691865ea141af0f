/* tests/unit/schema/test_parse.c - which schemas are taken, which are refused and how that is told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../schemas.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"t.v1\",\"fields\":[" fields "]}"
#define FIELD(type) "{\"name\":\"a\",\"type\":" type "}"
#define PERSON "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" FIELD("\"long\"") "]}"

static void refused(const char *json, const char *expected) {
    struct ebi_schema *schema = NULL;
    struct eb_error err = { 0 };

    cr_expect_eq(ebi_schema_parse(json, strlen(json), &schema, &err), EB_PERMANENT, "%.200s was taken", json);
    cr_expect_eq(err.kind, EB_KIND_DATA, "%.200s", json);
    cr_expect(strstr(err.text, expected), "%.200s\n  gave: %s\n  not:  %s", json, err.text, expected);
    cr_expect_null(schema);
}

Test(parse, what_is_wrong_is_told_with_its_place) {
    static const struct {
        const char *json, *expected;
    } cases[] = {
        { "", "the schema is not JSON, line 1" },
        { "{\n\"type\":", "line 2" },
        { "{\"type\":\"record\",\"type\":\"record\"}", "duplicate" },
        { "\"string\"", "the outermost type of an event must be a record" },
        { "[\"null\"]", "the outermost type of an event must be a record" },
        { "{\"type\":\"record\",\"name\":\"E\"}", "the schema: the fields of a record are missing or not a list" },
        { "{\"type\":\"record\",\"fields\":[]}", "has no name" },
        { "{\"type\":\"record\",\"name\":\"E\",\"namespace\":7,\"fields\":[]}", "namespace is not text" },
        { "{\"type\":\"record\",\"name\":\"2E\",\"fields\":[]}", "must be letters, digits and _" },
        { "{\"type\":\"record\",\"name\":\"E\",\"namespace\":\"a b\",\"fields\":[]}", "must be letters, digits and _" },
        { RECORD("7"), "the schema: a field's name must be letters" },
        { RECORD("{\"name\":\"a-b\",\"type\":\"long\"}"), "a field's name must be letters" },
        { RECORD("{\"name\":\"a\"}"), "field a has no type" },
        { RECORD(FIELD("\"strng\"")), "field a: unknown type \"strng\"; did you mean string?" },
        { RECORD(FIELD("\"Nowhere\"")), "field a: unknown type \"Nowhere\"; a type must be defined before" },
        { RECORD(FIELD("7")), "field a: a type must be a name" },
        { RECORD(FIELD("{}")), "field a: a type must be a name" },
        { RECORD(FIELD("{\"type\":\"array\"}")), "field a: an array has no items" },
        { RECORD(FIELD("{\"type\":\"map\"}")), "field a: a map has no values" },
        { RECORD(FIELD("{\"type\":\"array\",\"items\":\"lng\"}")), "field a[]: unknown type \"lng\"; did you mean long?" },
        { RECORD(FIELD("{\"type\":\"fixed\",\"name\":\"F\"}")), "field a: the size of a fixed" },
        { RECORD(FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}")), "the size of a fixed" },
        { RECORD(FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1000000000}")), "the size of a fixed" },
        { RECORD(FIELD("{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[]}")), "the symbols of an enum must be" },
        { RECORD(FIELD("{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[\"A\",\"A\"]}")), "each only once" },
        { RECORD(FIELD("{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[\"A b\"]}")), "the symbols of an enum must be" },
        { RECORD(FIELD("[]")), "field a: a union without types" },
        { RECORD(FIELD("[\"null\",[\"null\",\"long\"]]")), "field a: a union directly inside a union" },
        { RECORD(FIELD("[\"long\",[\"null\",\"string\"]]")), "field a: a union directly inside a union" },
        { RECORD(FIELD("[\"string\",\"bytes\"]")), "field a: bytes cannot be told from another type of its union" },
        { RECORD(FIELD("[\"int\",\"long\"]")), "field a: long cannot be told" },
        { RECORD(FIELD("[\"null\",\"null\"]")), "field a: null cannot be told" },
        { RECORD(FIELD("[" PERSON ",{\"type\":\"map\",\"values\":\"long\"}]")), "field a: map of long cannot be told" },
        { RECORD(FIELD("\"long\"") "," FIELD("\"string\"")), "field a: a record has two fields of this name" },
        { RECORD(FIELD(PERSON) ",{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"P\",\"size\":1}}"),
          "field b: type t.v1.P is defined twice" },
        { RECORD(FIELD("[\"null\",\"CloudEvent\"]")), "field a: type t.v1.CloudEvent contains itself" },
        { RECORD(FIELD("{\"type\":\"record\",\"name\":\"Tree\",\"fields\":[{\"name\":\"kids\",\"type\":"
                       "{\"type\":\"array\",\"items\":\"Tree\"}}]}")),
          "field a.kids[]: type t.v1.Tree contains itself" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].json, cases[i].expected);
}

static void see_field(void *arg, const char *path, const char *type, bool optional) {
    cr_assert(ebi_bytes_add_format(arg, "%s %s%s\n", path, type, optional ? " optional" : ""));
}

static void has_fields(const struct ebi_schema *schema, const char *expected) {
    struct ebi_bytes seen = { 0 };

    ebi_schema_fields(schema, see_field, &seen);
    cr_assert_str_eq(seen.data, expected);
    ebi_bytes_free(&seen);
}

Test(parse, fields_are_told_as_users_know_them) {
    struct ebi_schema *schema = kitchen();

    has_fields(schema, "nothing null optional\nflag boolean\nsmall int\nbig long\nsingle float\nreal double\n"
                       "raw bytes\ntext string\ncolor enum\nhash fixed\ntags list of string\ncontext map of string\n"
                       "deep map of list of map of long\nperson record optional\nperson.name string\n"
                       "person.age int optional\nperson.pet record optional\nperson.pet.name string\n"
                       "others list of record\nothers[].name string\nothers[].age int optional\n"
                       "others[].pet record optional\nothers[].pet.name string\n"
                       "any null or boolean or long or double or string or list of string or record optional\n"
                       "any.x long\nany.y long\nlate string optional\nholes list of long or null\n");
    ebi_schema_free(schema);
}

Test(parse, names_are_looked_up_in_the_namespace_around_them) {
    struct ebi_schema *schema = schema_of(
        "{\"type\":\"record\",\"name\":\"a.b.CloudEvent\",\"fields\":["
        "{\"name\":\"p\",\"type\":{\"type\":\"record\",\"name\":\"P\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"long\"}]}},"
        "{\"name\":\"q\",\"type\":{\"type\":\"record\",\"name\":\"Q\",\"namespace\":\"other\",\"fields\":["
        "{\"name\":\"p\",\"type\":\"a.b.P\"},"
        "{\"name\":\"r\",\"type\":{\"type\":\"fixed\",\"name\":\"P\",\"size\":2}},{\"name\":\"s\",\"type\":\"P\"}]}},"
        "{\"name\":\"t\",\"type\":{\"type\":\"P\"}},"
        "{\"name\":\"u\",\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\"}}]}");

    cr_assert_str_eq(ebi_schema_type(schema), "a.b");
    cr_assert_str_eq(ebi_schema_public(schema)->name.data, "a.b.CloudEvent");
    has_fields(schema, "p record\np.x long\nq record\nq.p record\nq.p.x long\nq.r fixed\nq.s fixed\nt record\n"
                       "t.x long\nu string\n");
    ebi_schema_free(schema);
}

Test(parse, a_dash_in_the_namespace_is_no_fault) {
    struct ebi_schema *schema = installed_schema("org.openedx.enterprise.subsidy.redemption-reversed.v1");

    cr_assert_str_eq(ebi_schema_type(schema), "org.openedx.enterprise.subsidy.redemption-reversed.v1");
    ebi_schema_free(schema);
}

static void is_named_by_its_file(const char *type) {
    struct ebi_schema *schema = installed_schema(type);

    cr_expect_str_eq(ebi_schema_type(schema), type);
    ebi_schema_free(schema);
}

Test(parse, all_installed_schemas_are_taken) {
    cr_assert_eq(each_installed(is_named_by_its_file), 72);
}

Test(parse, each_schema_has_an_id_of_its_own) {
    struct ebi_schema *one = kitchen(), *other = kitchen();

    cr_assert_neq(ebi_schema_public(one)->id, 0);
    cr_assert_neq(ebi_schema_public(one)->id, ebi_schema_public(other)->id);
    cr_assert_eq(ebi_schema_public(one)->size, sizeof(struct eb_schema));
    ebi_schema_free(one);
    ebi_schema_free(other);
}

Test(parse, the_text_is_canonical_as_python_writes_it) {
    struct ebi_schema *schema = schema_of("{\"type\":\"record\", \"name\":\"E\", \"fields\":[], \"b\":[], \"a\":{}, "
                                          "\"doc\":\"\xc3\xa9 \xf0\x9f\x98\x80 \\\" \\\\ / \\n\\u0001\x7f\","
                                          "\"n\":[1, -5, 1.5, 1e22, 100.0, 5e-324, true, false, null]}");

    cr_assert_str_eq(ebi_schema_public(schema)->json.data,
                     "{\"a\": {}, \"b\": [], \"doc\": \"\\u00e9 \\ud83d\\ude00 \\\" \\\\ / \\n\\u0001\x7f\", "
                     "\"fields\": [], \"n\": [1, -5, 1.5, 1e+22, 100.0, 5e-324, true, false, null], \"name\": \"E\", "
                     "\"type\": \"record\"}");
    ebi_schema_free(schema);
}

/* ---- What hostile schemas cost is bounded ---- */

/* `levels` types within each other. */
static char *nested(unsigned levels, const char *open, const char *close) {
    struct ebi_bytes text = { 0 };

    cr_assert(ebi_bytes_add_text(&text, "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"a\",\"type\":"));
    for (unsigned i = 0; i < levels; i++)
        cr_assert(ebi_bytes_add_text(&text, open));
    cr_assert(ebi_bytes_add_text(&text, "\"long\""));
    for (unsigned i = 0; i < levels; i++)
        cr_assert(ebi_bytes_add_text(&text, close));
    cr_assert(ebi_bytes_add_text(&text, "}]}"));
    return text.data;
}

Test(parse, types_nest_only_so_deep) {
    char *most = nested(62, "{\"type\":\"array\",\"items\":", "}");
    char *more = nested(64, "{\"type\":\"array\",\"items\":", "}");
    char *absurd = nested(100000, "{\"type\":\"array\",\"items\":", "}");

    ebi_schema_free(schema_of(most));
    refused(more, "more than 64 types within each other");
    refused(absurd, "not JSON");
    free(most);
    free(more);
    free(absurd);
}

/* Each type holds the one before it twice: thirty lines that mean a thousand million places. */
Test(parse, types_used_again_and_again_are_not_multiplied_without_end) {
    struct ebi_bytes text = { 0 };

    cr_assert(ebi_bytes_add_text(&text, "{\"type\":\"record\",\"name\":\"E\",\"fields\":["));
    for (int i = 0; i < 30; i++) {
        char before[16] = "long";

        if (i > 0)
            snprintf(before, sizeof before, "T%d", i - 1);
        cr_assert(ebi_bytes_add_format(&text,
                                       "%s{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"T%d\",\"fields\":["
                                       "{\"name\":\"l\",\"type\":\"%s\"},{\"name\":\"r\",\"type\":\"%s\"}]}}",
                                       i ? "," : "", i, i, before, before));
    }
    cr_assert(ebi_bytes_add_text(&text, "]}"));
    refused(text.data, "more than 8192 places for values");
    ebi_bytes_free(&text);
}

Test(parse, long_names_and_large_defaults_are_not_multiplied_either) {
    struct ebi_bytes text = { 0 };
    char name[256], *blob = malloc(100001);

    memset(name, 'x', 255);
    name[255] = '\0';
    memset(blob, 'y', 100000);
    blob[100000] = '\0';
    cr_assert(ebi_bytes_add_format(&text, RECORD("{\"name\":\"%sx\",\"type\":\"long\"}"), name));
    refused(text.data, "at most 255");
    ebi_bytes_clear(&text);
    cr_assert(ebi_bytes_add_format(&text,
                                   "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"f\",\"type\":"
                                   "{\"type\":\"record\",\"name\":\"T\",\"fields\":["
                                   "{\"name\":\"x\",\"type\":\"string\",\"default\":\"%s\"}]}}",
                                   blob));
    for (int i = 0; i < 100; i++)
        cr_assert(ebi_bytes_add_format(&text, ",{\"name\":\"f%d\",\"type\":\"T\"}", i));
    cr_assert(ebi_bytes_add_text(&text, "]}"));
    refused(text.data, "too many fields, or too long names or defaults");
    ebi_bytes_free(&text);
    free(blob);
}

Test(parse, a_text_larger_than_any_schema_is_not_even_looked_at) {
    size_t len = (4 << 20) + 1;
    char *text = malloc(len);
    struct ebi_schema *schema = NULL;
    struct eb_error err;

    memset(text, ' ', len);
    cr_assert_eq(ebi_schema_parse(text, len, &schema, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "larger than 4194304 bytes"), "%s", err.text);
    free(text);
}

/* ---- Files ---- */

static void file_refused(const char *path, size_t limit, const char *expected) {
    struct ebi_schema *schema = NULL;
    struct eb_error err = { 0 };

    cr_expect_eq(ebi_schema_read_file(path, limit, &schema, &err), EB_PERMANENT, "%s", path);
    cr_expect(strstr(err.text, path) && strstr(err.text, expected), "%s: %s", path, err.text);
    cr_expect_null(schema);
}

static void write_to(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(parse, a_file_that_is_no_schema_is_named) {
    char folder[] = "/tmp/eventbus-schema-XXXXXX", path[64];

    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.avsc", folder);
    file_refused(path, 1000, "cannot open schema");
    write_to(path, "{");
    file_refused(path, 1000, "the schema is not JSON");
    write_to(path, RECORD(FIELD("\"long\"")));
    file_refused(path, 20, "larger than 20 bytes; raise schema_limit or remove the file");
    write_to(path, "{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}");
    file_refused(path, 1000, "has no namespace, which is the event type");
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    file_refused(path, 1000, "the schema is not JSON"); /* and does not wait for a writer */
    unlink(path);
    rmdir(folder);
}

Test(parse, a_folder_is_no_schema) {
    struct ebi_schema *schema = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_schema_read_file("/tmp", 1000, &schema, &err), EB_FATAL);
    cr_assert(strstr(err.text, "reading schema /tmp: cannot be read: Is a directory"), "%s", err.text);
}
