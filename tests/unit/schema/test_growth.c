/* tests/unit/schema/test_growth.c - a hostile schema costs time in proportion to its size. */
#include <criterion/criterion.h>
#include "../growth.h"
#include "../schemas.h"
#include "schema/resolve.h"

static void add(struct ebi_bytes *text, const char *more) {
    cr_assert(ebi_bytes_add_text(text, more));
}

static void begin(struct ebi_bytes *text) {
    add(text, "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"x.v1\",\"fields\":[");
}

/* An enum of n symbols, and a list of 4 n of them as a default. */
static struct ebi_bytes symbols(size_t n) {
    struct ebi_bytes text = { 0 };

    begin(&text);
    add(&text, "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[");
    for (size_t i = 0; i < n; i++)
        cr_assert(ebi_bytes_add_format(&text, "%s\"S%zu\"", i ? "," : "", i));
    add(&text, "]}},{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":\"E\"},\"default\":[");
    for (size_t i = 0; i < 4 * n; i++)
        cr_assert(ebi_bytes_add_format(&text, "%s\"S%zu\"", i ? "," : "", n - 1));
    add(&text, "]}]}");
    return text;
}

/* n fields, the first one last where `backwards`. */
static struct ebi_bytes fields(size_t n, bool backwards) {
    struct ebi_bytes text = { 0 };

    begin(&text);
    for (size_t i = 0; i < n; i++)
        cr_assert(
            ebi_bytes_add_format(&text, "%s{\"name\":\"f%zu\",\"type\":\"int\"}", i ? "," : "", backwards ? n - 1 - i : i));
    add(&text, "]}");
    return text;
}

static void parse_symbols(size_t n) {
    struct ebi_bytes text = symbols(n);

    ebi_schema_free(schema_of(text.data));
    ebi_bytes_free(&text);
}

static void resolve_fields(size_t n) {
    struct ebi_bytes forwards = fields(n, false), backwards = fields(n, true);
    struct ebi_schema *writer = schema_of(backwards.data), *reader = schema_of(forwards.data);
    struct ebi_resolution *resolver = NULL;

    cr_assert_eq(ebi_resolution_new(writer, reader, &resolver, NULL), EB_OK);
    cr_assert_eq(ebi_schema_evolution(writer, writer, NULL, NULL, NULL), 0);
    ebi_resolution_free(resolver);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
    ebi_bytes_free(&forwards);
    ebi_bytes_free(&backwards);
}

Test(growth, an_enums_symbols) {
    expect_growth("symbols", parse_symbols, 2000);
}

Test(growth, a_records_fields) {
    expect_growth("fields", resolve_fields, 1000);
}
