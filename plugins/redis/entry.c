/* plugins/redis/entry.c - see entry.h. */
#include "entry.h"

#include <string.h>

#define NAME(text) { text, sizeof text - 1 }
static const struct eb_text data_field = NAME("event_data");
static const struct eb_text attr_fields[RD_ATTRS] = { NAME("type"), NAME("id"), NAME("source"), NAME("time"),
                                                      NAME("minorversion"), NAME("sourcehost"), NAME("sourcelib") };

/* ---- ids ---- */

static bool take_number(const char **at, uint64_t *number) {
    if (**at < '0' || **at > '9')
        return false;
    for (*number = 0; **at >= '0' && **at <= '9'; ++*at)
        if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, **at - '0', number))
            return false;
    return true;
}

bool rd_id_parse(const char *text, struct rd_id *id) {
    id->seq = 0;
    if (!take_number(&text, &id->ms))
        return false;
    return !*text || (*text++ == '-' && take_number(&text, &id->seq) && !*text);
}

static char *put_number(char *to, uint64_t number) {
    char digits[20];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

/* By hand: it is done for each acknowledgement. */
void rd_id_print(struct rd_id id, char text[RD_ID_ROOM]) {
    char *to = put_number(text, id.ms);

    *to++ = '-';
    *put_number(to, id.seq) = '\0';
}

struct rd_id rd_id_before(struct rd_id id) {
    if (id.seq > 0)
        return (struct rd_id){ id.ms, id.seq - 1 };
    return id.ms > 0 ? (struct rd_id){ id.ms - 1, UINT64_MAX } : id;
}

/* ---- names ---- */

static bool is(struct eb_text text, struct eb_text name) {
    return text.len == name.len && memcmp(text.data, name.data, name.len) == 0;
}

/* 0 .. RD_ATTRS - 1; RD_ATTRS: the data; -1: another field. */
static int place_of(struct eb_text name) {
    for (int i = 0; i < RD_ATTRS; i++)
        if (is(name, attr_fields[i]))
            return i;
    return is(name, data_field) ? RD_ATTRS : -1;
}

/* ---- writing ---- */

const char *rd_entry_unfit(const struct eb_message *message) {
    size_t bytes = message->payload.len;

    if (!message->topic.data || message->topic.len == 0)
        return "it has no topic";
    if (message->payload.len == 0)
        return "its data is empty, which counts as missing in a stream entry";
    if (message->n_attrs > RD_ATTRS || message->n_headers > RD_HEADERS)
        return "it has more than 7 attributes or 128 headers";
    for (size_t i = 0; i < message->n_attrs; i++) {
        int place = place_of(message->attrs[i].name);
        if (place < 0 || place == RD_ATTRS)
            return "it has an attribute that a stream entry cannot hold";
    }
    for (size_t i = 0; i < message->n_headers; i++) {
        const struct eb_header *header = &message->headers[i];
        if (!header->value.data)
            return "it has a header without a value, which a stream entry cannot hold";
        if (place_of(header->name) >= 0)
            return "it has a header with the name of an attribute, which a stream entry cannot tell apart";
        bytes += header->value.len;
    }
    return bytes > 500000000 ? "it is larger than 500 MB" : NULL;
}

static size_t put(const char **argv, size_t *lens, size_t at, struct eb_text name, struct eb_text value) {
    argv[at] = name.data;
    lens[at] = name.len;
    argv[at + 1] = value.data ? value.data : "";
    lens[at + 1] = value.len;
    return at + 2;
}

size_t rd_entry_write(const struct eb_message *message, const char **argv, size_t *lens) {
    size_t n = 0;

    for (size_t i = 0; i < message->n_attrs; i++)
        if (message->attrs[i].value.len > 0)
            n = put(argv, lens, n, message->attrs[i].name, message->attrs[i].value);
    n = put(argv, lens, n, data_field, message->payload);
    for (size_t i = 0; i < message->n_headers; i++)
        n = put(argv, lens, n, message->headers[i].name, message->headers[i].value);
    return n;
}

bool rd_entry_is_dead_letter(const struct eb_message *message) {
    static const struct eb_text sign = NAME("dlq_topic");

    for (size_t i = 0; i < message->n_headers; i++)
        if (is(message->headers[i].name, sign))
            return true;
    return false;
}

/* ---- reading ---- */

static struct eb_text text_of(const struct rd_node *node) {
    return (struct eb_text){ node->text, node->n };
}

/* As the Python consumer, which makes a dict of the fields: of a name that comes twice the last value counts. */
static void keep_attr(struct rd_entry_read *read, int *slots, int place, const struct eb_header *field) {
    if (slots[place] < 0)
        slots[place] = (int)read->n_attrs++;
    read->attrs[slots[place]] = *field;
}

static void drop_empty(struct rd_entry_read *read) {
    size_t n = 0;

    for (size_t i = 0; i < read->n_attrs; i++)
        if (read->attrs[i].value.len > 0)
            read->attrs[n++] = read->attrs[i];
    read->n_attrs = n;
}

static struct eb_text attr(const struct rd_entry_read *read, int place) {
    for (size_t i = 0; i < read->n_attrs; i++)
        if (is(read->attrs[i].name, attr_fields[place]))
            return read->attrs[i].value;
    return (struct eb_text){0};
}

static const char *take_fields(const struct rd_node *fields, struct rd_entry_read *read, struct eb_text *data) {
    int slots[RD_ATTRS] = { -1, -1, -1, -1, -1, -1, -1 };
    const char *flaw = NULL;

    if (!rd_is_array(fields, 0) || fields->n % 2 != 0)
        return "it has no fields";
    for (size_t i = 0; i < fields->n; i += 2) {
        struct eb_header field = { text_of(&fields->items[i]), text_of(&fields->items[i + 1]) };
        int place;
        if (!rd_is_text(&fields->items[i]) || !rd_is_text(&fields->items[i + 1]))
            return "its fields are no texts";
        place = place_of(field.name);
        if (place == RD_ATTRS)
            *data = field.value;
        else if (place >= 0)
            keep_attr(read, slots, place, &field);
        else if (read->n_headers < RD_HEADERS)
            read->headers[read->n_headers++] = field;
        else
            flaw = "it has more than 128 fields that are no attributes";
    }
    return flaw;
}

void rd_entry_take(const struct rd_node *fields, struct rd_id id, struct rd_entry_read *read,
                   struct eb_message *message) {
    struct eb_text data = {0};
    const char *flaw;

    read->n_attrs = read->n_headers = 0;
    flaw = take_fields(fields, read, &data);
    drop_empty(read);
    rd_id_print(id, read->position);
    message->time_ms = (int64_t)id.ms;
    message->position = (struct eb_text){ read->position, strlen(read->position) };
    message->id = attr(read, 1);
    message->payload = data.data ? data : (struct eb_text){ "", 0 };
    message->attrs = read->attrs;
    message->n_attrs = read->n_attrs;
    message->headers = read->headers;
    message->n_headers = read->n_headers;
    if (!flaw && !attr(read, 0).data)
        flaw = "the field type is missing or empty";
    if (!flaw && data.len == 0)
        flaw = "the field event_data is missing or empty";
    message->flaw = flaw ? (struct eb_text){ flaw, strlen(flaw) } : (struct eb_text){0};
}
