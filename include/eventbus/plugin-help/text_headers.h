/* eventbus/plugin-help/text_headers.h - a message as a payload with headers of text, for a broker whose headers are texts:
 * NATS, AMQP, MQTT 5, SQS and the like. What is read is what was written: absent or empty, any bytes, repeated names, in
 * their order, even where the broker sorts headers, keeps one of each name, or changes the case of names.
 *
 *     ce-type: org.openedx...       each attribute, if all are usual and none is absent, empty or repeated; as the CloudEvents
 *     ce-id: ...                    bindings of NATS and HTTP have them, so other programs can read them
 *     ce-specversion: 1.0           with them
 *     eb-pack: 1                    how the rest is written
 *     eb-id, eb-key, eb-key-avro    the id where no attribute says it; the keys that the message has
 *     eb-payload: %-                the payload is absent, not empty
 *     eb-a0-NAME, eb-a1-NAME, ...   all attributes, where they are not usual
 *     eb-h0-NAME, eb-h1-NAME, ...   the headers, by number
 *
 * Values are printable ASCII without blanks: other bytes, '"' and '%' are %XX; %- is an absent text, %. an empty one. Names
 * are a-z, 0-9, '-' and '_': other bytes are .xx; an absent name leaves out its '-'. A message without eb-pack is from
 * elsewhere: its ce-... are the attributes, and all else are headers, unchanged. */
#ifndef EBP_TEXT_HEADERS_H
#define EBP_TEXT_HEADERS_H

#include <eventbus/plugin-help/base.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/bytes.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/pack.h>
#include <eventbus/plugin-help/text.h>

/* The headers of one message. Belongs to one thread. Zeroed: empty; to be used again for the next message, and freed in the
 * end. */
struct ebp_text_headers {
    struct eb_header *list; /* as written: each name and value ends with NUL */
    size_t n, room;
    struct ebp_bytes text; /* what they point to */
    char why[160];         /* what decode_error points to */
};

static inline void ebp_text_headers_free(struct ebp_text_headers *headers) {
    free(headers->list);
    ebp_bytes_free(&headers->text);
    memset(headers, 0, sizeof *headers);
}

/* ---- Characters ---- */

static inline bool ebp_value_is_plain(unsigned char c) {
    return c > 0x20 && c < 0x7F && c != '"' && c != '%';
}

static inline bool ebp_name_is_plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static inline int ebp_hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns how many bytes at the beginning of a value need no escape. It looks at eight bytes at a time: in each sum the high bit
 * of a byte stands for one that does: below '!', above '~', '"' or '%'. What a byte carries into the next one follows such a bit. */
static inline size_t ebp_plain_length(struct eb_text value) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t i = 0;

    for (uint64_t bytes; value.len - i >= sizeof bytes; i += sizeof bytes) {
        memcpy(&bytes, value.data + i, sizeof bytes);
        if (((bytes - ones * '!') | bytes | (bytes + ones) | ((bytes ^ ones * '"') - ones) | ((bytes ^ ones * '%') - ones)) &
            highs)
            break;
    }
    while (i < value.len && ebp_value_is_plain((unsigned char)value.data[i]))
        i++;
    return i;
}

/* Appends a text, its other bytes as `mark` and two digits. The room is reserved: three bytes for each. */
static inline void ebp_put_escaped(struct ebp_bytes *out, struct eb_text text, char mark, const char *digits,
                                   bool (*plain)(unsigned char)) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (plain(c)) {
            out->data[out->len++] = c;
        } else {
            out->data[out->len++] = (unsigned char)mark;
            out->data[out->len++] = (unsigned char)digits[c >> 4];
            out->data[out->len++] = (unsigned char)digits[c & 0xF];
        }
    }
}

/* Appends what a text stands for. Returns false, and what was appended is of no use, for a wrong escape. */
static inline bool ebp_put_unescaped(struct ebp_bytes *out, struct eb_text text, char mark, bool lower) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == mark) {
            int high = i + 2 < text.len ? ebp_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? ebp_hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(unsigned char)(high << 4 | low);
            i += 2;
        } else if (lower && c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        out->data[out->len++] = (unsigned char)c;
    }
    return true;
}

