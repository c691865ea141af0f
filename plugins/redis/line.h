/* plugins/redis/line.h - whether the way to the server is up, told to the host once for each change. */
#ifndef RD_LINE_H
#define RD_LINE_H

#include <eventbus/plugin.h>

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

static inline void rd_line_down(struct rd_line *line, const struct eb_error *why) {
    if (line->said != RD_LINE_DOWN) {
        line->said = RD_LINE_DOWN;
        line->host->link(line->host, 0, why);
    }
}

#endif
