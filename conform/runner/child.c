/* conform/runner/child.c - the process of one case: loads the plugin, fills its settings, runs the case, closes what it
 * left. */
#include "inner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host/settings.h"

/* ---- memory that ends with the case ---- */

void *ebc_alloc(struct ebc *t, size_t size) {
    void *memory = calloc(1, size ? size : 1), **more;
    bool full;

    pthread_mutex_lock(&t->memory);
    full = (t->n_held & (t->n_held + 1)) == 0;          /* room for 1, 3, 7, ... is used up */
    more = full ? realloc(t->held, (2 * t->n_held + 1) * sizeof *more) : t->held;
    if (!memory || !more) {
        ebc_tell("skip", NULL, "no memory left on this machine");
        _exit(0);
    }
    t->held = more;
    t->held[t->n_held++] = memory;
    pthread_mutex_unlock(&t->memory);
    return memory;
}

char *ebc_text(struct ebc *t, const char *format, ...) {
    va_list args, again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    text = ebc_alloc(t, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

/* ---- names ---- */

static size_t case_number(const struct ebc_case *at) {
    size_t i = 0;

    while (ebc_case_at(i) && ebc_case_at(i) != at)
        i++;
    return i;
}

const char *ebc_topic_name(struct ebc *t, const char *suffix) {
    return ebc_text(t, "conform-%s-%zu-%s", t->run, case_number(t->at), suffix);
}

const char *ebc_topic(struct ebc *t, const char *suffix) {
    const char *name = ebc_topic_name(t, suffix);
    struct eb_error err = {0};
    int32_t status;
    void *self;

    if (!t->plugin.admin || !t->plugin.admin->create)
        return name;
    self = ebc_admin_self(t);
    ebc_begin(t, ebc_admin_timeout(t), "create of topic %s", name);
    status = t->plugin.admin->create(self, name, 0, 0, ebc_admin_timeout(t), &err);
    ebc_end(t);
    if (status < 0)
        ebc_break(t, EBC_CREATE, "expected topic %s to be made; came %d: %s", name, status, err.text);
    return name;
}

/* Where a group cannot start in the past: one event after the other until the group sees the newest. */
static void begin_group(struct ebc *t, const char *topic, const char *group) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    struct ebc_producer *p = ebc_producer(t);
    int64_t end = ebc_ticks_ms() + t->patience_ms;

    while (ebc_count(c) == 0) {
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_MISSING, "expected a new group to see events sent after it began; came none for %lld ms",
                      (long long)t->patience_ms);
        ebc_receive(c, 1, 20);
        ebc_send(p, ebc_make(t, topic, 1, 1));
    }
    ebc_settle_all(c, ebc_all(c), ebc_count(c), EB_ACK);
    ebc_take_rest(c, SIZE_MAX);
    ebc_close_producer(p, 1000);
    ebc_close_consumer(c);
}

const char *ebc_group(struct ebc *t, const char *topic, const char *suffix) {
    const char *group = ebc_text(t, "conform-%s-%zu-%s", t->run, case_number(t->at), suffix);

    if (t->plugin.consumer && !(t->plugin.consumer->traits & EB_T_HISTORY) && !t->part)
        begin_group(t, topic, group);
    return group;
}

/* ---- what a case needs ---- */

static const char *const trait_names[] = { "EB_T_ORDER", "EB_T_POWER", "EB_T_DELAY", "EB_T_DELAY_ORDER",
                                           "EB_T_FREE_RETURN", "EB_T_HISTORY", "EB_T_PATTERN", "EB_T_BATCH_REDELIVERY",
                                           "EB_T_PROCESSES" };

static void skip_without(struct ebc *t, const char *role, uint32_t needed, uint32_t claimed) {
    for (size_t i = 0; i < sizeof trait_names / sizeof *trait_names; i++)
        if ((needed & ~claimed) >> i & 1)
            ebc_skip(t, "needs the trait %s, which the %s does not claim", trait_names[i], role);
}

