/* plugins/common/registry/servers.h - which of several servers to send to, and how long one that failed is left alone. Times are the
 * caller's, in ms of any monotonic clock. */
#ifndef SR_SERVERS_H
#define SR_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

struct sr_server {
    char *url;         /* without a slash at its end */
    int64_t retry_ms;  /* is left alone until then; 0: not left alone */
    uint32_t failures; /* one after the other */
    uint32_t n_sent;   /* requests without a result */
};

struct sr_servers {
    struct sr_server *all;
    size_t n, first; /* first: the one to try first, which is the one that responded last */
    uint64_t chance; /* of the jitter's random numbers */
};

/* Copies the addresses. Returns false without memory. */
bool sr_servers_make(struct sr_servers *, const char *const *urls);
void sr_servers_free(struct sr_servers *);

enum sr_choice {
    SR_ASK,   /* send to the chosen one */
    SR_LATER, /* one that failed is being tried: wait for its result */
    SR_NONE   /* each is left alone for now, or was tried */
};

/* Chooses a server whose bit is not set in tried. One that failed gets a single request until it has responded. */
enum sr_choice sr_servers_choose(const struct sr_servers *, int64_t now_ms, uint32_t tried, size_t *which);

void sr_servers_begin(struct sr_servers *, size_t which);

/* A request has ended: the server responded, or failed. The request began at began_ms; wait_ms is how long the server wants
 * to be left alone, 0: it does not say. */
void sr_servers_responded(struct sr_servers *, size_t which);
void sr_servers_failed(struct sr_servers *, size_t which, int64_t began_ms, int64_t now_ms, int64_t wait_ms);

/* When the first of them may be tried again; a time that is past when one may be tried now. */
int64_t sr_servers_next(const struct sr_servers *);

/* Whether each of them has failed and not responded since. */
bool sr_servers_all_failed(const struct sr_servers *);

/* The wait after so many failures in a row: doubled each time, and shortened by up to a fifth at random. */
int64_t sr_wait(uint32_t failures, uint64_t *chance);

#endif
