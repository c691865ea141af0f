/* plugins/common/registry/response.h - what a registry's answer says, taken for hostile. Pure: no network, no state. */
#ifndef SR_ANSWER_H
#define SR_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

struct sr_answer {
    long http;                  /* the HTTP status */
    const char *body;
    size_t len;
    bool cut;                   /* the body was longer than SR_ANSWER_MAX, and this is not all of it */
};

/* Where the schema's fields begin in one block: the JSON text, and behind its NUL the name, NUL-ended. */
struct sr_text {
    char *block;                /* the caller frees it */
    size_t json_len, name_len;
};

/* The id that a POST of a schema got. EB_OK, EB_RETRIABLE or EB_PERMANENT; err says why, without the server's name. */
int32_t sr_answer_id(const struct sr_answer *, uint32_t *id, struct eb_error *);

/* Whether it turns this client away, whatever it may ask. A 403 in a registry's own words is of this one question. */
bool sr_answer_bars(const struct sr_answer *);

/* The schema that a GET of an id got; likewise, and EB_FATAL where there is no memory. */
int32_t sr_answer_schema(const struct sr_answer *, struct sr_text *, struct eb_error *);

#endif
