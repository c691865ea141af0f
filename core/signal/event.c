/* core/signal/event.c - creates and resets events, sets their metadata, gives them as JSON: see eventbus/event.h. Their
 * fields are in accessors.c. */
#include "signal/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "json/event_data.h"

/* Sets the metadata that all new events of a service have in common. */
static void set_origin(struct eb_event *event) {
    const struct ebi_origin *origin = &event->signal->all->origin;

    event->meta = (struct eb_metadata){
        .type = eb_signal_type(event->signal),
        .id = event->id,
        .source = origin->source,
        .sourcehost = origin->sourcehost,
        .sourcelib = origin->sourcelib,
    };
    event->headers = NULL;
    event->n_headers = 0;
}

static void fresh(struct eb_event *event) {
    set_origin(event);
    event->meta.time_us = ebi_uuid_new(event->id);
}

static void free_texts(struct eb_event *event) {
    for (size_t i = 0; i < sizeof event->own_texts / sizeof *event->own_texts; i++) {
        free(event->own_texts[i]);
        event->own_texts[i] = NULL;
    }
}

/* An event and its encoding in one block of memory. */
struct whole {
    struct eb_event event;
    struct ebi_encoding encoding;
};

enum eb_status eb_event_new(const struct eb_signal *signal, struct eb_event **out, struct eb_error *err) {
    if (ebi_is_null(out, "the place for the event", err))
        return EB_PERMANENT;
    *out = NULL;
    if (!signal)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "the signal is NULL; eb_signal_find returns NULL when it finds none");
    struct whole *whole = calloc(1, sizeof *whole);

    if (!whole)
        return ebi_error_memory(err);
    struct eb_event *event = &whole->event;

    event->encoding = &whole->encoding;
    event->signal = signal;
    event->data = ebi_data_new(signal->schema);
    if (!event->data) {
        free(whole);
        return ebi_error_memory(err);
    }
    fresh(event);
    *out = event;
    return EB_OK;
}

void eb_event_free(struct eb_event *event) {
    if (!event)
        return;
    free_texts(event);
    ebi_data_free(event->data);
    ebi_bytes_free(&event->encoding->payload);
    ebi_bytes_free(&event->encoding->key);
    ebi_bytes_free(&event->encoding->key_avro);
    free(event); /* the event is the first part of its block */
}

void ebi_event_clear(struct eb_event *event) {
    free_texts(event);
    ebi_data_clear(event->data);
    set_origin(event);
    event->id[0] = '\0';
}

enum eb_status eb_event_reset(struct eb_event *event, struct eb_error *err) {
    if (ebi_is_null(event, "the event", err))
        return EB_PERMANENT;
    ebi_event_clear(event);
    fresh(event);
    return EB_OK;
}

const struct eb_metadata *eb_event_metadata(const struct eb_event *event) {
    return event ? &event->meta : NULL;
}

/* ---- Metadata of another making ---- */

static bool plain(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

bool ebi_is_version(const char *text, size_t len) {
    bool digit = false;

    for (size_t i = 0; i < len; i++) {
        if (!(text[i] >= '0' && text[i] <= '9') && !(digit && text[i] == '.'))
            return false;
        digit = text[i] != '.';
    }
    return digit;
}

/* The years 1 to 9999, in microseconds since 1970. */
static const int64_t first_us = -62135596800000000, last_us = 253402300799999999;

static enum eb_status check_metadata(const struct eb_metadata *meta, struct eb_error *err) {
    const struct {
        const char *name, *text;
    } texts[] = { { "source", meta->source }, { "sourcehost", meta->sourcehost }, { "sourcelib", meta->sourcelib } };

    if (meta->id && !ebi_uuid_valid(meta->id, strlen(meta->id)))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "id \"%.64s\" is not a UUID", plain(meta->id) ? meta->id : "?");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].text && !plain(texts[i].text))
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s holds a control character", texts[i].name);
        if (texts[i].text && !ebi_utf8_valid(texts[i].text, strlen(texts[i].text)))
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s is not UTF-8", texts[i].name);
    }
    if (meta->sourcelib && !ebi_is_version(meta->sourcelib, strlen(meta->sourcelib)))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "sourcelib is not numbers with dots, as 11.2.0");
    if (meta->minorversion < 0)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "minorversion is below 0");
    if (meta->time_us < first_us || meta->time_us > last_us)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "time is outside the years 1 to 9999");
    return EB_OK;
}

static bool take_text(const char **field, char **own, const char *text) {
    if (!text)
        return true;
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(*own);
    *field = *own = copy;
    return true;
}

enum eb_status eb_event_set_metadata(struct eb_event *event, const struct eb_metadata *meta, struct eb_error *err) {
    if (ebi_is_null(event, "the event", err) || ebi_is_null(meta, "the metadata", err))
        return EB_PERMANENT;
    enum eb_status status = check_metadata(meta, err);
    if (status != EB_OK)
        return status;
    if (!take_text(&event->meta.source, &event->own_texts[0], meta->source) ||
        !take_text(&event->meta.sourcehost, &event->own_texts[1], meta->sourcehost) ||
        !take_text(&event->meta.sourcelib, &event->own_texts[2], meta->sourcelib))
        return ebi_error_memory(err);
    if (meta->id)
        memcpy(event->id, meta->id, EBI_UUID_ROOM);
    event->meta.time_us = meta->time_us;
    event->meta.minorversion = meta->minorversion;
    event->meta.from_event_bus = meta->from_event_bus;
    return EB_OK;
}

/* ---- From and to JSON ---- */

enum eb_status eb_event_set_json(struct eb_event *event, const char *json, size_t len, struct eb_error *err) {
    if (ebi_is_null(event, "the event", err) || ebi_is_null(json, "the JSON", err))
        return EB_PERMANENT;
    return ebi_data_from_json(event->data, "data", json, len, err);
}

static enum eb_status give(struct ebi_bytes *bytes, enum eb_status status, char **json, size_t *len) {
    if (status != EB_OK) {
        ebi_bytes_free(bytes);
        return status;
    }
    *json = bytes->data;
    if (len)
        *len = bytes->len;
    return EB_OK;
}

enum eb_status eb_event_data_json(const struct eb_event *event, char **json, size_t *len, struct eb_error *err) {
    if (ebi_is_null(event, "the event", err) || ebi_is_null(json, "the place for the JSON", err))
        return EB_PERMANENT;
    struct ebi_bytes bytes = { 0 };

    return give(&bytes, ebi_data_to_json(event->data, &bytes, err), json, len);
}

enum eb_status eb_event_json(const struct eb_event *event, char **json, size_t *len, struct eb_error *err) {
    if (ebi_is_null(event, "the event", err) || ebi_is_null(json, "the place for the JSON", err))
        return EB_PERMANENT;
    struct ebi_bytes bytes = { 0 };

    return give(&bytes, ebi_event_to_cloudevent(event, &bytes, err), json, len);
}
