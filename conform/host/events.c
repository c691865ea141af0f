/* conform/host/events.c - the events that cases send: made from the seed alone, and compared with what comes back. */
#include "host/instance.h"

#include <stdio.h>
#include <string.h>

static const char blob_name[] = "org.openedx.conform.blob.v1.CloudEvent";
static const char blob_json[] = "{\"fields\": [{\"name\": \"blob\", \"type\": \"bytes\"}], \"name\": \"CloudEvent\", "
                                "\"namespace\": \"org.openedx.conform.blob.v1\", \"type\": \"record\"}";
static const char empty_name[] = "org.openedx.conform.empty.v1.CloudEvent";
static const char empty_json[] = "{\"fields\": [], \"name\": \"CloudEvent\", "
                                 "\"namespace\": \"org.openedx.conform.empty.v1\", \"type\": \"record\"}";
static const char key_name[] = "string";
static const char key_json[] = "{\"name\": \"key\", \"type\": \"string\"}";

static const struct eb_schema blob_schema = {
    sizeof blob_schema, 1, { blob_name, sizeof blob_name - 1 }, { blob_json, sizeof blob_json - 1 }
};
static const struct eb_schema empty_schema = {
    sizeof empty_schema, 2, { empty_name, sizeof empty_name - 1 }, { empty_json, sizeof empty_json - 1 }
};
static const struct eb_schema key_schema = {
    sizeof key_schema, 3, { key_name, sizeof key_name - 1 }, { key_json, sizeof key_json - 1 }
};

static struct eb_text text_of(const char *text) {
    return (struct eb_text){ text, strlen(text) };
}

/* Writes Avro's long: zigzag, seven bits a byte. Returns the number of bytes written, at most 10. */
static size_t put_length(char *to, size_t len) {
    uint64_t left = (uint64_t)len << 1;
    size_t n = 0;

    for (; left > 0x7F; left >>= 7)
        to[n++] = (char)(0x80 | (left & 0x7F));
    to[n++] = (char)left;
    return n;
}

/* Returns Avro's bytes or string: the length, then the data. */
static struct eb_text framed(struct ebc_test *t, const char *data, size_t len) {
    char *to = ebc_alloc(t, len + 11);
    size_t head = put_length(to, len);

    if (len > 0)
        memcpy(to + head, data, len);
    return (struct eb_text){ to, head + len };
}

void ebc_set_blob(struct ebc_test *t, struct ebc_event *event, const char *blob, size_t len) {
    event->message.payload = framed(t, blob, len);
}

void ebc_set_payload_size(struct ebc_test *t, struct ebc_event *event, size_t whole) {
    char length[10];
    size_t len = whole - 1;
    char *blob = ebc_alloc(t, whole);
    struct ebc_random chance = { ebc_random_seed(t->seed, event->id) };

    while (put_length(length, len) + len > whole)
        len--;
    for (size_t i = 0; i < len; i++)
        blob[i] = (char)ebc_random(&chance);
    ebc_set_blob(t, event, blob, len);
}

void ebc_set_empty(struct ebc_event *event) {
    event->message.payload = (struct eb_text){ "", 0 };
    event->message.schema = &empty_schema;
    event->attrs[0].value = text_of("org.openedx.conform.empty.v1");
}

void ebc_add_header(struct ebc_event *event, struct eb_text name, struct eb_text value) {
    struct eb_message *message = &event->message;

    if (message->n_headers < EBC_MAX_HEADERS)
        event->headers[message->n_headers++] = (struct eb_header){ name, value };
}

static void fill_attrs(struct ebc_event *event) {
    static const char *const names[EBC_N_ATTRS] = { "type", "id", "source", "time", "minorversion", "sourcehost", "sourcelib" };
    const char *values[EBC_N_ATTRS] = {
        "org.openedx.conform.blob.v1", event->id, "openedx/conform/web", event->time, "0", "conform-host", "11.2.0"
    };

    for (size_t i = 0; i < EBC_N_ATTRS; i++)
        event->attrs[i] = (struct eb_header){ text_of(names[i]), text_of(values[i]) };
}

static void fill_key(struct ebc_test *t, struct eb_message *message, const char *key) {
    if (!key)
        return;
    message->key = text_of(ebc_format(t, "%s", key));
    message->key_avro = framed(t, message->key.data, message->key.len);
    message->key_schema = &key_schema;
}

static void add_event(struct ebc_test *t, struct ebc_event *event) {
    struct ebc_event **more = ebc_grow(t, t->events, t->n_events);

    pthread_mutex_lock(&t->lock);
    t->events = more;
    t->events[t->n_events++] = event;
    pthread_mutex_unlock(&t->lock);
}

