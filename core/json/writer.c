/* core/json/writer.c - writes values as compact JSON, in one walk over the nodes of their schema: see event_data.h. */
#include "avro/slots.h"

#include <math.h>

#include "base/error.h"
#include "json/base64.h"
#include "json/event_data.h"
#include "json/number.h"
#include "base/appender.h"
#include "json/scan.h"

struct writer {
    const struct ebi_schema *schema;
    struct ebi_appender out;
    struct eb_error *err;
    enum eb_status status; /* why writing failed */
};

static bool write_value(struct writer *, const struct ebi_node *, const struct ebi_slot *frame, const struct ebi_place *);

static bool no_memory(struct writer *w) {
    w->status = ebi_error_memory(w->err);
    return false;
}

static bool missing(struct writer *w, const struct ebi_node *node, const struct ebi_place *place) {
    w->status = ebi_missing("data", node, place, w->err);
    return false;
}

/* ---- Texts and numbers ---- */

/* Writes the escape of a character, at most six bytes for which there is room. Returns its end. */
static inline char *put_escape(char *at, unsigned char ch) {
    static const char letters[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
    };
    static const char hex[] = "0123456789abcdef";

    at[0] = '\\';
    at[1] = letters[ch];
    if (at[1])
        return at + 2;
    memcpy(at + 1, "u00", 3);
    at[4] = hex[ch >> 4];
    at[5] = hex[ch & 15];
    return at + 6;
}

/* Writes a text of a slot as a string. The text is UTF-8, and the bytes behind it may be read: whole words are copied,
 * and what is too much is overwritten by what follows. */
static bool put_string(struct writer *w, const char *text, size_t len) {
    struct ebi_appender *out = &w->out;
    char *at;

    if (!ebi_append_room(out, len + 16))
        return no_memory(w);
    at = out->at;
    *at++ = '"';
    while (len > 0) {
        uint64_t word = ebi_word(text), marks = ebi_mark_escaped(word);
        size_t step = len < sizeof word ? len : sizeof word;

        memcpy(at, text, sizeof word);
        if (step < sizeof word)
            marks &= ~(UINT64_MAX << 8 * step);
        if (marks)
            step = ebi_before_mark(marks);
        at += step;
        text += step;
        len -= step;
        if (!marks)
            continue;
        out->at = at;
        if (!ebi_append_room(out, len + 24))
            return no_memory(w);
        at = put_escape(out->at, (unsigned char)*text++);
        len--;
    }
    *at++ = '"';
    out->at = at;
    return true;
}

/* Writes a field's name, comma and colon, in whole words as well. */
static void put_key(struct ebi_appender *out, struct eb_text key, size_t skip) {
    for (size_t i = skip; i < key.len; i += 8)
        memcpy(out->at + i - skip, key.data + i, 8);
    out->at += key.len - skip;
}

static void put_whole(struct ebi_appender *out, int64_t whole) {
    char digits[20], *first = digits + sizeof digits;
    uint64_t rest = whole < 0 ? -(uint64_t)whole : (uint64_t)whole;
    size_t len;

    do
        *--first = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (whole < 0)
        *out->at++ = '-';
    len = (size_t)(digits + sizeof digits - first);
    memcpy(out->at, first, len);
    out->at += len;
}

static void put_plain(struct ebi_appender *out, const char *text) {
    size_t len = strlen(text);

    memcpy(out->at, text, len);
    out->at += len;
}

static void put_real(struct ebi_appender *out, const struct ebi_node *node, double real) {
    if (!isfinite(real))
        put_plain(out, ebi_non_finite_json(real)); /* no service sets such a number, but a broker may bring one */
    else if (node->kind == EBI_FLOAT)
        out->at += ebi_print_float((float)real, out->at);
    else
        out->at += ebi_print_double(real, out->at);
}

static bool put_bytes(struct writer *w, const struct ebi_slot *slot) {
    if (!ebi_append_room(&w->out, ebi_base64_len(slot->len) + 2))
        return no_memory(w);
    *w->out.at++ = '"';
    w->out.at = ebi_base64_write(w->out.at, slot->text, slot->len);
    *w->out.at++ = '"';
    return true;
}

