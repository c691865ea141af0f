/* tests/unit/avro/test_goldens.c - the bytes and texts of the Python event bus, event by event. jansson is the oracle
 * for what JSON means. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "schema/schema.h"

/* As json_equal, which takes -0.0 for 0.0. */
static bool same(const json_t *a, const json_t *b) {
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_real(a))
        return json_real_value(a) == json_real_value(b) && signbit(json_real_value(a)) == signbit(json_real_value(b));
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        for (void *at = json_object_iter((json_t *)a); at; at = json_object_iter_next((json_t *)a, at)) {
            const json_t *other = json_object_get(b, json_object_iter_key(at));

            if (!other || !same(json_object_iter_value(at), other))
                return false;
        }
        return true;
    }
    if (!json_is_array(a))
        return json_equal(a, b);
    for (size_t i = 0; i < json_array_size(a); i++)
        if (i >= json_array_size(b) || !same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return json_array_size(a) == json_array_size(b);
}

/* The golden's data as JSON text of this kind becomes its bytes. */
static void becomes_the_bytes(const struct golden *golden, const char *json) {
    struct ebi_schema *schema = installed_schema(golden->type);
    struct ebi_data *data = data_of(schema, json);
    char *hex = hex_of(data);

    cr_assert_str_eq(hex, golden->hex, "%s %s", golden->type, golden->variant);
    free(hex);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

static void as_it_stands(const struct golden *golden) {
    becomes_the_bytes(golden, golden->data);
}

Test(goldens, json_becomes_the_bytes_of_the_python_event_bus) {
    cr_assert_eq(each_golden(as_it_stands), 216);
}

static void written_anew(const struct golden *golden, size_t flags) {
    json_t *read = oracle_read(golden->data);
    char *json = oracle_write(read, flags);

    becomes_the_bytes(golden, json);
    free(json);
    json_decref(read);
}

static void escaped(const struct golden *golden) {
    written_anew(golden, JSON_ENSURE_ASCII | JSON_SORT_KEYS);
}

static void indented(const struct golden *golden) {
    written_anew(golden, JSON_INDENT(3) | JSON_PRESERVE_ORDER);
}

Test(goldens, whatever_way_the_json_is_written) {
    cr_assert_eq(each_golden(escaped), 216);
    cr_assert_eq(each_golden(indented), 216);
}

static void becomes_the_json(const struct golden *golden) {
    struct ebi_schema *schema = installed_schema(golden->type);
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes avro = from_hex(golden->hex);
    struct eb_error err;
    json_t *want = oracle_read(golden->data), *got;
    char *json;

    cr_assert_eq(ebi_data_from_avro(data, avro.data, avro.len, &err), EB_OK, "%s", err.text);
    json = json_of(data);
    got = oracle_read(json);
    cr_assert(same(got, want), "%s %s: %s", golden->type, golden->variant, json);
    becomes_the_bytes(golden, json);
    json_decref(got);
    json_decref(want);
    free(json);
    ebi_bytes_free(&avro);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(goldens, the_bytes_become_the_same_json_and_that_the_same_bytes) {
    cr_assert_eq(each_golden(becomes_the_json), 216);
}

static void shows_the_text(const struct golden *golden) {
    struct ebi_schema *schema = installed_schema(golden->type);
    const struct eb_schema *shown = ebi_schema_public(schema);
    char name[512];

    snprintf(name, sizeof name, "%s.CloudEvent", golden->type);
    cr_assert_str_eq(shown->json.data, golden->schema);
    cr_assert_eq(shown->json.len, strlen(shown->json.data));
    cr_assert_str_eq(shown->name.data, name);
    cr_assert_eq(shown->name.len, strlen(name));
    cr_assert_str_eq(ebi_schema_type(schema), golden->type);
    ebi_schema_free(schema);
}

Test(goldens, schemas_are_shown_as_python_registers_them) {
    each_golden(shows_the_text);
}

static void stands_behind_itself(const struct golden *golden) {
    struct ebi_schema *schema = installed_schema(golden->type);
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes body = from_hex(golden->hex), both = from_hex(golden->hex);
    size_t used = 0;

    cr_assert(data && ebi_bytes_add(&both, body.data, body.len));
    cr_assert_eq(ebi_data_from_avro_first(data, both.data, both.len, &used, NULL), EB_OK, "%s", golden->type);
    cr_assert_eq(used, body.len, "%s: %zu of %zu", golden->type, used, body.len);
    char *hex = hex_of(data);
    cr_assert_str_eq(hex, golden->hex);
    cr_assert_eq(ebi_data_from_avro_first(data, both.data + used, both.len - used - 1, &used, NULL), EB_PERMANENT);
    cr_assert_eq(ebi_data_from_avro(data, both.data, both.len, NULL), EB_PERMANENT, "%s", golden->type);
    free(hex);
    ebi_bytes_free(&body);
    ebi_bytes_free(&both);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(goldens, bodies_behind_each_other_are_read_one_by_one) {
    cr_assert_eq(each_golden(stands_behind_itself), 216);
}
