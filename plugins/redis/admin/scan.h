/* plugins/redis/admin/scan.h - the streams of a database. */
#ifndef RD_ADMIN_SCAN_H
#define RD_ADMIN_SCAN_H

#include "connection/request.h"

struct rd_names {
    char **names;
    size_t n, room;
};

/* All keys that hold a stream (or, with servers before 6.0, anything), each once, sorted. EB_OK or negative. */
int32_t rd_names_read(struct rd_names *, struct rd_asker *, int64_t until_ms, struct eb_error *);
void rd_names_free(struct rd_names *);

#endif
