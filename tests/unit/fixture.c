/* tests/unit/fixture.c - see fixture.h. It keeps the log in memory that no test can make run out. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "plugin/folder.h"

static const char type[] = "org.openedx.learning.auth.session.login.completed.v1";
static const char enrollment[] = "org.openedx.learning.course.enrollment.created.v1";
static char *folder;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char said[1 << 20];
static size_t said_len;

static void hear(void *arg, int level, const char *text) {
    (void)arg, (void)level;
    pthread_mutex_lock(&lock);
    if (said_len + strlen(text) + 2 < sizeof said)
        said_len += (size_t)sprintf(said + said_len, "%s\n", text);
    pthread_mutex_unlock(&lock);
}

static void copy_schema(const char *name) {
    char source[500], target[500];

    snprintf(source, sizeof source, "%s/conf/schemas/%s.avsc", getenv("top_srcdir"), name);
    snprintf(target, sizeof target, "%s/%s.avsc", folder, name);
    copy_file(source, target, SIZE_MAX);
}

void fixture_set(const char *plugins, const char *sections) {
    char *path = built(plugins, NULL), *ini, *text = NULL;

    folder = folder_new();
    cr_assert_eq(setenv("STATE_DIRECTORY", folder, 1), 0);
    copy_schema(type);
    copy_schema(enrollment);
    cr_assert_gt(asprintf(&text,
                          "[eventbus]\nproducer = m\nconsumer = m\nplugin_path = %s\nschema_path = %s\n"
                          "plugin_trust = any\n%s",
                          path, folder, sections),
                 0);
    ini = join(folder, "bus.ini");
    write_file(ini, text);
    free(ini);
    free(text);
    free(path);
    fixture_clear_log();
}

struct fake_broker fake;

void fixture_reset_broker(void) {
    memset(&fake, 0, sizeof fake);
}

const char *fixture_broker(const char *plugin, const char *other, const char *sections) {
    static char text[8000];
    long long state = (long long)(intptr_t)&fake;
    int len = snprintf(text, sizeof text, "%s[broker m]\nplugin = %s\nstate = %lld\n", sections, plugin, state);

    if (other)
        snprintf(text + len, sizeof text - (size_t)len, "[broker n]\nplugin = %s\nstate = %lld\n", other, state);
    return text;
}

void pause_ms(int ms) {
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

void fixture_clear(void) {
    folder_free(folder);
    folder = NULL;
}

enum eb_status fixture_open(struct eb_bus **bus, const char *const *overrides, struct eb_error *err) {
    char path[500];
    const char *const files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .overrides = overrides, .log = hear };

    snprintf(path, sizeof path, "%s/bus.ini", folder);
    return eb_bus_open(bus, &options, err);
}

struct eb_bus *fixture_bus(const char *const *overrides) {
    struct eb_bus *bus = NULL;
    struct eb_error err;

    cr_assert_eq(fixture_open(&bus, overrides, &err), EB_OK, "%s", err.text);
    return bus;
}

struct eb_event *fixture_login(const struct eb_bus *bus, int64_t user, const char *name) {
    char json[300];
    int len = snprintf(json, sizeof json,
                       "{\"user\":{\"id\":%lld,\"is_active\":true,\"pii\":{\"username\":\"%s\",\"email\":"
                       "\"e@example.com\",\"name\":\"N\"}}}",
                       (long long)user, name);
    struct eb_event *event = NULL;
    struct eb_error err;

    cr_assert_eq(eb_event_new(eb_signal_find(bus, type, NULL), &event, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_set_json(event, json, (size_t)len, &err), EB_OK, "%s", err.text);
    return event;
}

int fixture_log_count(const char *text) {
    int n = 0;

    pthread_mutex_lock(&lock);
    for (const char *at = said; (at = strstr(at, text)); at += strlen(text))
        n++;
    pthread_mutex_unlock(&lock);
    return n;
}

bool fixture_logged(const char *text) {
    return fixture_log_count(text) > 0;
}

void fixture_clear_log(void) {
    pthread_mutex_lock(&lock);
    said_len = 0;
    said[0] = '\0';
    pthread_mutex_unlock(&lock);
}

int fixture_undelivered(const char *text) {
    static char line[1 << 16];
    char *path = join(folder, "undelivered.jsonl");
    FILE *file = fopen(path, "r");
    int n = 0;

    while (file && fgets(line, sizeof line, file))
        n += strstr(line, text) != NULL;
    if (file)
        fclose(file);
    free(path);
    return n;
}

/* Whether a thread of this process sleeps, or is gone. */
static bool sleeps(const char *id) {
    char path[64], stat[512] = "";

    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", id);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    size_t len = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[len] = '\0';
    const char *name_end = strrchr(stat, ')');
    return !name_end || name_end[2] == 'S';
}

static bool others_sleep(void) {
    DIR *tasks = opendir("/proc/self/task");
    pid_t mine = gettid();
    bool all = true;

    cr_assert_not_null(tasks);
    for (const struct dirent *task; all && (task = readdir(tasks));)
        all = task->d_name[0] == '.' || atoi(task->d_name) == mine || sleeps(task->d_name);
    closedir(tasks);
    return all;
}

pid_t fork_while_others_sleep(void) {
    for (int i = 0; !others_sleep(); i++) {
        cr_assert_lt(i, 10000, "the other threads do not come to rest");
        usleep(1000);
    }
    return fork();
}

_Noreturn void child_ends(int status) {
#ifdef __SANITIZE_ADDRESS__
    _exit(status);
#else
    exit(status); /* which tells what of the library it has come through */
#endif
}
