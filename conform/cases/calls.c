/* conform/cases/calls.c - what a plugin is, and how its calls behave: tables, waits, wakes, what it leaves alone. */
#include "cases/case.h"

#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include "host/settings.h"

/* ---- the descriptor ---- */

static void check_about(struct ebc_test *t) {
    const struct eb_plugin *about = &t->plugin.about;
    const char *file = strrchr(t->plugin.file, '/'), *name = file ? file + 1 : t->plugin.file;
    size_t len = strlen(about->name);

    if (strncmp(name, about->name, len) != 0 || strcmp(name + len, ".so") != 0)
        ebc_note(t, EBC_DESCRIPTOR, "expected the name of the file %s without .so; came \"%s\"", name, about->name);
    if (!about->version[0] || !about->summary[0] || strchr(about->summary, '\n'))
        ebc_note(t, EBC_DESCRIPTOR, "expected a version and a summary of one line; came \"%s\" and \"%s\"", about->version,
                 about->summary);
    if (!t->plugin.producer && !t->plugin.consumer && !t->plugin.admin)
        ebc_note(t, EBC_TABLES, "expected eventbus_producer, eventbus_consumer or eventbus_admin; came none of them");
}

/* Returns the name of the first of n functions that is NULL; NULL: all are there. */
static const char *missing(const char *const *names, const void *const *functions, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!functions[i])
            return names[i];
    return NULL;
}

static const char *missing_op(const struct ebc_plugin *plugin) {
    static const char *const names[] = { "open", "wake", "close", "submit or receive", "poll or settle" };
    const char *name = NULL;

    if (plugin->producer) {
        const struct eb_producer_ops *ops = plugin->producer;
        const void *const all[] = { (void *)ops->open, (void *)ops->wake, (void *)ops->close, (void *)ops->submit,
                                    (void *)ops->poll };
        name = missing(names, all, 5);
    }
    if (plugin->consumer && !name) {
        const struct eb_consumer_ops *ops = plugin->consumer;
        const void *const all[] = { (void *)ops->open, (void *)ops->wake, (void *)ops->close, (void *)ops->receive,
                                    (void *)ops->settle };
        name = missing(names, all, 5);
    }
    if (plugin->admin && !name && (!plugin->admin->open || !plugin->admin->close))
        name = "open or close of admin";
    return name;
}

static void check_option(struct ebc_test *t, const struct eb_option *option, size_t number) {
    const struct eb_plugin *about = &t->plugin.about;
    bool prefix = option->type == EB_OPT_PAIRS, number_type = option->type >= EB_OPT_BOOL;
    size_t len = strlen(option->key);
    char why[EBC_WHY_ROOM];

    for (size_t i = 0; i < number; i++)
        if (strcmp(about->options[i].key, option->key) == 0)
            ebc_note(t, EBC_OPTIONS, "expected each key once; came \"%s\" twice", option->key);
    if (option->type < EB_OPT_TEXT || option->type > EB_OPT_CHOICE)
        ebc_note(t, EBC_OPTIONS, "expected a type that plugin.h knows; came %d for \"%s\"", option->type, option->key);
    if (len == 0 || strpbrk(option->key, " \t=[];#") || (prefix && option->key[len - 1] != '.'))
        ebc_note(t, EBC_OPTIONS, "expected a key that can stand in a file%s; came \"%s\"", prefix ? ", ending in '.'" : "",
                 option->key);
    if (!option->help || !option->help[0])
        ebc_note(t, EBC_OPTIONS, "expected a sentence of help for \"%s\"; came none", option->key);
    if (option->offset % sizeof(int64_t) != 0 || about->settings_size < sizeof(int64_t) ||
        option->offset > about->settings_size - sizeof(int64_t))
        ebc_note(t, EBC_OPTIONS, "expected an aligned offset inside the %zu bytes of settings; came %zu for \"%s\"",
                 about->settings_size, option->offset, option->key);
    if (option->type == EB_OPT_CHOICE && (!option->choices || !option->choices[0]))
        ebc_note(t, EBC_OPTIONS, "expected choices for \"%s\"; came none", option->key);
    if (number_type && option->min > option->max)
        ebc_note(t, EBC_OPTIONS, "expected min up to max for \"%s\"; came %lld and %lld", option->key, (long long)option->min,
                 (long long)option->max);
    if (option->fallback && option->flags & EB_OPT_REQUIRED)
        ebc_note(t, EBC_OPTIONS, "expected no default for the required \"%s\"; came \"%s\"", option->key, option->fallback);
    if (!ebc_default_fits(option, why))
        ebc_note(t, EBC_DEFAULTS, "expected a default of \"%s\" that may be given; came %.300s", option->key, why);
}

