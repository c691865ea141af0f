/* tests/unit/plugin/test_instance.c - one instance of a plugin that the test plays: opened, woken, given up, reopened. */
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "plugin/instance.h"

/* What the plugin does, and what was done to it. */
static struct {
    int32_t open_status;
    bool blocked; /* signals were blocked in the last call of open or close */
    int32_t close_ms;
    atomic_int opened, closed, woken;
    const struct eb_host *host;
    const struct eb_subscription *subscription;
    bool wake_waits; /* wake waits for wake_may_end */
    sem_t waking, wake_may_end;
    pthread_mutex_t own; /* held while it calls the host, and taken by wake */
} plugin;
static char log_text[8192], self;

static bool signals_blocked(void) {
    sigset_t now;

    pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, SIGTERM) == 1;
}

static int32_t open_any(const struct eb_host *host, void **out, struct eb_error *err) {
    plugin.opened++;
    plugin.blocked = signals_blocked();
    plugin.host = host;
    if (plugin.open_status < EB_OK)
        *err = (struct eb_error){ .status = plugin.open_status, .text = "the test wants it" };
    else
        *out = &self;
    return plugin.open_status;
}

static int32_t open_plain(const struct eb_host *host, const void *settings, void **out, struct eb_error *err) {
    (void)settings;
    return open_any(host, out, err);
}

static int32_t open_consumer(const struct eb_host *host, const void *settings, const struct eb_subscription *to, void **out,
                             struct eb_error *err) {
    (void)settings;
    plugin.subscription = to;
    return open_any(host, out, err);
}

static void wake(void *of) {
    cr_assert_eq(of, (void *)&self);
    plugin.woken++;
    if (plugin.wake_waits) {
        sem_post(&plugin.waking);
        sem_wait(&plugin.wake_may_end);
    }
    pthread_mutex_lock(&plugin.own);
    pthread_mutex_unlock(&plugin.own);
}

static void close_timed(void *of, int32_t timeout_ms) {
    cr_assert_eq(of, (void *)&self);
    plugin.closed++;
    plugin.blocked = signals_blocked();
    plugin.close_ms = timeout_ms;
}

static void close_admin(void *of) {
    close_timed(of, -1);
}

static const struct eb_producer_ops producer = {
    .size = sizeof producer, .open = open_plain, .wake = wake, .close = close_timed
};
static const struct eb_consumer_ops consumer = {
    .size = sizeof consumer, .open = open_consumer, .wake = wake, .close = close_timed
};
static const struct eb_admin_ops admin = { .size = sizeof admin, .open = open_plain, .close = close_admin };
static const struct ebi_plugin loaded = { .producer = &producer, .consumer = &consumer, .admin = &admin };
static const struct ebi_broker broker = { .name = "m", .plugin = &loaded, .own = { .connect_timeout = 1234 } };

/* The owner. */
static struct {
    pthread_mutex_t lock;
    struct ebi_instance instance;
    int changes;
} owner;
static struct ebi_log *lines;

