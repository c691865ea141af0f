/* plugins/common/registry/http.h - HTTP requests that nobody waits for: libcurl's multi interface behind one descriptor. */
#ifndef SR_HTTP_H
#define SR_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>
#include <eventbus/error.h>

#include "response.h"
#include "registry.h"

struct sr_http;
struct sr_request;

/* EB_OK or EB_FATAL. The settings are borrowed until sr_http_free. */
int32_t sr_http_make(const struct sr_settings *, struct sr_http **, struct eb_error *);

/* Drops all requests, which are reported to nobody. NULL is fine. */
void sr_http_free(struct sr_http *);

/* Starts a GET, or with a body (copied) a POST. The owner comes back with the answer. NULL: no memory. */
struct sr_request *sr_http_start(struct sr_http *, const char *url, const char *body, void *owner);

/* How a request ended. failed NULL: the server has answered, by what stands in answer; else why it has not. */
struct sr_outcome {
    void *owner;
    struct sr_answer answer;
    int64_t retry_after_ms;     /* what the server asks for; 0: nothing */
    const char *failed;
    int64_t native;             /* libcurl's number of the failure */
};

typedef void sr_ended_fn(void *arg, const struct sr_outcome *);

/* Works on what has become ready, and tells what has ended. Never waits; `ended` may start requests. */
void sr_http_work(struct sr_http *, sr_ended_fn *ended, void *arg);

/* Makes the descriptor readable at that time (sr_now_ms) even if no request needs it; INT64_MAX: not. */
void sr_http_alarm(struct sr_http *, int64_t at_ms);

int sr_http_fd(const struct sr_http *);

/* A steady clock, in ms. */
int64_t sr_now_ms(void);

#endif
