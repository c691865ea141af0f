/* tests/fuzz/json.c - JSON text to data: two bytes choose the schema, the rest is the text. What we take jansson takes
 * as well, what we refuse changes nothing. */
#include "fuzz.h"
#include "json/event_data.h"
#include "schema/sample.h"

#include <jansson.h>
#include <string.h>

/* Whether jansson takes it too; it knows no U+0000 in names, so such texts are not asked about. */
static bool jansson_takes(const char *json, size_t len) {
    json_error_t wrong;
    json_t *tree;

    if (memmem(json, len, "\\u0000", 6))
        return true;
    tree = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &wrong);
    if (!tree)
        fprintf(stderr, "jansson: %s\n", wrong.text);
    json_decref(tree);
    return tree;
}

static void unchanged(const struct ebi_data *data, const struct ebi_bytes *before) {
    struct ebi_bytes now = { 0 };
    struct eb_error err = { 0 };

    fuzz_done(ebi_data_to_json(data, &now, &err), &err, "data that was not to be changed");
    fuzz_promise(fuzz_same(before, &now), "refused, but data is now %s", now.data);
    ebi_bytes_free(&now);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    const struct eb_signal *signal = fuzz_signal(&in);
    struct eb_text json = fuzz_rest(&in);
    struct ebi_data *data = ebi_data_new(signal->schema);
    struct ebi_bytes before = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status;

    fuzz_done(ebi_data_sample(data, &err), &err, "sample");
    fuzz_done(ebi_data_to_json(data, &before, &err), &err, "sample to JSON");
    status = ebi_data_from_json(data, "data", json.data, json.len, &err);
    if (status == EB_OK) {
        fuzz_promise(jansson_takes(json.data, json.len), "jansson refuses what we take");
        fuzz_round_trip(data);
    } else {
        fuzz_refused(status, &err);
        unchanged(data, &before);
    }
    ebi_bytes_free(&before);
    ebi_data_free(data);
    return 0;
}
