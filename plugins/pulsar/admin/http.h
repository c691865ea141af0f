/* admin/http.h - requests to Pulsar's HTTP admin interface: one at a time, each with its own deadline.
 *
 * Belongs to the thread of the admin's ops. Each answer is taken for hostile: its size, its JSON, its reason. Certificates and
 * host names are checked; a redirect is followed, because a broker sends a request about a topic to the broker that serves it,
 * but never from https to http. No error shows the token. */
#ifndef PL_HTTP_H
#define PL_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <eventbus/plugin.h>

#include "options.h"

struct pl_http;

/* Makes it; connects to nothing. The settings are borrowed until pl_http_close. */
int32_t pl_http_open(const struct pl_settings *, struct pl_http **, struct eb_error *);

/* NULL is fine. */
void pl_http_close(struct pl_http *);

/* What came back. */
struct pl_answer {
    long code;    /* of HTTP; 0: nothing came back */
    json_t *json; /* what a code from 200 to 299 brought, to be freed by pl_answer_free; NULL: it brought no JSON */
};

/* Sends a request and waits for its answer until a time by ebp_monotonic_ms. `path` begins behind the address; `body` is JSON,
 * or NULL. EB_OK with a code from 200 to 299. Otherwise the error says "WHAT: why", with the code as its native number:
 * EB_GONE for 404, EB_RETRIABLE if the broker cannot be reached, answers too late or fails, else EB_PERMANENT. */
int32_t pl_http_ask(struct pl_http *, const char *method, const char *path, const char *body, int64_t until, const char *what,
                    struct pl_answer *, struct eb_error *);

/* A header of the last answer; NULL: it has none of that name. Valid until the next request. */
const char *pl_http_header(const struct pl_http *, const char *name);

void pl_answer_free(struct pl_answer *);

/* A copy of a name with its special characters as %XX, to be freed by free(3); NULL: no memory. */
char *pl_escaped(const char *name);

#endif
