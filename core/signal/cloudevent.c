/* core/signal/cloudevent.c - writes and reads an event as one line of CloudEvents 1.0 structured JSON: see event.h. */
#include "json/event_data.h"
#include "signal/event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "json/base64.h"
#include "json/members.h"

/* ---- Writing ---- */

static bool add_member(struct ebi_bytes *out, const char *name, const char *value) {
    return !value || (ebi_bytes_add(out, ",\"", 2) && ebi_bytes_add_text(out, name) && ebi_bytes_add(out, "\":", 2) &&
                      ebi_bytes_add_json_string(out, value, strlen(value)));
}

/* Returns whether a key can be a text of JSON, which has no other bytes than UTF-8, and which many readers end at
 * U+0000. Any other key is written as base64, since its bytes decide about partition and order. */
static bool is_plain_key(const char *key, size_t len) {
    return ebi_utf8_valid(key, len) && !memchr(key, 0, len);
}

static bool add_key(struct ebi_bytes *out, const char *key, size_t len) {
    if (!key)
        return true;
    if (is_plain_key(key, len))
        return ebi_bytes_add_text(out, ",\"partitionkey\":") && ebi_bytes_add_json_string(out, key, len);
    if (!ebi_bytes_add_text(out, ",\"partitionkeybase64\":\"") || !ebi_bytes_reserve(out, ebi_base64_len(len)))
        return false;
    ebi_base64_write(out->data + out->len, key, len);
    out->len += ebi_base64_len(len);
    return ebi_bytes_add(out, "\"", 1);
}

