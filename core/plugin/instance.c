/* core/plugin/instance.c - see instance.h. */
#include "plugin/instance.h"

#include <assert.h>
#include <signal.h>

#include "base/backoff.h"
#include "base/busy.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

static const struct {
    const char *name;
    struct ebi_backoff backoff; /* between openings */
} roles[] = {
    [EBI_PRODUCER] = { "producer", { .first_ms = 200, .max_ms = 10000, .jitter = 0.2 } },
    [EBI_CONSUMER] = { "consumer", { .first_ms = 500, .max_ms = 30000, .jitter = 0.2 } },
    [EBI_ADMIN] = { "admin", { 0 } },
};

/* ---- The host ---- */

static enum ebi_level level_of(int32_t level) {
    if (level <= EBI_ERROR)
        return EBI_ERROR;
    if (level == EBI_WARNING)
        return EBI_WARNING;
    return level <= EBI_INFO ? EBI_INFO : EBI_DEBUG;
}

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    const struct ebi_instance *instance = host->core;

    ebi_log_line(instance->log, level_of(level), "broker %s: %s", instance->broker->name, text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    const struct ebi_instance *instance = host->core;

    ebi_log_line(instance->log, EBI_DEBUG, "broker %s: %s = %g", instance->broker->name, name, value);
}

static void on_busy(const struct eb_host *host, int32_t on) {
    (void)host;
    if (on)
        ebi_busy_begin();
    else
        ebi_busy_end();
}

static void log_link_up(const struct ebi_instance *instance, bool again) {
    ebi_log_line(instance->log, again ? EBI_INFO : EBI_DEBUG, "broker %s: the %s is connected%s", instance->broker->name,
                 roles[instance->role].name, again ? " again" : "");
}

static void log_link_down(const struct ebi_instance *instance, enum ebi_level level, const struct eb_error *why) {
    ebi_log_line(instance->log, level, "broker %s: the %s waits for the broker: %s", instance->broker->name,
                 roles[instance->role].name, why ? why->text : "the plugin gave no reason");
}

void ebi_instance_log_absence(const struct ebi_instance *instance, const struct eb_error *why) {
    log_link_down(instance, EBI_WARNING, why);
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    struct ebi_instance *instance = host->core;

    if (!instance->lock)
        return; /* an admin's operation fails with the reason by itself */
    pthread_mutex_lock(instance->lock);
    bool was_up = instance->link_was_up, lost = instance->link_lost;
    instance->link_was_up |= up != 0;
    instance->link_lost = !up;
    if (!up && why)
        instance->link_error = *why;
    if (instance->link_changed)
        instance->link_changed(instance);
    pthread_mutex_unlock(instance->lock);
    if (up)
        log_link_up(instance, lost);
    else /* the caller that waits for the first connection reports its failure */
        log_link_down(instance, was_up ? EBI_WARNING : EBI_DEBUG, why);
}

/* ---- Opening and closing ---- */

void ebi_instance_init(struct ebi_instance *instance, enum ebi_role role, const struct ebi_broker *broker, const char *service,
                       struct ebi_log *log, pthread_mutex_t *owners_lock) {
    *instance = (struct ebi_instance){ .role = role, .broker = broker, .log = log, .lock = owners_lock };
    instance->host = (struct eb_host){
        .size = sizeof instance->host,
        .core = instance,
        .instance = broker->name,
        .service = service,
        .log = on_log,
        .metric = on_metric,
        .link = on_link,
        .busy = on_busy,
        .connect_timeout_ms = broker->own.connect_timeout,
    };
    pthread_mutex_init(&instance->wake_lock, NULL);
}

void ebi_instance_destroy(struct ebi_instance *instance) {
    assert(!instance->open);
    pthread_mutex_destroy(&instance->wake_lock);
}

static void set_open(struct ebi_instance *instance, bool open) {
    pthread_mutex_lock(&instance->wake_lock);
    instance->may_wake = open;
    pthread_mutex_unlock(&instance->wake_lock);
    instance->open = open;
}

enum eb_status ebi_instance_error(const struct ebi_instance *instance, int32_t status, struct eb_error *err) {
    if (err && err->kind == EB_KIND_NONE)
        err->kind = EB_KIND_BROKER;
    ebi_error_context(err, "broker %s", instance->broker->name);
    return status == EB_RETRIABLE || status == EB_PERMANENT ? (enum eb_status)status : EB_FATAL;
}

