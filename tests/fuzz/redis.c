/* tests/fuzz/redis.c - what a server of any kind may send to the redis plugin: its answers, read whole and in pieces of
 * any size; every array in them as the fields of an entry; texts as ids and as addresses. What is taken as an event can
 * be written, and is the same when it is read again; what is not keeps all its fields. */
#include "fuzz.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "position.h"
#include "connection/url.h"

enum { LIMIT = 1 << 20, MOST_ANSWERS = 64 };

/* ---- Answers ---- */

static void put_node(struct ebi_bytes *out, const struct rd_node *node) {
    bool good = ebi_bytes_add_format(out, "%d ", (int)node->type);

    switch (node->type) {
    case REDIS_REPLY_ARRAY:
        good = good && ebi_bytes_add_format(out, "%zu[", node->n);
        for (size_t i = 0; i < node->n; i++)
            put_node(out, &node->items[i]);
        break;
    case REDIS_REPLY_INTEGER:
        good = good && ebi_bytes_add_format(out, "%lld ", (long long)node->number);
        break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        fuzz_promise(node->text[node->n] == '\0', "a text without its NUL");
        good = good && ebi_bytes_add(out, node->text, node->n);
        break;
    default:
        break;
    }
    fuzz_promise(good, "memory");
}

/* All answers in these bytes, fed `step` at a time, as text; what comes of each goes to `use`. */
static void read_answers(struct eb_text in, size_t step, struct ebi_bytes *out, void (*use)(const struct rd_node *)) {
    struct rd_arena arena = { 0 };
    struct rd_reader reader;
    struct eb_error err = { 0 };
    int32_t status = EB_OK;
    size_t n = 0;

    fuzz_promise(rd_reader_open(&reader, &arena, LIMIT), "memory");
    while (status == EB_OK && in.len > 0 && n < MOST_ANSWERS) {
        size_t len = in.len < step ? in.len : step;
        struct rd_node *node = NULL;

        status = rd_reader_feed(&reader, in.data, len, &err);
        in = (struct eb_text){ in.data + len, in.len - len };
        while (status == EB_OK && (status = rd_reader_next(&reader, &node, &err)) == EB_OK && node && n++ < MOST_ANSWERS) {
            fuzz_promise(arena.held <= arena.limit, "%zu bytes held", arena.held);
            put_node(out, node);
            if (use)
                use(node);
            rd_arena_reset(&arena);
        }
    }
    if (status != EB_OK)
        fuzz_refused(status, &err);
    fuzz_promise(ebi_bytes_add_format(out, "%d", (int)(n < MOST_ANSWERS ? status : EB_OK)), "memory");
    rd_reader_close(&reader);
    rd_arena_free(&arena);
}

/* ---- Entries ---- */

static bool same_text(struct eb_text a, struct eb_text b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_headers(const struct eb_header *a, const struct eb_header *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!same_text(a[i].name, b[i].name) || !same_text(a[i].value, b[i].value))
            return false;
    return true;
}

static void write_and_read(const struct eb_message *message) {
    static struct rd_entry_read read;
    static struct rd_node items[RD_FIELDS_MAX];
    const char *argv[RD_FIELDS_MAX];
    size_t lens[RD_FIELDS_MAX], n;
    struct eb_message again = { .size = sizeof again };
    const char *unfit = rd_entry_unfit(message);

    fuzz_promise(!unfit, "an entry that was taken cannot be written: %s", unfit);
    n = rd_entry_write(message, argv, lens);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct rd_node){ .type = REDIS_REPLY_STRING, .n = lens[i], .text = argv[i] };
    rd_entry_take(&(struct rd_node){ .type = REDIS_REPLY_ARRAY, .n = n, .items = items }, (struct rd_id){ 1, 2 }, &read,
                  &again);
    fuzz_promise(!again.decode_error.data, "what was written has a decode_error: %s", again.decode_error.data);
    fuzz_promise(again.n_attrs == message->n_attrs && same_headers(again.attrs, message->attrs, again.n_attrs) &&
                     again.n_headers == message->n_headers && same_headers(again.headers, message->headers, again.n_headers) &&
                     same_text(again.payload, message->payload) && same_text(again.id, message->id),
                 "another entry than was written");
}

static bool begins(struct eb_text text, const char *with) {
    return strncmp(text.data, with, strlen(with)) == 0;
}

static void take_entry(const struct rd_node *fields) {
    static struct rd_entry_read read;
    struct eb_message message = { .size = sizeof message, .topic = { "t", 1 } };
    size_t kept;

    rd_entry_take(fields, (struct rd_id){ UINT64_MAX, UINT64_MAX }, &read, &message);
    fuzz_promise(message.n_attrs <= RD_ATTRS_MAX && message.n_headers <= RD_HEADERS_MAX, "more than there is room for");
    kept = message.n_attrs + message.n_headers + (message.payload.data != NULL);
    if (!message.decode_error.data)
        write_and_read(&message);
    else if (!begins(message.decode_error, "it has no fields") && !begins(message.decode_error, "its fields are no") &&
             !begins(message.decode_error, "it has more than"))
        fuzz_promise(kept == fields->n / 2, "%zu fields of %zu are kept, and: %s", kept, fields->n / 2,
                     message.decode_error.data);
}

static void take_all(const struct rd_node *node) {
    (void)rd_value_of(node, "name");
    take_entry(node);
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++)
        take_all(&node->items[i]);
}

/* ---- Texts ---- */

static void take_id(const char *text) {
    struct eb_point point = { .size = sizeof point, .kind = EB_POSITION, .position = { text, strlen(text) } };
    struct eb_error err = { 0 };
    char shown[RD_ID_ROOM];
    struct rd_id id, again;
    int32_t status = rd_point_check(&point, &err);

    if (status != EB_OK)
        fuzz_promise(status == err.status && err.text[0], "status %d, and %d in the error", status, err.status);
    else
        rd_point_start(&point, shown);
    if (!rd_id_parse(text, &id))
        return;
    rd_id_print(id, shown);
    fuzz_promise(rd_id_parse(shown, &again) && rd_id_compare(id, again) == 0, "%s is not what was printed", shown);
    again = rd_id_before(id);
    fuzz_promise(rd_id_compare(again, id) < 0 || (id.ms == 0 && id.seq == 0), "%s: what is before it is not", shown);
}

static void take_url(const char *text) {
    struct rd_url url;
    struct eb_error err = { 0 };
    int32_t status = rd_url_parse(text, &url, &err);

    if (status != EB_OK)
        fuzz_refused(status, &err);
    else if (strlen(url.password) > 8 && !strstr(url.host, url.password))
        fuzz_promise(!strstr(url.shown, url.password), "%s shows the password %s", url.shown, url.password);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    struct ebi_bytes whole = { 0 }, pieces = { 0 };
    size_t step = 1 + fuzz_number(&in, 1);
    struct eb_text rest = fuzz_rest(&in);
    char *text = strndup(rest.data ? rest.data : "", rest.len);

    fuzz_promise(text != NULL, "memory");
    take_id(text);
    take_url(text);
    read_answers(rest, rest.len ? rest.len : 1, &whole, take_all);
    read_answers(rest, step, &pieces, NULL);
    fuzz_promise(fuzz_same(&whole, &pieces), "in pieces of %zu bytes it reads otherwise:\n%s\n%s", step, whole.data,
                 pieces.data);
    ebi_bytes_free(&whole);
    ebi_bytes_free(&pieces);
    free(text);
    return 0;
}
