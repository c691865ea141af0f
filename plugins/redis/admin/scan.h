/* plugins/redis/admin/scan.h - the streams of a database. */
#ifndef RD_ADMIN_SCAN_H
#define RD_ADMIN_SCAN_H

#include "connection/client.h"

struct rd_topic_names {
    char **names;
    size_t n, room;
};

/* All keys that hold a stream (or, with servers before 6.0, anything), each once, sorted. EB_OK or negative. */
int32_t rd_topic_names_scan(struct rd_topic_names *, struct rd_client *, int64_t until_ms, struct eb_error *);
void rd_topic_names_free(struct rd_topic_names *);

#endif
