/* tests/unit/json/test_writer.c - values to JSON, and back where only a broker can bring them. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "../schemas.h"
#include "../../event_of.h"

/* From Avro, as a broker brings them: nothing else can set them. */
static struct ebi_data *with_doubles(const struct ebi_schema *schema, const double values[3]) {
    struct ebi_data *data = ebi_data_new(schema);
    char avro[1 + 3 * sizeof *values + 1] = { 6 };
    struct eb_error err;

    memcpy(avro + 1, values, 3 * sizeof *values);
    cr_assert_eq(ebi_data_from_avro(data, avro, sizeof avro, &err), EB_OK, "%s", err.text);
    return data;
}

Test(json_writer, what_is_not_finite_is_text_that_is_taken_back_where_it_was_printed) {
    static const double values[3] = { NAN, INFINITY, -INFINITY };
    struct ebi_schema *schema = schema_with("{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"double\"}}");
    struct ebi_data *data = with_doubles(schema, values), *copy = ebi_data_new(schema);
    struct ebi_bytes json = { 0 }, avro = { 0 }, again = { 0 };
    struct eb_error err;

    cr_assert_eq(ebi_data_to_json(data, &json, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(json.data, "{\"list\":[\"NaN\",\"Infinity\",\"-Infinity\"]}");
    cr_assert_eq(ebi_data_from_json(copy, "data", json.data, json.len, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "data.list[0]: expected double, found string");
    cr_assert_eq(ebi_data_from_printed_json(copy, "data", json.data, json.len, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_data_to_avro(data, &avro, &err), EB_OK);
    cr_assert_eq(ebi_data_to_avro(copy, &again, &err), EB_OK);
    cr_assert(avro.len == again.len && memcmp(avro.data, again.data, avro.len) == 0, "other bytes");
    ebi_bytes_free(&json);
    ebi_bytes_free(&avro);
    ebi_bytes_free(&again);
    ebi_data_free(data);
    ebi_data_free(copy);
    ebi_schema_free(schema);
}

Test(json_writer, of_a_union_a_number_that_is_not_finite_finds_its_branch) {
    struct ebi_schema *schema = schema_with("{\"name\":\"u\",\"type\":[\"null\",\"long\",\"float\"]}");
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes json = { 0 };
    struct eb_error err;
    double value;

    cr_assert_eq(ebi_data_from_printed_json(data, "data", "{\"u\":\"-Infinity\"}", 17, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_get_double(event_of(data), "u", &value, &err), EB_OK, "%s", err.text);
    cr_assert(isinf(value) && value < 0);
    cr_assert_eq(ebi_data_to_json(data, &json, &err), EB_OK);
    cr_assert_str_eq(json.data, "{\"u\":\"-Infinity\"}");
    cr_assert_eq(ebi_data_from_printed_json(data, "data", "{\"u\":\"-infinity\"}", 17, &err), EB_PERMANENT);
    ebi_bytes_free(&json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json_writer, writing_adds_to_what_is_there) {
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":\"long\"}");
    struct ebi_data *data = data_of(schema, "{\"a\":7}");
    struct ebi_bytes out = { 0 };

    cr_assert(ebi_bytes_add_text(&out, "x"));
    cr_assert_eq(ebi_data_to_json(data, &out, NULL), EB_OK);
    cr_assert_eq(ebi_data_to_avro(data, &out, NULL), EB_OK);
    cr_assert_eq(out.len, strlen(out.data));
    cr_assert_str_eq(out.data, "x{\"a\":7}\x0e");
    ebi_bytes_free(&out);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(json_writer, an_escape_at_each_length_finds_room) {
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":\"string\"}");
    struct ebi_data *data = ebi_data_new(schema);
    char controls[300];

    memset(controls, 1, sizeof controls);
    for (size_t len = 0; len <= sizeof controls; len++) {
        struct ebi_bytes json = { 0 };

        cr_assert_eq(eb_event_set_text(event_of(data), "a", controls, len, NULL), EB_OK);
        cr_assert_eq(ebi_data_to_json(data, &json, NULL), EB_OK);
        cr_assert_eq(json.len, strlen("{\"a\":\"\"}") + len * 6);
        cr_assert_eq(strlen(json.data), json.len);
        ebi_bytes_free(&json);
    }
    ebi_data_free(data);
    ebi_schema_free(schema);
}