static void check_traits(struct ebc_test *t, const char *role, uint32_t traits) {
    uint32_t known = (EB_T_LATE_UNTOLD << 1) - 1;

    if (traits & ~known)
        ebc_note(t, EBC_TRAITS, "expected traits that plugin.h knows; came 0x%x as well for the %s", traits & ~known, role);
    if (traits & EB_T_DELAY_ORDER && !(traits & EB_T_DELAY))
        ebc_note(t, EBC_TRAITS, "expected EB_T_DELAY with EB_T_DELAY_ORDER; came the second alone for the %s", role);
}

static void the_descriptor_tells_the_truth(struct ebc_test *t) {
    const struct ebc_plugin *plugin = &t->plugin;

    check_about(t);
    if (missing_op(plugin))
        ebc_note(t, EBC_TABLES, "expected every op of a role; came none for %s", missing_op(plugin));
    for (size_t i = 0; i < plugin->about.n_options; i++)
        check_option(t, &plugin->about.options[i], i);
    if (plugin->producer)
        check_traits(t, "producer", plugin->listed.producer);
    if (plugin->consumer)
        check_traits(t, "consumer", plugin->listed.consumer);
}

/* ---- leaving nothing behind ---- */

static void use_every_role(struct ebc_test *t, const char *topic, const char *group) {
    struct ebc_consumer *c = NULL;

    if (t->plugin.consumer)
        c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    if (t->plugin.producer)
        ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    if (c && t->plugin.producer)
        ebc_receive_and_ack(c, 1);
    if (c)
        ebc_close_consumer(c);
}

static void open_and_close_leave_nothing_behind(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = t->plugin.consumer ? ebc_group(t, topic, "g") : NULL;
    size_t files, threads, now;

    use_every_role(t, topic, group);
    use_every_role(t, topic, group); /* twice: now exists what the plugin makes once a process */
    files = ebc_count_descriptors();
    threads = ebc_count_threads();
    for (int i = 0; i < 10; i++)
        use_every_role(t, topic, group);
    if ((now = ebc_await_count(t, ebc_count_descriptors, files)) > files)
        ebc_break(t, EBC_THREADS_END, "expected %zu open descriptors as before 10 rounds of open and close; came %zu", files,
                  now);
    if ((now = ebc_await_count(t, ebc_count_threads, threads)) > threads)
        ebc_break(t, EBC_THREADS_END, "expected %zu threads as before 10 rounds of open and close; came %zu", threads, now);
}

/* ---- waits and wakes ---- */

/* A producer or a consumer with nothing to do. */
struct idle {
    struct ebc_test *t;
    struct ebc_producer *producer;
    struct ebc_consumer *consumer;
};

static struct idle idle(struct ebc_test *t, bool producing) {
    const char *topic = ebc_topic(t, producing ? "p" : "c");
    struct idle it = { .t = t };

    if (producing)
        it.producer = ebc_producer(t);
    else
        it.consumer = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = ebc_group(t, topic, "g") });
    return it;
}

static int64_t wait_once(const struct idle *it, int32_t timeout_ms) {
    int64_t began = ebc_monotonic_ms();

    if (it->producer)
        ebc_poll(it->producer, timeout_ms);
    else
        ebc_receive(it->consumer, 10, timeout_ms);
    return ebc_monotonic_ms() - began;
}

static const char *op_of(const struct idle *it) {
    return it->producer ? "poll" : "receive";
}

static void wake(const struct idle *it) {
    if (it->producer)
        ebc_wake_producer(it->producer);
    else
        ebc_wake_consumer(it->consumer);
}

/* Waits until the link is up and nothing ends a wait any more. */
static void calm_down(const struct idle *it) {
    int64_t end = ebc_monotonic_ms() + it->t->patience_ms;

    while (wait_once(it, 60) < 50)
        if (ebc_monotonic_ms() > end)
            ebc_break(it->t, EBC_POLL_WAITS,
                      "expected %s(60 ms) with nothing to do to wait; came back early for %lld "
                      "ms",
                      op_of(it), (long long)it->t->patience_ms);
}

