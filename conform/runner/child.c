/* conform/runner/child.c - one case, in a process of its own or in the runner's: loads the plugin, fills its settings, runs
 * the case, closes what it left. */
#include "runner/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <eventbus/conform.h>
#include "host/settings.h"
#include "runner/cases.h"

/* ---- what a case needs ---- */

static void skip_without(struct ebc_test *t, const char *role, uint32_t needed, uint32_t claimed) {
    const char *trait = ebc_first_trait(needed & ~claimed);

    if (trait)
        ebc_skip(t, "needs the trait %s, which the %s does not claim", trait, role);
}

/* The texts for other settings stand behind the options. */
static char *const *unreachable(char *const *argv) {
    return argv + EBC_W_COUNT + atoi(argv[EBC_W_N_OPTIONS]);
}

static void check_needs(struct ebc_test *t, const struct ebc_case *of) {
    const struct ebc_plugin *plugin = &t->plugin;
    char *const *argv = ebc_child_of(t)->argv;

    if (of->roles & EBC_PRODUCER && !plugin->producer)
        ebc_skip(t, "the plugin has no producer role");
    if (of->roles & EBC_CONSUMER && !plugin->consumer)
        ebc_skip(t, "the plugin has no consumer role");
    if (of->roles & EBC_ADMIN && !plugin->admin)
        ebc_skip(t, "the plugin has no admin role");
    skip_without(t, "producer", of->producer, plugin->producer ? plugin->producer->traits : 0);
    skip_without(t, "consumer", of->consumer, plugin->consumer ? plugin->consumer->traits : 0);
    if (of->broker & EBC_RESTARTED && !argv[EBC_W_UP][0])
        ebc_skip(t, "needs --down CMD and --up CMD, which stop and start the broker");
    if (of->broker & EBC_UNREACHABLE && !unreachable(argv)[0])
        ebc_skip(t, "needs --unreachable KEY=VALUE, with which no broker answers");
}

/* ---- what the plugin is, before any case ---- */

static void tell_plugin(struct ebc_test *t) {
    const struct ebc_plugin *plugin = &t->plugin;
    char text[400];

    snprintf(text, sizeof text, "%.100s %.100s (%s%s%s)", plugin->about.name, plugin->about.version,
             plugin->producer ? "producer" : "", plugin->consumer ? plugin->producer ? ", consumer" : "consumer" : "",
             plugin->admin ? plugin->producer || plugin->consumer ? ", admin" : "admin" : "");
    ebc_tell(t, "plugin", NULL, text);
}

/* Returns whether "KEY=VALUE" sets an option that must not be shown. */
static bool is_secret(const struct eb_plugin *about, const char *given) {
    for (size_t i = 0; i < about->n_options; i++) {
        const struct eb_option *option = &about->options[i];
        size_t len = strlen(option->key);

        if (strncmp(given, option->key, len) == 0 && (option->type == EB_OPT_PAIRS || given[len] == '='))
            return option->flags & (EB_OPT_SECRET | EB_OPT_URL);
    }
    return false;
}

static void tell_secrets(struct ebc_test *t) {
    char *const *options = ebc_child_of(t)->argv + EBC_W_COUNT;

    for (size_t i = 0; options[i]; i++)
        if (is_secret(&t->plugin.about, options[i]))
            ebc_tell(t, "secret", NULL, ebc_format(t, "%zu", i));
}

/* Waits for the broker: no case can judge the plugin without one. */
static void await_link(struct ebc_test *t) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    struct ebc_producer *p = NULL;
    struct ebc_consumer *c = NULL;
    const char *logged = ebc_child_of(t)->progress->logged;

    if (t->plugin.producer)
        p = ebc_producer(t);
    else if (t->plugin.consumer)
        c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = ebc_topic_name(t, "probe"), .group = "conform-probe" });
    while ((p || c) && !ebc_all_up(t)) {
        if (ebc_monotonic_ms() > end) {
            ebc_tell(t, "away", NULL, logged[0] ? logged : "the plugin never called link(1)");
            return;
        }
        if (p)
            ebc_poll(p, 50);
        else
            ebc_receive(c, 0, 50);
    }
}

static void probe(struct ebc_test *t) {
    tell_plugin(t);
    tell_secrets(t);
    await_link(t);
}

static void remove_one(struct ebc_test *t, const char *topic) {
    struct eb_error err = { 0 };

    if (ebc_admin_remove(t, topic, NULL, &err) < 0)
        ebc_tell(t, "left", NULL, ebc_format(t, "topic %s could not be removed: %s", topic, err.text));
}

struct names {
    struct ebc_test *t;
    char *prefix;
    const char *list[1000];
    size_t n;
};

