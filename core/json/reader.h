/* core/json/reader.h - JSON being read for the nodes of a schema. For this room. */
#ifndef EBI_JSON_READER_H
#define EBI_JSON_READER_H

#include "avro/slots.h"
#include "json/lexer.h"

/* JSON text being read. */
struct ebi_json {
    struct ebi_lexer lex;
    const char *root; /* what the data is called in errors */
    bool printed;     /* ebi_data_to_json has written it: texts stand for numbers that are not finite */
    const struct ebi_schema *schema;
    size_t slots; /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text; /* where the next text is put; it has room for all that the JSON can hold */
    struct eb_error *err;
    enum eb_status status; /* why reading failed */
};

/* These three set an error and return false. The first: "data.x: ...", in the words of `format`. */
bool ebi_json_refuse(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "data.x: not JSON at byte 7: ...", in the words of lex.reason. */
bool ebi_json_broken(struct ebi_json *, const struct ebi_node *, const struct ebi_place *);

/* "data.x: expected string, found number", by the character at lex.at. */
bool ebi_json_mismatch(struct ebi_json *, const struct ebi_node *, const struct ebi_place *);

/* Returns whether the text here stands for a number that is not finite. */
bool ebi_json_looks_non_finite(const struct ebi_json *);

/* Read a number for an int or long, or for a float or double. */
bool ebi_json_whole(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, int64_t *);
bool ebi_json_real(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, double *);

#endif