/* Runs the check for a producer and for a consumer, as far as the plugin has them. */
static void for_each_waiter(struct ebc_test *t, void (*check)(const struct idle *)) {
    for (int producing = 0; producing < 2; producing++)
        if (producing ? t->plugin.producer != NULL : t->plugin.consumer != NULL) {
            struct idle it = idle(t, producing);
            calm_down(&it);
            check(&it);
        }
}

static void wake_before(const struct idle *it) {
    int32_t timeout_ms = (int32_t)(2 * it->t->patience_ms);
    int64_t took;

    for (int i = 0; i < 10; i++) {
        wake(it);
        took = wait_once(it, timeout_ms);
        if (took > it->t->patience_ms)
            ebc_break(it->t, EBC_WAKE, "expected %s(%d ms) to end at once after a wake; came back after %lld ms", op_of(it),
                      (int)timeout_ms, (long long)took);
    }
    calm_down(it);
}

static void a_wake_is_remembered(struct ebc_test *t) {
    for_each_waiter(t, wake_before);
}

/* Wakes again and again: a wake that came before the wait began is not what this tests. */
static void *wake_later(void *arg) {
    struct idle *it = arg;

    for (int i = 0; i < 3; i++) {
        usleep(20000);
        wake(it);
    }
    return NULL;
}

static void wake_during(const struct idle *it) {
    int32_t timeout_ms = (int32_t)(2 * it->t->patience_ms);
    struct idle copy = *it;
    pthread_t thread;
    int64_t took;

    for (int i = 0; i < 3; i++) {
        if (pthread_create(&thread, NULL, wake_later, &copy) != 0)
            ebc_skip(it->t, "no thread can be started on this machine");
        took = wait_once(it, timeout_ms);
        pthread_join(thread, NULL);
        if (took > it->t->patience_ms)
            ebc_break(it->t, EBC_WAKE, "expected %s(%d ms) to end when woken after 20 ms; came back after %lld ms", op_of(it),
                      (int)timeout_ms, (long long)took);
        calm_down(it);
    }
}

static void a_wake_from_another_thread_ends_the_wait(struct ebc_test *t) {
    for_each_waiter(t, wake_during);
}

static void timeouts(const struct idle *it) {
    static const int32_t waits[] = { 0, 1, 30, 200 };
    int64_t end;
    int calls = 0;

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        wait_once(it, waits[i]); /* ebc_op_ended notes a wait that is too long */
    for (end = ebc_monotonic_ms() + 300; ebc_monotonic_ms() < end; calls++)
        wait_once(it, 100);
    if (calls > 30)
        ebc_break(it->t, EBC_POLL_WAITS, "expected %s(100 ms) with nothing to do to wait; came back %d times in 300 ms",
                  op_of(it), calls);
}

static void timeouts_are_kept(struct ebc_test *t) {
    for_each_waiter(t, timeouts);
}

/* ---- the link ---- */

static void the_link_tells_each_change_once(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = t->plugin.consumer ? ebc_group(t, topic, "g") : NULL;
    struct ebc_producer *p = t->plugin.producer ? ebc_producer(t) : NULL;
    struct ebc_consumer *c = t->plugin.consumer
                                 ? ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group })
                                 : NULL;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (!ebc_all_up(t)) { /* the host notes a link call that is no change */
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_LINK, "expected link(1) from each instance; came none from one for %lld ms",
                      (long long)t->patience_ms);
        if (p)
            ebc_poll(p, 20);
        if (c)
            ebc_receive(c, 0, 20);
    }
    if (p)
        ebc_send(p, ebc_new_events(t, topic, 20, 3));
    if (p && c)
        ebc_receive_and_ack(c, 20);
}

/* ---- the process ---- */

struct process {
    struct sigaction handlers[65];
    sigset_t blocked;
    char locale[400], folder[4096];
    mode_t umask;
};

static void look_at_process(struct process *now) {
    for (int i = 1; i <= 64; i++)
        if (sigaction(i, NULL, &now->handlers[i]) != 0)
            memset(&now->handlers[i], 0, sizeof now->handlers[i]);
    pthread_sigmask(SIG_SETMASK, NULL, &now->blocked);
    snprintf(now->locale, sizeof now->locale, "%s", setlocale(LC_ALL, NULL));
    if (!getcwd(now->folder, sizeof now->folder))
        now->folder[0] = '\0';
    now->umask = umask(0);
    umask(now->umask);
}

