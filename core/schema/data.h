/* core/schema/data.h - the values of one event, between fields, Avro bytes and JSON. See eventbus/event.h for paths. */
#ifndef EBI_DATA_H
#define EBI_DATA_H

#include <stdint.h>
#include "schema/schema.h"

/* Values of a schema; belongs to one thread at a time. Its memory is kept from one use to the next. */
struct ebi_data;

struct ebi_data *ebi_data_new(const struct ebi_schema *);       /* all fields unset; NULL: no memory */
void ebi_data_free(struct ebi_data *);
void ebi_data_clear(struct ebi_data *);                         /* all fields unset again */
const struct ebi_schema *ebi_data_schema(const struct ebi_data *);

/* The functions of eventbus/event.h with the same contract. */
enum eb_status ebi_data_set_text(struct ebi_data *, const char *path, const char *text, size_t len, struct eb_error *);
enum eb_status ebi_data_set_bytes(struct ebi_data *, const char *path, const void *, size_t len, struct eb_error *);
enum eb_status ebi_data_set_long(struct ebi_data *, const char *path, int64_t, struct eb_error *);
enum eb_status ebi_data_set_double(struct ebi_data *, const char *path, double, struct eb_error *);
enum eb_status ebi_data_set_bool(struct ebi_data *, const char *path, int, struct eb_error *);
enum eb_status ebi_data_set_null(struct ebi_data *, const char *path, struct eb_error *);
enum eb_status ebi_data_set_empty(struct ebi_data *, const char *path, struct eb_error *);
enum eb_status ebi_data_get_text(const struct ebi_data *, const char *path, const char **, size_t *len,
                                 struct eb_error *);            /* NUL-ended */
enum eb_status ebi_data_get_bytes(const struct ebi_data *, const char *path, const void **, size_t *len,
                                  struct eb_error *);
enum eb_status ebi_data_get_long(const struct ebi_data *, const char *path, int64_t *, struct eb_error *);
enum eb_status ebi_data_get_double(const struct ebi_data *, const char *path, double *, struct eb_error *);
enum eb_status ebi_data_get_bool(const struct ebi_data *, const char *path, int *, struct eb_error *);
enum eb_status ebi_data_count(const struct ebi_data *, const char *path, size_t *count, struct eb_error *);
enum eb_status ebi_data_map_key(const struct ebi_data *, const char *path, size_t i, const char **key, size_t *len,
                                struct eb_error *);

/* EB_PERMANENT where a required field is not set: its path. */
enum eb_status ebi_data_complete(const struct ebi_data *, struct eb_error *);

/* Adds the Avro body: maps in code point order of their keys, arrays and maps as one block. Checks completeness. */
enum eb_status ebi_data_to_avro(const struct ebi_data *, struct ebi_bytes *, struct eb_error *);

/* Takes an Avro body of this very schema. Bounded: memory in proportion to len. EB_PERMANENT: what is wrong at which
 * byte and path; data is then empty. Bytes left over are an error too. */
enum eb_status ebi_data_from_avro(struct ebi_data *, const void *bytes, size_t len, struct eb_error *);

/* The same for the first of several bodies that stand one behind the other; *used is its length. */
enum eb_status ebi_data_from_avro_first(struct ebi_data *, const void *bytes, size_t len, size_t *used,
                                        struct eb_error *);

/* The same for a body that another writer's schema wrote, by Avro's rules of resolution. The writer's text may be
 * hostile. A resolver is made once for a pair of schemas and is immutable: any thread. It borrows both schemas. */
struct ebi_resolver;
enum eb_status ebi_resolver_new(const struct ebi_schema *writer, const struct ebi_schema *reader,
                                struct ebi_resolver **, struct eb_error *);
void ebi_resolver_free(struct ebi_resolver *);
enum eb_status ebi_data_from_avro_of(struct ebi_data *, const struct ebi_resolver *, const void *bytes, size_t len,
                                     struct eb_error *);

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

/* A valid example, the same each time, that shows every field: believable names, times and course keys. */
enum eb_status ebi_data_sample(struct ebi_data *, struct eb_error *);

/* The key: adds it as plain text (numbers in decimal, booleans true/false) and as an Avro body. EB_PERMANENT: it is not
 * set. */
enum eb_status ebi_data_key(const struct ebi_data *, const struct ebi_key_field *, struct ebi_bytes *text,
                            struct ebi_bytes *avro, struct eb_error *);

#endif
