/* tests/threads/test_cycles.c - opening, sending, stopping and closing, again and again, with everything racing. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/eventbus.h>
#include "tap.h"

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";
static const char data[] = "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"email\":\"e\",\"name\":\"n\"}}}";

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

int main(void) {
    char folder[] = "/tmp/eb-cycles-XXXXXX", path[300];
    const char *files[] = {path, NULL};
    const struct eb_bus_options options = {.size = sizeof options, .files = files, .log = quiet};
    long cycles = tap_size(60, 1000), done = 0;
    struct eb_error err = {0};

    tap_plan(1);
    if (!mkdtemp(folder) || setenv("STATE_DIRECTORY", folder, 1) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/bus.ini", folder);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "[eventbus]\nproducer = m\nconsumer = m\nplugin_path = %s/.libs\nschema_path = %s/conf/schemas\n"
            "[broker m]\nplugin = memory\n[route login]\nevent = %s\ntopic = t\nkey_field =\n[consume w]\ntopic = t\ngroup = g\n",
            getenv("top_builddir"), getenv("top_srcdir"), login);
    fclose(file);
    while (done < cycles && cycle(&options, &err))
        done++;
    tap_ok(done == cycles, "%ld of %ld cycles%s%s", done, cycles, done < cycles ? ": " : "", done < cycles ? err.text : "");
    unlink(path);
    return tap_end();
}