/* The same for a value. */
static inline void ebp_put_value(struct ebp_bytes *out, struct eb_text value) {
    size_t n = ebp_plain_length(value);

    ebp_put_bytes(out, value.data, n);
    ebp_put_escaped(out, ebp_text(value.data + n, value.len - n), '%', "0123456789ABCDEF", ebp_value_is_plain);
}

/* ---- Writing ---- */

/* The room for a header beside its text: its prefix, its number and two NULs. */
enum { EBP_HEADER_ROOM = 32, EBP_OWN_HEADERS_MAX = 7 };

static inline size_t ebp_escaped_room(const struct eb_header *pairs, size_t n) {
    size_t room = 0;

    for (size_t i = 0; i < n; i++)
        room += EBP_HEADER_ROOM + 3 * (pairs[i].name.len + pairs[i].value.len);
    return room;
}

/* Adds a header: a name that needs no escape, with the escaped `more` behind it, and the escaped value. */
static inline void ebp_put_header(struct ebp_text_headers *to, const char *name, struct eb_text more, struct eb_text value) {
    struct eb_header *header = &to->list[to->n++];
    size_t at = to->text.len;

    ebp_put_bytes(&to->text, name, strlen(name));
    ebp_put_escaped(&to->text, more, '.', "0123456789abcdef", ebp_name_is_plain);
    header->name = ebp_text((const char *)to->text.data + at, to->text.len - at);
    ebp_put_bytes(&to->text, "", 1);
    at = to->text.len;
    if (!value.data || value.len == 0)
        ebp_put_bytes(&to->text, value.data ? "%." : "%-", 2);
    else
        ebp_put_value(&to->text, value);
    header->value = ebp_text((const char *)to->text.data + at, to->text.len - at);
    ebp_put_bytes(&to->text, "", 1);
}

static inline void ebp_put_numbered(struct ebp_text_headers *to, char kind, const struct eb_header *pairs, size_t n) {
    char name[EBP_HEADER_ROOM];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "eb-%c%zu%s", kind, i, pairs[i].name.data ? "-" : "");
        ebp_put_header(to, name, pairs[i].name, pairs[i].value);
    }
}

/* The attributes of CloudEvents in the order of the event bus, from 0 on; NULL: there is none. */
enum { EBP_CE_ATTRS = 7 };

static inline const char *ebp_ce_attr(size_t i) {
    return i < EBP_CE_ATTRS ? ebp_usual_name(i + 1) : NULL;
}

/* Whether the attributes come in that order, each once at most, and have values. */
static inline bool ebp_attrs_are_usual(const struct eb_header *attrs, size_t n) {
    size_t next = 0;

    for (size_t i = 0; i < n; i++, next++) {
        while (ebp_ce_attr(next) && !ebp_text_is(attrs[i].name, ebp_ce_attr(next)))
            next++;
        if (!ebp_ce_attr(next) || attrs[i].value.len == 0)
            return false;
    }
    return true;
}

/* The id that the attributes say. */
static inline struct eb_text ebp_id_of_attrs(const struct eb_header *attrs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ebp_text_is(attrs[i].name, "id"))
            return attrs[i].value;
    return ebp_text(NULL, 0);
}

/* Writes the headers of a message that fits (ebp_unfit in pack.h) into `to`: list and n, valid until the next use. The payload
 * goes to the broker as it is, as no bytes if it is absent. Returns false without memory. */
