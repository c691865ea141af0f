/* tests/bench/bus.c - see bus.h. */
#include "bus.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <eventbus/eventbus.h>

enum { KEYS = 1000 };

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";

/* ---- A bus ---- */

static void must(enum eb_status status, const struct eb_error *err) {
    if (status != EB_OK)
        bench_die("%s", err->text);
}

static void throw_away(void *arg, int level, const char *text) {
    (void)arg;
    if (level <= 3)
        fprintf(stderr, "%s\n", text);
}

static void write_ini(FILE *ini, const struct bus_work *work) {
    const char *source = getenv("top_srcdir"), *build = getenv("top_builddir"), *audit = work->audit ? "yes" : "no";
    const char *topic = work->topic ? work->topic : BUS_TOPIC;

    fprintf(ini, "[eventbus]\nservice = bench\nplugin_path = %s/.libs\nschema_path = %s/conf/schemas\n", build ? build : ".",
            source ? source : ".");
    fprintf(ini, "audit_delivered = %s\naudit_received = %s\naudit_processed = %s\n", audit, audit, audit);
    if (!work->plugin)
        return;
    fprintf(ini, "producer = bench\nconsumer = bench\n[broker bench]\nplugin = %s\n%s", work->plugin,
            work->settings ? work->settings : "");
    fprintf(ini, "[route bench]\nevent = %s\ntopic = %s\nkey_field = user.pii.username\n", login, topic);
    fprintf(ini, "[consume bench]\ntopic = %s\ngroup = bench\n%s", topic, work->more ? work->more : "");
}

static struct eb_bus *open_bus(const struct bus_work *work) {
    char path[] = "/tmp/bench_bus.XXXXXX";
    int fd = mkstemp(path);
    FILE *ini = fd < 0 ? NULL : fdopen(fd, "w");
    const char *const files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .log = throw_away };
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

static const char *key_of(long i) {
    static char keys[KEYS][16];
    char *key = keys[i % KEYS];

    if (!*key)
        snprintf(key, sizeof keys[0], "user-%ld", i % KEYS);
    return key;
}

static void fill(struct eb_event *event, long i) {
    struct eb_error err;

    must(eb_event_reset(event, &err), &err);
    must(eb_event_set_string(event, "user.pii.username", key_of(i), &err), &err);
    must(eb_event_set_string(event, "user.pii.email", "bob@foo.example", &err), &err);
    must(eb_event_set_string(event, "user.pii.name", "Bob Foo", &err), &err);
    must(eb_event_set_long(event, "user.id", i, &err), &err);
    must(eb_event_set_bool(event, "user.is_active", 1, &err), &err);
}

static void send_logins(struct eb_event *event, long from, long to) {
    struct eb_error err;

    for (long i = from; i < to; i++) {
        fill(event, i);
        must(eb_send(event, NULL, &err), &err);
    }
}

