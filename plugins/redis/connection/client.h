/* plugins/redis/connection/client.h - a connection for one command at a time: sends it and waits for the reply. */
#ifndef RD_CONNECTION_CLIENT_H
#define RD_CONNECTION_CLIENT_H

#include <eventbus/plugin-help/wakeup.h>

#include "connection/connection.h"
#include "connection/link.h"

struct rd_client {
    struct rd_target target;
    struct rd_conn conn;
    struct ebp_wakeup wakeup; /* a wait needs one; nobody signals it */
    struct ebp_link link;
    struct rd_arena arena; /* holds the reply */
    const struct rd_node *reply;
    bool lost;
    struct eb_error why; /* why there is no connection */
};

int32_t rd_client_open(struct rd_client *, const struct eb_host *, const struct rd_settings *, struct eb_error *);
void rd_client_close(struct rd_client *);

/* Sends a command; argv ends with NULL. The reply, which may be an error, stays until the next command. EB_OK, or
 * EB_RETRIABLE: no reply came in time. */
int32_t rd_client_request(struct rd_client *, int64_t until_ms, const char *const *argv, const struct rd_node **reply,
                          struct eb_error *);

/* The same; an error reply is returned as rd_client_error does. */
int32_t rd_client_request_for(struct rd_client *, int64_t until_ms, const char *doing, const char *topic,
                              const char *const *argv, const struct rd_node **reply, struct eb_error *);

/* Returns the status of an error reply, and fills in err: "DOING topic TOPIC: ..." with what to do about it. Either may
 * be empty. */
int32_t rd_client_error(const struct rd_client *, const char *doing, const char *topic, const struct rd_node *error,
                        struct eb_error *);

#endif
