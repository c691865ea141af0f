/* plugins/redis/connection/link.h - reports to the host a server that is slow to answer at first. */
#ifndef RD_CONNECTION_LINK_H
#define RD_CONNECTION_LINK_H

#include <eventbus/plugin-help/link.h>

#include "connection/connection.h"

/* Reports a connection that takes long, if nothing was reported yet. */
static inline void rd_link_slow(struct ebp_link *link, const struct rd_conn *conn) {
    struct eb_error why;

    if (ebp_link_state(link) == EBP_LINK_UNREPORTED && rd_conn_is_slow(conn, &why))
        ebp_link_down(link, &why);
}

#endif
