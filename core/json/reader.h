/* core/json/reader.h - the pieces of JSON text: strings and numbers. For this room. */
#ifndef EBI_JSON_READER_H
#define EBI_JSON_READER_H

#include "avro/slots.h"

/* JSON text being read. */
struct ebi_json {
    const char *start, *at, *end;
    const char *root;           /* what the data is called in errors */
    bool printed;               /* by ebi_data_to_json: texts stand for numbers that are not finite */
    const struct ebi_schema *schema;
    size_t slots;               /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text;                 /* where the next text is put: there is room for all that the JSON can hold */
    struct eb_error *err;
    enum eb_status status;      /* why it failed */
};

/* "data.x: ..."; answers false. */
bool ebi_json_refuse(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "data.x: not JSON at byte 7: ..."; answers false. */
bool ebi_json_broken(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, const char *reason);

/* "data.x: expected string, found number", by what stands at json->at. */
bool ebi_json_misfit(struct ebi_json *, const struct ebi_node *, const struct ebi_place *);

static inline void ebi_json_skip_blanks(struct ebi_json *json) {
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r'))
        json->at++;
}

/* The character at json->at behind blanks; 0: there is none, or a NUL. */
static inline char ebi_json_peek(struct ebi_json *json) {
    if (json->at < json->end && (unsigned char)*json->at > ' ')
        return *json->at;
    ebi_json_skip_blanks(json);
    return json->at < json->end ? *json->at : 0;
}

/* A string, json->at behind its first quote, put to json->text with a NUL behind it; *end is that NUL's place, which
 * json->text has still to be moved behind if the text is to stay. */
bool ebi_json_string(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, char **end);

/* Whether a text stands here in place of a number that is not finite. */
bool ebi_json_looks_non_finite(const struct ebi_json *);

/* A number as an int or long, or as a float or double. */
bool ebi_json_whole(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, int64_t *);
bool ebi_json_real(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, double *);

/* Whether the number at json->at is a whole one by its form. */
bool ebi_json_looks_whole(const struct ebi_json *);

#endif
