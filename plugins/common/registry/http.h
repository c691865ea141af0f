/* plugins/common/registry/http.h - HTTP requests without waiting: libcurl's multi interface behind one descriptor. */
#ifndef SR_HTTP_H
#define SR_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>
#include <eventbus/error.h>

#include "response.h"
#include "settings.h"

struct sr_http;
struct sr_transfer; /* a request that libcurl is at work on */

/* Returns EB_OK or EB_FATAL. The settings are borrowed until sr_http_free. */
int32_t sr_http_make(const struct sr_settings *, struct sr_http **, struct eb_error *);

/* Drops all transfers and reports none of them. NULL is fine. */
void sr_http_free(struct sr_http *);

/* Starts a GET, or with a body (copied) a POST. The owner comes back with the result. NULL: no memory. */
struct sr_transfer *sr_http_start(struct sr_http *, const char *url, const char *body, void *owner);

/* How a transfer ended. `failed` is NULL when the server has responded; else it says why it has not, and native is
 * libcurl's number of that. */
struct sr_transfer_result {
    void *owner;
    struct sr_response response;
    int64_t retry_after_ms; /* what the server requests; 0: nothing */
    const char *failed;
    int64_t native;
};

typedef void sr_transfer_ended_fn(void *arg, const struct sr_transfer_result *);

/* Works on what is ready and reports each transfer that has ended. Never waits; `ended` may start transfers. */
void sr_http_work(struct sr_http *, sr_transfer_ended_fn *ended, void *arg);

/* Makes the descriptor readable at that time (ebp_monotonic_ms) even if no transfer needs it; INT64_MAX: does not. */
void sr_http_alarm(struct sr_http *, int64_t at_ms);

int sr_http_fd(const struct sr_http *);

#endif