static void keep_line(void *arg, int level, const char *line) {
    (void)arg, (void)level;
    strncat(log_text, line, sizeof log_text - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

static void link_changed(struct ebi_instance *instance) {
    EBI_ASSERT_HELD(instance->lock);
    owner.changes++;
}

static void begin(void) {
    lines = ebi_log_new(EBI_DEBUG, false, keep_line, NULL);
    pthread_mutex_init(&owner.lock, NULL);
    pthread_mutex_init(&plugin.own, NULL);
    sem_init(&plugin.waking, 0, 0);
    sem_init(&plugin.wake_may_end, 0, 0);
}

static void end(void) {
    ebi_log_free(lines);
}

static struct ebi_instance *instance_of(enum ebi_role role) {
    ebi_instance_init(&owner.instance, role, &broker, "crm", lines, role == EBI_ADMIN ? NULL : &owner.lock);
    owner.instance.link_changed = link_changed;
    return &owner.instance;
}

static struct ebi_instance *opened(enum ebi_role role) {
    struct ebi_instance *instance = instance_of(role);

    cr_assert_eq(ebi_instance_open(instance, NULL), EB_OK);
    return instance;
}

TestSuite(instance, .init = begin, .fini = end, .timeout = 60);

Test(instance, each_role_is_opened_and_closed_with_signals_blocked) {
    static const enum ebi_role all[] = { EBI_PRODUCER, EBI_CONSUMER, EBI_ADMIN };
    static const int32_t times[] = { 70, 70, -1 };
    static const struct eb_subscription to = { .size = sizeof to };

    for (size_t i = 0; i < 3; i++) {
        struct ebi_instance *instance = instance_of(all[i]);

        instance->subscription = &to;
        cr_assert_eq(ebi_instance_open(instance, NULL), EB_OK);
        cr_expect(plugin.blocked && !signals_blocked());
        cr_expect(instance->open && instance->self == &self);
        cr_expect_str_eq(plugin.host->instance, "m");
        cr_expect_str_eq(plugin.host->service, "crm");
        cr_expect_eq(plugin.host->connect_timeout_ms, 1234);
        plugin.blocked = false;
        ebi_instance_close(instance, 70);
        cr_expect(plugin.blocked && !signals_blocked());
        cr_expect_eq(plugin.close_ms, times[i]);
        ebi_instance_close(instance, 70);
        cr_expect_eq(plugin.closed, (int)i + 1, "closed once");
        ebi_instance_destroy(instance);
    }
    cr_expect_eq(plugin.subscription, &to);
}

Test(instance, a_time_to_close_fits_the_plugins_number) {
    static const struct {
        int64_t given;
        int32_t passed;
    } times[] = { { -5, 0 }, { 0, 0 }, { INT64_MAX, INT32_MAX } };

    for (size_t i = 0; i < 3; i++) {
        ebi_instance_close(opened(EBI_PRODUCER), times[i].given);
        cr_expect_eq(plugin.close_ms, times[i].passed);
    }
}

Test(instance, an_owner_is_found_from_a_host_call) {
    struct owner {
        int before;
        struct ebi_instance instance;
    } some;

    ebi_instance_init(&some.instance, EBI_PRODUCER, &broker, "crm", lines, NULL);
    struct eb_host copy = some.instance.host; /* a plugin may keep a copy of its host */
    cr_expect_eq(EBI_INSTANCE_OWNER(&copy, struct owner, instance), &some);
}

Test(instance, an_open_that_fails_names_the_broker) {
    static const struct {
        int32_t status;
        enum eb_status becomes;
    } cases[] = {
        { EB_RETRIABLE, EB_RETRIABLE },
        { EB_PERMANENT, EB_PERMANENT },
        { EB_FATAL, EB_FATAL },
        { -77, EB_FATAL },
    };
    struct ebi_instance *instance = instance_of(EBI_PRODUCER);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };

        plugin.open_status = cases[i].status;
        cr_expect_eq(ebi_instance_open(instance, &err), cases[i].becomes, "status %d", cases[i].status);
        cr_expect_str_eq(err.text, "broker m: the test wants it");
        cr_expect_eq(err.kind, EB_KIND_BROKER);
        cr_expect_not(instance->open);
    }
    ebi_instance_destroy(instance);
}

Test(instance, a_wake_reaches_only_what_is_open) {
    static const enum ebi_role roles[] = { EBI_PRODUCER, EBI_CONSUMER };

    for (int i = 0; i < 2; i++) {
        struct ebi_instance *instance = instance_of(roles[i]);

        ebi_instance_wake(instance);
        cr_expect_eq(plugin.woken, i);
        ebi_instance_open(instance, NULL);
        ebi_instance_wake(instance);
        cr_expect_eq(plugin.woken, i + 1);
        ebi_instance_close(instance, 0);
        ebi_instance_wake(instance);
        cr_expect_eq(plugin.woken, i + 1);
    }
}

static void *wake_it(void *instance) {
    ebi_instance_wake(instance);
    return NULL;
}

static void *close_it(void *instance) {
    ebi_instance_close(instance, 0);
    return NULL;
}

Test(instance, is_not_closed_while_it_is_woken) {
    struct ebi_instance *instance = opened(EBI_CONSUMER);
    pthread_t waker, closer;

    plugin.wake_waits = true;
    pthread_create(&waker, NULL, wake_it, instance);
    sem_wait(&plugin.waking);
    pthread_create(&closer, NULL, close_it, instance);
    for (int i = 0; i < 20; i++)
        sched_yield();
    cr_expect_eq(plugin.closed, 0);
    sem_post(&plugin.wake_may_end);
    pthread_join(waker, NULL);
    pthread_join(closer, NULL);
    cr_expect_eq(plugin.closed, 1);
}

/* The plugin calls the host with a lock of its own. */
static void *change_links(void *arg) {
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&plugin.own);
        plugin.host->link(plugin.host, i % 2, NULL);
        pthread_mutex_unlock(&plugin.own);
    }
    return NULL;
}

Test(instance, a_plugin_may_hold_the_lock_that_its_wake_takes_while_it_calls_the_host) {
    struct ebi_instance *instance = opened(EBI_PRODUCER);
    pthread_t caller;

    ebi_log_set(lines, EBI_ERROR, false);
    pthread_create(&caller, NULL, change_links, NULL);
    for (int i = 0; i < 2000; i++)
        ebi_instance_wake(instance);
    pthread_join(caller, NULL);
    cr_expect_eq(owner.changes, 2000);
    ebi_instance_close(instance, 0);
}

