/* plugins/redis/entry.c - see entry.h. */
#include "entry.h"

#include <string.h>

#define NAME(text)                                                                                                             \
    { text, sizeof text - 1 }
static const struct eb_text data_field = NAME("event_data");
static const struct eb_text attr_fields[RD_ATTRS] = { NAME("type"),         NAME("id"),         NAME("source"),   NAME("time"),
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

bool rd_id_of(const struct rd_node *node, struct rd_id *id) {
    return rd_is_text(node) && rd_id_parse(node->text, id);
}

bool rd_id_of_entry(const struct rd_node *entry, struct rd_id *id) {
    return rd_is_array(entry, 1) && rd_id_of(&entry->items[0], id);
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

/* Without snprintf, since it runs for each acknowledgement. */
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

/* Returns 0 .. RD_ATTRS - 1 for an attribute, RD_ATTRS for the data, -1 for another field. */
static int index_of(struct eb_text name) {
    for (int i = 0; i < RD_ATTRS; i++)
        if (is(name, attr_fields[i]))
            return i;
    return is(name, data_field) ? RD_ATTRS : -1;
}

/* ---- writing ---- */

bool rd_entry_is_dead_letter(const struct eb_message *message) {
    static const struct eb_text sign = NAME("dlq_topic");

    for (size_t i = 0; i < message->n_headers; i++)
        if (is(message->headers[i].name, sign))
            return true;
    return false;
}

static bool are_attributes(const struct eb_header *attrs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int index = index_of(attrs[i].name);
        if (index < 0 || index == RD_ATTRS)
            return false;
    }
    return true;
}

static bool is_of_dead_letter(struct eb_text name) {
    return name.len >= 4 && memcmp(name.data, "dlq_", 4) == 0;
}

/* Whether an entry may have so many headers; those of a dead letter do not count. */
static bool are_few(const struct eb_header *headers, size_t n) {
    size_t own = 0;

    for (size_t i = 0; n > RD_HEADERS && i < n; i++)
        own += !is_of_dead_letter(headers[i].name);
    return n <= RD_HEADERS_MAX && own <= RD_HEADERS;
}

static bool all_have_values(const struct eb_message *message) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (!message->headers[i].value.data)
            return false;
    return true;
}

static size_t header_bytes(const struct eb_message *message) {
    size_t bytes = 0;

    for (size_t i = 0; i < message->n_headers; i++)
        bytes += message->headers[i].name.len + message->headers[i].value.len;
    return bytes;
}

static bool has_known_header(const struct eb_message *message) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (index_of(message->headers[i].name) >= 0)
            return true;
    return false;
}

/* A dead letter may come from a message that is not an event: a header without a value is written as an empty one. */
const char *rd_entry_unfit(const struct eb_message *message) {
    if (!message->topic.data || message->topic.len == 0)
        return "it has no topic";
    if (message->n_attrs > RD_ATTRS_MAX || !are_few(message->headers, message->n_headers))
        return "it has more than 16 attributes or 1000 headers";
    if (!are_attributes(message->attrs, message->n_attrs))
        return "it has an attribute that a stream entry cannot hold";
    if (header_bytes(message) > 500000000 || message->payload.len > 500000000)
        return "it is larger than 500 MB";
    if (rd_entry_is_dead_letter(message))
        return NULL;
    if (!all_have_values(message))
        return "it has a header without a value, which a stream entry cannot hold";
    if (message->payload.len == 0)
        return "its data is empty, which counts as missing in a stream entry";
    if (has_known_header(message))
        return "it has a header with the name of an attribute, which a stream entry cannot tell apart";
    return NULL;
}

static size_t put(const char **argv, size_t *lens, size_t at, struct eb_text name, struct eb_text value) {
    argv[at] = name.data;
    lens[at] = name.len;
    argv[at + 1] = value.data ? value.data : "";
    lens[at + 1] = value.len;
    return at + 2;
}

size_t rd_entry_write(const struct eb_message *message, const char **argv, size_t *lens) {
    bool all = rd_entry_is_dead_letter(message);
    size_t n = 0;

    for (size_t i = 0; i < message->n_attrs; i++)
        if (all || message->attrs[i].value.len > 0)
            n = put(argv, lens, n, message->attrs[i].name, message->attrs[i].value);
    if (!all || message->payload.data)
        n = put(argv, lens, n, data_field, message->payload);
    for (size_t i = 0; i < message->n_headers; i++)
        n = put(argv, lens, n, message->headers[i].name, message->headers[i].value);
    return n;
}

