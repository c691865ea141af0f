/* plugins/sqlite/admin/admin.h - the admin role. */
#ifndef SQ_ADMIN_H
#define SQ_ADMIN_H

#include <eventbus/plugin.h>

#include "store/store.h"
#include "topic/rows.h"

/* Belongs to the thread that calls the ops. */
struct sq_admin {
    struct sq_store store;
    struct sq_decoder decoder;
    struct ebp_bytes rows;
};

int32_t sq_admin_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int32_t sq_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *);
int32_t sq_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
int32_t sq_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t sq_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
int32_t sq_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *);
int32_t sq_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *);
int32_t sq_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
void sq_admin_close(void *self);

#endif