static int32_t open_role(struct ebi_instance *instance, struct eb_error *err) {
    const struct ebi_plugin *plugin = instance->broker->plugin;
    const void *settings = instance->broker->settings;

    switch (instance->role) {
    case EBI_PRODUCER:
        return plugin->producer->open(&instance->host, settings, &instance->self, err);
    case EBI_CONSUMER:
        return plugin->consumer->open(&instance->host, settings, instance->subscription, &instance->self, err);
    case EBI_ADMIN:
        break;
    }
    return plugin->admin->open(&instance->host, settings, &instance->self, err);
}

enum eb_status ebi_instance_open(struct ebi_instance *instance, struct eb_error *err) {
    sigset_t before;

    assert(!instance->open);
    EBI_ASSERT_NOT_HELD(instance->lock);
    instance->self = NULL;
    ebi_thread_block_signals(&before); /* the plugin may start threads, which inherit that */
    int32_t status = open_role(instance, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status < EB_OK)
        return ebi_instance_error(instance, status, err);
    set_open(instance, true);
    return EB_OK;
}

static void close_role(const struct ebi_instance *instance, int32_t timeout_ms) {
    const struct ebi_plugin *plugin = instance->broker->plugin;

    switch (instance->role) {
    case EBI_PRODUCER:
        plugin->producer->close(instance->self, timeout_ms);
        return;
    case EBI_CONSUMER:
        plugin->consumer->close(instance->self, timeout_ms);
        return;
    case EBI_ADMIN:
        plugin->admin->close(instance->self);
        return;
    }
}

void ebi_instance_close(struct ebi_instance *instance, int64_t timeout_ms) {
    sigset_t before;

    if (!instance->open)
        return;
    EBI_ASSERT_NOT_HELD(instance->lock);
    set_open(instance, false); /* first, so that no thread wakes a closed instance */
    ebi_thread_block_signals(&before);
    close_role(instance, (int32_t)(timeout_ms < 0 ? 0 : timeout_ms > INT32_MAX ? INT32_MAX : timeout_ms));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void ebi_instance_wake(struct ebi_instance *instance) {
    const struct ebi_plugin *plugin = instance->broker->plugin;

    assert(instance->role != EBI_ADMIN);
    EBI_ASSERT_NOT_HELD(instance->lock);
    pthread_mutex_lock(&instance->wake_lock);
    if (instance->may_wake && instance->role == EBI_PRODUCER)
        plugin->producer->wake(instance->self);
    else if (instance->may_wake)
        plugin->consumer->wake(instance->self);
    pthread_mutex_unlock(&instance->wake_lock);
}

/* ---- Failures ---- */

/* Sets open_at_ms. Returns the wait. */
static int64_t schedule_opening(struct ebi_instance *instance) {
    int64_t wait = ebi_backoff_wait(&roles[instance->role].backoff, ++instance->failures, ebi_chance());

    instance->open_at_ms = ebi_ticks_ms() + wait;
    return wait;
}

void ebi_instance_give_up(struct ebi_instance *instance, const struct eb_error *why) {
    ebi_log_line(instance->log, EBI_ERROR, "broker %s: the %s is opened anew: %s", instance->broker->name,
                 roles[instance->role].name, why->text);
    ebi_instance_close(instance, 0);
    schedule_opening(instance);
}

void ebi_instance_postpone(struct ebi_instance *instance, const struct eb_error *why) {
    int64_t wait = schedule_opening(instance);

    pthread_mutex_lock(instance->lock);
    instance->link_error = *why;
    pthread_mutex_unlock(instance->lock);
    ebi_log_line(instance->log, EBI_ERROR, "the %s cannot be opened: %s; trying again in %.1f s", roles[instance->role].name,
                 why->text, (double)wait / 1000);
}

enum eb_status ebi_instance_reached(const struct ebi_instance *instance, const char *otherwise, struct eb_error *err) {
    EBI_ASSERT_HELD(instance->lock);
    if (instance->link_was_up)
        return EB_OK;
    *err = instance->link_error;
    if (!err->text[0])
        ebi_error(err, EB_RETRIABLE, EB_KIND_BROKER, "%s", otherwise);
    err->status = EB_RETRIABLE;
    err->kind = EB_KIND_BROKER;
    ebi_error_context(err, "broker %s cannot be reached", instance->broker->name);
    return EB_RETRIABLE;
}
