/* eventbus/event.h - one event: its data, by path, and its metadata. Compiles alone: C11, C++17.
 *
 * A path names a value in the data by field names with dots between them: "user.pii.username". An item of a list is
 * "tags[0]" (setting one past the last appends), a value of a map "context{de}" (a backslash in a key takes the next
 * character as it is: "context{a\\}b}"). Paths start below "data".
 *
 * One thread at a time uses an event. A receiver may use the event that it is called with until it returns. */
#ifndef EVENTBUS_EVENT_H
#define EVENTBUS_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eb_event;
struct eb_signal;

/* The metadata of an event. Texts end with NUL and are borrowed until the event is freed or changed. */
struct eb_metadata {
    const char *type;   /* org.openedx.learning.auth.session.login.completed.v1 */
    const char *id;     /* a UUID as text */
    const char *source; /* openedx/{service}/web */
    const char *sourcehost;
    const char *sourcelib; /* version of the event definitions, "11.2.0" */
    int64_t time_us;       /* when the event happened: microseconds since 1970, UTC */
    int32_t minorversion;
    int32_t from_event_bus; /* 1: a consumer made the event from a message; the general handler does not send it again */
    /* The rest is NULL or 0 unless from_event_bus is 1. */
    const char *topic;    /* the topic without the prefix */
    const char *position; /* the position in the topic, as the broker names it */
    const char *key;      /* the key, if it is known: any bytes, key_len of them */
    int32_t attempt;      /* which attempt this is: 1 plus the runs of receivers that failed before */
    int32_t pad;
    size_t key_len; /* bytes of key, which may contain NULs and need not be UTF-8 */
};

/* Makes an event of a signal with all fields unset, a new id and the current time. The caller frees *event with
 * eb_event_free; *event is NULL if this fails. EB_PERMANENT: the signal is NULL. EB_FATAL: out of memory. */
enum eb_status eb_event_new(const struct eb_signal *, struct eb_event **event, struct eb_error *);

/* Frees an event. NULL does nothing. */
void eb_event_free(struct eb_event *);

/* Unsets all fields and gives the event a new id and the current time. This is faster than a new event. */
enum eb_status eb_event_reset(struct eb_event *, struct eb_error *);

/* Returns the metadata, borrowed until the event is freed or changed. */
const struct eb_metadata *eb_event_metadata(const struct eb_event *);

/* Copies metadata other than the type into an event, for instance to send an event again. A NULL text keeps the old one.
 * EB_PERMANENT: the id is not a UUID, a text is not UTF-8 or contains a control character, sourcelib is not numbers with
 * dots, minorversion is negative, or the time is outside the years 1 to 9999. */
enum eb_status eb_event_set_metadata(struct eb_event *, const struct eb_metadata *, struct eb_error *);

/* These set a field. Values are copied; text is UTF-8. An optional field accepts its value or null. EB_PERMANENT with kind
 * EB_KIND_DATA: there is no such field, or it has another type; the text names the path, the expected and the given type. */
enum eb_status eb_event_set_string(struct eb_event *, const char *path, const char *text, struct eb_error *);
enum eb_status eb_event_set_text(struct eb_event *, const char *path, const char *text, size_t len, struct eb_error *);
enum eb_status eb_event_set_bytes(struct eb_event *, const char *path, const void *bytes, size_t len, struct eb_error *);
enum eb_status eb_event_set_long(struct eb_event *, const char *path, int64_t value, struct eb_error *);
enum eb_status eb_event_set_double(struct eb_event *, const char *path, double value,
                                   struct eb_error *); /* refuses NaN and infinities */
enum eb_status eb_event_set_bool(struct eb_event *, const char *path, int value, struct eb_error *);
enum eb_status eb_event_set_null(struct eb_event *, const char *path, struct eb_error *);

/* Sets a list or a map to have no items, or an optional record to be present with all fields unset. */
enum eb_status eb_event_set_empty(struct eb_event *, const char *path, struct eb_error *);

/* Sets all of the data from one JSON object, as "data" has it in a CloudEvent. If the object is refused, for instance for
 * a number that is not finite, the event stays as it was. */
enum eb_status eb_event_set_json(struct eb_event *, const char *json, size_t len, struct eb_error *);

/* These read a field. EB_OK; EB_EMPTY: the field is null, and the result is not written; otherwise the errors of setting.
 * Texts and bytes are borrowed until the event is freed or changed. The text of eb_event_get_string ends with NUL and may
 * contain U+0000 before that; eb_event_get_text gives the length. */
enum eb_status eb_event_get_string(const struct eb_event *, const char *path, const char **text, struct eb_error *);
enum eb_status eb_event_get_text(const struct eb_event *, const char *path, const char **text, size_t *len, struct eb_error *);
enum eb_status eb_event_get_bytes(const struct eb_event *, const char *path, const void **bytes, size_t *len,
                                  struct eb_error *);
enum eb_status eb_event_get_long(const struct eb_event *, const char *path, int64_t *value, struct eb_error *);
enum eb_status eb_event_get_double(const struct eb_event *, const char *path, double *value, struct eb_error *);
enum eb_status eb_event_get_bool(const struct eb_event *, const char *path, int *value, struct eb_error *);

/* These give the number of items of a list or a map, and the key of a map's item number i, in the order of the event. */
enum eb_status eb_event_count(const struct eb_event *, const char *path, size_t *count, struct eb_error *);
enum eb_status eb_event_map_key(const struct eb_event *, const char *path, size_t i, const char **key, size_t *len,
                                struct eb_error *);

/* These give the data as JSON, or the whole event as one line of CloudEvents 1.0 structured JSON. A number that is not
 * finite, which only a broker can bring, becomes the text "NaN", "Infinity" or "-Infinity". *json ends with NUL; the caller
 * frees it with free(). EB_PERMANENT: a required field is not set. */
enum eb_status eb_event_data_json(const struct eb_event *, char **json, size_t *len, struct eb_error *);
enum eb_status eb_event_json(const struct eb_event *, char **json, size_t *len, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