static void check_needs(struct ebc *t) {
    const struct ebc_plugin *plugin = &t->plugin;

    if (t->at->roles & EBC_PRODUCER && !plugin->producer)
        ebc_skip(t, "the plugin has no producer role");
    if (t->at->roles & EBC_CONSUMER && !plugin->consumer)
        ebc_skip(t, "the plugin has no consumer role");
    if (t->at->roles & EBC_ADMIN && !plugin->admin)
        ebc_skip(t, "the plugin has no admin role");
    skip_without(t, "producer", t->at->producer, plugin->producer ? plugin->producer->traits : 0);
    skip_without(t, "consumer", t->at->consumer, plugin->consumer ? plugin->consumer->traits : 0);
}

/* ---- what the plugin is, before any case ---- */

static void tell_plugin(const struct ebc_plugin *plugin) {
    char text[400];

    snprintf(text, sizeof text, "%.100s %.100s (%s%s%s)", plugin->about.name, plugin->about.version,
             plugin->producer ? "producer" : "", plugin->consumer ? plugin->producer ? ", consumer" : "consumer" : "",
             plugin->admin ? plugin->producer || plugin->consumer ? ", admin" : "admin" : "");
    ebc_tell("plugin", NULL, text);
}

static bool is_up(struct ebc *t) {
    bool up;

    pthread_mutex_lock(&t->lock);
    up = t->instances->up;
    pthread_mutex_unlock(&t->lock);
    return up;
}

/* The broker has to be there before anything about the plugin can be judged. */
static void await_link(struct ebc *t) {
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    struct ebc_producer *p = NULL;
    struct ebc_consumer *c = NULL;

    if (t->plugin.producer)
        p = ebc_producer(t);
    else if (t->plugin.consumer)
        c = ebc_consumer(t, &(struct ebc_wish){ .topic = ebc_topic_name(t, "probe"), .group = "conform-probe" });
    while ((p || c) && !is_up(t)) {
        if (ebc_ticks_ms() > end) {
            ebc_tell("away", NULL, t->slot->words[0] ? t->slot->words : "the plugin never called link(1)");
            return;
        }
        if (p)
            ebc_poll(p, 50);
        else
            ebc_receive(c, 0, 50);
    }
}

static void probe(struct ebc *t) {
    tell_plugin(&t->plugin);
    await_link(t);
}

static void remove_one(struct ebc *t, const char *topic) {
    struct eb_error err = {0};
    int32_t status;

    ebc_begin(t, ebc_admin_timeout(t), "remove of topic %s", topic);
    status = t->plugin.admin->remove(ebc_admin_self(t), topic, NULL, ebc_admin_timeout(t), &err);
    ebc_end(t);
    if (status < 0)
        ebc_tell("left", NULL, ebc_text(t, "topic %s could not be removed: %s", topic, err.text));
}

struct names {
    struct ebc *t;
    char *prefix;
    const char *list[1000];
    size_t n;
};

static int32_t keep_name(void *arg, const struct eb_topic_info *info) {
    struct names *names = arg;

    if (strncmp(info->name, names->prefix, strlen(names->prefix)) == 0)
        names->list[names->n++] = ebc_text(names->t, "%s", info->name);
    return names->n == sizeof names->list / sizeof *names->list;
}

/* After the last case: removes the run's topics where that can be done. */
static void sweep(struct ebc *t) {
    struct names *names = ebc_alloc(t, sizeof *names);
    struct eb_error err = {0};
    int32_t status;

    if (!t->plugin.admin || !t->plugin.admin->topics || !t->plugin.admin->remove)
        return;
    names->t = t;
    names->prefix = ebc_text(t, "conform-%s-", t->run);
    ebc_admin_self(t);
    ebc_begin(t, ebc_admin_timeout(t), "topics");
    status = t->plugin.admin->topics(ebc_admin_self(t), ebc_admin_timeout(t), keep_name, names, &err);
    ebc_end(t);
    if (status < 0)
        ebc_tell("left", NULL, ebc_text(t, "topics %s* could not be listed to be removed: %s", names->prefix,
                                        err.text));
    for (size_t i = 0; i < names->n; i++)
        remove_one(t, names->list[i]);
}

static const struct ebc_case probe_case = { .group = "", .name = EBC_PROBE, .run = probe };
static const struct ebc_case sweep_case = { .group = "", .name = EBC_SWEEP, .run = sweep };

/* ---- the process ---- */

static const struct ebc_case *wanted(const char *name) {
    return strcmp(name, EBC_PROBE) == 0 ? &probe_case : strcmp(name, EBC_SWEEP) == 0 ? &sweep_case
        : ebc_case_named(name);
}

