/* tests/bench/sqlite_ours.c - the plugin sqlite, hosted without the core: what the core would do around it is elsewhere. */
#include "sqlite_sides.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <eventbus/plugin.h>

#include "host/load.h"
#include "host/quiet.h"

#include "options.h"

enum { LEASE_MS = 30000 };

static const struct eb_producer_ops *producer;
static const struct eb_consumer_ops *consumer;

void our_open(const char *plugin_file) {
    static struct ebc_plugin plugin;
    char why[EBC_WHY_ROOM];

    if (!ebc_load(plugin_file, &plugin, why))
        bench_die("%s", why);
    producer = plugin.producer;
    consumer = plugin.consumer;
    if (!producer || !consumer)
        bench_die("%s lacks a role", plugin_file);
}

/* ---- A host ---- */

struct counters {
    uint64_t tokens[BATCH_MAX];
    size_t n_tokens;
    long settled, delivered;
    char body[16]; /* of the last one, its first bytes */
};

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 4)
        fprintf(stderr, "bench_sqlite: %s\n", text);
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host;
    if (!up)
        fprintf(stderr, "bench_sqlite: %s\n", why->text);
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    struct counters *counters = host->core;

    if (report->status != EB_OK)
        bench_die("%s", report->error->text);
    counters->delivered++;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct counters *counters = host->core;

    counters->tokens[counters->n_tokens++] = message->token;
    memcpy(counters->body, message->payload.data,
           message->payload.len < sizeof counters->body ? message->payload.len : sizeof counters->body);
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct counters *counters = host->core;

    (void)tokens;
    if (status == EB_OK)
        counters->settled += (long)n;
}

static struct eb_host host_for(struct counters *counters) {
    struct eb_host host = ebc_quiet_host(counters, "bench");

    host.log = on_log;
    host.link = on_link;
    host.delivered = on_delivered;
    host.received = on_received;
    host.settled = on_settled;
    return host;
}

/* ---- Producing ---- */

