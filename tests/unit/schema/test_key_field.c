/* tests/unit/schema/test_key_field.c - the field that a topic's key is taken from. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "schema/key_field.h"

static void refused(const struct ebi_schema *schema, const char *path, const char *expected) {
    struct ebi_key_field *field = NULL;
    struct eb_error err = { 0 };

    cr_expect_eq(ebi_key_field_new(schema, path, &field, &err), EB_PERMANENT, "%s was taken", path);
    cr_expect(strncmp(err.text, expected, strlen(expected)) == 0, "%s gave %s", path, err.text);
    cr_expect_null(field);
}

Test(key, is_one_value_that_is_always_there) {
    struct ebi_schema *schema = kitchen();

    refused(schema, "txt", "txt: there is no field txt; did you mean text?");
    refused(schema, "person", "key field person: a record; a key must be a text, number or boolean");
    refused(schema, "person.name", "key field person.name: may be null, which a key must not be");
    refused(schema, "late", "key field late: may be null");
    refused(schema, "nothing", "key field nothing: a null; a key must be");
    refused(schema, "any", "key field any: a null or boolean or");
    refused(schema, "any.x", "key field any.x: inside a list or map; a key is one value");
    refused(schema, "tags", "key field tags: a list of string; a key must be");
    refused(schema, "tags[0]", "key field tags[0]: inside a list or map");
    refused(schema, "context{x}", "key field context{x}: inside a list or map");
    refused(schema, "color", "key field color: a enum; a key must be");
    refused(schema, "hash", "key field hash: a fixed");
    ebi_schema_free(schema);
}

Test(key, of_each_primitive_type) {
    static const struct {
        const char *path, *type, *text, *hex;
    } table[] = {
        { "flag", "boolean", "true", "01" },
        { "small", "int", "-2147483648", "ffffffff0f" },
        { "big", "long", "9223372036854775807", "feffffffffffffffff01" },
        { "single", "float", "0.1", "cdcccc3d" },
        { "real", "double", "-0.0", "0000000000000080" },
        { "raw", "bytes", NULL, "060001ff" },
        { "text", "string", "a", "06610062" },
    };
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full), *unset = ebi_data_new(schema);

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct ebi_key_field *field = NULL;
        struct ebi_bytes text = { 0 }, avro = { 0 }, shown = { 0 };
        struct eb_error err;
        char *hex;

        cr_assert_eq(ebi_key_field_new(schema, table[i].path, &field, &err), EB_OK, "%s", err.text);
        cr_assert_str_eq(ebi_key_field_path(field), table[i].path);
        cr_assert(ebi_bytes_add_format(&shown, "{\"name\": \"%s\", \"type\": \"%s\"}", table[i].path, table[i].type));
        cr_assert_str_eq(ebi_key_field_schema(field)->json.data, shown.data);
        cr_assert_str_eq(ebi_key_field_schema(field)->name.data, table[i].type);
        cr_assert_neq(ebi_key_field_schema(field)->id, ebi_schema_public(schema)->id);
        cr_assert_eq(ebi_data_key(data, field, &text, &avro, &err), EB_OK, "%s", err.text);
        hex = to_hex(&avro);
        cr_expect_str_eq(hex, table[i].hex, "%s: %s", table[i].path, hex);
        if (table[i].text)
            cr_expect_str_eq(text.data, table[i].text);
        cr_assert_eq(ebi_data_key(unset, field, &text, &avro, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, "not set"), "%s", err.text);
        free(hex);
        ebi_bytes_free(&text);
        ebi_bytes_free(&avro);
        ebi_bytes_free(&shown);
        ebi_key_field_free(field);
    }
    ebi_data_free(data);
    ebi_data_free(unset);
    ebi_schema_free(schema);
}

Test(key, text_is_all_of_it_and_adds_to_what_is_there) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full);
    struct ebi_key_field *field = NULL;
    struct ebi_bytes text = { 0 }, avro = { 0 };

    cr_assert_eq(ebi_key_field_new(schema, "text", &field, NULL), EB_OK);
    cr_assert_eq(ebi_data_key(data, field, &text, &avro, NULL), EB_OK);
    cr_assert(text.len == 3 && memcmp(text.data, "a\0b", 3) == 0);
    cr_assert_eq(ebi_data_key(data, field, &text, &avro, NULL), EB_OK);
    cr_assert_eq(text.len, 6);
    cr_assert_eq(avro.len, 8);
    ebi_bytes_free(&text);
    ebi_bytes_free(&avro);
    ebi_key_field_free(field);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(key, fields_that_sites_route_by) {
    static const struct {
        const char *type, *path;
    } table[] = {
        { "org.openedx.content_authoring.course.catalog_info.changed.v1", "catalog_info.course_key" },
        { "org.openedx.content_authoring.xblock.published.v1", "xblock_info.usage_key" },
        { "org.openedx.learning.certificate.created.v1", "certificate.course.course_key" },
        { "org.openedx.analytics.tracking.event.emitted.v1", "tracking_log.name" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct ebi_schema *schema = installed_schema(table[i].type);
        struct ebi_key_field *field = NULL;
        struct eb_error err;

        cr_assert_eq(ebi_key_field_new(schema, table[i].path, &field, &err), EB_OK, "%s", err.text);
        cr_assert_str_eq(ebi_key_field_schema(field)->name.data, "string");
        ebi_key_field_free(field);
        ebi_schema_free(schema);
    }
}
