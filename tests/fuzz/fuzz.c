/* tests/fuzz/fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/utf8.h"
#include "json/event_data.h"

/* ---- Bytes ---- */

uint64_t fuzz_number(struct fuzz_in *in, size_t bytes) {
    struct eb_text text = fuzz_take(in, bytes);
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++)
        number |= (uint64_t)(unsigned char)text.data[i] << i * 8;
    return number;
}

struct eb_text fuzz_take(struct fuzz_in *in, size_t len) {
    struct eb_text text = { (const char *)in->at, len < in->left ? len : in->left };

    in->at += text.len;
    in->left -= text.len;
    return text;
}

struct eb_text fuzz_rest(struct fuzz_in *in) {
    return fuzz_take(in, in->left);
}

bool fuzz_same(const struct ebi_bytes *a, const struct ebi_bytes *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* ---- Promises ---- */

void fuzz_promise(bool kept, const char *format, ...) {
    va_list args;

    if (kept)
        return;
    fputs("promise not kept: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void fuzz_refused(enum eb_status status, const struct eb_error *err) {
    size_t len = strnlen(err->text, sizeof err->text);
    enum ebi_printable what;
    uint32_t character;

    fuzz_promise(status < 0 && err->status == status, "status %d, and %d in the error", (int)status, (int)err->status);
    fuzz_promise(err->kind > EB_KIND_NONE && err->kind <= EB_KIND_SYSTEM, "an error of kind %d", (int)err->kind);
    fuzz_promise(len > 0 && len < sizeof err->text, "an error of %zu bytes", len);
    for (size_t at = 0; at < len; at += ebi_printable_step(err->text + at, len - at, &what, &character))
        fuzz_promise(ebi_printable_step(err->text + at, len - at, &what, &character) > 0 && what == EBI_SHOW,
                     "byte %zu may not be shown: %s", at, err->text);
}

void fuzz_done(enum eb_status status, const struct eb_error *err, const char *what) {
    fuzz_promise(status == EB_OK, "%s: %s", what, err->text);
}

/* ---- Signals ---- */

const struct ebi_signals *fuzz_signals(void) {
    static struct ebi_signals *signals;
    const char *source = getenv("top_srcdir");
    struct eb_error err = { 0 };
    char folder[4096];

    if (signals)
        return signals;
    snprintf(folder, sizeof folder, "%s/conf/schemas", source ? source : ".");
    fuzz_done(ebi_signals_load(folder, 1 << 20, "fuzz", NULL, &signals, &err), &err, "the schemas");
    return signals;
}

const struct eb_signal *fuzz_signal(struct fuzz_in *in) {
    const struct ebi_signals *signals = fuzz_signals();

    return &signals->items[fuzz_number(in, 2) % signals->n];
}

/* ---- Files ---- */

const char *fuzz_file(const void *bytes, size_t len) {
    static char path[64];
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_promise(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len, "no file to write to");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* ---- Data, its JSON and its Avro form ---- */

static void same_forms(const struct ebi_data *data, const struct ebi_bytes *json, const struct ebi_bytes *avro,
                       const char *from) {
    struct ebi_bytes again = { 0 };
    struct eb_error err = { 0 };

    fuzz_done(ebi_data_to_json(data, &again, &err), &err, from);
    fuzz_promise(fuzz_same(json, &again), "%s: JSON was %s, is %s", from, json->data, again.data);
    ebi_bytes_clear(&again);
    fuzz_done(ebi_data_to_avro(data, &again, &err), &err, from);
    fuzz_promise(fuzz_same(avro, &again), "%s: other bytes for %s", from, json->data);
    ebi_bytes_free(&again);
}

/* Avro has numbers that stand as text in JSON: which NaN it was, or that it was none in a union with text, is not told. */
static bool has_non_finite(const struct ebi_bytes *json) {
    return strstr(json->data, "\"NaN\"") || strstr(json->data, "Infinity\"");
}

static void same_bytes(struct ebi_data *copy, const struct ebi_bytes *avro) {
    struct ebi_bytes again = { 0 };
    struct eb_error err = { 0 };

    fuzz_done(ebi_data_from_avro(copy, avro->data, avro->len, &err), &err, "its own Avro form");
    fuzz_done(ebi_data_to_avro(copy, &again, &err), &err, "back from Avro");
    fuzz_promise(fuzz_same(avro, &again), "other bytes for data with a number that is not finite");
    ebi_bytes_free(&again);
}

static void same_json(struct ebi_data *copy, const struct ebi_bytes *json) {
    struct ebi_bytes again = { 0 };
    struct eb_error err = { 0 };

    fuzz_done(ebi_data_from_printed_json(copy, "data", json->data, json->len, &err), &err, json->data);
    fuzz_done(ebi_data_to_json(copy, &again, &err), &err, "back from JSON");
    fuzz_promise(fuzz_same(json, &again), "JSON was %s, is %s", json->data, again.data);
    ebi_bytes_free(&again);
}

bool fuzz_round_trip(const struct ebi_data *data) {
    struct ebi_bytes json = { 0 }, avro = { 0 };
    struct eb_error err = { 0 };
    struct ebi_data *copy = ebi_data_new(ebi_data_schema(data));
    bool complete = ebi_data_complete(data, &err) == EB_OK;

    fuzz_promise(copy != NULL, "memory");
    if (!complete) {
        fuzz_refused(EB_PERMANENT, &err);
        fuzz_promise(ebi_data_to_json(data, &json, NULL) == EB_PERMANENT, "not complete, but there is JSON: %s", json.data);
        fuzz_promise(ebi_data_to_avro(data, &avro, NULL) == EB_PERMANENT, "not complete, but there are bytes");
    } else {
        fuzz_done(ebi_data_to_json(data, &json, &err), &err, "complete data to JSON");
        fuzz_done(ebi_data_to_avro(data, &avro, &err), &err, "complete data to Avro");
        fuzz_promise(ebi_utf8_valid(json.data, json.len), "JSON that is not UTF-8");
        same_json(copy, &json);
        same_bytes(copy, &avro);
    }
    if (complete && !has_non_finite(&json)) {
        fuzz_done(ebi_data_from_json(copy, "data", json.data, json.len, &err), &err, json.data);
        same_forms(copy, &json, &avro, "back from JSON");
        fuzz_done(ebi_data_from_avro(copy, avro.data, avro.len, &err), &err, "its own Avro form");
        same_forms(copy, &json, &avro, "back from Avro");
    }
    ebi_data_free(copy);
    ebi_bytes_free(&json);
    ebi_bytes_free(&avro);
    return complete;
}
