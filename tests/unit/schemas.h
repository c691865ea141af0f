/* tests/unit/schemas.h - schemas, goldens and data that the tests of avro, json and schema share. What cannot be done fails
 * the test. */
#ifndef TEST_SCHEMAS_H
#define TEST_SCHEMAS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "base/bytes.h"
#include "json/event_data.h"
#include "schema/schema.h"

/* The schema of an event type, from conf/schemas; or one from its text. To be freed. */
struct ebi_schema *installed_schema(const char *event_type);
struct ebi_schema *schema_of(const char *json);

/* A schema with each kind of type: fields named after them. */
struct ebi_schema *kitchen(void);
extern const char kitchen_text[];
extern const char kitchen_full[], kitchen_bare[]; /* data: all of it set; as little as there may be */

/* An outermost record with these fields: schema_with("{\"name\":\"x\",\"type\":\"long\"}"). */
struct ebi_schema *schema_with(const char *fields);

/* Calls each(type) for every event type of conf/schemas; returns how many. */
size_t each_installed(void (*each)(const char *event_type));

/* One event of tests/data/goldens.jsonl. */
struct golden {
    const char *type, *variant;
    const char *data; /* the JSON text as it stands there */
    const char *hex, *schema;
};

/* Each of them; returns how many. */
size_t each_golden(void (*each)(const struct golden *));

/* JSON as jansson reads it, the oracle. It has no U+0000 in names: U+E000 stands for it everywhere. To be decref'd. */
json_t *oracle_read(const char *json);
char *oracle_write(const json_t *, size_t flags); /* with U+0000 again; to be freed */

struct ebi_bytes from_hex(const char *hex);
char *to_hex(const struct ebi_bytes *); /* to be freed */

/* Data of a schema from JSON, to JSON, from and to hex; what they return is to be freed. */
struct ebi_data *data_of(const struct ebi_schema *, const char *json);
char *json_of(const struct ebi_data *);
char *hex_of(const struct ebi_data *);

#endif
