/* plugins/redis/connection/link.h - whether the way to the server is up, told to the host once for each change. */
#ifndef RD_CONNECTION_LINK_H
#define RD_CONNECTION_LINK_H

#include "connection/connection.h"

struct rd_line {
    const struct eb_host *host;
    enum { RD_LINE_UNSAID, RD_LINE_UP, RD_LINE_DOWN } said;
};

static inline void rd_line_up(struct rd_line *line) {
    if (line->said != RD_LINE_UP) {
        line->said = RD_LINE_UP;
        line->host->link(line->host, 1, NULL);
    }
}

/* While nothing was said yet: why it takes so long. */
static inline void rd_line_slow(struct rd_line *line, const struct rd_conn *conn) {
    struct eb_error why;

    if (line->said == RD_LINE_UNSAID && rd_conn_is_slow(conn, &why)) {
        line->said = RD_LINE_DOWN;
        line->host->link(line->host, 0, &why);
    }
}

static inline void rd_line_down(struct rd_line *line, const struct eb_error *why) {
    if (line->said != RD_LINE_DOWN) {
        line->said = RD_LINE_DOWN;
        line->host->link(line->host, 0, why);
    }
}

#endif
