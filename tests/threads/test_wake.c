/* tests/threads/test_wake.c - wake at the plugin interface, from many threads: it ends the wait at work or the next one,
 * each time, whatever else goes on; 1,000 times from loading to close, which every other side races with. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "plugin/plugins.h"
#include "tap.h"

/* A wait that no wake ends is longer than anybody waits for it. */
enum { WAKES = 6, WAIT_MS = 25000, PATIENCE_MS = 20000, CLOSE_MS = 10000 };

/* One instance, and what its owner and its wakers tell each other. */
struct side {
    struct eb_host host;
    void *self;
    void (*wake)(void *self);
    atomic_long asked, seen; /* wakes; those that the owner had come back for */
    atomic_bool over;        /* with the last wake: the owner closes once the noise is over, too */
    atomic_bool quiet;       /* nobody wakes it any more */
    atomic_long events;      /* reports, or messages that were settled */
    uint64_t token;          /* of the message at hand; 0: none */
    long expected;           /* the number in it */
    char wrong[160];         /* what was first; written by its owner's calls alone */
};

static const struct ebi_broker *broker;
static struct side producer, consumer;

static void __attribute__((format(printf, 2, 3))) wrong(struct side *side, const char *format, ...) {
    va_list args;

    if (side->wrong[0])
        return;
    va_start(args, format);
    vsnprintf(side->wrong, sizeof side->wrong, format, args);
    va_end(args);
}

/* ---- The host ---- */

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host, (void)level, (void)text;
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)host, (void)name, (void)value;
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host, (void)up, (void)why;
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *delivery) {
    struct side *side = host->core;

    if (delivery->status != EB_OK)
        wrong(side, "reported with %d: %s", (int)delivery->status, delivery->error ? delivery->error->text : "");
    atomic_fetch_add(&side->events, 1);
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct side *side = host->core;

    char number[24];

    snprintf(number, sizeof number, "%.*s", (int)message->payload.len, message->payload.data); /* it does not end in NUL */
    if (side->token != 0)
        wrong(side, "%s came before a verdict on what had come", number);
    else if (strtol(number, NULL, 10) != side->expected)
        wrong(side, "%s came, while %ld was expected", number, side->expected);
    side->token = message->token;
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct side *side = host->core;

    (void)tokens;
    if (status != EB_OK)
        wrong(side, "settled with %d", (int)status);
    atomic_fetch_add(&side->events, (long)n);
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host, (void)tokens, (void)n, (void)grace_ms;
}

static void clear(struct side *side, long number) {
    *side = (struct side){ .expected = number };
    side->host = (struct eb_host){ .size = sizeof side->host,
                                   .core = side,
                                   .instance = "b",
                                   .service = "test",
                                   .log = on_log,
                                   .metric = on_metric,
                                   .link = on_link,
                                   .delivered = on_delivered,
                                   .received = on_received,
                                   .settled = on_settled,
                                   .revoke = on_revoke };
}

/* ---- Those who wake ---- */

/* Wakes again as soon as the owner has come back: mostly while it is on its way into the next wait. */
static void *wake_and_look(void *arg) {
    struct side *side = arg;

    for (long n = 1; n <= WAKES; n++) {
        int64_t by = ebi_ticks_ms() + PATIENCE_MS;

        if (n == WAKES)
            atomic_store(&side->over, true);
        atomic_store(&side->asked, n);
        side->wake(side->self);
        while (atomic_load(&side->seen) < n && ebi_ticks_ms() < by)
            sched_yield();
        if (atomic_load(&side->seen) < n)
            return NULL;
    }
    return side;
}

static void *wake_all_the_time(void *arg) {
    struct side *side = arg;

    while (!atomic_load(&side->over)) {
        side->wake(side->self);
        sched_yield();
    }
    return NULL;
}

static void wait_for_quiet(struct side *side) {
    while (!atomic_load(&side->quiet))
        sched_yield();
}

/* ---- Owners: from open to close, each in its thread ---- */

static bool goes_on(struct side *side) {
    long asked = atomic_load(&side->asked);

    atomic_store(&side->seen, asked);
    return asked < WAKES || atomic_load(&side->events) == 0;
}

static void *send_one(void *arg) {
    char payload[24];
    size_t len = (size_t)snprintf(payload, sizeof payload, "%ld", producer.expected);
    const struct eb_message message = { .size = sizeof message,
                                        .token = 1,
                                        .topic = { "t", 1 },
                                        .id = { "i", 1 },
                                        .key = { "k", 1 },
                                        .payload = { payload, len } };
    const struct eb_message *batch = &message;
    struct eb_error err = { 0 };

    (void)arg;
    if (broker->plugin->producer->submit(producer.self, &batch, 1, &err) != 1)
        wrong(&producer, "not taken: %s", err.text);
    while (goes_on(&producer))
        if (broker->plugin->producer->poll(producer.self, WAIT_MS, &err) < 0)
            wrong(&producer, "polling: %s", err.text);
    wait_for_quiet(&producer);
    broker->plugin->producer->close(producer.self, CLOSE_MS);
    return NULL;
}

