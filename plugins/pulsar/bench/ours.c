/* bench/ours.c - see bench.h: a service with the event bus, as it is installed, and this plugin, as it was built. */
#include "bench/bench.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <eventbus/eventbus.h>

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";

static void must(enum eb_status status, const struct eb_error *err) {
    if (status != EB_OK)
        bench_die("%s", err->text);
}

static void log_errors(void *arg, int level, const char *text) {
    (void)arg;
    if (level <= 3)
        fprintf(stderr, "%s\n", text);
}

static void write_ini(FILE *ini, const struct bench_work *work) {
    const char *plugin = getenv("PULSAR_PLUGIN");

    if (!plugin)
        bench_die("PULSAR_PLUGIN is not set: run make bench");
    fprintf(ini,
            "[eventbus]\nservice = bench\naudit = off\nproducer = bench\nconsumer = bench\n"
            "[broker bench]\nplugin = %s\nurl = %s\nadmin_url = %s\nbatching = %s\n"
            "[route bench]\nevent = %s\ntopic = %s\nkey_field = user.pii.username\n"
            "[consume bench]\ntopic = %s\ngroup = bench\n",
            plugin, work->url, work->admin_url, work->batching, login, work->topic, work->topic);
}

static struct eb_bus *open_bus(const struct bench_work *work) {
    char path[] = "/tmp/bench_pulsar.XXXXXX";
    int fd = mkstemp(path);
    FILE *ini = fd < 0 ? NULL : fdopen(fd, "w");
    const char *const files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .log = log_errors };
    struct eb_bus *bus = NULL;
    struct eb_error err;

    if (!ini)
        bench_die("cannot write %s", path);
    write_ini(ini, work);
    fclose(ini);
    enum eb_status status = eb_bus_open(&bus, &options, &err);
    unlink(path);
    must(status, &err);
    return bus;
}

static void close_bus(struct eb_bus *bus) {
    struct eb_error err;

    must(eb_bus_close(bus, 5000, &err), &err);
}

static const struct eb_signal *login_of(struct eb_bus *bus) {
    struct eb_error err;
    const struct eb_signal *signal = eb_signal_find(bus, login, &err);

    if (!signal)
        bench_die("%s", err.text);
    return signal;
}

/* ---- Producing ---- */

static void send_logins(struct eb_event *event, long from, long to) {
    struct eb_error err;

    for (long i = from; i < to; i++) {
        must(eb_event_reset(event, &err), &err);
        must(eb_event_set_string(event, "user.pii.username", bench_key(i), &err), &err);
        must(eb_event_set_string(event, "user.pii.email", "bob@foo.example", &err), &err);
        must(eb_event_set_string(event, "user.pii.name", "Bob Foo", &err), &err);
        must(eb_event_set_long(event, "user.id", i, &err), &err);
        must(eb_event_set_bool(event, "user.is_active", 1, &err), &err);
        must(eb_send(event, NULL, &err), &err);
    }
}

static void count_failures(void *arg, const struct eb_receipt *receipt) {
    if (receipt->error)
        ++*(long *)arg;
}

void ours_produce(const struct bench_work *work, struct bench_figure *figure) {
    struct eb_bus *bus = open_bus(work);
    struct eb_event *event;
    struct eb_error err;
    long failures = 0;

    eb_bus_queue_wait(bus, -1);
    eb_bus_on_delivery(bus, count_failures, &failures);
    must(eb_event_new(login_of(bus), &event, &err), &err);
    send_logins(event, 0, 1); /* connects, and makes the topic */
    must(eb_bus_flush(bus, 30000, &err), &err);
    bench_start(figure);
    send_logins(event, 0, work->count);
    must(eb_bus_flush(bus, -1, &err), &err);
    bench_stop(figure, work->count);
    eb_event_free(event);
    close_bus(bus);
    if (failures)
        bench_die("%ld events were not delivered", failures);
}

/* ---- Consuming ---- */

/* The thread that runs receivers owns it during the run. */
struct counting {
    struct bench_figure *figure;
    atomic_long events;
};

static enum eb_status count_event(const struct eb_event *event, void *arg, struct eb_error *err) {
    struct counting *counting = arg;

    (void)event;
    (void)err;
    if (atomic_fetch_add(&counting->events, 1) == 0)
        bench_start(counting->figure);
    return EB_OK;
}

void ours_consume(const struct bench_work *work, struct bench_figure *figure) {
    static unsigned runs;
    struct eb_bus *bus = open_bus(work);
    struct counting counting = { .figure = figure };
    struct eb_consumer *consumer;
    struct eb_error err;
    char group[40];

    snprintf(group, sizeof group, "ours-%d-%u", (int)getpid(), runs++);
    const struct eb_consumer_options options = {
        .size = sizeof options, .section = "bench", .group = group, .from = "earliest", .count = (uint64_t)work->count
    };
    must(eb_connect(bus, login_of(bus), "count", count_event, &counting, &err), &err);
    must(eb_consumer_open(&consumer, bus, &options, &err), &err);
    must(eb_consumer_run(consumer, &err), &err);
    long events = atomic_load(&counting.events);
    bench_stop(figure, events);
    eb_consumer_close(consumer);
    close_bus(bus);
    if (events < work->count)
        bench_die("%ld of %ld events came", events, work->count);
}
