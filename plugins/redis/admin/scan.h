/* plugins/redis/admin/scan.h - finds the topics: the keys of the database that hold streams. */
#ifndef RD_ADMIN_SCAN_H
#define RD_ADMIN_SCAN_H

#include "connection/client.h"

struct rd_topic_names {
    char **names;
    size_t n, room;
};

/* Reads the names of all streams, each once, sorted; with servers before 6.0, of all keys. EB_OK or negative. */
int32_t rd_topic_names_scan(struct rd_topic_names *, struct rd_client *, int64_t until_ms, struct eb_error *);
void rd_topic_names_free(struct rd_topic_names *);

#endif