static int32_t keep_name(void *arg, const struct eb_topic_info *info) {
    struct names *names = arg;

    if (strncmp(info->name, names->prefix, strlen(names->prefix)) == 0)
        names->list[names->n++] = ebc_format(names->t, "%s", info->name);
    return names->n == sizeof names->list / sizeof *names->list;
}

/* Runs after the last case: removes the run's topics, if the plugin can list and remove topics. */
static void sweep(struct ebc_test *t) {
    struct names *names = ebc_alloc(t, sizeof *names);
    struct eb_error err = { 0 };
    int32_t status;

    if (!t->plugin.admin || !t->plugin.admin->topics || !t->plugin.admin->remove)
        return;
    names->t = t;
    names->prefix = ebc_format(t, "conform-%s-", t->run);
    status = ebc_admin_topics(t, keep_name, names, &err);
    if (status < 0)
        ebc_tell(t, "left", NULL, ebc_format(t, "topics %s* could not be listed to be removed: %s", names->prefix, err.text));
    for (size_t i = 0; i < names->n; i++)
        remove_one(t, names->list[i]);
}

static const struct ebc_case probe_case = { .group = "", .name = EBC_PROBE, .run = probe };
static const struct ebc_case sweep_case = { .group = "", .name = EBC_SWEEP, .run = sweep };

/* ---- the case ---- */

static const struct ebc_case *case_of(const char *name) {
    return strcmp(name, EBC_PROBE) == 0 ? &probe_case : strcmp(name, EBC_SWEEP) == 0 ? &sweep_case : ebc_case_named(name);
}

static void (*peer_of(const struct ebc_case *of, const char *name))(struct ebc_test *) {
    for (const struct ebc_peer_entry *peer = of->peers; peer && peer->name; peer++)
        if (strcmp(peer->name, name) == 0)
            return peer->run;
    return NULL;
}

static size_t case_number(const struct ebc_case *of) {
    size_t i = 0;

    while (ebc_case_at(i) && ebc_case_at(i) != of)
        i++;
    return i;
}

/* Returns the options that the case needs, in memory of the test: each text of `unreachable` takes the place of the one with
 * its key. */
static const char *const *options_of(struct ebc_test *t) {
    struct ebc_child *child = ebc_child_of(t);
    char *const *given = child->argv + EBC_W_COUNT, *const *instead = unreachable(child->argv);
    size_t n = 0, n_instead = 0, n_given = (size_t)(instead - given);
    const char **options;

    while (instead[n_instead])
        n_instead++;
    n_instead = child->of->broker & EBC_UNREACHABLE ? n_instead : 0;
    options = ebc_alloc(t, (n_given + n_instead + 1) * sizeof *options);
    for (size_t i = 0; i < n_given; i++) {
        bool replaced = false;
        for (size_t k = 0; k < n_instead; k++)
            replaced = replaced || strncmp(given[i], instead[k], strcspn(instead[k], "=") + 1) == 0;
        if (!replaced)
            options[n++] = given[i];
    }
    for (size_t k = 0; k < n_instead; k++)
        options[n++] = instead[k];
    return options;
}

static bool open_plugin(struct ebc_test *t) {
    struct ebc_settings *settings = &ebc_child_of(t)->settings;
    char *const *argv = ebc_child_of(t)->argv;
    const char *const *options = options_of(t);
    char why[EBC_WHY_ROOM];
    struct eb_error err = { 0 };
    size_t n = 0;

    while (options[n])
        n++;
    ebc_op_begins(t, 20000, "dlopen");
    if (!ebc_load(argv[EBC_W_FILE], &t->plugin, why)) {
        ebc_tell(t, "refused", NULL, why);
        return false;
    }
    ebc_op_ended(t);
    if (!ebc_settings_fill(&t->plugin.about, options, n, argv[EBC_W_STATE], settings, why)) {
        ebc_tell(t, "options", NULL, why);
        return false;
    }
    t->settings = settings->data;
    ebc_op_begins(t, 0, "check");
    if (t->plugin.about.check && t->plugin.about.check(settings->data, &err) < 0) {
        ebc_tell(t, "options", NULL, err.text);
        return false;
    }
    ebc_op_begins(t, 0, "traits_for");
    ebc_load_traits(&t->plugin, t->settings);
    ebc_op_ended(t);
    return true;
}

