/* tests/threads/test_cycles.c - opening, sending, stopping and closing, again and again, with everything racing; nothing
 * is left behind: no descriptor, no thread, no memory. */
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/eventbus.h>
#include "tap.h"

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";
static const char data[] =
    "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"email\":\"e\",\"name\":\"n\"}}}";

static void quiet(void *arg, int level, const char *text) {
    (void)arg, (void)level, (void)text;
}

static void *run(void *consumer) {
    struct eb_error err;

    return eb_consumer_run(consumer, &err) == EB_OK ? consumer : NULL;
}

static void *stop(void *consumer) {
    eb_consumer_stop(consumer);
    return NULL;
}

static bool cycle(const struct eb_bus_options *options, struct eb_error *err) {
    struct eb_consumer *consumer = NULL;
    struct eb_event *event = NULL;
    struct eb_bus *bus;
    pthread_t runner, stopper;
    void *fine = NULL;

    if (eb_bus_open(&bus, options, err) != EB_OK)
        return false;
    const struct eb_signal *signal = eb_signal_find(bus, login, err);
    bool good = signal && eb_event_new(signal, &event, err) == EB_OK &&
                eb_event_set_json(event, data, sizeof data - 1, err) == EB_OK &&
                eb_consumer_open(&consumer, bus, NULL, err) == EB_OK;
    if (good) {
        pthread_create(&runner, NULL, run, consumer);
        pthread_create(&stopper, NULL, stop, consumer);
        good = eb_send(event, NULL, err) == EB_OK;
        pthread_join(stopper, NULL);
        pthread_join(runner, &fine);
        good = good && fine;
    }
    eb_event_free(event);
    eb_consumer_close(consumer);
    return eb_bus_close(bus, 10000, err) == EB_OK && good;
}

/* ---- What this process holds ---- */

static long entries(const char *path) {
    DIR *folder = opendir(path);
    long n = 0;

    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

/* Bytes that are allocated, not what the process was given: that need not shrink. 0 under the sanitizers, which have a
 * malloc of their own, and look for leaks themselves. */
static long allocated(void) {
    return (long)mallinfo2().uordblks;
}

struct held {
    long descriptors, threads, bytes;
};

static struct held held(void) {
    return (struct held){ entries("/proc/self/fd"), entries("/proc/self/task"), allocated() };
}

static void write_configuration(const char *path, const char *plugin) {
    FILE *file = fopen(path, "w");

    fprintf(file,
            "[eventbus]\nproducer = b\nconsumer = b\nplugin_path = %s/.libs\nschema_path = %s/conf/schemas\n"
            "[broker b]\nplugin = %s\n[route login]\nevent = %s\ntopic = t\nkey_field =\n[consume w]\ntopic = t\ngroup = g\n",
            getenv("top_builddir"), getenv("top_srcdir"), plugin, login);
    fclose(file);
}

/* The memory plugin keeps what is sent for as long as the process lives: 2 KiB a cycle. */
static void cycles_of(const char *plugin, const char *path, long cycles, long bytes_each) {
    const char *files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .log = quiet };
    enum { WARM = 5 }; /* by then all is there that is made once and kept */
    struct eb_error err = { 0 };
    struct held before = { 0 }, after;
    long done = 0;

    write_configuration(path, plugin);
    for (; done < cycles && cycle(&options, &err); done++)
        if (done == WARM)
            before = held();
    after = held();
    tap_ok(done == cycles, "%s: %ld of %ld cycles%s%s", plugin, done, cycles, done < cycles ? ": " : "",
           done < cycles ? err.text : "");
    tap_ok(after.descriptors == before.descriptors, "%s: descriptors, %ld before and %ld after", plugin, before.descriptors,
           after.descriptors);
    tap_ok(after.threads == before.threads, "%s: threads, %ld before and %ld after", plugin, before.threads, after.threads);
    tap_ok(after.bytes - before.bytes <= bytes_each * cycles + 4096, "%s: bytes allocated, %ld before and %ld after", plugin,
           before.bytes, after.bytes);
}

int main(void) {
    char folder[] = "/tmp/eb-cycles-XXXXXX", path[300], command[64];

    tap_plan(8);
    if (!mkdtemp(folder) || setenv("STATE_DIRECTORY", folder, 1) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/bus.ini", folder);
    cycles_of("memory", path, tap_size(60, 1000), 4096);
    cycles_of("sqlite", path, tap_size(60, 1000), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? tap_end() : 1;
}
