/* core/plugin/admin.c - see admin.h. */
#include "plugin/admin.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/thread.h"
#include "plugin/instance.h"

enum { LOGGED = 1024 };

struct ebi_admin {
    const struct eb_admin_ops *ops;
    struct ebi_instance instance;
    void (*log)(const struct eb_host *, int32_t level, const char *text); /* the instance's own */
    sigset_t before; /* the caller's signals, blocked while the plugin is called */
    pthread_mutex_t lock;
    unsigned logged[LOGGED]; /* hashes of the latest lines */
    size_t n_logged;
};

/* Whether a line was not logged lately: a caller that repeats an operation need not read the same line each time. */
static bool is_new(struct ebi_admin *admin, const char *text) {
    unsigned hash = ebi_hash(text, strlen(text));
    bool found = false;

    pthread_mutex_lock(&admin->lock);
    for (size_t i = 0; i < admin->n_logged && i < LOGGED && !found; i++)
        found = admin->logged[i] == hash;
    if (!found)
        admin->logged[admin->n_logged++ % LOGGED] = hash;
    pthread_mutex_unlock(&admin->lock);
    return !found;
}

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    struct ebi_admin *admin = EBI_INSTANCE_OWNER(host, struct ebi_admin, instance);

    if (is_new(admin, text))
        admin->log(host, level, text);
}

static void admin_free(struct ebi_admin *admin) {
    ebi_instance_destroy(&admin->instance);
    pthread_mutex_destroy(&admin->lock);
    free(admin);
}

enum eb_status ebi_admin_open(const struct ebi_broker *broker, const char *service, struct ebi_log *log, struct ebi_admin **out,
                              struct eb_error *err) {
    enum eb_status status = ebi_broker_needs(broker, false, false, true, err);
    struct ebi_admin *admin;

    if (status != EB_OK)
        return status;
    admin = calloc(1, sizeof *admin);
    if (!admin)
        return ebi_error_memory(err);
    pthread_mutex_init(&admin->lock, NULL);
    ebi_instance_init(&admin->instance, EBI_ADMIN, broker, service, log, NULL);
    admin->ops = broker->plugin->admin;
    admin->log = admin->instance.host.log;
    admin->instance.host.log = on_log;
    status = ebi_instance_open(&admin->instance, err);
    if (status == EB_OK)
        *out = admin;
    else
        admin_free(admin);
    return status;
}

/* Blocks signals for a call of the plugin, which may start threads; finish unblocks them. Returns the plugin's own instance. */
static void *begin(struct ebi_admin *admin) {
    ebi_thread_block_signals(&admin->before);
    return admin->instance.self;
}

void ebi_admin_close(struct ebi_admin *admin) {
    if (!admin)
        return;
    ebi_instance_close(&admin->instance, 0);
    admin_free(admin);
}

/* op: what the plugin does not have, as in "does not support listing topics". */
static enum eb_status lacking(const struct ebi_admin *admin, const char *op, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s does not support %s (%s)",
                     admin->instance.broker->plugin->about.name, op, admin->instance.broker->plugin->file);
}

static enum eb_status finish(const struct ebi_admin *admin, int32_t status, struct eb_error *err) {
    pthread_sigmask(SIG_SETMASK, &admin->before, NULL);
    if (status >= EB_OK)
        return status <= EB_GONE ? (enum eb_status)status : EB_OK;
    return ebi_instance_error(&admin->instance, status, err);
}

static int32_t timeout_of(const struct ebi_admin *admin) {
    return (int32_t)admin->instance.broker->own.connect_timeout;
}

enum eb_status ebi_admin_topics(struct ebi_admin *admin, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                                struct eb_error *err) {
    if (!admin->ops->topics)
        return lacking(admin, "listing topics", err);
    return finish(admin, admin->ops->topics(begin(admin), timeout_of(admin), each, arg, err), err);
}

enum eb_status ebi_admin_groups(struct ebi_admin *admin, const char *topic, const char *group,
                                int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    if (!admin->ops->groups)
        return lacking(admin, "listing groups", err);
    return finish(admin, admin->ops->groups(begin(admin), topic, group, timeout_of(admin), each, arg, err), err);
}

enum eb_status ebi_admin_browse(struct ebi_admin *admin, const char *topic, const struct eb_point *from,
                                int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    if (!admin->ops->browse)
        return lacking(admin, "browsing topics", err);
    return finish(admin, admin->ops->browse(begin(admin), topic, from, timeout_of(admin), each, arg, err), err);
}

enum eb_status ebi_admin_seek(struct ebi_admin *admin, const char *topic, const char *group, const struct eb_point *to,
                              uint32_t flags, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                              struct eb_error *err) {
    if (!admin->ops->seek)
        return lacking(admin, "moving groups", err);
    return finish(admin, admin->ops->seek(begin(admin), topic, group, to, flags, timeout_of(admin), each, arg, err), err);
}

enum eb_status ebi_admin_can_trim(const struct ebi_admin *admin, struct eb_error *err) {
    return admin->ops->trim ? EB_OK : lacking(admin, "trimming topics", err);
}

enum eb_status ebi_admin_can_remove(const struct ebi_admin *admin, struct eb_error *err) {
    return admin->ops->remove ? EB_OK : lacking(admin, "removing topics and groups", err);
}

enum eb_status ebi_admin_trim(struct ebi_admin *admin, const char *topic, const struct eb_point *before, bool unread_too,
                              struct eb_error *err) {
    if (ebi_admin_can_trim(admin, err) != EB_OK)
        return EB_PERMANENT;
    return finish(admin, admin->ops->trim(begin(admin), topic, before, unread_too, timeout_of(admin), err), err);
}

enum eb_status ebi_admin_create(struct ebi_admin *admin, const char *topic, uint32_t partitions, uint32_t flags,
                                struct eb_error *err) {
    if (!admin->ops->create)
        return lacking(admin, "creating topics", err);
    return finish(admin, admin->ops->create(begin(admin), topic, partitions, flags, timeout_of(admin), err), err);
}

enum eb_status ebi_admin_remove(struct ebi_admin *admin, const char *topic, const char *group, struct eb_error *err) {
    if (ebi_admin_can_remove(admin, err) != EB_OK)
        return EB_PERMANENT;
    return finish(admin, admin->ops->remove(begin(admin), topic, group, timeout_of(admin), err), err);
}
