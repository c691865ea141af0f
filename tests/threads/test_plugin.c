/* tests/threads/test_plugin.c - one plugin loaded by several threads at once, and a crowd on one memory broker. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin/plugins.h"
#include "tap.h"

enum { LOADERS = 4, LOADS = 250, SENDERS = 3, RECEIVERS = 3, KEYS = 8, EACH = 3000, MOST = 100 };

static const struct ebi_plugin *memory;

/* As the memory plugin's own. */
static const struct {
    const char *name;
    int64_t max_messages, max_bytes;
} settings = { "default", 1 << 20, 1 << 30 };

static bool fail(const char *what) {
    printf("# %s\n", what);
    return false;
}

/* ---- Loading ---- */

static void *load_often(void *file) {
    const struct ebi_plugin *first = NULL, *plugin;
    struct eb_error err;

    for (int i = 0; i < LOADS; i++) {
        if (ebi_plugin_load("", file, EBI_TRUST_ANY, &plugin, &err) != EB_OK || (first && first != plugin))
            return NULL;
        first = plugin;
    }
    return (void *)first;
}

static bool a_thousand_loads_from_four_threads_are_one_plugin(void) {
    pthread_t threads[LOADERS];
    void *loaded[LOADERS];
    char file[4096];

    snprintf(file, sizeof file, "%s/.libs/memory.so", getenv("top_builddir"));
    for (int i = 0; i < LOADERS; i++)
        pthread_create(&threads[i], NULL, load_often, file);
    for (int i = 0; i < LOADERS; i++)
        pthread_join(threads[i], &loaded[i]);
    for (int i = 0; i < LOADERS; i++)
        if (!loaded[i] || loaded[i] != loaded[0])
            return fail("one thread got another plugin, or none");
    memory = loaded[0];
    return true;
}

/* ---- A crowd ---- */

static struct {
    pthread_mutex_t mutex;
    int last[SENDERS][KEYS]; /* the newest number completed of each sender's key */
    int done;
    bool wrong;
} crowd = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* One receiver's batch. */
struct batch {
    size_t n;
    uint64_t tokens[MOST];
    int from[MOST], number[MOST];
};

/* The memory plugin logs when a consumer opens before the first message has made its topic. */
static void host_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    (void)level;
    (void)text;
}

static void host_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host;
    (void)up;
    (void)why;
}

static void host_delivered(const struct eb_host *host, const struct eb_delivery *delivery) {
    *(int32_t *)host->core = delivery->status;
}

static int32_t host_received(const struct eb_host *host, const struct eb_message *message) {
    struct batch *batch = host->core;

    batch->tokens[batch->n] = message->token;
    if (sscanf(message->payload.data, "%d %d", &batch->from[batch->n], &batch->number[batch->n]) != 2)
        return EB_FATAL;
    batch->n++;
    return EB_OK;
}

static void host_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)host;
    (void)tokens;
    (void)n;
    (void)status;
}

static struct eb_host host_with(void *core) {
    return (struct eb_host){ .size = sizeof(struct eb_host),
                             .core = core,
                             .instance = "main",
                             .service = "test",
                             .log = host_log,
                             .link = host_link,
                             .delivered = host_delivered,
                             .received = host_received,
                             .settled = host_settled };
}

static void *send_many(void *arg) {
    int me = (int)(intptr_t)arg - 1, key_len, len;
    int32_t status = EB_OK;
    struct eb_host host = host_with(&status);
    char key[16], payload[32];
    void *self;

    if (memory->producer->open(&host, &settings, &self, NULL) != EB_OK)
        return NULL;
    for (int i = 0; i < EACH && status == EB_OK; i++) {
        key_len = snprintf(key, sizeof key, "%d-%d", me, i % KEYS);
        len = snprintf(payload, sizeof payload, "%d %d", me, i);
        struct eb_message message = { .size = sizeof message,
                                      .topic = { "logins", 6 },
                                      .key = { key, (size_t)key_len },
                                      .payload = { payload, (size_t)len } };
        const struct eb_message *one = &message;
        memory->producer->submit(self, &one, 1, NULL);
        memory->producer->poll(self, 0, NULL);
    }
    memory->producer->close(self, 0);
    return status == EB_OK ? arg : NULL;
}

static void complete(int from, int number) {
    int *last = &crowd.last[from][number % KEYS];

    pthread_mutex_lock(&crowd.mutex);
    crowd.wrong = crowd.wrong || (number >= KEYS && *last != number - KEYS);
    *last = number;
    crowd.done++;
    pthread_mutex_unlock(&crowd.mutex);
}

static bool go_on(void) {
    pthread_mutex_lock(&crowd.mutex);
    bool more = crowd.done < SENDERS * EACH && !crowd.wrong;
    pthread_mutex_unlock(&crowd.mutex);
    return more;
}

/* Each fifth batch goes back: its first message failed, the others were not tried. */
static void *receive_many(void *arg) {
    static const uint32_t takes[] = { 1, 7, MOST };
    static const char *const topics[] = { "logins" };
    struct batch batch;
    struct eb_host host = host_with(&batch);
    struct eb_subscription to = { .size = sizeof to,
                                  .topics = topics,
                                  .n_topics = 1,
                                  .group = "g",
                                  .consumer = "c",
                                  .order = EB_ORDER_KEY,
                                  .max_messages = MOST };
    struct eb_verdict verdicts[MOST];
    void *self;

    if (memory->consumer->open(&host, &settings, &to, &self, NULL) != EB_OK)
        return NULL;
    for (unsigned turn = 1; go_on(); turn++) {
        batch.n = 0;
        memory->consumer->receive(self, takes[(intptr_t)arg % RECEIVERS], 20, NULL);
        for (size_t i = 0; i < batch.n; i++) {
            uint32_t what = turn % 5 ? EB_ACK : i ? EB_RETURN : EB_RETRY;
            verdicts[i] = (struct eb_verdict){ batch.tokens[i], 1, what };
            if (what == EB_ACK)
                complete(batch.from[i], batch.number[i]);
        }
        memory->consumer->settle(self, verdicts, batch.n, NULL);
    }
    memory->consumer->close(self, 0);
    return arg;
}

static bool a_crowd_loses_nothing_and_keeps_the_order_of_keys(void) {
    pthread_t threads[SENDERS + RECEIVERS];
    bool fine = true;

    for (intptr_t i = 0; i < SENDERS + RECEIVERS; i++)
        pthread_create(&threads[i], NULL, i < SENDERS ? send_many : receive_many, (void *)(i + 1));
    for (size_t i = 0; i < SENDERS + RECEIVERS; i++) {
        void *ended;
        pthread_join(threads[i], &ended);
        fine = fine && ended;
    }
    if (!fine)
        return fail("a thread could not open, or send");
    if (crowd.wrong)
        return fail("out of order");
    return crowd.done == SENDERS * EACH || fail("not all came, or some came twice");
}

int main(void) {
    tap_plan(2);
    tap_ok(a_thousand_loads_from_four_threads_are_one_plugin(), "a thousand loads from four threads are one plugin");
    tap_ok(memory && a_crowd_loses_nothing_and_keeps_the_order_of_keys(), "a crowd loses nothing and keeps the order of keys");
    return tap_end();
}