/* Fills in all of the case but the plugin. Returns whether the arguments and the page are right. */
static bool prepare(struct ebc_child *child, char *const *argv) {
    unsigned long number = strtoul(argv[EBC_W_NUMBER], NULL, 10);
    struct ebc_test *t = &child->test;

    child->argv = argv;
    child->of = case_of(argv[EBC_W_CASE]);
    child->peer = argv[EBC_W_PEER][0] ? argv[EBC_W_PEER] : NULL;
    if (!child->page || !child->of || number >= EBC_MOST_PROCESSES || (child->peer && !peer_of(child->of, child->peer)))
        return false;
    child->progress = &child->page->of[number];
    t->observer = &ebc_child_observer;
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->memory, NULL);
    t->name = child->of->name;
    t->number = case_number(child->of);
    t->joins_late = child->peer != NULL;
    t->alone = !child->here;
    t->thread = pthread_self();
    t->run = argv[EBC_W_RUN];
    t->seed = strtoull(argv[EBC_W_SEED], NULL, 10);
    t->random.state = ebc_random_seed(t->seed + number, child->peer ? child->peer : t->name);
    t->pace = strtod(argv[EBC_W_PACE], NULL);
    double slower = t->pace > 1 ? t->pace : 1; /* a plugin that keeps its promises never lets the kit wait so long */
    t->patience_ms = (int64_t)(10000 * slower);
    t->admin_timeout_ms = t->patience_ms;
    t->takeover_ms = (int64_t)(60000 * slower); /* Kafka's groups miss a member after 45 s */
    t->quiet_ms = (int64_t)(100 * t->pace);
    return true;
}

static void run(struct ebc_child *child) {
    struct ebc_test *t = &child->test;

    check_needs(t, child->of);
    if (child->peer)
        peer_of(child->of, child->peer)(t);
    else
        child->of->run(t);
    ebc_close_all(t);
    if (!child->peer)
        ebc_tell(t, "done", NULL, "");
}

/* plugin.h promises plugins that their threads inherit blocked signals. */
static void block_signals(sigset_t *before) {
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

static void free_test(struct ebc_child *child) {
    ebc_settings_free(&child->settings);
    ebc_test_free(&child->test);
    pthread_mutex_destroy(&child->test.lock);
    pthread_mutex_destroy(&child->test.memory);
}

/* ---- in a process of its own ---- */

static bool main_was_called;

bool ebc_main_was_called(void) {
    return main_was_called;
}

static int run_process(int argc, char **argv) {
    static struct ebc_child child;
    sigset_t before;

    child.result = EBC_FD_RESULT;
    child.page_fd = EBC_FD_PAGE;
    child.page = argc < EBC_W_COUNT ? NULL : ebc_page_map(EBC_FD_PAGE);
    if (argc < EBC_W_COUNT || !prepare(&child, argv)) {
        fprintf(stderr, "%s: these arguments are for the conformance kit's own use\n", argv[0]);
        return 2;
    }
    fcntl(EBC_FD_RESULT, F_SETFD, FD_CLOEXEC);
    fcntl(EBC_FD_PAGE, F_SETFD, FD_CLOEXEC);
    block_signals(&before);
    if (open_plugin(&child.test))
        run(&child);
    free_test(&child);
    return 0;
}

void eb_conform_main(int argc, char **argv) {
    main_was_called = true;
    if (argc > EBC_W_WORD && strcmp(argv[EBC_W_WORD], EBC_CASE_WORD) == 0)
        exit(run_process(argc, argv));
}

/* ---- in the runner's process ---- */

/* The cases that broke off: what they left open may still call the host. */
static struct ebc_child *broken_off;

static void kill_peers(struct ebc_child *child) {
    for (size_t i = 0; i < EBC_MOST_PROCESSES; i++)
        if (child->peers[i] > 0) {
            kill(child->peers[i], SIGKILL);
            waitpid(child->peers[i], NULL, 0);
        }
}

/* A case that ends early comes back here by longjmp. */
static void run_to_its_end(struct ebc_child *child) {
    if (setjmp(child->end) == 0 && open_plugin(&child->test))
        run(child);
}

static void run_here(struct ebc_child *child) {
    sigset_t before;

    block_signals(&before);
    run_to_its_end(child);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    kill_peers(child);
}

static void free_child(struct ebc_child *child) {
    free_test(child);
    munmap(child->page, sizeof *child->page);
    close(child->page_fd);
    close(child->result);
    free(child);
}

bool ebc_process_here(struct ebc_process *process, const char *name, char *const *argv) {
    struct ebc_child *child = calloc(1, sizeof *child);
    struct ebc_channels channels = { .to_runner = -1, .from_case = -1, .page_fd = -1 };
    bool opened = child && ebc_channels_open(&channels);

    *process = (struct ebc_process){ .pid = -1, .result = -1, .output = -1, .name = name };
    process->page = opened ? ebc_page_map(channels.page_fd) : NULL;
    if (!process->page) {
        ebc_channels_close(&channels);
        free(child);
        return false;
    }
    process->result = channels.from_case;
    child->here = true;
    child->result = channels.to_runner;
    child->page_fd = channels.page_fd;
    child->page = channels.page;
    if (prepare(child, argv))
        run_here(child);
    ebc_process_listen(process);
    if (child->broke_off) {
        child->older = broken_off;
        broken_off = child;
    } else {
        free_child(child);
    }
    return true;
}