static double thread_seconds(void) {
    struct timespec at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void count_failures(void *arg, const struct eb_receipt *receipt) {
    if (receipt->error)
        ++*(long *)arg;
}

void bus_produce(void *arg, struct bench_figure *figure) {
    struct bus_work *work = arg;
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
    double before = thread_seconds();
    send_logins(event, 0, work->count);
    work->caller_ns = (thread_seconds() - before) * 1e9 / (double)work->count;
    must(eb_bus_flush(bus, -1, &err), &err);
    bench_stop(figure, (double)work->count);
    eb_event_free(event);
    close_bus(bus);
    if (failures)
        bench_die("%ld events were not delivered", failures);
}

static enum eb_status do_nothing(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event;
    (void)arg;
    (void)err;
    return EB_OK;
}

void bus_send(void *arg, struct bench_figure *figure) {
    struct bus_work *work = arg;
    struct eb_bus *bus = open_bus(work);
    struct eb_event *event;
    struct eb_error err;
    char name[24];

    eb_bus_queue_wait(bus, -1);
    must(eb_event_new(login_of(bus), &event, &err), &err);
    for (int i = 0; i < work->receivers; i++) {
        snprintf(name, sizeof name, "nothing-%d", i);
        must(eb_connect(bus, login_of(bus), name, do_nothing, NULL, &err), &err);
    }
    send_logins(event, 0, 1);
    must(eb_bus_flush(bus, 30000, &err), &err);
    bench_start(figure);
    double before = thread_seconds();
    for (long i = 0; i < work->count; i++)
        must(eb_send(event, NULL, &err), &err);
    work->caller_ns = (thread_seconds() - before) * 1e9 / (double)work->count;
    must(eb_bus_flush(bus, -1, &err), &err);
    bench_stop(figure, (double)work->count);
    eb_event_free(event);
    close_bus(bus);
}

/* ---- Consuming ---- */

struct counting {
    struct bench_figure *figure;
    atomic_long events; /* with concurrency, of several threads */
};

static enum eb_status count_event(const struct eb_event *event, void *arg, struct eb_error *err) {
    struct counting *counting = arg;

    (void)event;
    (void)err;
    if (atomic_fetch_add(&counting->events, 1) == 0)
        bench_start(counting->figure);
    return EB_OK;
}

void bus_consume(void *arg, struct bench_figure *figure) {
    static unsigned runs;
    const struct bus_work *work = arg;
    struct eb_bus *bus = open_bus(work);
    struct counting counting = { .figure = figure };
    struct eb_consumer *consumer;
    struct eb_error err;
    char group[40];

    snprintf(group, sizeof group, "bench-%d-%u", (int)getpid(), runs++);
    const struct eb_consumer_options options = {
        .size = sizeof options, .section = "bench", .group = group, .from = "earliest", .count = (uint64_t)work->count
    };
    must(eb_connect(bus, login_of(bus), "count", count_event, &counting, &err), &err);
    must(eb_consumer_open(&consumer, bus, &options, &err), &err);
    must(eb_consumer_run(consumer, &err), &err);
    long events = atomic_load(&counting.events);
    bench_stop(figure, (double)events);
    eb_consumer_close(consumer);
    close_bus(bus);
    if (events < work->count)
        bench_die("%ld of %ld events came", events, work->count);
}

/* ---- One event at a time to another process ---- */

struct sender {
    struct eb_bus *bus;
    struct eb_event *event;
    long sent, failures;
};

static void *open_sender(const struct bus_work *work) {
    struct sender *sender = calloc(1, sizeof *sender);
    struct eb_error err;

    if (!sender)
        bench_die("no memory");
    sender->bus = open_bus(work);
    eb_bus_on_delivery(sender->bus, count_failures, &sender->failures);
    must(eb_event_new(login_of(sender->bus), &sender->event, &err), &err);
    return sender;
}

static void send_one(void *arg) {
    struct sender *sender = arg;

    send_logins(sender->event, sender->sent, sender->sent + 1);
    sender->sent++;
}

static void close_sender(void *arg) {
    struct sender *sender = arg;

    eb_event_free(sender->event);
    close_bus(sender->bus);
    if (sender->failures)
        bench_die("%ld events were not delivered", sender->failures);
    free(sender);
}

static enum eb_status tell(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event;
    (void)err;
    return write(*(const int *)arg, "e", 1) == 1 ? EB_OK : EB_PERMANENT;
}

static void receive(const struct bus_work *work, int told) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = "bench" };
    struct eb_bus *bus = open_bus(work);
    struct eb_consumer *consumer;
    struct eb_error err;

    must(eb_connect(bus, login_of(bus), "tell", tell, &told, &err), &err);
    must(eb_consumer_open(&consumer, bus, &options, &err), &err);
    if (write(told, "r", 1) != 1)
        _exit(1);
    must(eb_consumer_run(consumer, &err), &err);
    _exit(0);
}

const struct bus_pair bus_pair = { receive, open_sender, send_one, close_sender };

/* ---- The same for a raw side ---- */

static struct eb_header attr(const char *name, const char *value) {
    return (struct eb_header){ { name, strlen(name) }, { value, strlen(value) } };
}

const struct eb_message *bus_login(long i) {
    static const char payload[] = "\x02\x01"
                                  "\x0c"
                                  "user-1"
                                  "\x1e"
                                  "bob@foo.example"
                                  "\x0e"
                                  "Bob Foo";
    static struct eb_header attrs[7];
    static struct eb_message message;

    if (!message.size) {
        attrs[0] = attr("type", login);
        attrs[1] = attr("id", "0d6a1c0e-6f0b-11ef-9f2d-0242ac120002");
        attrs[2] = attr("source", "openedx/bench/web");
        attrs[3] = attr("time", "2026-11-23T20:00:00.123456+00:00");
        attrs[4] = attr("minorversion", "0");
        attrs[5] = attr("sourcehost", "localhost");
        attrs[6] = attr("sourcelib", "11.2.0");
        message = (struct eb_message){ .size = sizeof message,
                                       .topic = { BUS_TOPIC, sizeof BUS_TOPIC - 1 },
                                       .id = attrs[1].value,
                                       .payload = { payload, sizeof payload - 1 },
                                       .attrs = attrs,
                                       .n_attrs = sizeof attrs / sizeof *attrs };
    }
    message.token = (uint64_t)i + 1;
    message.key.data = key_of(i);
    message.key.len = strlen(message.key.data);
    return &message;
}
