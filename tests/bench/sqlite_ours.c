/* tests/bench/sqlite_ours.c - the plugin sqlite, hosted without the core: what the core would do around it is elsewhere. */
#include "sqlite_sides.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <eventbus/plugin.h>

#include "settings.h"

enum { LEASE_MS = 30000 };

static const struct eb_producer_ops *producer;
static const struct eb_consumer_ops *consumer;

void our_open(const char *plugin_file) {
    void *so = dlopen(plugin_file, RTLD_NOW | RTLD_LOCAL);

    if (!so)
        bench_die("%s", dlerror());
    producer = dlsym(so, "eventbus_producer");
    consumer = dlsym(so, "eventbus_consumer");
    if (!producer || !consumer)
        bench_die("%s lacks a role", plugin_file);
}

/* ---- A host ---- */

struct counters {
    uint64_t tokens[BATCH_MAX];
    size_t n_tokens;
    long settled, delivered;
};

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 4)
        fprintf(stderr, "bench_sqlite: %s\n", text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)host;
    (void)name;
    (void)value;
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
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct counters *counters = host->core;

    (void)tokens;
    if (status == EB_OK)
        counters->settled += (long)n;
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host;
    (void)tokens;
    (void)n;
    (void)grace_ms;
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    (void)host;
    (void)topic;
    return 1;
}

static struct eb_host host_for(struct counters *counters) {
    return (struct eb_host){.size = sizeof(struct eb_host), .core = counters, .instance = "bench", .service = "bench",
                            .log = on_log, .metric = on_metric, .link = on_link, .delivered = on_delivered,
                            .received = on_received, .settled = on_settled, .revoke = on_revoke, .matches = on_matches};
}

/* ---- Producing ---- */

/* As a login is on the wire. */
static const struct eb_header attrs[] = {
    {{"type", 4}, {"org.openedx.learning.auth.session.login.completed.v1", 52}},
    {{"id", 2}, {"0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36}},
    {{"source", 6}, {"openedx/lms/web", 15}},
    {{"time", 4}, {"2026-11-23T20:00:00.123456+00:00", 32}},
    {{"minorversion", 12}, {"0", 1}},
    {{"sourcehost", 10}, {"web-1", 5}},
    {{"sourcelib", 9}, {"11.2.0", 6}},
};

static void make_message(struct eb_message *message, char *key, uint64_t i, size_t body) {
    *message = (struct eb_message){.size = sizeof *message, .token = i, .topic = {"user-login", 10},
                                   .id = {"0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36}, .payload = {sqlite_body, body},
                                   .attrs = attrs, .n_attrs = sizeof attrs / sizeof *attrs};
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

void our_produce(void *arg, struct bench_figure *figure) {
    const struct sqlite_work *work = arg;
    struct counters counters = {0};
    struct eb_host host = host_for(&counters);
    struct sq_settings settings = {.path = sqlite_path("ours"), .durability = work->power, .lease = LEASE_MS};
    struct eb_error err;
    void *self;

    sqlite_remove("ours");
    if (producer->open(&host, &settings, &self, &err))
        bench_die("%s", err.text);
    producer->poll(self, 0, &err);
    bench_start(figure);
    for (long i = 0; i < work->count; i += work->batch)
        send_batch(self, &counters, i, work->batch, work->body);
    bench_stop(figure, (double)counters.delivered);
    producer->close(self, 1000);
}

/* ---- Consuming ---- */

/* Until so many were settled by all members together. */
static void consume_until(const char *group, const char *member, const struct sqlite_work *work, _Atomic long *all) {
    struct counters counters = {0};
    struct eb_host host = host_for(&counters);
    struct sq_settings settings = {.path = sqlite_path("ours"), .lease = LEASE_MS};
    struct eb_point start = {.size = sizeof start, .kind = EB_EARLIEST};
    const char *topics[] = {"user-login"};
    struct eb_subscription subscription = {.size = sizeof subscription, .topics = topics, .n_topics = 1, .group = group,
                                           .consumer = member, .start = &start, .order = EB_ORDER_KEY,
                                           .max_messages = 1000, .max_bytes = 64 << 20};
    struct eb_verdict verdicts[BATCH_MAX];
    struct eb_error err;
    void *self;

    if (consumer->open(&host, &settings, &subscription, &self, &err))
        bench_die("%s", err.text);
    while (*all < work->count) {
        long before = counters.settled;

        counters.n_tokens = 0;
        if (consumer->receive(self, (uint32_t)work->batch, 20, &err) < 0)
            bench_die("%s", err.text);
        *all += counters.settled - before;
        for (size_t i = 0; i < counters.n_tokens; i++)
            verdicts[i] = (struct eb_verdict){.token = counters.tokens[i], .what = EB_ACK};
        consumer->settle(self, verdicts, counters.n_tokens, &err);
    }
    consumer->close(self, 1000);
}

static void consume_by_many(const char *group, const struct sqlite_work *work, _Atomic long *all) {
    pid_t children[SQLITE_WORKERS_MAX];
    char member[] = "m0";

    for (int i = 0; i < work->workers; i++) {
        member[1] = (char)('0' + i);
        children[i] = fork();
        if (children[i] < 0)
            bench_die("cannot fork");
        if (children[i] == 0) {
            bench_pin(0, i);
            consume_until(group, member, work, all);
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
    snprintf(group, sizeof group, "g%u", runs++);       /* each run's own, from the beginning */
    bench_start(figure);
    if (work->workers == 0)
        consume_until(group, "m", work, all);
    else
        consume_by_many(group, work, all);
    bench_stop(figure, (double)work->count);
    munmap(all, sizeof *all);
}
