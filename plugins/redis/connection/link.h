/* plugins/redis/connection/link.h - reports to the host whether the server can be reached, once for each change. */
#ifndef RD_CONNECTION_LINK_H
#define RD_CONNECTION_LINK_H

#include "connection/connection.h"

struct rd_link {
    const struct eb_host *host;
    enum { RD_LINK_UNREPORTED, RD_LINK_UP, RD_LINK_DOWN } reported;
};

static inline void rd_link_up(struct rd_link *link) {
    if (link->reported != RD_LINK_UP) {
        link->reported = RD_LINK_UP;
        link->host->link(link->host, 1, NULL);
    }
}

/* Reports a connection that takes long, if nothing was reported yet. */
static inline void rd_link_slow(struct rd_link *link, const struct rd_conn *conn) {
    struct eb_error why;

    if (link->reported == RD_LINK_UNREPORTED && rd_conn_is_slow(conn, &why)) {
        link->reported = RD_LINK_DOWN;
        link->host->link(link->host, 0, &why);
    }
}

static inline void rd_link_down(struct rd_link *link, const struct eb_error *why) {
    if (link->reported != RD_LINK_DOWN) {
        link->reported = RD_LINK_DOWN;
        link->host->link(link->host, 0, why);
    }
}

#endif