static bool is_number(struct eb_text text) {
    if (text.len == 0 || text.len > 15 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* ---- A dead letter's headers ---- */

static const char dlq_prefix[] = "dlq_";
enum {
    DLQ_PREFIX = sizeof dlq_prefix - 1,
    DLQ_LONGEST = DLQ_PREFIX + 100 /* in hex, every reader of JSON takes this name, ours too */
};

static bool same_text(struct eb_text a, struct eb_text b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool is_shown_already(const struct eb_header *const *shown, size_t n, struct eb_text name) {
    while (n > 0)
        if (same_text(shown[--n]->name, name))
            return true;
    return false;
}

size_t ebi_dead_letter_headers(const struct eb_event *event, const struct eb_header *shown[EBI_DLQ_MOST]) {
    size_t n = 0;

    for (size_t i = 0; i < event->n_headers && n < EBI_DLQ_MOST; i++) {
        const struct eb_header *header = &event->headers[i];

        if (header->name.len > DLQ_PREFIX && header->name.len <= DLQ_LONGEST &&
            memcmp(header->name.data, dlq_prefix, DLQ_PREFIX) == 0 && !is_shown_already(shown, n, header->name))
            shown[n++] = header;
    }
    return n;
}

/* Returns whether CloudEvents takes it in an attribute's name. Names that begin with x are left to those in hex. */
static bool is_plain_name(const char *name, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9'))
            return false;
    return name[0] != 'x';
}

bool ebi_dead_letter_name(struct ebi_bytes *out, struct eb_text name) {
    static const char hex[] = "0123456789abcdef";
    const char *rest = name.data + DLQ_PREFIX;
    size_t len = name.len - DLQ_PREFIX;

    if (!ebi_bytes_add(out, "dlq", 3))
        return false;
    if (is_plain_name(rest, len))
        return ebi_bytes_add(out, rest, len);
    if (!ebi_bytes_reserve(out, 1 + 2 * len) || !ebi_bytes_add(out, "x", 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        const char digits[] = { hex[(unsigned char)rest[i] >> 4], hex[rest[i] & 15] };
        ebi_bytes_add(out, digits, sizeof digits);
    }
    return true;
}

static bool add_dead_letter(struct ebi_bytes *out, const struct eb_event *event) {
    static const struct eb_text attempts = { "dlq_attempts", 12 };
    const struct eb_header *shown[EBI_DLQ_MOST];
    size_t n = ebi_dead_letter_headers(event, shown);

    for (size_t i = 0; i < n; i++) {
        struct eb_text value = shown[i]->value;

        if (!ebi_bytes_add(out, ",\"", 2) || !ebi_dead_letter_name(out, shown[i]->name) || !ebi_bytes_add(out, "\":", 2))
            return false;
        bool count = same_text(shown[i]->name, attempts) && is_number(value);
        if (count ? !ebi_bytes_add(out, value.data, value.len)
                  : !ebi_bytes_add_json_string(out, value.data ? value.data : "", value.len))
            return false;
    }
    return true;
}

/* ---- The line ---- */

static bool add_metadata(struct ebi_bytes *out, const struct eb_event *event) {
    const struct eb_metadata *meta = &event->meta;
    char time[EBI_ISO_ROOM];

    ebi_iso_print_micros(meta->time_us, time);
    return ebi_bytes_add_text(out, "{\"specversion\":\"1.0\"") && add_member(out, "type", meta->type) &&
           add_member(out, "id", meta->id) && add_member(out, "source", meta->source) && add_member(out, "time", time) &&
           ebi_bytes_add_format(out, ",\"minorversion\":%" PRId32, meta->minorversion) &&
           add_member(out, "sourcehost", meta->sourcehost) && add_member(out, "sourcelib", meta->sourcelib) &&
           add_member(out, "datacontenttype", "application/json") && add_member(out, "topic", meta->topic) &&
           add_key(out, meta->key, meta->key_len) && add_member(out, "partitionkeyfield", event->key_field) &&
           add_member(out, "sendid", event->send_id) && add_member(out, "position", meta->position) &&
           (meta->attempt == 0 || ebi_bytes_add_format(out, ",\"attempt\":%" PRId32, meta->attempt));
}

enum eb_status ebi_event_to_cloudevent(const struct eb_event *event, struct ebi_bytes *out, struct eb_error *err) {
    if (!add_metadata(out, event) || !add_dead_letter(out, event) || !ebi_bytes_add_text(out, ",\"data\":"))
        return ebi_error_memory(err);
    size_t data = out->len;
    enum eb_status status = ebi_data_to_json(event->data, out, err);
    if (status == EB_OK && (!ebi_printable_json(out, data) || !ebi_bytes_add(out, "}", 1)))
        status = ebi_error_memory(err);
    return status;
}

/* ---- Reading ---- */

/* What a line holds: texts are unescaped to memory of their own, `data` is raw JSON within the line. */
struct envelope {
    char *type, *id, *source, *sourcehost, *sourcelib, *time, *topic, *key, *key_base64, *key_field, *send_id;
    const char *data;
    size_t data_len;
    int64_t minorversion;
};

static void envelope_free(struct envelope *said) {
    free(said->type);
    free(said->id);
    free(said->source);
    free(said->sourcehost);
    free(said->sourcelib);
    free(said->time);
    free(said->topic);
    free(said->key);
    free(said->key_base64);
    free(said->key_field);
    free(said->send_id);
}

void ebi_address_free(struct ebi_address *address) {
    free(address->topic);
    free(address->key_field);
    free(address->send_id);
    free(address->key);
    *address = (struct ebi_address){ 0 };
}

static enum eb_status take_member(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    struct envelope *said = arg;
    const struct {
        const char *name;
        char **text;
    } texts[] = { { "type", &said->type },
                  { "id", &said->id },
                  { "source", &said->source },
                  { "sourcehost", &said->sourcehost },
                  { "sourcelib", &said->sourcelib },
                  { "time", &said->time },
                  { "partitionkey", &said->key },
                  { "partitionkeybase64", &said->key_base64 },
                  { "partitionkeyfield", &said->key_field } };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0)
            return ebi_json_text(name, value, len, texts[i].text, err);
    if (strcmp(name, "topic") == 0 && !said->topic) /* most callers ignore these two, so only no memory is an error */
        return ebi_json_text(name, value, len, &said->topic, err) == EB_FATAL ? EB_FATAL : EB_OK;
    if (strcmp(name, "sendid") == 0 && !said->send_id)
        return ebi_json_text(name, value, len, &said->send_id, err) == EB_FATAL ? EB_FATAL : EB_OK;
    if (strcmp(name, "minorversion") == 0)
        return ebi_json_long(name, value, len, &said->minorversion, err);
    if (strcmp(name, "data") == 0) {
        said->data = value;
        said->data_len = len;
    }
    return EB_OK; /* CloudEvents allows others, and what the broker added is ignored */
}

/* Moves the texts of an address out of the envelope. */
static enum eb_status take_address(struct ebi_address *address, struct envelope *said, struct eb_error *err) {
    if (said->key && said->key_base64)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "partitionkey and partitionkeybase64 are both given; a key has "
                         "one of them");
    char *key = said->key ? said->key : said->key_base64;
    size_t len = key ? strlen(key) : 0;
    if (said->key_base64) {
        if (!ebi_base64_read(key, &len, key, len))
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "partitionkeybase64: not base64");
        key[len] = '\0';
    }
    *address = (struct ebi_address){
        .topic = said->topic, .key_field = said->key_field, .send_id = said->send_id, .key = key, .key_len = len
    };
    said->topic = said->key_field = said->send_id = said->key = said->key_base64 = NULL;
    return EB_OK;
}

static enum eb_status take_envelope(struct eb_event *event, const struct envelope *said, struct eb_error *err) {
    struct eb_metadata meta = { .id = said->id,
                                .source = said->source,
                                .sourcehost = said->sourcehost,
                                .sourcelib = said->sourcelib,
                                .time_us = event->meta.time_us };
    enum eb_status status = EB_OK;

    if (said->minorversion < 0 || said->minorversion > INT32_MAX)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "minorversion: expected a number from 0 to 2147483647");
    meta.minorversion = (int32_t)said->minorversion;
    if (said->time)
        status = ebi_iso_read(said->time, strlen(said->time), &meta.time_us, err);
    if (status != EB_OK) {
        ebi_error_context(err, "time");
        return status;
    }
    status = eb_event_set_metadata(event, &meta, err);
    if (status == EB_OK)
        status = ebi_data_from_printed_json(event->data, "data", said->data, said->data_len, err);
    return status;
}