/* Of the event's next send: its id is the same in each, and unique in the world. */
static void new_send_id(struct ebc_event *event) {
    event->sends++;
    snprintf(event->send_id, sizeof event->send_id, "%s-%u", event->id, event->sends);
    event->message.send_id = text_of(event->send_id);
}

void ebc_replay(struct ebc_test *t, struct ebc_range span) {
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < span.n; i++) {
        struct ebc_event *event = ebc_event(t, span, i);

        new_send_id(event);
        event->reports = 0;
    }
    pthread_mutex_unlock(&t->lock);
}

/* The id holds the event's number in its last group of digits, and case and run in the others. */
static struct ebc_event *make(struct ebc_test *t, const char *topic, const char *key, struct ebc_random *chance) {
    struct ebc_event *event = ebc_alloc(t, sizeof *event);
    uint64_t place = ebc_random_seed(ebc_random_seed(t->seed, t->run), t->name);
    char blob[160];
    size_t len = ebc_random_below(chance, sizeof blob);

    event->number = t->n_events;
    snprintf(event->id, sizeof event->id, "%08x-%04x-1%03x-a%03x-%012zx", (unsigned)(place >> 32),
             (unsigned)(place >> 16 & 0xFFFF), (unsigned)(place >> 4 & 0xFFF), (unsigned)(place & 0xF), event->number);
    snprintf(event->time, sizeof event->time, "2026-11-23T20:%02zu:%02zu%s+00:00", event->number / 60 % 60, event->number % 60,
             event->number % 3 ? ".123456" : "");
    fill_attrs(event);
    event->message = (struct eb_message){ .size = sizeof event->message,
                                          .token = event->number + 1,
                                          .topic = text_of(topic),
                                          .id = text_of(event->id),
                                          .schema = &blob_schema,
                                          .attrs = event->attrs,
                                          .n_attrs = EBC_N_ATTRS,
                                          .headers = event->headers };
    new_send_id(event);
    for (size_t i = 0; i < len; i++)
        blob[i] = (char)ebc_random(chance);
    ebc_set_blob(t, event, blob, len);
    fill_key(t, &event->message, key);
    add_event(t, event);
    return event;
}

static struct ebc_random event_chance(const struct ebc_test *t) {
    return (struct ebc_random){ ebc_random_seed(t->seed + t->n_events * 7919, t->name) };
}

struct ebc_event *ebc_new_event(struct ebc_test *t, const char *topic, const char *key) {
    struct ebc_random chance = event_chance(t);

    return make(t, topic, key, &chance);
}

struct ebc_range ebc_new_events(struct ebc_test *t, const char *topic, size_t n, size_t keys) {
    struct ebc_range span = { t->n_events, n };

    for (size_t i = 0; i < n; i++) {
        struct ebc_random chance = event_chance(t);
        size_t key = keys == EBC_OWN_KEYS ? t->n_events : keys == EBC_NO_KEY ? 0 : ebc_random_below(&chance, keys);
        char text[40];

        snprintf(text, sizeof text, "key-%zu", key);
        make(t, topic, keys == EBC_NO_KEY ? NULL : text, &chance);
    }
    return span;
}

struct ebc_range ebc_range_of(const struct ebc_event *event) {
    return (struct ebc_range){ event->number, 1 };
}

struct ebc_event *ebc_event(const struct ebc_test *t, struct ebc_range span, size_t i) {
    return t->events[span.first + i];
}

const struct ebc_event **ebc_listed(struct ebc_test *t, struct ebc_range span) {
    const struct ebc_event **list = ebc_alloc(t, (span.n + 1) * sizeof *list);

    for (size_t i = 0; i < span.n; i++)
        list[i] = ebc_event(t, span, i);
    return list;
}

struct ebc_event *ebc_event_of(struct ebc_test *t, const struct eb_message *message) {
    char tail[13];
    unsigned long long number;

    ebc_assert_locked(t);
    if (message->id.len != 36 || !message->id.data)
        return NULL;
    memcpy(tail, message->id.data + 24, 12);
    tail[12] = '\0';
    if (sscanf(tail, "%llx", &number) != 1 || number >= t->n_events)
        return NULL;
    return memcmp(t->events[number]->id, message->id.data, 36) == 0 ? t->events[number] : NULL;
}

/* ---- copies ---- */

static struct eb_text copied_text(struct ebc_test *t, struct eb_text from) {
    char *to;

    if (!from.data)
        return (struct eb_text){ NULL, 0 };
    to = ebc_alloc(t, from.len + 1);
    memcpy(to, from.data, from.len);
    return (struct eb_text){ to, from.len };
}

static const struct eb_header *copied_headers(struct ebc_test *t, const struct eb_header *from, size_t n) {
    struct eb_header *to = ebc_alloc(t, (n + 1) * sizeof *to);

    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ copied_text(t, from[i].name), copied_text(t, from[i].value) };
    return to;
}

