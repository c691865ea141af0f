/* plugins/redis/admin/admin.h - the admin role. admin_read.c lists topics and groups, browse.c reads a topic,
 * admin_write.c changes topics and groups, scan.c finds the topics. */
#ifndef RD_ADMIN_ADMIN_H
#define RD_ADMIN_ADMIN_H

#include "connection/client.h"

struct rd_admin {
    struct rd_client client;
    const struct rd_settings *set;
};

int32_t rd_admin_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int32_t rd_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *);
int32_t rd_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
int32_t rd_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t rd_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
int32_t rd_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *);
int32_t rd_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *);
int32_t rd_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
void rd_admin_close(void *self);

#endif
