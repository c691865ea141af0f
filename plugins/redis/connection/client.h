/* plugins/redis/connection/client.h - asking the server and waiting for the answer, within a time. */
#ifndef RD_CONNECTION_CLIENT_H
#define RD_CONNECTION_CLIENT_H

#include "wakeup.h"
#include "connection/connection.h"
#include "connection/link.h"

struct rd_client {
    struct rd_target target;
    struct rd_conn conn;
    struct rd_bell bell;                /* nobody rings it: what a wait needs */
    struct rd_link link;
    struct rd_arena arena;              /* of the answer */
    const struct rd_node *reply;
    bool lost;
    struct eb_error why;                /* there is no connection */
};

int32_t rd_client_open(struct rd_client *, const struct eb_host *, const struct rd_settings *, struct eb_error *);
void rd_client_close(struct rd_client *);

/* argv ends with NULL. The answer, which may be an error, stays until the next one is asked for. EB_OK, or
 * EB_RETRIABLE: none came by then. */
int32_t rd_client_request(struct rd_client *, int64_t until_ms, const char *const *argv, const struct rd_node **,
               struct eb_error *);

/* The same; an error for an answer is told as `what`, with what to do about the topic, and its class answered. */
int32_t rd_client_request_for(struct rd_client *, int64_t until_ms, const char *what, const char *topic, const char *const *argv,
                   const struct rd_node **, struct eb_error *);

/* Tells an error that was the answer, with what to do about the topic; its class. */
int32_t rd_client_error(const struct rd_client *, const char *what, const char *topic, const struct rd_node *error,
                       struct eb_error *);

#endif