#if defined __GLIBC__ && !defined NDEBUG
Test(instance, a_wake_with_the_owners_lock_held_is_a_mistake, .signal = SIGABRT) {
    struct ebi_instance *instance = opened(EBI_PRODUCER);

    pthread_mutex_lock(&owner.lock);
    ebi_instance_wake(instance);
}

Test(instance, an_open_with_the_owners_lock_held_is_a_mistake, .signal = SIGABRT) {
    struct ebi_instance *instance = instance_of(EBI_CONSUMER);

    pthread_mutex_lock(&owner.lock);
    ebi_instance_open(instance, NULL);
}
#endif

Test(instance, the_wait_for_a_reopening_grows_with_each_failure_in_a_row) {
    struct ebi_instance *instance = opened(EBI_PRODUCER);
    struct eb_error why = { .text = "gone for lunch" };
    int64_t before = ebi_ticks_ms();

    ebi_instance_give_up(instance, &why);
    cr_expect_eq(plugin.closed, 1);
    cr_expect_eq(plugin.close_ms, 0);
    cr_expect(instance->open_at_ms >= before + 160 && instance->open_at_ms <= ebi_ticks_ms() + 200);
    cr_expect(strstr(log_text, "broker m: the producer is opened anew: gone for lunch"), "%s", log_text);
    before = ebi_ticks_ms();
    ebi_instance_postpone(instance, &why);
    cr_expect(instance->open_at_ms >= before + 320 && instance->open_at_ms <= ebi_ticks_ms() + 400);
    cr_expect(strstr(log_text, "the producer cannot be opened: gone for lunch; trying again in 0."), "%s", log_text);
    cr_expect_str_eq(instance->link_error.text, "gone for lunch");
    ebi_instance_works(instance);
    before = ebi_ticks_ms();
    ebi_instance_postpone(instance, &why);
    cr_expect(instance->open_at_ms <= ebi_ticks_ms() + 200, "the first wait again");
}

Test(instance, each_change_of_the_link_is_logged_and_told) {
    struct ebi_instance *instance = opened(EBI_CONSUMER);
    struct eb_error why = { .text = "gone for lunch" };
    const struct eb_host *host = plugin.host;

    host->link(host, 0, &why);
    cr_expect(strstr(log_text, "broker m: the consumer waits for the broker: gone for lunch"), "%s", log_text);
    host->link(host, 1, NULL);
    cr_expect(strstr(log_text, "broker m: the consumer is connected again"), "%s", log_text);
    host->link(host, 0, NULL);
    cr_expect(strstr(log_text, "broker m: the consumer waits for the broker: the plugin gave no reason"), "%s", log_text);
    cr_expect(instance->link_was_up && instance->link_lost);
    cr_expect_eq(owner.changes, 3);
}

Test(instance, a_broker_that_was_never_reached_is_an_error_with_the_reason) {
    struct ebi_instance *instance = opened(EBI_PRODUCER);
    struct eb_error why = { .text = "gone for lunch" }, err;
    const struct eb_host *host = plugin.host;

    pthread_mutex_lock(&owner.lock);
    cr_expect_eq(ebi_instance_reached(instance, "no answer yet", &err), EB_RETRIABLE);
    cr_expect_str_eq(err.text, "broker m cannot be reached: no answer yet");
    pthread_mutex_unlock(&owner.lock);
    host->link(host, 0, &why);
    pthread_mutex_lock(&owner.lock);
    cr_expect_eq(ebi_instance_reached(instance, "no answer yet", &err), EB_RETRIABLE);
    cr_expect_str_eq(err.text, "broker m cannot be reached: gone for lunch");
    pthread_mutex_unlock(&owner.lock);
    host->link(host, 1, NULL);
    host->link(host, 0, &why);
    pthread_mutex_lock(&owner.lock);
    cr_expect_eq(ebi_instance_reached(instance, "no answer yet", &err), EB_OK, "it was there once");
    pthread_mutex_unlock(&owner.lock);
}

Test(instance, an_admins_link_is_not_noted) {
    struct ebi_instance *instance = opened(EBI_ADMIN);
    struct eb_error why = { .text = "gone for lunch" };

    plugin.host->link(plugin.host, 0, &why);
    cr_expect_not(instance->link_lost);
    cr_expect_eq(owner.changes, 0);
    cr_expect_str_eq(log_text, "");
}

Test(instance, lines_and_numbers_of_a_plugin_are_logged_with_the_brokers_name) {
    struct ebi_instance *instance = opened(EBI_PRODUCER);
    const struct eb_host *host = &instance->host;

    host->log(host, 4, "a warning");
    host->log(host, 0, "a failure");
    host->log(host, 5, "a notice");
    host->log(host, 9, "chatter");
    host->metric(host, "lag", 1.5);
    cr_expect_str_eq(log_text,
                     "broker m: a warning\nbroker m: a failure\nbroker m: a notice\nbroker m: chatter\nbroker m: lag = 1.5\n");
}
