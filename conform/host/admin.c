/* conform/host/admin.c - the case's one admin instance of the plugin under test. */
#include "inner.h"

static void close_admin(struct ebc_instance *in) {
    ebc_begin(in->t, 0, "close of the admin");
    in->t->plugin.admin->close(in->self);
    ebc_end(in->t);
    in->open = false;
}

void *ebc_admin_self(struct ebc *t) {
    struct eb_error err = {0};
    struct ebc_instance *in;
    int32_t status;

    for (in = t->instances; in; in = in->next)
        if (in->close == close_admin && in->open)
            return in->self;
    in = ebc_alloc(t, sizeof *in);
    ebc_instance_init(t, in, "the admin", close_admin);
    in->silent = true;
    ebc_begin(t, 0, "open of the admin");
    status = t->plugin.admin->open(&in->host, t->settings, &in->self, &err);
    ebc_end(t);
    if (status < 0)
        in->open = false;
    ebc_instance_worked(in, "open", status, &err);
    return in->self;
}

void ebc_admin_worked(struct ebc *t, const char *op, int32_t status, const struct eb_error *err) {
    if (status < 0)
        ebc_break(t, EBC_ADMIN_WORKS, "expected %s to work; came %d: %s", op, status, err->text);
}

int32_t ebc_admin_timeout(const struct ebc *t) {
    return (int32_t)t->patience_ms;
}