/* ---- reading ---- */

static struct eb_text text_of(const struct rd_node *node) {
    return (struct eb_text){ node->text, node->n };
}

/* An entry while it is read. */
struct reading {
    struct rd_entry_read *read;
    struct eb_text data; /* NULL until the field comes */
    unsigned seen;       /* attributes, one bit each */
    size_t n_own;        /* headers other than dlq_... */
    const char *decode_error;
};

static void add_header(struct reading *reading, const struct eb_header *field) {
    bool own = !is_of_dead_letter(field->name);

    if (reading->read->n_headers < RD_HEADERS_MAX && (!own || reading->n_own < RD_HEADERS)) {
        reading->read->headers[reading->read->n_headers++] = *field;
        reading->n_own += own;
    } else {
        reading->decode_error = "it has more than 1000 fields besides its attributes; the others are left out";
    }
}

static void add_attr(struct reading *reading, int index, const struct eb_header *field) {
    bool again = reading->seen & 1u << index;

    reading->seen |= 1u << index;
    if (again)
        reading->decode_error = "an attribute comes twice: type, id, source, time, minorversion, sourcehost or sourcelib";
    if ((again && reading->data.data) || reading->read->n_attrs == RD_ATTRS_MAX)
        add_header(reading, field);
    else
        reading->read->attrs[reading->read->n_attrs++] = *field;
}

static void add_field(struct reading *reading, const struct eb_header *field) {
    int index = index_of(field->name);

    if (index < 0) {
        add_header(reading, field);
    } else if (index < RD_ATTRS) {
        add_attr(reading, index, field);
    } else if (!reading->data.data) {
        reading->data = field->value;
    } else {
        reading->decode_error = "the field event_data comes twice";
        add_header(reading, field);
    }
}

static void drop_empty(struct rd_entry_read *read) {
    size_t n = 0;

    for (size_t i = 0; i < read->n_attrs; i++)
        if (read->attrs[i].value.len > 0)
            read->attrs[n++] = read->attrs[i];
    read->n_attrs = n;
}

static struct eb_text attr(const struct rd_entry_read *read, int index) {
    for (size_t i = 0; i < read->n_attrs; i++)
        if (is(read->attrs[i].name, attr_fields[index]))
            return read->attrs[i].value;
    return (struct eb_text){ 0 };
}

static void take_fields(struct reading *reading, const struct rd_node *fields) {
    if (!rd_is_array(fields, 0) || fields->n % 2 != 0) {
        reading->decode_error = "it has no fields";
        return;
    }
    for (size_t i = 0; i < fields->n; i += 2) {
        struct eb_header field;
        if (!rd_is_text(&fields->items[i]) || !rd_is_text(&fields->items[i + 1])) {
            reading->decode_error = "its fields are not texts";
            return;
        }
        field = (struct eb_header){ text_of(&fields->items[i]), text_of(&fields->items[i + 1]) };
        add_field(reading, &field);
    }
}

void rd_entry_take(const struct rd_node *fields, struct rd_id id, struct rd_entry_read *read, struct eb_message *message) {
    struct reading reading = { .read = read };

    read->n_attrs = read->n_headers = 0;
    take_fields(&reading, fields);
    if (!reading.decode_error && attr(read, 0).len == 0)
        reading.decode_error = "the field type is missing or empty";
    if (!reading.decode_error && reading.data.len == 0)
        reading.decode_error = "the field event_data is missing or empty";
    if (!reading.decode_error)
        drop_empty(read);
    rd_id_print(id, read->position);
    message->time_ms = (int64_t)id.ms;
    message->position = (struct eb_text){ read->position, strlen(read->position) };
    message->id = attr(read, 1);
    message->payload = reading.data;
    message->attrs = read->attrs;
    message->n_attrs = read->n_attrs;
    message->headers = read->headers;
    message->n_headers = read->n_headers;
    message->decode_error = reading.decode_error ? (struct eb_text){ reading.decode_error, strlen(reading.decode_error) }
                                                 : (struct eb_text){ 0 };
}
