/* plugins/common/registry/request_queue.h - the requests of a registry: their state, the servers they are sent to, and what
 * follows from the response. registry.c says what a request sends and where its response is kept. */
#ifndef SR_REQUEST_QUEUE_H
#define SR_REQUEST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

#include "http.h"
#include "servers.h"

enum sr_state {
    SR_IDLE,   /* nobody has asked */
    SR_QUEUED, /* to be sent */
    SR_SENT,
    SR_KNOWN,   /* the response is kept */
    SR_REFUSED, /* the refusal is kept until retry_ms */
    SR_BACKOFF  /* all servers have failed, or a refusal is to be confirmed: queued again at retry_ms if it
                                 * is wanted */
};

enum sr_request_type { SR_LOOKUP, SR_REGISTER, SR_PROBE };

/* Servers are bits: 1 << index. */
struct sr_request {
    enum sr_state state;
    enum sr_request_type type;
    bool wanted;            /* sr_ask was called since it was sent last */
    uint32_t unconfirmed;   /* the server whose refusal is not believed yet; 0: none */
    uint32_t tried;         /* the servers that failed in this round */
    uint32_t auth_rejected; /* the servers that rejected this client in their latest response */
    uint32_t rounds;        /* that failed, one after the other */
    int64_t retry_ms, began_ms;
    size_t server;                  /* SR_SENT: its index */
    struct sr_request *prev, *next; /* in the list of its state: SR_QUEUED, SR_BACKOFF */
    int32_t status, kind;           /* of the error; EB_OK: none */
    int64_t native;
    char *why; /* its text; NULL: there was no memory for it */
};

/* All requests of a registry that are on their way. */
struct sr_request_queue {
    struct sr_http *http;
    struct sr_servers servers;
    struct sr_request *queued, *backoff;
    size_t sent;
    size_t wanted;                /* of those in backoff */
    size_t news;                  /* requests that have another result since the owner set this to 0 */
    int64_t alarm_ms;             /* when sr_request_queue_work has something to do without a response; INT64_MAX: never */
    int64_t confirmed_ms;         /* since when n_confirmed counts */
    uint32_t n_confirmed;         /* ids that a second server refused as well, see SR_CONFIRMED_MAX */
    struct eb_error server_error; /* the latest one */
};

/* Implemented by registry.c: sends the request; takes its response; puts its subject in front of an error. */
struct sr_transfer *sr_request_send(struct sr_request_queue *, struct sr_request *, const char *server);
int32_t sr_request_take_response(struct sr_request_queue *, struct sr_request *, const struct sr_response *, struct eb_error *);
void sr_request_context(const struct sr_request *, const char *server, struct eb_error *);

/* Returns what is known: EB_OK, EB_EMPTY, or EB_RETRIABLE or EB_PERMANENT with the cause. Queues the request unless it is on
 * its way or its refusal is still kept. */
int32_t sr_ask(struct sr_request_queue *, struct sr_request *, struct eb_error *);

/* Whether it can be freed: neither on its way nor wanted. */
bool sr_request_is_idle(const struct sr_request *);

/* Takes it out of its list and frees what it has. It is idle, or the http is gone. */
void sr_request_end(struct sr_request_queue *, struct sr_request *);

/* Sends what can be sent, takes the responses that have come. Never waits. */
void sr_request_queue_work(struct sr_request_queue *);

/* Makes the descriptor readable at that time, or earlier, so that the owner calls sr_request_queue_work. */
void sr_request_queue_call_at(struct sr_request_queue *, int64_t at_ms);

#endif