static void *receive_one(void *arg) {
    struct eb_error err = { 0 };

    (void)arg;
    while (goes_on(&consumer)) {
        if (broker->plugin->consumer->receive(consumer.self, 10, WAIT_MS, &err) < 0)
            wrong(&consumer, "receiving: %s", err.text);
        if (consumer.token) {
            struct eb_verdict done = { .token = consumer.token, .kind = EB_ACK };

            consumer.token = 0;
            broker->plugin->consumer->settle(consumer.self, &done, 1, NULL);
        }
    }
    wait_for_quiet(&consumer);
    broker->plugin->consumer->close(consumer.self, CLOSE_MS);
    return NULL;
}

/* ---- A round ---- */

static bool open_both(struct eb_error *err) {
    static const char *const topics[] = { "t" };
    static const struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    static const struct eb_subscription to = { .size = sizeof to,
                                               .topics = topics,
                                               .n_topics = 1,
                                               .group = "g",
                                               .consumer = "c",
                                               .start = &start,
                                               .order = EB_ORDER_KEY,
                                               .max_messages = 10,
                                               .max_bytes = 1 << 20 };
    const struct ebi_plugin *plugin = broker->plugin;

    producer.wake = plugin->producer->wake;
    consumer.wake = plugin->consumer->wake;
    if (plugin->producer->open(&producer.host, broker->settings, &producer.self, err) != EB_OK)
        return false;
    if (plugin->consumer->open(&consumer.host, broker->settings, &to, &consumer.self, err) == EB_OK)
        return true;
    plugin->producer->close(producer.self, 0);
    return false;
}

/* Every other round without the noise, which would hide a wake that is lost. */
static bool race(bool noise) {
    struct side *sides[] = { &producer, &consumer };
    pthread_t owners[2], wakers[2], noisy[2];
    bool good = true;

    pthread_create(&owners[0], NULL, send_one, NULL);
    pthread_create(&owners[1], NULL, receive_one, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_create(&wakers[i], NULL, wake_and_look, sides[i]);
        if (noise)
            pthread_create(&noisy[i], NULL, wake_all_the_time, sides[i]);
    }
    for (int i = 0; i < 2; i++) {
        void *seen;

        pthread_join(wakers[i], &seen);
        if (!seen)
            printf("# wake %ld of the %s ended no wait\n", atomic_load(&sides[i]->asked), i ? "consumer" : "producer");
        if (noise)
            pthread_join(noisy[i], NULL);
        good = good && seen;
        if (!seen) /* so that it ends all the same, once its wait is over */
            atomic_store(&sides[i]->asked, WAKES);
        atomic_store(&sides[i]->quiet, true);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(owners[i], NULL);
        if (good && (sides[i]->wrong[0] || atomic_load(&sides[i]->events) != 1)) {
            printf("# the %s: %ld event(s); %s\n", i ? "consumer" : "producer", atomic_load(&sides[i]->events),
                   sides[i]->wrong);
            good = false;
        }
    }
    return good;
}

static bool cycle(const char *const *files, const struct ebi_bus_settings *settings, long number, struct eb_error *err) {
    struct ebi_config *config = NULL;
    struct ebi_broker *bound = NULL;
    bool good = ebi_config_load(files, NULL, &config, err) == EB_OK &&
                ebi_broker_bind(config, settings, "b", &bound, err) == EB_OK;

    broker = bound;
    clear(&producer, number);
    clear(&consumer, number);
    good = good && open_both(err) && race(number % 2);
    ebi_broker_free(bound);
    ebi_config_free(config);
    return good;
}

static void cycles_of(const char *name, const char *folder, long cycles) {
    char path[300], plugins[4096];
    const char *files[] = { path, NULL };
    struct ebi_bus_settings settings = { .plugin_path = plugins, .plugin_trust = EBI_TRUST_ANY };
    struct eb_error err = { 0 };
    long done = 0;

    snprintf(plugins, sizeof plugins, "%s/.libs", getenv("top_builddir"));
    snprintf(path, sizeof path, "%s/%s.ini", folder, name);
    FILE *file = fopen(path, "w");
    fprintf(file, "[broker b]\nplugin = %s\n", name);
    if (strcmp(name, "sqlite") == 0)
        fprintf(file, "path = %s/bus.db\ndurability = process\n", folder);
    fclose(file);
    while (done < cycles && cycle(files, &settings, done, &err))
        done++;
    tap_ok(done == cycles, "%s: in each of %ld lives from open to close every wake ended a wait: %ld%s%s", name, cycles, done,
           err.text[0] ? ": " : "", err.text);
}

int main(void) {
    char folder[] = "/tmp/eb-wake-XXXXXX", command[64];

    tap_plan(2);
    if (!mkdtemp(folder))
        return 1;
    cycles_of("memory", folder, tap_size(1000, 10000));
    cycles_of("sqlite", folder, tap_size(300, 2000));
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? tap_end() : 1;
}