static inline bool ebp_text_headers_write(struct ebp_text_headers *to, const struct eb_message *message) {
    const struct eb_text none = ebp_text(NULL, 0);
    bool usual = ebp_attrs_are_usual(message->attrs, message->n_attrs);

    to->n = to->text.len = 0;
    if (!EBP_RESERVE(to->list, to->room, EBP_OWN_HEADERS_MAX + message->n_attrs + message->n_headers) ||
        !ebp_bytes_reserve(&to->text, EBP_OWN_HEADERS_MAX * EBP_HEADER_ROOM +
                                          3 * (message->id.len + message->key.len + message->key_avro.len) +
                                          ebp_escaped_room(message->attrs, message->n_attrs) +
                                          ebp_escaped_room(message->headers, message->n_headers)))
        return false;
    ebp_put_header(to, "eb-pack", none, ebp_text_of("1"));
    if (usual)
        ebp_put_header(to, "ce-specversion", none, ebp_text_of("1.0"));
    for (size_t i = 0; usual && i < message->n_attrs; i++)
        ebp_put_header(to, "ce-", message->attrs[i].name, message->attrs[i].value);
    if (!usual)
        ebp_put_numbered(to, 'a', message->attrs, message->n_attrs);
    if (!ebp_text_equal(message->id, ebp_id_of_attrs(message->attrs, message->n_attrs)))
        ebp_put_header(to, "eb-id", none, message->id);
    if (message->key.data)
        ebp_put_header(to, "eb-key", none, message->key);
    if (message->key_avro.data)
        ebp_put_header(to, "eb-key-avro", none, message->key_avro);
    if (!message->payload.data)
        ebp_put_header(to, "eb-payload", none, none);
    ebp_put_numbered(to, 'h', message->headers, message->n_headers);
    return true;
}

/* ---- Reading ---- */

/* Headers while they are read: `list` has n places for attributes and n for headers, by their numbers. */
struct ebp_header_reading {
    struct ebp_text_headers *to;
    const struct eb_header *from;
    size_t n, n_attrs, n_headers; /* the last two: the largest number, plus 1 */
    bool packed;                  /* there is eb-pack */
    struct eb_header ce[EBP_CE_ATTRS];
    unsigned seen; /* a bit for each of those, then for the three */
    struct eb_text id, key, key_avro;
    bool no_payload;
};

enum { EBP_SEEN_ID = 1 << 8, EBP_SEEN_KEY = 1 << 9, EBP_SEEN_KEY_AVRO = 1 << 10 };

/* A place that nothing was put into: no name is so long. */
static inline bool ebp_place_is_free(const struct eb_header *place) {
    return place->name.len == SIZE_MAX;
}

/* Whether the name begins with `lower`, in any case. */
static inline bool ebp_name_begins(struct eb_text name, const char *lower) {
    size_t i = 0;

    for (; lower[i] && i < name.len; i++)
        if ((name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] - 'A' + 'a' : name.data[i]) != lower[i])
            return false;
    return !lower[i];
}

static inline bool ebp_name_is(struct eb_text name, const char *lower) {
    return name.len == strlen(lower) && ebp_name_begins(name, lower);
}

/* Notes what is wrong with a header, for decode_error. Returns false. */
static inline bool ebp_header_wrong(struct ebp_header_reading *r, struct eb_text name, const char *what) {
    char shown[64];

    ebp_one_line(shown, sizeof shown, name.data, name.len);
    snprintf(r->to->why, sizeof r->to->why, "its header %s %s", shown, what);
    return false;
}

static inline bool ebp_read_escaped(struct ebp_header_reading *r, struct eb_text from, char mark, struct eb_text *text) {
    struct ebp_bytes *bytes = &r->to->text;
    size_t at = bytes->len;

    if (mark == '%' && !(from.len > 0 && memchr(from.data, mark, from.len))) {
        *text = ebp_text(from.len > 0 ? from.data : "", from.len);
        return true;
    }
    if (!ebp_put_unescaped(bytes, from, mark, mark == '.'))
        return false;
    text->data = from.len > 0 ? (const char *)bytes->data + at : "";
    text->len = bytes->len - at;
    return true;
}

static inline bool ebp_read_value(struct ebp_header_reading *r, const struct eb_header *header, struct eb_text *value) {
    if (!header->value.data || ebp_text_is(header->value, "%-"))
        *value = ebp_text(NULL, 0);
    else if (ebp_text_is(header->value, "%."))
        *value = ebp_text_of("");
    else if (!ebp_read_escaped(r, header->value, '%', value))
        return ebp_header_wrong(r, header->name, "has a % that is no escape");
    return true;
}

/* Reads eb-id and the like, once. */
static inline bool ebp_read_own(struct ebp_header_reading *r, const struct eb_header *header, unsigned seen,
                                struct eb_text *text) {
    if (r->seen & seen)
        return ebp_header_wrong(r, header->name, "is there twice");
    r->seen |= seen;
    return ebp_read_value(r, header, text);
}

