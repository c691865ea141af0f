/* core/plugin/admin.c - see admin.h. */
#include "plugin/admin.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/thread.h"
#include "plugin/instance.h"

enum { SAID = 1024 };

struct ebi_admin {
    const struct eb_admin_ops *ops;
    struct ebi_instance instance;
    void (*log)(const struct eb_host *, int32_t level, const char *text);       /* the instance's own */
    sigset_t before;                    /* the caller's signals, blocked while the plugin is called */
    pthread_mutex_t lock;
    unsigned said[SAID];                /* hashes of the latest lines */
    size_t n_said;
};

/* Whoever looks again and again need not hear the same each time. */
static bool is_new(struct ebi_admin *admin, const char *text) {
    unsigned hash = ebi_hash(text, strlen(text));
    bool found = false;

    pthread_mutex_lock(&admin->lock);
    for (size_t i = 0; i < admin->n_said && i < SAID && !found; i++)
        found = admin->said[i] == hash;
    if (!found)
        admin->said[admin->n_said++ % SAID] = hash;
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

enum eb_status ebi_admin_open(const struct ebi_broker *broker, const char *service, struct ebi_log *log,
                              struct ebi_admin **out, struct eb_error *err) {
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

static enum eb_status lacking(const struct ebi_admin *admin, const char *op, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s (%s) cannot %s", admin->instance.broker->plugin->about.name,
                     admin->instance.broker->plugin->file, op);
}

static enum eb_status answered(const struct ebi_admin *admin, int32_t answer, struct eb_error *err) {
    pthread_sigmask(SIG_SETMASK, &admin->before, NULL);
    if (answer >= EB_OK)
        return answer <= EB_GONE ? (enum eb_status)answer : EB_OK;
    return ebi_instance_error(&admin->instance, answer, err);
}

static int32_t patience(const struct ebi_admin *admin) {
    return (int32_t)admin->instance.broker->own.connect_timeout;
}

enum eb_status ebi_admin_topics(struct ebi_admin *admin, int32_t (*each)(void *, const struct eb_topic_info *),
                                void *arg, struct eb_error *err) {
    if (!admin->ops->topics)
        return lacking(admin, "list topics", err);
    return answered(admin, admin->ops->topics(begin(admin), patience(admin), each, arg, err), err);
}

enum eb_status ebi_admin_groups(struct ebi_admin *admin, const char *topic, const char *group,
                                int32_t (*each)(void *, const struct eb_group_info *), void *arg,
                                struct eb_error *err) {
    if (!admin->ops->groups)
        return lacking(admin, "list groups", err);
    return answered(admin, admin->ops->groups(begin(admin), topic, group, patience(admin), each, arg, err), err);
}

enum eb_status ebi_admin_browse(struct ebi_admin *admin, const char *topic, const struct eb_point *from,
                                int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    if (!admin->ops->browse)
        return lacking(admin, "browse", err);
    return answered(admin, admin->ops->browse(begin(admin), topic, from, patience(admin), each, arg, err), err);
}

enum eb_status ebi_admin_seek(struct ebi_admin *admin, const char *topic, const char *group,
                              const struct eb_point *to, uint32_t flags,
                              int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *err) {
    if (!admin->ops->seek)
        return lacking(admin, "seek", err);
    return answered(admin, admin->ops->seek(begin(admin), topic, group, to, flags, patience(admin), each, arg, err), err);
}

enum eb_status ebi_admin_trim(struct ebi_admin *admin, const char *topic, const struct eb_point *before,
                              bool unread_too, struct eb_error *err) {
    if (!admin->ops->trim)
        return lacking(admin, "trim", err);
    return answered(admin, admin->ops->trim(begin(admin), topic, before, unread_too, patience(admin), err), err);
}

enum eb_status ebi_admin_create(struct ebi_admin *admin, const char *topic, uint32_t flags, struct eb_error *err) {
    if (!admin->ops->create)
        return lacking(admin, "create topics", err);
    return answered(admin, admin->ops->create(begin(admin), topic, 0, flags, patience(admin), err), err);
}

enum eb_status ebi_admin_remove(struct ebi_admin *admin, const char *topic, const char *group, struct eb_error *err) {
    if (!admin->ops->remove)
        return lacking(admin, "remove topics", err);
    return answered(admin, admin->ops->remove(begin(admin), topic, group, patience(admin), err), err);
}
