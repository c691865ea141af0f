/* conform/host/admin.c - the test's one admin instance of the plugin under test, and its ops. */
#include "host/instance.h"

#include <assert.h>

static void close_admin(struct ebc_instance *in) {
    ebc_op_begins(in->t, 0, "close of the admin");
    in->t->plugin.admin->close(in->self);
    ebc_op_ended(in->t);
    ebc_instance_closed(in);
}

void *ebc_admin_self(struct ebc_test *t) {
    struct eb_error err = { 0 };
    struct ebc_instance *in;
    int32_t status;

    assert(t->plugin.admin);
    for (in = t->instances; in; in = in->next)
        if (in->close == close_admin && in->open)
            return in->self;
    in = ebc_alloc(t, sizeof *in);
    ebc_instance_init(t, in, "the admin", close_admin);
    in->silent = true;
    ebc_op_begins(t, 0, "open of the admin");
    status = t->plugin.admin->open(&in->host, t->settings, &in->self, &err);
    ebc_op_ended(t);
    ebc_instance_opened(in, status, &err);
    return in->self;
}

void ebc_admin_worked(struct ebc_test *t, const char *op, int32_t status, const struct eb_error *err) {
    if (status < 0)
        ebc_break(t, EBC_ADMIN_WORKS, "expected %s to work; came %d: %s", op, status, err->text);
}

/* ---- ops ---- */

static int32_t timeout_ms(const struct ebc_test *t) {
    return (int32_t)t->admin_timeout_ms;
}

/* Opens the instance, unless it is open, before the op's time begins. */
static void *op_begins(struct ebc_test *t, const char *op, const char *name) {
    void *self = ebc_admin_self(t);

    ebc_op_begins(t, timeout_ms(t), "%s %s", op, name);
    return self;
}

static int32_t op_ended(struct ebc_test *t, int32_t status) {
    ebc_op_ended(t);
    return status;
}

int32_t ebc_admin_topics(struct ebc_test *t, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                         struct eb_error *err) {
    void *self = op_begins(t, "topics", "");

    return op_ended(t, t->plugin.admin->topics(self, timeout_ms(t), each, arg, err));
}

int32_t ebc_admin_create(struct ebc_test *t, const char *topic, uint32_t flags, struct eb_error *err) {
    void *self = op_begins(t, "create of topic", topic);

    return op_ended(t, t->plugin.admin->create(self, topic, 0, flags, timeout_ms(t), err));
}

int32_t ebc_admin_remove(struct ebc_test *t, const char *topic, const char *group, struct eb_error *err) {
    void *self = op_begins(t, "remove of topic", topic);

    return op_ended(t, t->plugin.admin->remove(self, topic, group, timeout_ms(t), err));
}

int32_t ebc_admin_seek(struct ebc_test *t, const char *topic, const char *group, struct eb_point to, uint32_t flags,
                       int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *err) {
    void *self = op_begins(t, "seek of group", group);

    to.size = sizeof to;
    return op_ended(t, t->plugin.admin->seek(self, topic, group, &to, flags, timeout_ms(t), each, arg, err));
}

int32_t ebc_admin_try_browse(struct ebc_test *t, const char *topic, struct eb_point from,
                             int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    void *self = op_begins(t, "browse of topic", topic);

    from.size = sizeof from;
    return op_ended(t, t->plugin.admin->browse(self, topic, &from, timeout_ms(t), each, arg, err));
}

int32_t ebc_admin_try_trim(struct ebc_test *t, const char *topic, struct eb_point before, int32_t unread_too,
                           struct eb_error *err) {
    void *self = op_begins(t, "trim of topic", topic);

    before.size = sizeof before;
    return op_ended(t, t->plugin.admin->trim(self, topic, &before, unread_too, timeout_ms(t), err));
}

/* ---- ops that must work ---- */

static int32_t op_worked(struct ebc_test *t, const char *op, int32_t status, const struct eb_error *err) {
    ebc_op_ended(t);
    ebc_admin_worked(t, op, status, err);
    return status;
}

int32_t ebc_admin_groups(struct ebc_test *t, const char *topic, const char *group,
                         int32_t (*each)(void *, const struct eb_group_info *), void *arg) {
    void *self = op_begins(t, "groups of topic", topic);
    struct eb_error err = { 0 };

    return op_worked(t, "groups", t->plugin.admin->groups(self, topic, group, timeout_ms(t), each, arg, &err), &err);
}

int32_t ebc_admin_browse(struct ebc_test *t, const char *topic, struct eb_point from,
                         int32_t (*each)(void *, const struct eb_message *), void *arg) {
    struct eb_error err = { 0 };
    int32_t status = ebc_admin_try_browse(t, topic, from, each, arg, &err);

    ebc_admin_worked(t, "browse", status, &err);
    return status;
}

int32_t ebc_admin_trim(struct ebc_test *t, const char *topic, struct eb_point before, int32_t unread_too) {
    struct eb_error err = { 0 };
    int32_t status = ebc_admin_try_trim(t, topic, before, unread_too, &err);

    ebc_admin_worked(t, "trim", status, &err);
    return status;
}
