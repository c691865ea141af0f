/* plugins/redis/connection/request.h - asking the server and waiting for the answer, within a time. */
#ifndef RD_CONNECTION_REQUEST_H
#define RD_CONNECTION_REQUEST_H

#include "wakeup.h"
#include "connection/connection.h"
#include "connection/link.h"

struct rd_asker {
    struct rd_target target;
    struct rd_conn conn;
    struct rd_bell bell;                /* nobody rings it: what a wait needs */
    struct rd_line line;
    struct rd_arena arena;              /* of the answer */
    const struct rd_node *answer;
    bool lost;
    struct eb_error why;                /* there is no connection */
};

int32_t rd_asker_open(struct rd_asker *, const struct eb_host *, const struct rd_settings *, struct eb_error *);
void rd_asker_close(struct rd_asker *);

/* argv ends with NULL. The answer, which may be an error, stays until the next one is asked for. EB_OK, or
 * EB_RETRIABLE: none came by then. */
int32_t rd_ask(struct rd_asker *, int64_t until_ms, const char *const *argv, const struct rd_node **,
               struct eb_error *);

/* The same; an error for an answer is told as `what`, with what to do about the topic, and its class answered. */
int32_t rd_ask_for(struct rd_asker *, int64_t until_ms, const char *what, const char *topic, const char *const *argv,
                   const struct rd_node **, struct eb_error *);

/* Tells an error that was the answer, with what to do about the topic; its class. */
int32_t rd_ask_refused(const struct rd_asker *, const char *what, const char *topic, const struct rd_node *error,
                       struct eb_error *);

#endif
