/* conform/runner/child.c - the process of one case: loads the plugin, fills its settings, runs the case, closes what it
 * left. */
#include "runner/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host/settings.h"
#include "runner/report.h"

/* ---- what a case needs ---- */

static void skip_without(struct ebc_test *t, const char *role, uint32_t needed, uint32_t claimed) {
    const char *trait = ebc_first_trait(needed & ~claimed);

    if (trait)
        ebc_skip(t, "needs the trait %s, which the %s does not claim", trait, role);
}

static void check_needs(struct ebc_test *t, const struct ebc_case *of) {
    const struct ebc_plugin *plugin = &t->plugin;

    if (of->roles & EBC_PRODUCER && !plugin->producer)
        ebc_skip(t, "the plugin has no producer role");
    if (of->roles & EBC_CONSUMER && !plugin->consumer)
        ebc_skip(t, "the plugin has no consumer role");
    if (of->roles & EBC_ADMIN && !plugin->admin)
        ebc_skip(t, "the plugin has no admin role");
    skip_without(t, "producer", of->producer, plugin->producer ? plugin->producer->traits : 0);
    skip_without(t, "consumer", of->consumer, plugin->consumer ? plugin->consumer->traits : 0);
}

/* ---- what the plugin is, before any case ---- */

static void tell_plugin(const struct ebc_plugin *plugin) {
    char text[400];

    snprintf(text, sizeof text, "%.100s %.100s (%s%s%s)", plugin->about.name, plugin->about.version,
             plugin->producer ? "producer" : "", plugin->consumer ? plugin->producer ? ", consumer" : "consumer" : "",
             plugin->admin ? plugin->producer || plugin->consumer ? ", admin" : "admin" : "");
    ebc_write_result("plugin", NULL, text);
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
            ebc_write_result("away", NULL, logged[0] ? logged : "the plugin never called link(1)");
            return;
        }
        if (p)
            ebc_poll(p, 50);
        else
            ebc_receive(c, 0, 50);
    }
}

static void probe(struct ebc_test *t) {
    tell_plugin(&t->plugin);
    await_link(t);
}

static void remove_one(struct ebc_test *t, const char *topic) {
    struct eb_error err = { 0 };

    if (ebc_admin_remove(t, topic, NULL, &err) < 0)
        ebc_write_result("left", NULL, ebc_format(t, "topic %s could not be removed: %s", topic, err.text));
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
        ebc_write_result("left", NULL,
                         ebc_format(t, "topics %s* could not be listed to be removed: %s", names->prefix, err.text));
    for (size_t i = 0; i < names->n; i++)
        remove_one(t, names->list[i]);
}

static const struct ebc_case probe_case = { .group = "", .name = EBC_PROBE, .run = probe };
static const struct ebc_case sweep_case = { .group = "", .name = EBC_SWEEP, .run = sweep };

/* ---- the process ---- */

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

/* plugin.h promises plugins that their threads inherit blocked signals. */
static void block_signals(void) {
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static struct ebc_shared_page *map_page(void) {
    void *page = mmap(NULL, sizeof(struct ebc_shared_page), PROT_READ | PROT_WRITE, MAP_SHARED, EBC_FD_PAGE, 0);

    return page == MAP_FAILED ? NULL : page;
}

/* words: the process's arguments from EBC_W_CASE on. */
static bool open_plugin(struct ebc_test *t, char *const *words, struct ebc_settings *settings) {
    const char *const *options = (const char *const *)words + EBC_W_COUNT;
    char why[EBC_WHY_ROOM];
    struct eb_error err = { 0 };
    size_t n = 0;

    while (options[n])
        n++;
    ebc_op_begins(t, 20000, "dlopen");
    if (!ebc_load(words[EBC_W_FILE], &t->plugin, why)) {
        ebc_write_result("refused", NULL, why);
        return false;
    }
    ebc_op_ended(t);
    if (!ebc_settings_fill(&t->plugin.about, options, n, words[EBC_W_STATE], settings, why)) {
        ebc_write_result("options", NULL, why);
        return false;
    }
    t->settings = settings->data;
    ebc_op_begins(t, 0, "check");
    if (t->plugin.about.check && t->plugin.about.check(settings->data, &err) < 0) {
        ebc_write_result("options", NULL, err.text);
        return false;
    }
    ebc_op_ended(t);
    return true;
}

/* Fills in all of the case but the plugin. Returns what is wrong with the arguments, or NULL. */
static const char *prepare(struct ebc_child *child, char *const *words) {
    unsigned long number = strtoul(words[EBC_W_NUMBER], NULL, 10);
    struct ebc_shared_page *page = map_page();
    struct ebc_test *t = &child->test;

    child->of = case_of(words[EBC_W_CASE]);
    child->peer = words[EBC_W_PEER][0] ? words[EBC_W_PEER] : NULL;
    if (!page || !child->of || number >= EBC_MOST_PROCESSES || (child->peer && !peer_of(child->of, child->peer)))
        return "these arguments are for the kit's own use";
    child->progress = &page->of[number];
    t->name = child->of->name;
    t->number = case_number(child->of);
    t->joins_late = child->peer != NULL;
    t->thread = pthread_self();
    t->run = words[EBC_W_RUN];
    t->seed = strtoull(words[EBC_W_SEED], NULL, 10);
    t->random.state = ebc_random_seed(t->seed + number, child->peer ? child->peer : t->name);
    t->pace = strtod(words[EBC_W_PACE], NULL);
    double slower = t->pace > 1 ? t->pace : 1; /* a plugin that keeps its promises never lets the kit wait so long */
    t->patience_ms = (int64_t)(10000 * slower);
    t->takeover_ms = (int64_t)(60000 * slower); /* Kafka's groups miss a member after 45 s */
    t->quiet_ms = (int64_t)(100 * t->pace);
    fcntl(EBC_FD_RESULT, F_SETFD, FD_CLOEXEC);
    fcntl(EBC_FD_PAGE, F_SETFD, FD_CLOEXEC);
    return NULL;
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
        ebc_write_result("done", NULL, "");
}

int eb_conform_child(int argc, char **argv, int n) {
    struct ebc_settings settings = { 0 };
    struct ebc_child child = {
        .argv = argv,
        .first_argument = n,
        .test = { .observer = &ebc_child_observer, .lock = PTHREAD_MUTEX_INITIALIZER, .memory = PTHREAD_MUTEX_INITIALIZER }
    };
    const char *wrong = argc - n < EBC_W_COUNT ? "too few arguments" : prepare(&child, argv + n);

    if (wrong) {
        ebc_print_error(argv[0], "%s", wrong);
        return 2;
    }
    block_signals();
    if (open_plugin(&child.test, argv + n, &settings))
        run(&child);
    ebc_settings_free(&settings);
    ebc_test_free(&child.test);
    return 0;
}
