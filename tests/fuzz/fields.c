/* tests/fuzz/fields.c - data by paths: two bytes choose the schema, then come operations, each with a path. Whatever is
 * set can be read back, and data that has come to be complete has both its forms. */
#include "fuzz.h"
#include "../event_of.h"
#include "schema/sample.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 40 };

static void judge(enum eb_status status, const struct eb_error *err) {
    if (status < 0)
        fuzz_refused(status, err);
}

static void get(const struct ebi_data *data, const char *path) {
    struct eb_error err = { 0 };
    const char *text;
    const void *bytes;
    int64_t whole;
    double real;
    size_t n, len;
    int yes;

    judge(eb_event_get_text(event_of(data), path, &text, &len, &err), &err);
    judge(eb_event_get_bytes(event_of(data), path, &bytes, &len, &err), &err);
    judge(eb_event_get_long(event_of(data), path, &whole, &err), &err);
    judge(eb_event_get_double(event_of(data), path, &real, &err), &err);
    judge(eb_event_get_bool(event_of(data), path, &yes, &err), &err);
    if (eb_event_count(event_of(data), path, &n, &err) == EB_OK)
        for (size_t i = 0; i <= n && i < 10; i++)
            judge(eb_event_map_key(event_of(data), path, i, &text, &len, &err), &err);
}

static void set_text(struct ebi_data *data, const char *path, struct eb_text value) {
    struct eb_error err = { 0 };
    const char *text;
    size_t len;
    enum eb_status status = eb_event_set_text(event_of(data), path, value.data, value.len, &err);

    judge(status, &err);
    if (status != EB_OK)
        return;
    fuzz_done(eb_event_get_text(event_of(data), path, &text, &len, &err), &err, path);
    fuzz_promise(len == value.len && memcmp(text, value.data, len) == 0 && !text[len], "%s: another text", path);
}

static void set_long(struct ebi_data *data, const char *path, int64_t value) {
    struct eb_error err = { 0 };
    int64_t got;
    double real;
    enum eb_status status = eb_event_set_long(event_of(data), path, value, &err);

    judge(status, &err);
    if (status == EB_OK && eb_event_get_long(event_of(data), path, &got, NULL) == EB_OK)
        fuzz_promise(got == value, "%s: another number", path);
    else if (status == EB_OK) /* of a real */
        fuzz_done(eb_event_get_double(event_of(data), path, &real, &err), &err, path);
}

/* Items are added one past the last, so paths that fuzzers find stay small. */
static void step(struct ebi_data *data, struct fuzz_in *in) {
    unsigned what = (unsigned)fuzz_number(in, 1);
    struct eb_text said = fuzz_take(in, fuzz_number(in, 1));
    char *path = strndup(said.data, said.len);
    struct eb_text value;
    struct eb_error err = { 0 };
    double real;

    fuzz_promise(path != NULL, "memory");
    switch (what % 9) {
    case 0:
        set_text(data, path, fuzz_take(in, fuzz_number(in, 1)));
        break;
    case 1:
        value = fuzz_take(in, fuzz_number(in, 1));
        judge(eb_event_set_bytes(event_of(data), path, value.data, value.len, &err), &err);
        break;
    case 2:
        set_long(data, path, (int64_t)fuzz_number(in, 8));
        break;
    case 3:
        value = fuzz_take(in, sizeof real);
        real = 0;
        memcpy(&real, value.data, value.len);
        judge(eb_event_set_double(event_of(data), path, real, &err), &err);
        break;
    case 4:
        judge(eb_event_set_bool(event_of(data), path, (int)fuzz_number(in, 1), &err), &err);
        break;
    case 5:
        judge(eb_event_set_null(event_of(data), path, &err), &err);
        break;
    case 6:
        judge(eb_event_set_empty(event_of(data), path, &err), &err);
        break;
    case 7:
        ebi_data_clear(data);
        break;
    default:
        fuzz_done(ebi_data_sample(data, &err), &err, "sample");
    }
    get(data, path);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    struct ebi_data *data = ebi_data_new(fuzz_signal(&in)->schema);

    fuzz_promise(data != NULL, "memory");
    for (int i = 0; i < MOST_STEPS && in.left > 0; i++)
        step(data, &in);
    fuzz_round_trip(data);
    ebi_data_free(data);
    return 0;
}
