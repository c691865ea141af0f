/* tests/bench/redis_ours.c - the same work by the whole bus: the library's public calls, and the plugin redis. */
#include "redis_sides.h"

#include <eventbus/eventbus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";

static void must(enum eb_status status, const struct eb_error *err, const char *what) {
    if (status != EB_OK)
        bench_die("%s: %s", what, err->text);
}

static struct eb_bus *open_bus(void) {
    const char *top = getenv("top_srcdir"), *build = getenv("top_builddir"), *const none[] = {NULL};
    char url[200], plugins[500], schemas[500];
    const char *const overrides[] = {
        "broker.bench.plugin=redis", url, plugins, schemas, "eventbus.producer=bench", "eventbus.consumer=bench",
        "eventbus.service=lms", "eventbus.audit_delivered=no", "eventbus.audit_received=no",
        "eventbus.audit_processed=no", "eventbus.log_level=warning", NULL};
    struct eb_bus *bus;
    struct eb_error err;

    snprintf(url, sizeof url, "broker.bench.url=%s", redis_url());
    snprintf(plugins, sizeof plugins, "eventbus.plugin_path=%s/.libs", build ? build : ".");
    snprintf(schemas, sizeof schemas, "eventbus.schema_path=%s/conf/schemas", top ? top : ".");
    struct eb_bus_options options = {.size = sizeof options, .files = none, .overrides = overrides};
    must(eb_bus_open(&bus, &options, &err), &err, "eb_bus_open");
    return bus;
}

static const struct eb_signal *login_of(struct eb_bus *bus) {
    struct eb_error err;
    const struct eb_signal *signal = eb_signal_find(bus, login, &err);

    must(signal ? EB_OK : EB_FATAL, &err, "eb_signal_find");
    return signal;
}

/* ---- Producing ---- */

struct sender {
    struct eb_bus *bus;
    struct eb_event *event;
    const char *topic;
};

static atomic_long failed;

static void count_failure(void *arg, const struct eb_receipt *receipt) {
    (void)arg;
    if (receipt->error && atomic_fetch_add(&failed, 1) == 0)
        fprintf(stderr, "bench_redis: %s\n", receipt->error->text);
}

/* All of it anew each time: id, time, fields, key. */
static void send_one(void *arg) {
    struct sender *sender = arg;
    struct eb_error err;
    struct eb_event *event = sender->event;
    enum eb_status status = eb_event_reset(event, &err);

    if (status == EB_OK)
        status = eb_event_set_long(event, "user.id", 123, &err);
    if (status == EB_OK)
        status = eb_event_set_bool(event, "user.is_active", 1, &err);
    if (status == EB_OK)
        status = eb_event_set_string(event, "user.pii.username", "foobob", &err);
    if (status == EB_OK)
        status = eb_event_set_string(event, "user.pii.email", "bob@foo.example", &err);
    if (status == EB_OK)
        status = eb_event_set_string(event, "user.pii.name", "Bob Foo", &err);
    if (status == EB_OK)
        status = eb_produce(sender->bus, event, sender->topic, "user.pii.username", count_failure, NULL, &err);
    must(status, &err, "eb_produce");
}

static void *open_sender(const char *topic) {
    struct sender *sender = malloc(sizeof *sender);
    struct eb_error err;

    if (!sender)
        bench_die("no memory");
    *sender = (struct sender){.bus = open_bus(), .topic = topic};
    must(eb_event_new(login_of(sender->bus), &sender->event, &err), &err, "eb_event_new");
    eb_bus_queue_wait(sender->bus, -1);
    return sender;
}

static void flush(struct sender *sender) {
    struct eb_error err;

    must(eb_bus_flush(sender->bus, -1, &err), &err, "eb_bus_flush");
    if (atomic_load(&failed))
        bench_die("%ld events were not delivered", atomic_load(&failed));
}

static void close_sender(void *arg) {
    struct sender *sender = arg;

    eb_event_free(sender->event);
    eb_bus_close(sender->bus, 1000, NULL);
    free(sender);
}

void our_produce(void *arg, struct bench_figure *figure) {
    const struct redis_work *work = arg;
    struct sender *sender;

    redis_flush();
    sender = open_sender("sent");
    send_one(sender);                   /* connected, before it counts, as the raw side is */
    flush(sender);
    bench_start(figure);
    for (long i = 0; i < work->count; i++)
        send_one(sender);
    flush(sender);
    bench_stop(figure, (double)work->count);
    close_sender(sender);
}

/* ---- Consuming ---- */

struct counting {
    struct bench_figure *figure;
    long seen;
};

/* Begins to count at the first event: joining the group is no part of what is compared. */
static enum eb_status count_one(const struct eb_event *event, void *arg, struct eb_error *err) {
    struct counting *counting = arg;
    const char *name;

    if (counting->seen++ == 0)
        bench_start(counting->figure);
    return eb_event_get_string(event, "user.pii.username", &name, err);
}

void our_consume(void *arg, struct bench_figure *figure) {
    static const char *const topics[] = {"filled", NULL};
    static int turn;
    const struct redis_work *work = arg;
    struct counting counting = {.figure = figure};
    struct eb_consumer *consumer;
    struct eb_error err;
    char group[40];
    struct eb_bus *bus = open_bus();

    snprintf(group, sizeof group, "ours%d", turn++);
    struct eb_consumer_options options = {.size = sizeof options, .topics = topics, .group = group, .consumer = "one",
                                          .count = (uint64_t)work->count};
    must(eb_connect(bus, login_of(bus), "count", count_one, &counting, &err), &err, "eb_connect");
    must(eb_consumer_open(&consumer, bus, &options, &err), &err, "eb_consumer_open");
    must(eb_consumer_run(consumer, &err), &err, "eb_consumer_run");
    bench_stop(figure, (double)counting.seen);
    eb_consumer_close(consumer);
    eb_bus_close(bus, 0, NULL);
    if (counting.seen < work->count)
        bench_die("%ld of %ld events came", counting.seen, work->count);
}

/* ---- Latency ---- */

static enum eb_status tell(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event;
    (void)err;
    return write(*(const int *)arg, "e", 1) == 1 ? EB_OK : EB_PERMANENT;
}

static void our_receive(const char *topic, int told) {
    const char *const topics[] = {topic, NULL};
    struct eb_consumer *consumer;
    struct eb_error err;
    struct eb_bus *bus = open_bus();
    struct eb_consumer_options options = {.size = sizeof options, .topics = topics, .group = "ours", .consumer = "one"};

    must(eb_connect(bus, login_of(bus), "tell", tell, &told, &err), &err, "eb_connect");
    must(eb_consumer_open(&consumer, bus, &options, &err), &err, "eb_consumer_open");
    if (write(told, "r", 1) != 1)
        _exit(1);
    must(eb_consumer_run(consumer, &err), &err, "eb_consumer_run");
    _exit(0);
}

const struct redis_pair our_pair = {our_receive, open_sender, send_one, close_sender};