/* ---- What holds others ---- */

enum { SMALL = 64 }; /* enough room for a number, a word or a symbol's quotes */

static bool put_char(struct writer *w, char ch) {
    if (!ebi_append_room(&w->out, SMALL))
        return no_memory(w);
    *w->out.at++ = ch;
    return true;
}

static bool write_record(struct writer *w, const struct ebi_node *node, const struct ebi_slot *frame,
                         const struct ebi_place *place) {
    const struct ebi_node *end = ebi_node_after(w->schema, node), *field = node + 1;

    if (!put_char(w, '{'))
        return false;
    for (size_t skip = 1; field < end; field = ebi_node_after(w->schema, field), skip = 0) {
        if (!ebi_append_room(&w->out, field->key.len + SMALL))
            return no_memory(w);
        put_key(&w->out, field->key, skip);
        if (!write_value(w, field, frame, place))
            return false;
    }
    return put_char(w, '}');
}

static bool write_items(struct writer *w, const struct ebi_node *node, const struct ebi_slot *slot,
                        const struct ebi_place *around) {
    struct ebi_place place = { .around = around };

    if (!put_char(w, node->kind == EBI_MAP ? '{' : '['))
        return false;
    for (; place.item < slot->len; place.item++) {
        const struct ebi_slot *item = ebi_item(node, slot, place.item);

        if (place.item > 0 && !put_char(w, ','))
            return false;
        if (node->kind == EBI_MAP && !(put_string(w, item->text, item->len) && put_char(w, ':')))
            return false;
        if (!write_value(w, node + 1, item, &place))
            return false;
    }
    return put_char(w, node->kind == EBI_MAP ? '}' : ']');
}

static bool write_set(struct writer *w, const struct ebi_node *node, const struct ebi_slot *slot, const struct ebi_slot *frame,
                      const struct ebi_place *place) {
    const struct eb_text *symbol;

    switch ((enum ebi_kind)node->kind) {
    case EBI_NULL:
        put_plain(&w->out, "null");
        return true;
    case EBI_BOOLEAN:
        put_plain(&w->out, slot->whole ? "true" : "false");
        return true;
    case EBI_INT:
    case EBI_LONG:
        put_whole(&w->out, slot->whole);
        return true;
    case EBI_FLOAT:
    case EBI_DOUBLE:
        put_real(&w->out, node, slot->real);
        return true;
    case EBI_STRING:
        return put_string(w, slot->text, slot->len);
    case EBI_BYTES:
    case EBI_FIXED:
        return put_bytes(w, slot);
    case EBI_ENUM:
        symbol = &node->symbols[slot->whole];
        *w->out.at++ = '"';
        return (ebi_append(&w->out, symbol->data, symbol->len) || no_memory(w)) && put_char(w, '"');
    case EBI_RECORD:
        return write_record(w, node, frame, place);
    case EBI_ARRAY:
    case EBI_MAP:
        return write_items(w, node, slot, place);
    case EBI_UNION:
        break;
    }
    node = ebi_branch_taken(w->schema, node, slot);
    return write_value(w, node, frame, place);
}

static bool write_value(struct writer *w, const struct ebi_node *node, const struct ebi_slot *frame,
                        const struct ebi_place *place) {
    const struct ebi_slot *slot = frame + node->slot;

    if (!ebi_append_room(&w->out, SMALL))
        return no_memory(w);
    if (slot->state != EBI_SET && (node->kind != EBI_RECORD || node->optional)) {
        if (!ebi_node_nullable(w->schema, node))
            return missing(w, node, place);
        put_plain(&w->out, "null");
        return true;
    }
    return write_set(w, node, slot, frame, place);
}

enum eb_status ebi_data_to_json(const struct ebi_data *data, struct ebi_bytes *json, struct eb_error *err) {
    struct writer w = { .schema = data->schema, .err = err };
    size_t before = json->len;

    if (!ebi_append_begin(&w.out, json))
        return ebi_error_memory(err);
    if (write_value(&w, data->schema->nodes, data->now.frame, NULL)) {
        ebi_append_end(&w.out);
        return EB_OK;
    }
    ebi_append_undo(&w.out, before);
    return w.status;
}
