/* tests/unit/avro/test_complete.c - data in which a required field is not set. */
#include <criterion/criterion.h>
#include <string.h>
#include "../schemas.h"
#include "../../event_of.h"

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

TestSuite(complete, .init = begin, .fini = end);

Test(complete, what_is_missing_is_told) {
    struct ebi_bytes out = { 0 };
    struct eb_error err;

    cr_assert(ebi_bytes_add_text(&out, "kept"));
    cr_assert_eq(ebi_data_complete(data, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.flag: missing; expected boolean");
    cr_assert_eq(ebi_data_to_avro(data, &out, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.flag: missing; expected boolean");
    cr_assert_eq(ebi_data_to_json(data, &out, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.flag: missing; expected boolean");
    cr_assert_str_eq(out.data, "kept");
    cr_assert_eq(ebi_data_from_json(data, "data", kitchen_bare, strlen(kitchen_bare), &err), EB_OK);
    cr_assert_eq(ebi_data_complete(data, &err), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "others[0].age", 1, NULL), EB_OK);
    cr_assert_eq(ebi_data_complete(data, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.others[0].name: missing; expected string");
    cr_assert_eq(ebi_data_to_avro(data, &out, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.others[0].name: missing; expected string");
    cr_assert_eq(eb_event_set_text(event_of(data), "others[0].name", "x", 1, NULL), EB_OK);
    cr_assert_eq(eb_event_set_long(event_of(data), "any.x", 1, NULL), EB_OK);
    cr_assert_eq(ebi_data_complete(data, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.any.y: missing; expected long");
    cr_assert_eq(eb_event_set_null(event_of(data), "any", NULL), EB_OK);
    cr_assert_eq(ebi_data_complete(data, &err), EB_OK);
    cr_assert_eq(ebi_data_to_avro(data, &out, &err), EB_OK);
    ebi_bytes_free(&out);
}

/* Also where much has been written before it is found. */
Test(complete, what_is_missing_late_leaves_the_output_as_it_was) {
    struct ebi_schema *pair = schema_with("{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"b\",\"type\":\"string\"}");
    struct ebi_data *half = ebi_data_new(pair);
    struct ebi_bytes out = { 0 };
    char long_text[5000];

    memset(long_text, 'x', sizeof long_text);
    cr_assert_eq(eb_event_set_text(event_of(half), "a", long_text, sizeof long_text, NULL), EB_OK);
    cr_assert(ebi_bytes_add_text(&out, "kept"));
    cr_assert_eq(ebi_data_to_avro(half, &out, NULL), EB_PERMANENT);
    cr_assert(out.len == 4 && strcmp(out.data, "kept") == 0);
    ebi_bytes_free(&out);
    cr_assert(ebi_bytes_add_text(&out, "kept"));
    cr_assert_eq(ebi_data_to_json(half, &out, NULL), EB_PERMANENT);
    cr_assert(out.len == 4 && strcmp(out.data, "kept") == 0);
    ebi_bytes_free(&out);
    ebi_data_free(half);
    ebi_schema_free(pair);
}

Test(complete, cleared_data_is_as_new) {
    struct eb_error err;
    const char *text;
    size_t len;

    cr_assert_eq(ebi_data_from_json(data, "data", kitchen_full, strlen(kitchen_full), &err), EB_OK);
    ebi_data_clear(data);
    cr_assert_eq(ebi_data_complete(data, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.flag: missing; expected boolean");
    cr_assert_eq(eb_event_get_text(event_of(data), "person.name", &text, &len, NULL), EB_EMPTY);
    cr_assert_eq(ebi_data_schema(data), schema);
}
