/* tests/unit/help/messages.c - see messages.h. */
#include "messages.h"

#include <string.h>
#include <eventbus/plugin-help/text.h>

static const char *const usual[] = { "type", "id", "source", "time", "minorversion", "sourcehost", "sourcelib" };
enum { USUAL = sizeof usual / sizeof *usual };

static unsigned chance(struct random_message *random, unsigned of) {
    random->state = random->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random->state >> 33) % of;
}

static struct eb_text make_text(struct random_message *random) {
    static const char *const words[] = { "x",  "Trace-Parent", "dlq_error", "a b\tc",  "%41",
                                         "%-", "%.",           ".2e",       "eb-h0-x", "\xC3\xBC" };
    const unsigned n_words = sizeof words / sizeof *words;
    unsigned kind = chance(random, 5);
    char *text = random->text + random->used;
    size_t len = chance(random, 20);

    if (kind == 0)
        return ebp_text(NULL, 0);
    if (kind == 1)
        return ebp_text_of("");
    if (kind == 2)
        return ebp_text_of(words[chance(random, n_words)]);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(unsigned char)chance(random, 256);
    random->used += len;
    return ebp_text(text, len);
}

static size_t make_pairs(struct random_message *random, struct eb_header *pairs) {
    size_t n = chance(random, MESSAGE_PAIRS + 1);

    for (size_t i = 0; i < n; i++) {
        pairs[i].name = chance(random, 2) ? ebp_text_of(usual[chance(random, USUAL)]) : make_text(random);
        pairs[i].value = make_text(random);
    }
    return n;
}

/* As an event has them. */
static size_t make_usual_attrs(struct random_message *random, struct eb_header *attrs) {
    size_t n = 0;

    for (size_t i = 0; i < USUAL; i++)
        if (chance(random, 8))
            attrs[n++] = (struct eb_header){ ebp_text_of(usual[i]), ebp_text_of(i == 1 ? "id-7" : "a value, 100% \"of\" it") };
    return n;
}

void make_message(struct random_message *random, unsigned long long seed) {
    struct eb_message *message = &random->message;

    memset(random, 0, sizeof *random);
    random->state = seed;
    message->size = sizeof *message;
    message->id = chance(random, 2) ? ebp_text_of("id-7") : make_text(random);
    message->key = make_text(random);
    message->key_avro = make_text(random);
    message->payload = make_text(random);
    message->attrs = random->attrs;
    message->n_attrs = chance(random, 2) ? make_usual_attrs(random, random->attrs) : make_pairs(random, random->attrs);
    message->headers = random->headers;
    message->n_headers = make_pairs(random, random->headers);
}

static bool same_pairs(const struct eb_header *a, size_t n_a, const struct eb_header *b, size_t n_b) {
    bool same = n_a == n_b;

    for (size_t i = 0; same && i < n_a; i++)
        same = ebp_text_equal(a[i].name, b[i].name) && ebp_text_equal(a[i].value, b[i].value);
    return same;
}

const char *difference(const struct eb_message *a, const struct eb_message *b) {
    if (!ebp_text_equal(a->id, b->id))
        return "the id";
    if (!ebp_text_equal(a->key, b->key))
        return "the key";
    if (!ebp_text_equal(a->key_avro, b->key_avro))
        return "the key as Avro";
    if (!ebp_text_equal(a->payload, b->payload))
        return "the payload";
    if (!same_pairs(a->attrs, a->n_attrs, b->attrs, b->n_attrs))
        return "the attributes";
    return same_pairs(a->headers, a->n_headers, b->headers, b->n_headers) ? NULL : "the headers";
}
