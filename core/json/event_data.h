/* core/json/event_data.h - reads the values of one event from JSON and writes them as JSON. */
#ifndef EBI_JSON_EVENT_DATA_H
#define EBI_JSON_EVENT_DATA_H

#include "avro/event_data.h"

/* Reads one JSON object, strictly: RFC 8259, UTF-8, no name twice, nothing behind it. Optional fields may be left out.
 * Errors name the path from `root` ("data"): "data.user.pii.email: expected string, found number"; an item of a map
 * stands by its number, since keys may be personal data. When the JSON is refused, the data is unchanged. */
enum eb_status ebi_data_from_json(struct ebi_data *, const char *root, const char *json, size_t len, struct eb_error *);

/* Reads what ebi_data_to_json has written, for an event that is sent again: where a float or double is expected and no
 * text, "NaN", "Infinity" and "-Infinity" are numbers. */
enum eb_status ebi_data_from_printed_json(struct ebi_data *, const char *root, const char *json, size_t len, struct eb_error *);

/* Adds the data as compact JSON: all fields, in schema order; text as unescaped UTF-8; doubles so that they read back
 * the same, or as the text "NaN", "Infinity" or "-Infinity"; bytes as base64. EB_PERMANENT: a required field is not
 * set. */
enum eb_status ebi_data_to_json(const struct ebi_data *, struct ebi_bytes *, struct eb_error *);

#endif
