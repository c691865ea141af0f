/* tests/fuzz/resolve.c - bodies that another's schema wrote, by a schema as a registry or a broker might hand it over:
 * two bytes choose our schema, two say how long the writer's is; what is left is the body. */
#include "fuzz.h"
#include "schema/resolve.h"
#include "schema/sample.h"

static void note(void *arg, const char *problem) {
    (void)arg;
    fuzz_promise(problem && *problem, "a breach without a word");
}

static void evolve(const struct ebi_schema *writer, const struct ebi_schema *reader) {
    struct eb_error err = { 0 };

    if (ebi_schema_evolution(writer, reader, note, NULL, &err) < 0)
        fuzz_refused((enum eb_status)err.status, &err);
}

static void read_body(const struct ebi_schema *writer, const struct ebi_schema *reader, struct eb_text body) {
    struct ebi_resolution *resolver = NULL;
    struct ebi_data *data = ebi_data_new(reader);
    struct eb_error err = { 0 };
    enum eb_status status = ebi_resolution_new(writer, reader, &resolver, &err);

    fuzz_promise(data != NULL, "memory");
    if (status == EB_OK)
        status = ebi_data_from_avro_of(data, resolver, body.data, body.len, &err);
    if (status == EB_OK)
        fuzz_promise(fuzz_round_trip(data), "a whole body, but data that is not complete");
    else
        fuzz_refused(status, &err);
    ebi_resolution_free(resolver);
    ebi_data_free(data);
}

/* The writer's schema as if it were our own. */
static void use_alone(const struct ebi_schema *writer, struct eb_text body) {
    struct ebi_data *data = ebi_data_new(writer);
    struct eb_error err = { 0 };
    enum eb_status status = ebi_data_from_avro(data, body.data, body.len, &err);

    fuzz_promise(data != NULL, "memory");
    if (status == EB_OK)
        fuzz_promise(fuzz_round_trip(data), "a whole body, but data that is not complete");
    else
        fuzz_refused(status, &err);
    status = ebi_data_sample(data, &err);
    if (status == EB_OK)
        fuzz_promise(fuzz_round_trip(data), "a sample that is not complete");
    else
        fuzz_refused(status, &err);
    ebi_data_free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    const struct eb_signal *signal = fuzz_signal(&in);
    struct eb_text text = fuzz_take(&in, fuzz_number(&in, 2)), body = fuzz_rest(&in);
    struct ebi_schema *writer = NULL;
    struct eb_error err = { 0 };
    enum eb_status status = ebi_schema_parse(text.data, text.len, &writer, &err);

    if (status != EB_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    use_alone(writer, body);
    evolve(writer, signal->schema);
    read_body(writer, signal->schema, body);
    read_body(signal->schema, writer, body);
    ebi_schema_free(writer);
    return 0;
}
