/* core/plugin/admin.h - looking after a broker: its plugin's admin role, with the host that it needs. */
#ifndef EBI_ADMIN_H
#define EBI_ADMIN_H

#include "plugin/plugins.h"

/* Belongs to one thread at a time. */
struct ebi_admin;

/* Everything is borrowed until it is closed. EB_PERMANENT, EB_KIND_PLUGIN: the plugin has no admin role. */
enum eb_status ebi_admin_open(const struct ebi_broker *, const char *service, struct ebi_log *, struct ebi_admin **,
                              struct eb_error *);
void ebi_admin_close(struct ebi_admin *);               /* NULL is nothing to do */

/* The ops of eventbus/plugin.h with connect_timeout as their time. EB_PERMANENT, EB_KIND_PLUGIN where the plugin has not
 * got that one. Statuses are those of enum eb_status; errors name the broker. */
enum eb_status ebi_admin_topics(struct ebi_admin *, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                                struct eb_error *);
enum eb_status ebi_admin_groups(struct ebi_admin *, const char *topic, const char *group,
                                int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
enum eb_status ebi_admin_browse(struct ebi_admin *, const char *topic, const struct eb_point *,
                                int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
/* flags: enum eb_admin_flag. EB_GONE and EB_END fill the error, too: see eventbus/plugin.h. */
enum eb_status ebi_admin_seek(struct ebi_admin *, const char *topic, const char *group, const struct eb_point *,
                              uint32_t flags, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                              struct eb_error *);
enum eb_status ebi_admin_trim(struct ebi_admin *, const char *topic, const struct eb_point *before, bool unread_too,
                              struct eb_error *);
enum eb_status ebi_admin_create(struct ebi_admin *, const char *topic, uint32_t flags, struct eb_error *);
enum eb_status ebi_admin_remove(struct ebi_admin *, const char *topic, const char *group, struct eb_error *);

#endif