static void (*wanted_part(const struct ebc_case *at, const char *name))(struct ebc *) {
    for (const struct ebc_part_entry *part = at->parts; part && part->name; part++)
        if (strcmp(part->name, name) == 0)
            return part->run;
    return NULL;
}

/* As plugin.h promises to plugins. */
static void block_signals(void) {
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static struct ebc_page *map_page(void) {
    void *page = mmap(NULL, sizeof(struct ebc_page), PROT_READ | PROT_WRITE, MAP_SHARED, EBC_FD_PAGE, 0);

    return page == MAP_FAILED ? NULL : page;
}

/* words: the process's arguments from the kit's first one on. */
static bool prepare(struct ebc *t, char *const *words, struct ebc_settings *settings) {
    const char *const *options = (const char *const *)words + EBC_WORDS;
    char why[EBC_WHY_ROOM];
    struct eb_error err = {0};
    size_t n = 0;

    while (options[n])
        n++;
    ebc_begin(t, 20000, "dlopen");
    if (!ebc_load(words[EBC_W_FILE], &t->plugin, why)) {
        ebc_tell("refused", NULL, why);
        return false;
    }
    ebc_end(t);
    if (!ebc_settings_fill(&t->plugin.about, options, n, words[EBC_W_STATE], settings, why)) {
        ebc_tell("options", NULL, why);
        return false;
    }
    t->settings = settings->data;
    ebc_begin(t, 0, "check");
    if (t->plugin.about.check && t->plugin.about.check(settings->data, &err) < 0) {
        ebc_tell("options", NULL, err.text);
        return false;
    }
    ebc_end(t);
    return true;
}

static void release(struct ebc *t, struct ebc_settings *settings) {
    ebc_settings_free(settings);
    ebc_unload(&t->plugin);
    for (size_t i = 0; i < t->n_held; i++)
        free(t->held[i]);
    free(t->held);
}

/* All of the case but what needs the plugin. NULL, or what is wrong with the words. */
static const char *begin(struct ebc *t, char *const *words) {
    unsigned long slot = strtoul(words[EBC_W_SLOT], NULL, 10);
    struct ebc_page *page = map_page();

    t->at = wanted(words[EBC_W_CASE]);
    t->part = words[EBC_W_PART][0] ? words[EBC_W_PART] : NULL;
    if (!page || !t->at || slot >= EBC_SLOTS || (t->part && !wanted_part(t->at, t->part)))
        return "these arguments are for the kit's own use";
    t->slot = &page->slots[slot];
    t->thread = pthread_self();
    t->run = words[EBC_W_RUN];
    t->seed = strtoull(words[EBC_W_SEED], NULL, 10);
    t->random.state = ebc_random_seed(t->seed + slot, t->part ? t->part : t->at->name);
    t->pace = strtod(words[EBC_W_PACE], NULL);
    double slower = t->pace > 1 ? t->pace : 1;      /* what keeps its promises never waits so long */
    t->patience_ms = (int64_t)(10000 * slower);
    t->takeover_ms = (int64_t)(60000 * slower);     /* Kafka's groups miss a member after 45 s */
    t->quiet_ms = (int64_t)(100 * t->pace);
    fcntl(EBC_FD_RESULT, F_SETFD, FD_CLOEXEC);
    fcntl(EBC_FD_PAGE, F_SETFD, FD_CLOEXEC);
    return NULL;
}

static void work(struct ebc *t) {
    check_needs(t);
    if (t->part)
        wanted_part(t->at, t->part)(t);
    else
        t->at->run(t);
    ebc_close_all(t);
    if (!t->part)
        ebc_tell("done", NULL, "");
}

int eb_conform_child(int argc, char **argv, int n) {
    struct ebc_settings settings = {0};
    struct ebc t = { .argv = argv, .first_word = n, .lock = PTHREAD_MUTEX_INITIALIZER,
                     .memory = PTHREAD_MUTEX_INITIALIZER };
    const char *wrong = argc - n < EBC_WORDS ? "too few arguments" : begin(&t, argv + n);

    if (wrong) {
        ebc_error_line(argv[0], "%s", wrong);
        return 2;
    }
    block_signals();
    if (prepare(&t, argv + n, &settings))
        work(&t);
    release(&t, &settings);
    return 0;
}
