/* tests/unit/schema/test_memory.c - when memory runs out, that is what is told, and nothing leaks or is half done. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "../memory.h"
#include "../schemas.h"
#include "../../event_of.h"
#include "json/event_data.h"
#include "schema/key_field.h"
#include "schema/resolve.h"
#include "schema/sample.h"

/* All that this room does, as far as memory allows; the status of the first that fails. */
struct work {
    struct ebi_schema *schema, *reader;
    struct ebi_data *data, *read;
    struct ebi_resolution *resolver;
    struct ebi_key_field *key;
    struct ebi_bytes avro, json, text, key_avro;
};

static enum eb_status make_all(struct work *w, struct eb_error *err) {
    static const char reader[] = "{\"type\":\"record\",\"name\":\"CloudEvent\",\"fields\":["
                                 "{\"name\":\"more\",\"type\":{\"type\":\"array\",\"items\":\"string\"},"
                                 "\"default\":[\"x\"]},"
                                 "{\"name\":\"hash\",\"type\":{\"type\":\"fixed\",\"name\":\"Hash\",\"size\":4}},"
                                 "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}";
    enum eb_status status = ebi_schema_parse(kitchen_text, strlen(kitchen_text), &w->schema, err);

    if (status == EB_OK)
        status = ebi_schema_parse(reader, strlen(reader), &w->reader, err);
    if (status == EB_OK)
        status = ebi_resolution_new(w->schema, w->reader, &w->resolver, err);
    if (status == EB_OK)
        status = ebi_key_field_new(w->schema, "text", &w->key, err);
    if (status != EB_OK)
        return status;
    w->data = ebi_data_new(w->schema);
    w->read = w->data ? ebi_data_new(w->reader) : NULL;
    if (w->read)
        return EB_OK;
    err->status = EB_FATAL;
    strcpy(err->text, "out of memory");
    return EB_FATAL;
}

static enum eb_status use_all(struct work *w, struct eb_error *err) {
    enum eb_status status = ebi_data_from_json(w->data, "data", kitchen_full, strlen(kitchen_full), err);

    for (int i = 0; i < 20 && status == EB_OK; i++) {
        char path[32];

        snprintf(path, sizeof path, "deep{key %d}[0]{x}", i);
        status = eb_event_set_long(event_of(w->data), path, i, err);
        if (status == EB_OK)
            status = eb_event_set_text(event_of(w->data), "tags[0]", kitchen_text, (size_t)i * 50, err);
    }
    if (status == EB_OK)
        status = ebi_data_to_avro(w->data, &w->avro, err);
    if (status == EB_OK)
        status = ebi_data_to_json(w->data, &w->json, err);
    if (status == EB_OK)
        status = ebi_data_key(w->data, w->key, &w->text, &w->key_avro, err);
    if (status == EB_OK)
        status = ebi_data_from_avro_of(w->read, w->resolver, w->avro.data, w->avro.len, err);
    if (status == EB_OK)
        status = ebi_data_from_avro(w->data, w->avro.data, w->avro.len, err);
    return status == EB_OK ? ebi_data_sample(w->data, err) : status;
}

static enum eb_status work(struct eb_error *err) {
    struct work w = { 0 };
    enum eb_status status = make_all(&w, err);

    if (status == EB_OK)
        status = use_all(&w, err);
    ebi_bytes_free(&w.avro);
    ebi_bytes_free(&w.json);
    ebi_bytes_free(&w.text);
    ebi_bytes_free(&w.key_avro);
    ebi_key_field_free(w.key);
    ebi_resolution_free(w.resolver);
    ebi_data_free(w.data);
    ebi_data_free(w.read);
    ebi_schema_free(w.schema);
    ebi_schema_free(w.reader);
    return status;
}

Test(memory, when_it_runs_out_that_is_what_is_told) {
    unsigned n = 0;

    for (;;) {
        struct eb_error err = { 0 };
        enum eb_status status;

        fail_allocation(++n);
        status = work(&err);
        if (!allocation_failed()) {
            cr_assert_eq(status, EB_OK, "%s", err.text);
            break;
        }
        cr_assert_eq(status, EB_FATAL, "allocation %u: %s", n, err.text);
        cr_assert(strstr(err.text, "out of memory"), "allocation %u: %s", n, err.text);
    }
    cr_assert_gt(n, 60);
}

Test(memory, json_that_found_none_changes_nothing) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_bare);
    struct ebi_bytes large = { 0 };
    char *json;

    cr_assert(ebi_bytes_add_text(&large, "{\"tags\":[\"x\""));
    for (int i = 0; i < 5000; i++)
        cr_assert(ebi_bytes_add_text(&large, ",\"x\""));
    cr_assert(ebi_bytes_add_text(&large, "]"));
    for (unsigned n = 1; n < 4; n++) {
        fail_allocation(n);
        cr_assert_eq(ebi_data_from_json(data, "data", large.data, large.len, NULL), EB_FATAL, "allocation %u", n);
        cr_assert(allocation_failed());
        json = json_of(data);
        cr_assert_str_eq(json, kitchen_bare);
        free(json);
    }
    ebi_bytes_free(&large);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(memory, output_is_as_before_when_there_is_none_for_more) {
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":\"string\"}");
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes out = { 0 };
    char text[3000];

    memset(text, '\n', sizeof text);
    cr_assert_eq(eb_event_set_text(event_of(data), "a", text, sizeof text, NULL), EB_OK);
    cr_assert(ebi_bytes_add_text(&out, "kept"));
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n);
        cr_assert_eq(ebi_data_to_json(data, &out, NULL), EB_FATAL);
        cr_assert(allocation_failed());
        cr_assert_str_eq(out.data, "kept");
        cr_assert_eq(out.len, 4);
        if (n == 1) {
            fail_allocation(1);
            cr_assert_eq(ebi_data_to_avro(data, &out, NULL), EB_FATAL);
            cr_assert(allocation_failed());
            cr_assert_str_eq(out.data, "kept");
        }
    }
    ebi_bytes_free(&out);
    ebi_data_free(data);
    ebi_schema_free(schema);
}