/* As a login is on the wire. */
static const struct eb_header attrs[] = {
    { { "type", 4 }, { "org.openedx.learning.auth.session.login.completed.v1", 52 } },
    { { "id", 2 }, { "0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36 } },
    { { "source", 6 }, { "openedx/lms/web", 15 } },
    { { "time", 4 }, { "2026-11-23T20:00:00.123456+00:00", 32 } },
    { { "minorversion", 12 }, { "0", 1 } },
    { { "sourcehost", 10 }, { "web-1", 5 } },
    { { "sourcelib", 9 }, { "11.2.0", 6 } },
};

static void make_message(struct eb_message *message, char *key, uint64_t i, size_t body) {
    *message = (struct eb_message){ .size = sizeof *message,
                                    .token = i,
                                    .topic = { "user-login", 10 },
                                    .id = { "0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36 },
                                    .payload = { sqlite_body, body },
                                    .attrs = attrs,
                                    .n_attrs = sizeof attrs / sizeof *attrs };
    message->key.len = (size_t)snprintf(key, 24, "user-%" PRIu64, i % 10007);
    message->key.data = key;
}

static void send_batch(void *self, struct counters *counters, long first, long n, size_t body) {
    static struct eb_message messages[BATCH_MAX];
    static char keys[BATCH_MAX][24];
    const struct eb_message *list[BATCH_MAX];
    struct eb_error err;
    long until = counters->delivered + n;

    for (long k = 0; k < n; k++) {
        make_message(&messages[k], keys[k], (uint64_t)(first + k), body);
        list[k] = &messages[k];
    }
    if (producer->submit(self, list, (size_t)n, &err) != n)
        bench_die("sqlite did not take a batch");
    while (counters->delivered < until)
        if (producer->poll(self, 1000, &err) < 0)
            bench_die("%s", err.text);
}

struct our_sender {
    struct counters counters;
    struct eb_host host;
    struct sq_settings settings;
    void *self;
    long sent;
};

static struct our_sender *open_sender(const char *path, bool power, long retain) {
    struct our_sender *sender = calloc(1, sizeof *sender);
    struct eb_error err;

    if (!sender)
        bench_die("no memory");
    sender->host = host_for(&sender->counters);
    sender->settings = (struct sq_settings){ .path = path, .durability = power, .lease = LEASE_MS, .retain_events = retain };
    if (producer->open(&sender->host, &sender->settings, &sender->self, &err))
        bench_die("%s", err.text);
    producer->poll(sender->self, 0, &err);
    return sender;
}

struct our_sender *our_sender_open(const char *path, long retain) {
    return open_sender(path, false, retain);
}

void our_send(struct our_sender *sender, long n, size_t body) {
    send_batch(sender->self, &sender->counters, sender->sent, n, body);
    sender->sent += n;
}

void our_send_time(struct our_sender *sender, const char *topic) {
    struct eb_message message;
    const struct eb_message *one = &message;
    struct eb_error err;
    double now;
    char key[24];

    make_message(&message, key, (uint64_t)sender->sent++, 0);
    message.topic = (struct eb_text){ topic, strlen(topic) };
    message.payload = (struct eb_text){ (const char *)&now, sizeof now };
    long until = sender->counters.delivered + 1;
    now = bench_clock();
    if (producer->submit(sender->self, &one, 1, &err) != 1)
        bench_die("sqlite did not take a message");
    while (sender->counters.delivered < until)
        if (producer->poll(sender->self, 1000, &err) < 0)
            bench_die("%s", err.text);
}

void our_sender_close(struct our_sender *sender) {
    producer->close(sender->self, 1000);
    free(sender);
}

void our_produce(void *arg, struct bench_figure *figure) {
    const struct sqlite_work *work = arg;
    struct our_sender *sender;

    sqlite_remove("ours");
    sender = open_sender(sqlite_path("ours"), work->power, 0);
    bench_start(figure);
    for (long i = 0; i < work->count; i += work->batch)
        our_send(sender, work->batch, work->body);
    bench_stop(figure, (double)work->count);
    our_sender_close(sender);
}

/* ---- Consuming ---- */

struct our_worker {
    struct counters counters;
    struct eb_host host;
    struct sq_settings settings;
    struct eb_point start;
    const char *topic;
    struct eb_subscription subscription;
    void *self;
};

struct our_worker *our_worker_open(const char *path, const char *group) {
    struct our_worker *worker = calloc(1, sizeof *worker);
    struct eb_error err;

    if (!worker)
        bench_die("no memory");
    worker->host = host_for(&worker->counters);
    worker->settings = (struct sq_settings){ .path = path, .lease = LEASE_MS };
    worker->start = (struct eb_point){ .size = sizeof worker->start, .kind = EB_EARLIEST };
    worker->topic = "user-login";
    worker->subscription = (struct eb_subscription){ .size = sizeof worker->subscription,
                                                     .topics = &worker->topic,
                                                     .n_topics = 1,
                                                     .group = group,
                                                     .consumer = "m",
                                                     .start = &worker->start,
                                                     .order = EB_ORDER_KEY,
                                                     .max_messages = 1000,
                                                     .max_bytes = 64 << 20 };
    if (consumer->open(&worker->host, &worker->settings, &worker->subscription, &worker->self, &err))
        bench_die("%s", err.text);
    return worker;
}

long our_receive(struct our_worker *worker, long most, int timeout_ms) {
    struct counters *counters = &worker->counters;
    struct eb_verdict verdicts[BATCH_MAX];
    struct eb_error err;

    counters->n_tokens = 0;
    if (consumer->receive(worker->self, (uint32_t)most, timeout_ms, &err) < 0)
        bench_die("%s", err.text);
    for (size_t i = 0; i < counters->n_tokens; i++)
        verdicts[i] = (struct eb_verdict){ .token = counters->tokens[i], .kind = EB_ACK };
    consumer->settle(worker->self, verdicts, counters->n_tokens, &err);
    return (long)counters->n_tokens;
}

const char *our_body(const struct our_worker *worker) {
    return worker->counters.body;
}

void our_worker_close(struct our_worker *worker) {
    consumer->close(worker->self, 1000);
    free(worker);
}

/* Until so many were settled by all members together. */
static void consume_until(const char *group, const struct sqlite_work *work, _Atomic long *all) {
    struct our_worker *worker = our_worker_open(sqlite_path("ours"), group);

    while (*all < work->count) {
        long before = worker->counters.settled;

        our_receive(worker, work->batch, 20);
        *all += worker->counters.settled - before;
    }
    our_worker_close(worker);
}

static void consume_by_many(const char *group, const struct sqlite_work *work, _Atomic long *all) {
    pid_t children[SQLITE_WORKERS_MAX];

    for (int i = 0; i < work->workers; i++) {
        children[i] = fork();
        if (children[i] < 0)
            bench_die("cannot fork");
        if (children[i] == 0) {
            bench_pin(0, i);
            consume_until(group, work, all);
            _exit(0);
        }
    }
    for (int i = 0; i < work->workers; i++) {
        int status;

        if (waitpid(children[i], &status, 0) < 0 || status != 0)
            bench_die("a worker ended badly");
    }
}

void our_consume(void *arg, struct bench_figure *figure) {
    static unsigned runs;
    const struct sqlite_work *work = arg;
    _Atomic long *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char group[24];

    if (all == MAP_FAILED)
        bench_die("out of memory");
    snprintf(group, sizeof group, "g%u", runs++); /* each run's own, from the beginning */
    bench_start(figure);
    if (work->workers == 0)
        consume_until(group, work, all);
    else
        consume_by_many(group, work, all);
    bench_stop(figure, (double)work->count);
    munmap(all, sizeof *all);
}
