/* conform/host/instance.c - what producers, consumers and admins of the plugin share: the host table they are given. */
#include "host/instance.h"

#include <stdio.h>
#include <string.h>
#include "host/quiet.h"

static struct ebc_instance *instance_of(const struct eb_host *host) {
    return host->core;
}

bool ebc_instance_called(const struct ebc_instance *in, const char *what) {
    if (!in->open)
        ebc_note(in->t, EBC_LATE_CALL, "expected no host call once %s is closed; came %s", in->name, what);
    return in->open;
}

static void tell_log(const struct ebc_instance *in, const char *what, const char *text) {
    char line[240];

    snprintf(line, sizeof line, "%s: %s%.200s", in->name, what, text);
    in->t->observer->log(in->t, line);
}

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    struct ebc_instance *in = instance_of(host);

    if (ebc_instance_called(in, "log") && level <= 4 && text)
        tell_log(in, "", text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)name;
    (void)value;
    ebc_instance_called(instance_of(host), "metric");
}

/* link(0) may come once before the first link(1): why the link did not come up. */
static bool link_changes(struct ebc_instance *in, int32_t up) {
    bool changes;

    pthread_mutex_lock(&in->t->lock);
    changes = up != in->up || (!up && !in->said_down);
    in->up = up;
    in->said_down = in->said_down || !up;
    pthread_mutex_unlock(&in->t->lock);
    return changes;
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    struct ebc_instance *in = instance_of(host);

    if (!ebc_instance_called(in, "link"))
        return;
    if (up != 0 && up != 1)
        ebc_note(in->t, EBC_LINK, "expected link(1) or link(0); came link(%d) from %s", up, in->name);
    if (!link_changes(in, up))
        ebc_note(in->t, EBC_LINK, "expected link once for a change; came link(%d) again from %s", up, in->name);
    if (!up && (!why || !why->text[0]))
        ebc_note(in->t, EBC_LINK, "expected a reason with link(0); came none from %s", in->name);
    if (!up && why)
        tell_log(in, "link down: ", why->text);
}

/* The host calls of other roles: a producer delivers no messages, a consumer has no reports to make. */
static void stray_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    (void)report;
    ebc_note(instance_of(host)->t, EBC_REPORTED_ONCE, "expected reports from producers only; came one from %s",
             instance_of(host)->name);
}

static int32_t stray_received(const struct eb_host *host, const struct eb_message *message) {
    (void)message;
    ebc_note(instance_of(host)->t, EBC_INSIDE, "expected messages from consumers only; came one from %s",
             instance_of(host)->name);
    return EB_FULL;
}

static void stray_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)tokens;
    (void)n;
    (void)status;
    ebc_note(instance_of(host)->t, EBC_SETTLED_ONCE,
             "expected settled calls from consumers only; came one from "
             "%s",
             instance_of(host)->name);
}

static void stray_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)grace_ms;
    stray_settled(host, tokens, n, EB_GONE);
}

void ebc_instance_init(struct ebc_test *t, struct ebc_instance *in, const char *name, void (*close)(struct ebc_instance *)) {
    in->t = t;
    in->name = name;
    in->close = close;
    in->open = true;
    in->host = ebc_quiet_host(in, "conform");
    in->host.log = on_log;
    in->host.metric = on_metric;
    in->host.link = on_link;
    in->host.delivered = stray_delivered;
    in->host.received = stray_received;
    in->host.settled = stray_settled;
    in->host.revoke = stray_revoke;
    in->next = t->instances;
    t->instances = in;
}

void ebc_instance_worked(struct ebc_instance *in, const char *op, int32_t status, const struct eb_error *err) {
    if (status >= 0)
        return;
    if (err->text[0] == '\0' || err->status >= 0)
        ebc_note(in->t, EBC_ERROR_FILLED,
                 "expected %s, which returned %d, to fill the error; came status %d and text "
                 "\"%s\"",
                 op, status, err->status, err->text);
    ebc_break(in->t, EBC_STATUS, "expected %s of %s to work; came %d: %s", op, in->name, status, err->text);
}

void ebc_instance_opened(struct ebc_instance *in, int32_t status, const struct eb_error *err) {
    if (status < 0)
        in->open = false;
    ebc_instance_worked(in, "open", status, err);
}

void ebc_instance_closed(struct ebc_instance *in) {
    in->open = false;
    in->t->observer->closed(in->t, in->name);
}

bool ebc_is_printable(struct eb_text text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return text.len > 0;
}

struct ebc_links ebc_links(struct ebc_test *t) {
    struct ebc_links links = { 0 };

    pthread_mutex_lock(&t->lock);
    for (struct ebc_instance *in = t->instances; in; in = in->next)
        if (in->open && !in->silent) {
            links.n++;
            links.up += in->up != 0;
        }
    pthread_mutex_unlock(&t->lock);
    return links;
}

bool ebc_all_up(struct ebc_test *t) {
    struct ebc_links links = ebc_links(t);

    return links.up == links.n;
}

void ebc_close_all(struct ebc_test *t) {
    for (struct ebc_instance *in = t->instances; in; in = in->next)
        if (in->open)
            in->close(in);
}
