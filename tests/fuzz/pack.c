/* tests/fuzz/pack.c - what a broker may bring to a plugin that is written with plugin-help.h: a packed message, or headers of
 * text. What is taken can be written, and is the same when it is read again; what is refused is kept whole. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/pack.h>
#include <eventbus/plugin-help/text_headers.h>

enum { HEADERS_MAX = 64 };

static bool same_pairs(const struct eb_header *a, size_t n_a, const struct eb_header *b, size_t n_b) {
    bool same = n_a == n_b;

    for (size_t i = 0; same && i < n_a; i++)
        same = ebp_text_equal(a[i].name, b[i].name) && ebp_text_equal(a[i].value, b[i].value);
    return same;
}

static void promise_same(const struct eb_message *a, const struct eb_message *b) {
    fuzz_promise(!b->decode_error.data, "what was written is refused: %s", b->decode_error.data);
    fuzz_promise(ebp_text_equal(a->id, b->id) && ebp_text_equal(a->key, b->key) && ebp_text_equal(a->key_avro, b->key_avro),
                 "another id or key than was written");
    fuzz_promise(ebp_text_equal(a->payload, b->payload), "another payload than was written");
    fuzz_promise(same_pairs(a->attrs, a->n_attrs, b->attrs, b->n_attrs), "other attributes than were written");
    fuzz_promise(same_pairs(a->headers, a->n_headers, b->headers, b->n_headers), "other headers than were written");
}

/* A reason to show: one line. */
static void promise_reason(const struct eb_message *message) {
    const char *why = message->decode_error.data;

    fuzz_promise(strlen(why) == message->decode_error.len && strlen(why) > 10 && !strpbrk(why, "\r\n"), "\"%s\"", why);
}

/* ---- Packed ---- */

static void take_packed(struct eb_text bytes) {
    struct ebp_pairs pairs = { 0 }, again_pairs = { 0 };
    struct eb_message message = { .size = sizeof message }, again = message;
    struct ebp_bytes packed = { 0 };

    fuzz_promise(ebp_unpack(&pairs, bytes, &message, NULL) == EB_OK, "memory");
    if (message.decode_error.data) {
        promise_reason(&message);
        fuzz_promise(ebp_text_equal(message.payload, bytes) && message.n_attrs + message.n_headers == 0, "not kept whole");
    } else {
        fuzz_promise(message.n_attrs + message.n_headers <= EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX, "too many headers");
        fuzz_promise(ebp_pack(&packed, &message), "memory");
        fuzz_promise(ebp_unpack(&again_pairs, ebp_text((char *)packed.data, packed.len), &again, NULL) == EB_OK, "memory");
        promise_same(&message, &again);
    }
    ebp_bytes_free(&packed);
    ebp_pairs_free(&pairs);
    ebp_pairs_free(&again_pairs);
}

/* ---- As headers ---- */

/* Each header is a line, "name: value". */
static size_t split(struct eb_text rest, struct eb_header *headers) {
    size_t n = 0;

    while (rest.len > 0 && n < HEADERS_MAX) {
        const char *end = memchr(rest.data, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        const char *colon = memmem(rest.data, len, ": ", 2);

        headers[n].name = ebp_text(rest.data, colon ? (size_t)(colon - rest.data) : len);
        headers[n].value = colon ? ebp_text(colon + 2, len - headers[n].name.len - 2) : ebp_text(NULL, 0);
        n++;
        rest.data += len + (end != NULL);
        rest.len -= len + (end != NULL);
    }
    return n;
}

static void promise_printable(struct eb_text text) {
    for (size_t i = 0; i < text.len; i++)
        fuzz_promise(text.data[i] > 0x20 && text.data[i] < 0x7F, "byte %d in %s", text.data[i], text.data);
    fuzz_promise(text.len > 0 && strlen(text.data) == text.len, "a header without text, or its NUL");
}

static void take_headers(struct eb_text bytes) {
    struct ebp_text_headers read = { 0 }, written = { 0 }, read_again = { 0 };
    struct eb_message message = { .size = sizeof message, .payload = { "p", 1 } }, again = message;
    struct eb_header headers[HEADERS_MAX];
    size_t n = split(bytes, headers);

    fuzz_promise(ebp_text_headers_read(&read, headers, n, &message, NULL) == EB_OK, "memory");
    if (message.decode_error.data) {
        promise_reason(&message);
        fuzz_promise(same_pairs(message.headers, message.n_headers, headers, n) && message.n_attrs == 0, "not kept whole");
    } else {
        fuzz_promise(message.n_attrs + message.n_headers <= n, "more than there were");
        fuzz_promise(ebp_text_headers_write(&written, &message), "memory");
        for (size_t i = 0; i < written.n; i++) {
            promise_printable(written.list[i].name);
            promise_printable(written.list[i].value);
        }
        fuzz_promise(ebp_text_headers_read(&read_again, written.list, written.n, &again, NULL) == EB_OK, "memory");
        promise_same(&message, &again);
    }
    ebp_text_headers_free(&read);
    ebp_text_headers_free(&written);
    ebp_text_headers_free(&read_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    struct eb_text rest = fuzz_rest(&in);
    char *copy = malloc(rest.len + 1); /* of just that length, so that a sanitizer sees a read behind it */

    fuzz_promise(copy != NULL, "memory");
    if (rest.len > 0)
        memcpy(copy, rest.data, rest.len);
    rest.data = copy;
    take_packed(rest);
    take_headers(rest);
    free(copy);
    return 0;
}