static void compare_process(struct ebc_test *t, const struct process *was, const struct process *is) {
    for (int i = 1; i <= 64; i++)
        if (was->handlers[i].sa_handler != is->handlers[i].sa_handler)
            ebc_break(t, EBC_FORBIDDEN, "expected the handler of signal %d as it was; came another", i);
    for (int i = 1; i <= 64; i++)
        if (sigismember(&was->blocked, i) != sigismember(&is->blocked, i))
            ebc_break(t, EBC_SIGNALS, "expected signal %d blocked as it was; came otherwise", i);
    if (strcmp(was->locale, is->locale) != 0)
        ebc_break(t, EBC_FORBIDDEN, "expected the locale %s as it was; came %s", was->locale, is->locale);
    if (strcmp(was->folder, is->folder) != 0)
        ebc_break(t, EBC_FORBIDDEN, "expected the working folder %s as it was; came %s", was->folder, is->folder);
    if (was->umask != is->umask)
        ebc_break(t, EBC_FORBIDDEN, "expected the umask %o as it was; came %o", was->umask, is->umask);
    if (lseek(STDOUT_FILENO, 0, SEEK_END) > 0 || lseek(STDERR_FILENO, 0, SEEK_END) > 0)
        ebc_break(t, EBC_FORBIDDEN, "expected nothing on stdout and stderr; came some output");
}

/* A program that the service starts would inherit descriptors that are not close-on-exec. */
static void check_descriptors(struct ebc_test *t) {
    for (int fd = 6; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            ebc_break(t, EBC_DESCRIPTORS, "expected every descriptor close-on-exec; came number %d, which is not", fd);
    }
}

/* A thread that takes signals would run the service's handlers. */
static void check_threads(struct ebc_test *t) {
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    char path[300], line[200];

    while (dir && (entry = readdir(dir))) {
        unsigned long long blocked = ~0ULL;
        FILE *status;

        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        status = fopen(path, "re");
        while (status && fgets(line, sizeof line, status))
            sscanf(line, "SigBlk: %llx", &blocked);
        if (status)
            fclose(status);
        if (!(blocked >> (SIGTERM - 1) & 1) || !(blocked >> (SIGINT - 1) & 1))
            ebc_break(t, EBC_SIGNALS, "expected signals blocked in each thread; came thread %s with the mask %llx",
                      entry->d_name, blocked);
    }
    if (dir)
        closedir(dir);
}

static void the_process_is_left_as_it_was(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = t->plugin.consumer ? ebc_group(t, topic, "g") : NULL;
    struct process was = { 0 }, is = { 0 };

    look_at_process(&was);
    use_every_role(t, topic, group);
    if (t->plugin.producer)
        ebc_poll(ebc_producer(t), 10);
    if (t->plugin.consumer)
        ebc_receive(ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group }), 1, 10);
    if (!t->alone)
        ebc_skip(t, "only in a process of its own can be seen what the plugin does to the process");
    check_threads(t);
    check_descriptors(t);
    look_at_process(&is);
    compare_process(t, &was, &is);
}

/* clang-format off */
const struct ebc_case ebc_calls[] = {
    { .group = "calls", .name = "the-descriptor-tells-the-truth",
      .about = "the descriptor, the option table with its defaults, the tables of ops and the traits fit plugin.h",
      .run = the_descriptor_tells_the_truth },
    { .group = "calls", .name = "the-link-tells-each-change-once",
      .about = "each instance reports link(1) when it is connected, and no state twice",
      .run = the_link_tells_each_change_once },
    { .group = "calls", .name = "open-and-close-leave-nothing-behind",
      .about = "ten rounds of open and close leave no descriptor and no thread",
      .run = open_and_close_leave_nothing_behind },
    { .group = "calls", .name = "timeouts-are-kept",
      .about = "poll and receive wait for their timeout, and not longer; the other ops do not wait",
      .run = timeouts_are_kept },
    { .group = "calls", .name = "a-wake-is-remembered",
      .about = "a wake before poll or receive lets the next one return at once",
      .run = a_wake_is_remembered },
    { .group = "calls", .name = "a-wake-from-another-thread-ends-the-wait",
      .about = "a wake from another thread ends the poll or receive at work",
      .run = a_wake_from_another_thread_ends_the_wait },
    { .group = "calls", .name = "the-process-is-left-as-it-was",
      .about = "no output, signal handler, locale, folder, umask or inheritable descriptor changes",
      .run = the_process_is_left_as_it_was },
    { 0 },
};
/* clang-format on */
