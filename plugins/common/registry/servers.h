/* plugins/common/registry/servers.h - which of several servers to ask, and how long one that failed is left alone. Times are
 * the caller's, in ms of any steady clock. */
#ifndef SR_SERVERS_H
#define SR_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

enum { SR_SERVERS_MAX = 32 };

struct sr_server {
    char *url;                  /* without a slash at its end */
    int64_t again_ms;           /* not to be asked before; 0: at any time */
    uint32_t failures;          /* one after the other */
    uint32_t under_way;         /* requests */
};

struct sr_servers {
    struct sr_server *all;
    size_t n, first;            /* first: the one to ask first, which is the one that answered last */
    uint64_t chance;            /* for the jitter */
};

/* Copies the addresses. False: no memory. */
bool sr_servers_make(struct sr_servers *, const char *const *urls);
void sr_servers_free(struct sr_servers *);

enum sr_choice {
    SR_ASK,                     /* this one */
    SR_LATER,                   /* one that failed is being tried: wait for what it answers */
    SR_NONE                     /* all are left alone for now, or were tried */
};

/* Chooses a server whose bit is not set in tried. One that failed gets a single request until it has answered. */
enum sr_choice sr_servers_choose(const struct sr_servers *, int64_t now_ms, uint32_t tried, size_t *which);

void sr_servers_begin(struct sr_servers *, size_t which);

/* The request has ended: the server answered, or failed, in a request that began at began_ms. wait_ms: what the server
 * asks for itself; 0: nothing. */
void sr_servers_answered(struct sr_servers *, size_t which);
void sr_servers_failed(struct sr_servers *, size_t which, int64_t began_ms, int64_t now_ms, int64_t wait_ms);

/* The request was dropped: nothing is known of the server. */
void sr_servers_dropped(struct sr_servers *, size_t which);

/* When the first one can be asked again: now or earlier when one can be already. */
int64_t sr_servers_next(const struct sr_servers *);

/* Whether each of them has failed, and not answered since. */
bool sr_servers_all_failed(const struct sr_servers *);

/* The wait after so many failures in a row: doubled each time, up to a fifth less by chance. */
int64_t sr_wait(uint32_t failures, uint64_t *chance);

#endif
