/* core/json/event_data.h - the values of one event from JSON and to JSON. */
#ifndef EBI_JSON_EVENT_DATA_H
#define EBI_JSON_EVENT_DATA_H

#include "avro/event_data.h"

/* Takes one JSON object (read strictly: RFC 8259, UTF-8, no name twice, nothing behind it); optional fields may be left
 * out. Errors name the path from `root` ("data"): "data.user.pii.email: expected string, found number"; an item of a
 * map by its number, since keys may be personal. Data is unchanged when it is refused. */
enum eb_status ebi_data_from_json(struct ebi_data *, const char *root, const char *json, size_t len, struct eb_error *);

/* The same for what ebi_data_to_json has written, of an event that is sent again: "NaN", "Infinity" and "-Infinity" stand
 * for numbers where a float or double is expected and no text. */
enum eb_status ebi_data_from_printed_json(struct ebi_data *, const char *root, const char *json, size_t len,
                                          struct eb_error *);

/* Adds the data as compact JSON: fields in schema order, all of them; text unescaped UTF-8, doubles so that they read
 * back the same, or the text "NaN", "Infinity" or "-Infinity"; bytes as base64. EB_PERMANENT: a required field is not
 * set. */
enum eb_status ebi_data_to_json(const struct ebi_data *, struct ebi_bytes *, struct eb_error *);

#endif
