/* eventbus/event.h - one event: its data, by path, and its metadata. Compiles alone: C11, C++17.
 *
 * A path names a value in the data by field names with dots between them: "user.pii.username". An item of a list is
 * "tags[0]" (setting one past the last appends), a value of a map "context{de}" (a backslash in a key takes the next
 * character as it is: "context{a\\}b}"). Paths start below "data".
 *
 * An event belongs to one thread at a time. Receivers are lent theirs until they return. */
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

/* What an event says of itself. Texts are NUL-ended and borrowed from the event until it is freed or changed. */
struct eb_metadata {
    const char *type;           /* org.openedx.learning.auth.session.login.completed.v1 */
    const char *id;             /* a UUID as text */
    const char *source;         /* openedx/{service}/web */
    const char *sourcehost;
    const char *sourcelib;      /* version of the event definitions, "11.2.0" */
    int64_t time_us;            /* when it happened: microseconds since 1970, UTC */
    int32_t minorversion;
    int32_t from_event_bus;     /* 1: a consumer made it from a broker's message; it is not sent there again */
    const char *topic;          /* from the bus only, else NULL: the topic without prefix, */
    const char *position;       /*   its place there as the broker names it, */
    const char *key;            /*   its key where one is known (any bytes: see key_len), */
    int32_t attempt;            /*   and the receiver runs that failed before, plus 1. Otherwise 0 */
    int32_t pad;
    size_t key_len;             /* bytes of key, which may hold NULs and need not be UTF-8 */
};

/* A new event of a signal, all fields unset, with a fresh id and the time of now. *event is the caller's, to be given
 * to eb_event_free; NULL where this fails. EB_PERMANENT: the signal is NULL. EB_FATAL: out of memory. */
enum eb_status eb_event_new(const struct eb_signal *, struct eb_event **event, struct eb_error *);
void eb_event_free(struct eb_event *);      /* NULL is nothing to do */

/* Empties it for use again with a fresh id and time: quicker than a new one. */
enum eb_status eb_event_reset(struct eb_event *, struct eb_error *);

/* The metadata, borrowed until the event is freed or changed. */
const struct eb_metadata *eb_event_metadata(const struct eb_event *);

/* Takes over type-independent metadata, say of an event that is sent again. NULL texts keep what is there.
 * EB_PERMANENT: what no receiver would take: the id is no UUID, a text is not UTF-8 or holds a control character, sourcelib
 * is not numbers with dots, minorversion is below 0, or the time is outside the years 1 to 9999. */
enum eb_status eb_event_set_metadata(struct eb_event *, const struct eb_metadata *, struct eb_error *);

/* Setting a field. Values are copied; text is UTF-8. An optional field takes its value or null. EB_PERMANENT with kind
 * EB_KIND_DATA: no such field, or one of another type; the text says which path, what was expected and what was given. */
enum eb_status eb_event_set_string(struct eb_event *, const char *path, const char *text, struct eb_error *);
enum eb_status eb_event_set_text(struct eb_event *, const char *path, const char *text, size_t len, struct eb_error *);
enum eb_status eb_event_set_bytes(struct eb_event *, const char *path, const void *bytes, size_t len, struct eb_error *);
enum eb_status eb_event_set_long(struct eb_event *, const char *path, int64_t value, struct eb_error *);
enum eb_status eb_event_set_double(struct eb_event *, const char *path, double value, struct eb_error *);      /* finite */
enum eb_status eb_event_set_bool(struct eb_event *, const char *path, int value, struct eb_error *);
enum eb_status eb_event_set_null(struct eb_event *, const char *path, struct eb_error *);

/* Sets a list or a map to have no items, or an optional record to be there with all fields unset. */
enum eb_status eb_event_set_empty(struct eb_event *, const char *path, struct eb_error *);

/* All of the data from one JSON object, as "data" stands in a CloudEvent. Nothing is changed when it is refused, as for a
 * number that is not finite. */
enum eb_status eb_event_set_json(struct eb_event *, const char *json, size_t len, struct eb_error *);

/* Reading a field. EB_OK; EB_EMPTY: it is null (the result is not written); else as for setting. Texts and bytes are
 * borrowed until the event is freed or changed. eb_event_get_string gives NUL-ended text, which may hold U+0000 as well:
 * eb_event_get_text has the length. */
enum eb_status eb_event_get_string(const struct eb_event *, const char *path, const char **text, struct eb_error *);
enum eb_status eb_event_get_text(const struct eb_event *, const char *path, const char **text, size_t *len,
                                 struct eb_error *);
enum eb_status eb_event_get_bytes(const struct eb_event *, const char *path, const void **bytes, size_t *len,
                                  struct eb_error *);
enum eb_status eb_event_get_long(const struct eb_event *, const char *path, int64_t *value, struct eb_error *);
enum eb_status eb_event_get_double(const struct eb_event *, const char *path, double *value, struct eb_error *);
enum eb_status eb_event_get_bool(const struct eb_event *, const char *path, int *value, struct eb_error *);

/* How many items a list or a map has; and the key of a map's item number i, in the order they are kept. */
enum eb_status eb_event_count(const struct eb_event *, const char *path, size_t *count, struct eb_error *);
enum eb_status eb_event_map_key(const struct eb_event *, const char *path, size_t i, const char **key, size_t *len,
                                struct eb_error *);

/* The data as JSON, or the whole event as one line of CloudEvents 1.0 structured JSON. A number that is not finite, which
 * only a broker can bring, is the text "NaN", "Infinity" or "-Infinity". NUL-ended, to be freed by the caller with free(). EB_PERMANENT: a required field is not set. */
enum eb_status eb_event_data_json(const struct eb_event *, char **json, size_t *len, struct eb_error *);
enum eb_status eb_event_json(const struct eb_event *, char **json, size_t *len, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