static const struct eb_signal *signal_of(const struct ebi_signals *all, const struct eb_signal *expected,
                                         const struct envelope *said, struct eb_error *err) {
    if (!said->type) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "type: missing; it names the signal");
        return NULL;
    }
    const struct eb_signal *signal = ebi_signals_find(all, said->type, err);
    if (signal && expected && signal != expected) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "type: expected %s, found %s", eb_signal_type(expected),
                  eb_signal_type(signal));
        return NULL;
    }
    return signal;
}

enum eb_status ebi_event_from_cloudevent(const struct ebi_signals *all, const struct eb_signal *expected, const char *json,
                                         size_t len, struct eb_event **out, struct ebi_address *address, struct eb_error *err) {
    struct envelope said = { 0 };
    struct eb_event *event = NULL;
    enum eb_status status = ebi_json_members(json, len, take_member, &said, err);

    *address = (struct ebi_address){ 0 };
    if (status != EB_OK)
        goto done;
    const struct eb_signal *signal = signal_of(all, expected, &said, err);
    if (!signal) {
        status = EB_PERMANENT;
        goto done;
    }
    if (!said.data) {
        status = ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "data: missing; it holds the fields of %s", said.type);
        goto done;
    }
    status = eb_event_new(signal, &event, err);
    if (status == EB_OK)
        status = take_envelope(event, &said, err);
    if (status == EB_OK)
        status = take_address(address, &said, err);
    if (status == EB_OK) {
        *out = event;
        event = NULL;
    }
done:
    eb_event_free(event);
    envelope_free(&said);
    return status;
}
