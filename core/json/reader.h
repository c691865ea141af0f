/* core/json/reader.h - reading JSON as a schema's nodes want it. For this room. */
#ifndef EBI_JSON_READER_H
#define EBI_JSON_READER_H

#include "avro/slots.h"
#include "json/lexer.h"

/* JSON text being read. */
struct ebi_json {
    struct ebi_lexer lex;
    const char *root;           /* what the data is called in errors */
    bool printed;               /* by ebi_data_to_json: texts stand for numbers that are not finite */
    const struct ebi_schema *schema;
    size_t slots;               /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text;                 /* where the next text is put: it has room for all that the JSON can hold */
    struct eb_error *err;
    enum eb_status status;      /* why reading failed */
};

/* These three return false, with an error. "data.x: ..." */
bool ebi_json_refuse(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "data.x: not JSON at byte 7: ", and the lexer's reason. */
bool ebi_json_broken(struct ebi_json *, const struct ebi_node *, const struct ebi_place *);

/* "data.x: expected string, found number", by what stands at lex.at. */
bool ebi_json_mismatch(struct ebi_json *, const struct ebi_node *, const struct ebi_place *);

/* Whether a text stands here in place of a number that is not finite. */
bool ebi_json_looks_non_finite(const struct ebi_json *);

/* Takes a number as an int or long, or as a float or double. */
bool ebi_json_whole(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, int64_t *);
bool ebi_json_real(struct ebi_json *, const struct ebi_node *, const struct ebi_place *, double *);

#endif