/* Reads the number behind "eb-a" or "eb-h", of which *at is the first digit. Returns false if that is none. */
static inline bool ebp_read_index(struct eb_text name, size_t *at, size_t *index) {
    size_t begin = *at;

    for (*index = 0; *at < name.len && *at < begin + 6 && name.data[*at] >= '0' && name.data[*at] <= '9'; ++*at)
        *index = *index * 10 + (size_t)(name.data[*at] - '0');
    return *at > begin && (*at == begin + 1 || name.data[begin] != '0') && (*at == name.len || name.data[*at] == '-');
}

/* Reads eb-a0-NAME or eb-h0-NAME. Sets *is_one to whether it is one. */
static inline bool ebp_read_numbered(struct ebp_header_reading *r, const struct eb_header *header, bool *is_one) {
    bool of_attrs = ebp_name_begins(header->name, "eb-a");
    struct eb_header *place;
    size_t at = 4, index = 0;

    *is_one = (of_attrs || ebp_name_begins(header->name, "eb-h")) && ebp_read_index(header->name, &at, &index);
    if (!*is_one)
        return true;
    if (index >= r->n)
        return ebp_header_wrong(r, header->name, "has a number that is larger than there are headers");
    place = &r->to->list[(of_attrs ? 0 : r->n) + index];
    if (!ebp_place_is_free(place))
        return ebp_header_wrong(r, header->name, "has the number of another header");
    place->name = ebp_text(NULL, 0);
    if (at < header->name.len &&
        !ebp_read_escaped(r, ebp_text(header->name.data + at + 1, header->name.len - at - 1), '.', &place->name))
        return ebp_header_wrong(r, header->name, "has a . in its name that is no escape");
    if (of_attrs && index >= r->n_attrs)
        r->n_attrs = index + 1;
    if (!of_attrs && index >= r->n_headers)
        r->n_headers = index + 1;
    return ebp_read_value(r, header, &place->value);
}

/* Returns which attribute of CloudEvents a name is, in any case; EBP_CE_ATTRS: none. */
static inline size_t ebp_find_ce_attr(struct eb_text name) {
    size_t i = 0;

    while (i < EBP_CE_ATTRS && !ebp_name_is(name, ebp_ce_attr(i)))
        i++;
    return i;
}

/* Reads a header of ours, or of CloudEvents. Sets *is_one to whether it is one; others are delivered unchanged. */
static inline bool ebp_read_header(struct ebp_header_reading *r, const struct eb_header *header, bool *is_one) {
    size_t attr = EBP_CE_ATTRS;

    if (ebp_name_begins(header->name, "ce-"))
        attr = ebp_find_ce_attr(ebp_text(header->name.data + 3, header->name.len - 3));
    *is_one = true;
    if (attr < EBP_CE_ATTRS) {
        r->ce[attr].name = ebp_text_of(ebp_ce_attr(attr));
        return ebp_read_own(r, header, 1U << attr, &r->ce[attr].value);
    }
    if (ebp_name_is(header->name, "ce-specversion") && ebp_text_is(header->value, "1.0"))
        return true;
    *is_one = false;
    if (!r->packed || !ebp_name_begins(header->name, "eb-"))
        return true;
    *is_one = true;
    if (ebp_name_is(header->name, "eb-pack"))
        return true;
    if (ebp_name_is(header->name, "eb-id"))
        return ebp_read_own(r, header, EBP_SEEN_ID, &r->id);
    if (ebp_name_is(header->name, "eb-key"))
        return ebp_read_own(r, header, EBP_SEEN_KEY, &r->key);
    if (ebp_name_is(header->name, "eb-key-avro"))
        return ebp_read_own(r, header, EBP_SEEN_KEY_AVRO, &r->key_avro);
    r->no_payload = r->no_payload || ebp_name_is(header->name, "eb-payload");
    if (ebp_name_is(header->name, "eb-payload"))
        return true;
    return ebp_read_numbered(r, header, is_one);
}

/* Whether there is one eb-pack at most, of a version that is known. */
static inline bool ebp_read_version(struct ebp_header_reading *r) {
    for (size_t i = 0; i < r->n; i++)
        if (ebp_name_is(r->from[i].name, "eb-pack")) {
            if (r->packed)
                return ebp_header_wrong(r, r->from[i].name, "is there twice");
            if (!ebp_text_is(r->from[i].value, "1"))
                return ebp_header_wrong(r, r->from[i].name, "says a later version of the bus than this plugin knows");
            r->packed = true;
        }
    return true;
}

