/* tests/unit/schema/test_growth.c - a hostile schema that is twice as large costs about twice as much, not four times. */
#include <criterion/criterion.h>
#include <time.h>
#include "support.h"

static double cpu_seconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(struct ebi_bytes *text, const char *more) {
    cr_assert(ebi_bytes_add_text(text, more));
}

static void begin(struct ebi_bytes *text) {
    add(text, "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"x.v1\",\"fields\":[");
}

/* An enum of n symbols, and a list of 4 n of them as a default. */
static struct ebi_bytes symbols(size_t n) {
    struct ebi_bytes text = {0};

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
    struct ebi_bytes text = {0};

    begin(&text);
    for (size_t i = 0; i < n; i++)
        cr_assert(ebi_bytes_add_format(&text, "%s{\"name\":\"f%zu\",\"type\":\"int\"}", i ? "," : "",
                                       backwards ? n - 1 - i : i));
    add(&text, "]}");
    return text;
}

static double parse_symbols(size_t n) {
    struct ebi_bytes text = symbols(n);
    double start = cpu_seconds();

    ebi_schema_free(schema_of(text.data));
    start = cpu_seconds() - start;
    ebi_bytes_free(&text);
    return start;
}

static double resolve_fields(size_t n) {
    struct ebi_bytes forwards = fields(n, false), backwards = fields(n, true);
    struct ebi_schema *writer = schema_of(backwards.data), *reader = schema_of(forwards.data);
    struct ebi_resolver *resolver = NULL;
    double start = cpu_seconds();

    cr_assert_eq(ebi_resolver_new(writer, reader, &resolver, NULL), EB_OK);
    cr_assert_eq(ebi_schema_evolution(writer, writer, NULL, NULL, NULL), 0);
    start = cpu_seconds() - start;
    ebi_resolver_free(resolver);
    ebi_schema_free(writer);
    ebi_schema_free(reader);
    ebi_bytes_free(&forwards);
    ebi_bytes_free(&backwards);
    return start;
}

/* The smallest of five: other processes only add to it. */
static double least(double (*work)(size_t), size_t n) {
    double least = work(n);

    for (int i = 0; i < 4; i++) {
        double again = work(n);

        least = again < least ? again : least;
    }
    return least;
}

static void grows_in_proportion(double (*work)(size_t), size_t n) {
    double once = least(work, n), twice = least(work, 2 * n);

    cr_assert_lt(twice, 2.5 * once + 0.0005, "%zu: %.6f s, %zu: %.6f s", n, once, 2 * n, twice);
}

Test(growth, an_enums_symbols) {
    grows_in_proportion(parse_symbols, 8000);
}

Test(growth, a_records_fields) {
    grows_in_proportion(resolve_fields, 4000);
}