static const struct eb_schema *copied_schema(struct ebc_test *t, const struct eb_schema *from) {
    struct eb_schema *to;

    if (!from)
        return NULL;
    to = ebc_alloc(t, sizeof *to);
    *to = (struct eb_schema){
        .size = sizeof *to, .id = from->id, .name = copied_text(t, from->name), .json = copied_text(t, from->json)
    };
    return to;
}

const struct eb_message *ebc_copy_message(struct ebc_test *t, const struct eb_message *from) {
    struct eb_message *to = ebc_alloc(t, sizeof *to);

    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->size = sizeof *to;
    to->topic = copied_text(t, to->topic);
    to->position = copied_text(t, to->position);
    to->id = copied_text(t, to->id);
    to->key = copied_text(t, to->key);
    to->key_avro = copied_text(t, to->key_avro);
    to->payload = copied_text(t, to->payload);
    to->decode_error = copied_text(t, to->decode_error);
    to->key_schema = copied_schema(t, to->key_schema);
    to->schema = copied_schema(t, to->schema);
    to->attrs = copied_headers(t, to->attrs, to->n_attrs);
    to->headers = copied_headers(t, to->headers, to->n_headers);
    return to;
}

/* ---- comparing ---- */

static bool same_text(struct eb_text a, struct eb_text b) {
    return !a.data == !b.data && a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Returns a description for people: the text's length, and the printable characters among its first ones. */
static const char *shown(struct ebc_test *t, struct eb_text text) {
    char *to;
    size_t n = text.len < 40 ? text.len : 40;

    if (!text.data)
        return "absent";
    to = ebc_format(t, "%zu bytes \"%.*s%s\"", text.len, (int)n, "........................................",
                    n < text.len ? "..." : "");
    for (size_t i = 0; i < n; i++)
        if (text.data[i] >= ' ' && text.data[i] <= '~')
            strchr(to, '"')[1 + i] = text.data[i] == '"' ? '\'' : text.data[i];
    return to;
}

static void expect_text(struct ebc_test *t, enum ebc_rule rule, const struct ebc_event *event, const char *what,
                        struct eb_text sent, struct eb_text came) {
    if (!same_text(sent, came))
        ebc_break(t, rule, "expected the %s of event %zu to be %s; came %s", what, event->number, shown(t, sent),
                  shown(t, came));
}

/* Some brokers carry no key, for example Redis; their plugins do not claim EB_T_ORDER. */
static bool may_lack_key(const struct ebc_test *t, const struct ebc_received *got) {
    return !got->message->key.data && !(t->plugin.consumer->traits & EB_T_ORDER);
}

static void same_schema(struct ebc_test *t, const struct ebc_received *got) {
    const struct eb_schema *sent = got->event->message.schema, *came = got->message->schema;

    if (!came)
        return;
    expect_text(t, EBC_VALUES, got->event, "schema's text", sent->json, came->json);
    expect_text(t, EBC_VALUES, got->event, "schema's name", sent->name, came->name);
}

void ebc_expect_same_values(struct ebc_test *t, const struct ebc_received *got) {
    const struct eb_message *sent = &got->event->message, *came = got->message;

    if (came->decode_error.data)
        ebc_break(t, EBC_VALUES, "expected event %zu to be readable; came the decode_error %s", got->event->number,
                  shown(t, came->decode_error));
    expect_text(t, EBC_VALUES, got->event, "payload", sent->payload, came->payload);
    if (!may_lack_key(t, got))
        expect_text(t, EBC_VALUES, got->event, "key", sent->key, came->key);
    if (came->key_avro.data)
        expect_text(t, EBC_VALUES, got->event, "key as Avro", sent->key_avro, came->key_avro);
    same_schema(t, got);
}

static void same_list(struct ebc_test *t, enum ebc_rule rule, const char *what, const struct ebc_event *event,
                      const struct eb_header *sent, size_t n_sent, const struct eb_header *came, size_t n_came) {
    for (size_t i = 0; i < n_sent && i < n_came; i++) {
        expect_text(t, rule, event, ebc_format(t, "name of %s %zu", what, i + 1), sent[i].name, came[i].name);
        expect_text(t, rule, event, ebc_format(t, "value of %s %zu", what, i + 1), sent[i].value, came[i].value);
    }
    if (n_sent != n_came)
        ebc_break(t, rule, "expected event %zu to have %zu %ss; came %zu", event->number, n_sent, what, n_came);
}

void ebc_expect_same_attrs(struct ebc_test *t, const struct ebc_received *got) {
    const struct eb_message *sent = &got->event->message, *came = got->message;

    same_list(t, EBC_ATTRS, "attribute", got->event, sent->attrs, sent->n_attrs, came->attrs, came->n_attrs);
    same_list(t, EBC_HEADERS, "header", got->event, sent->headers, sent->n_headers, came->headers, came->n_headers);
}