/* Whether each number below the largest was there; else headers were lost on the way. */
static inline bool ebp_places_are_full(struct ebp_header_reading *r, const char *kind, size_t first, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ebp_place_is_free(&r->to->list[first + i])) {
            snprintf(r->to->why, sizeof r->to->why, "its header %s%zu is missing: the broker lost it, or keeps no more of them",
                     kind, i);
            return false;
        }
    return true;
}

static inline bool ebp_read_all(struct ebp_header_reading *r) {
    struct eb_header *attrs = r->to->list, *headers = attrs + r->n, *others = headers + r->n;
    size_t n_others = 0;
    bool is_one;

    if (!ebp_read_version(r))
        return false;
    for (size_t i = 0; i < r->n; i++) {
        if (!ebp_read_header(r, &r->from[i], &is_one))
            return false;
        if (!is_one)
            others[n_others++] = r->from[i];
    }
    if (!ebp_places_are_full(r, "eb-a", 0, r->n_attrs) || !ebp_places_are_full(r, "eb-h", r->n, r->n_headers))
        return false;
    if (r->n_attrs > 0 && r->seen & ((1U << EBP_CE_ATTRS) - 1))
        return ebp_header_wrong(r, ebp_text_of("eb-a0"), "is there beside attributes as ce-...");
    for (size_t i = 0; i < EBP_CE_ATTRS; i++)
        if (r->seen & 1U << i)
            attrs[r->n_attrs++] = r->ce[i];
    for (size_t i = 0; i < n_others; i++)
        headers[r->n_headers++] = others[i];
    return true;
}

/* Makes room for what n headers come to, so that nothing moves while they are read. */
static inline bool ebp_text_headers_reserve(struct ebp_text_headers *to, const struct eb_header *from, size_t n) {
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += from[i].name.len + from[i].value.len;
    to->n = to->text.len = 0;
    if (!EBP_RESERVE(to->list, to->room, 3 * n + 1) || !ebp_bytes_reserve(&to->text, bytes + 1))
        return false;
    for (size_t i = 0; i < 2 * n; i++)
        to->list[i].name.len = SIZE_MAX;
    return true;
}

/* Reads the headers of a received message into `message`, whose payload the caller has set: attributes, headers, id and keys,
 * and no payload where it was absent. They point into `to` and `from`, and are valid until either is used again. Headers that
 * the broker or the plugin added should be left out of `from`, or they count as the event's. Where the headers cannot be read,
 * message gets all of them unchanged, and a decode_error that says why. Returns EB_OK, or EB_RETRIABLE without memory,
 * filled. */
static inline int32_t ebp_text_headers_read(struct ebp_text_headers *to, const struct eb_header *from, size_t n,
                                            struct eb_message *message, struct eb_error *err) {
    const size_t most = EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX + EBP_OWN_HEADERS_MAX;
    struct ebp_header_reading r;

    memset(&r, 0, sizeof r);
    r.to = to;
    r.from = from;
    r.n = n < most ? n : most;
    if (!ebp_text_headers_reserve(to, from, r.n))
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for the headers of a message");
    message->id = message->key = message->key_avro = ebp_text(NULL, 0);
    message->attrs = NULL;
    message->headers = from;
    message->n_attrs = 0;
    message->n_headers = r.n;
    if (n > most)
        snprintf(to->why, sizeof to->why, "it has %zu headers, more than a message may have", n);
    if (n > most || !ebp_read_all(&r)) {
        message->decode_error = ebp_text_of(to->why);
        return EB_OK;
    }
    message->attrs = to->list;
    message->headers = to->list + r.n;
    message->n_attrs = r.n_attrs;
    message->n_headers = r.n_headers;
    message->id = r.seen & EBP_SEEN_ID ? r.id : ebp_id_of_attrs(message->attrs, message->n_attrs);
    message->key = r.key;
    message->key_avro = r.key_avro;
    if (r.no_payload)
        message->payload = ebp_text(NULL, 0);
    return EB_OK;
}

#endif
