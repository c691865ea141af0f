/* core/plugin/admin.h - the admin role of a broker's plugin: lists, browses and changes topics and groups. */
#ifndef EBI_ADMIN_H
#define EBI_ADMIN_H

#include "plugin/plugins.h"

/* One thread at a time. */
struct ebi_admin;

/* Everything is borrowed until the admin is closed. EB_PERMANENT, EB_KIND_PLUGIN: the plugin has no admin role. */
enum eb_status ebi_admin_open(const struct ebi_broker *, const char *service, struct ebi_log *, struct ebi_admin **,
                              struct eb_error *);
void ebi_admin_close(struct ebi_admin *); /* NULL does nothing */

/* Whether the plugin has the operation: EB_OK, or the error that the function of that name below returns without it. */
enum eb_status ebi_admin_can_trim(const struct ebi_admin *, struct eb_error *);
enum eb_status ebi_admin_can_remove(const struct ebi_admin *, struct eb_error *);

/* The operations of eventbus/plugin.h, with connect_timeout as their timeout. EB_PERMANENT, EB_KIND_PLUGIN: the plugin lacks that
 * operation. Statuses are those of enum eb_status; errors name the broker. */
enum eb_status ebi_admin_topics(struct ebi_admin *, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                                struct eb_error *);
enum eb_status ebi_admin_groups(struct ebi_admin *, const char *topic, const char *group,
                                int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
enum eb_status ebi_admin_browse(struct ebi_admin *, const char *topic, const struct eb_point *,
                                int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
/* flags: enum eb_admin_flag. EB_GONE and EB_END fill the error as well: see eventbus/plugin.h. */
enum eb_status ebi_admin_seek(struct ebi_admin *, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                              int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
enum eb_status ebi_admin_trim(struct ebi_admin *, const char *topic, const struct eb_point *before, bool unread_too,
                              struct eb_error *);
enum eb_status ebi_admin_create(struct ebi_admin *, const char *topic, uint32_t partitions, uint32_t flags, struct eb_error *);
enum eb_status ebi_admin_remove(struct ebi_admin *, const char *topic, const char *group, struct eb_error *);

#endif
