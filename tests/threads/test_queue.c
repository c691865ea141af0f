/* tests/threads/test_queue.c - the queue of plugin-help.h, which many threads push to and one pops from: each item comes out
 * once and in its thread's order, no wake is lost, and no push touches an instance that has closed the queue. With it the
 * link, which many threads report. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help.h>
#include "tap.h"

enum { PUSHERS = 4, ROOM = 16, BATCH = 5, LONG_MS = 60000 };

struct item {
    long pusher, number;
};

struct instance {
    struct ebp_queue *queue;
    struct ebp_wakeup wakeup;
    atomic_bool gone; /* an instance that is gone is woken no more */
    atomic_int late;  /* wakes behind that */
};

struct pusher {
    pthread_t thread;
    struct ebp_queue *queue;
    long number, count; /* count 0: until the queue is closed */
};

static void wake(void *arg) {
    struct instance *instance = arg;

    if (atomic_load(&instance->gone))
        atomic_fetch_add(&instance->late, 1);
    else
        ebp_wakeup_signal(&instance->wakeup);
}

static bool instance_open(struct instance *instance) {
    instance->queue = ebp_queue_new(sizeof(struct item), ROOM, wake, instance);
    return instance->queue && ebp_wakeup_open(&instance->wakeup);
}

static void *push_all(void *arg) {
    struct pusher *pusher = arg;
    int32_t status = EB_OK;

    for (long i = 0; (pusher->count == 0 || i < pusher->count) && status != EB_GONE; i++) {
        struct item item = { pusher->number, i };
        status = ebp_queue_push(pusher->queue, &item);
        if (status == EB_FULL)
            status = ebp_queue_push_wait(pusher->queue, &item, LONG_MS);
    }
    ebp_queue_unref(pusher->queue);
    return NULL;
}

static bool start(struct pusher *pushers, struct instance *instance, long count) {
    for (long i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){ .queue = ebp_queue_ref(instance->queue), .number = i, .count = count };
        if (ebp_thread_start(&pushers[i].thread, push_all, &pushers[i], "pusher") != 0)
            return false;
    }
    return true;
}

static void join(struct pusher *pushers) {
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(pushers[i].thread, NULL);
}

static void test_order(void) {
    const long count = tap_size(5000, 1000000);
    struct instance instance = { 0 };
    struct pusher pushers[PUSHERS];
    long due[PUSHERS] = { 0 }, seen = 0, wrong = 0;
    int64_t began = ebp_monotonic_ms(), longest = 0;
    struct item items[BATCH];
    size_t n;

    tap_ok(instance_open(&instance) && start(pushers, &instance, count), "%d threads push %ld items each", PUSHERS, count);
    while (seen < PUSHERS * count && ebp_monotonic_ms() - began < 10 * LONG_MS) {
        ebp_wakeup_take(&instance.wakeup);
        while ((n = ebp_queue_pop(instance.queue, items, BATCH)) > 0)
            for (size_t i = 0; i < n; i++, seen++)
                wrong += items[i].number != due[items[i].pusher]++;
        int64_t from = ebp_monotonic_ms();
        if (seen < PUSHERS * count)
            ebp_wakeup_wait(&instance.wakeup, NULL, 0, LONG_MS);
        longest = ebp_monotonic_ms() - from > longest ? ebp_monotonic_ms() - from : longest;
    }
    join(pushers);
    tap_ok(seen == PUSHERS * count && wrong == 0, "each comes out once, in its thread's order: %ld, %ld wrong", seen, wrong);
    tap_ok(longest < LONG_MS / 2, "no wake is lost: that would be a wait of a minute");
    ebp_wakeup_close(&instance.wakeup);
    ebp_queue_unref(instance.queue);
}

/* Closes the queue in the middle of the pushes, those that wait for room among them; the threads end after the instance. */
static void test_close(void) {
    const long rounds = tap_size(200, 20000);
    long late = 0, bad = 0;

    for (long round = 0; round < rounds; round++) {
        struct instance *instance = calloc(1, sizeof *instance);
        struct pusher pushers[PUSHERS];
        struct item items[BATCH];

        if (!instance || !instance_open(instance) || !start(pushers, instance, 0)) {
            bad++;
            break;
        }
        for (long i = 0; i < round % 20; i++)
            ebp_queue_pop(instance->queue, items, BATCH);
        ebp_queue_close(instance->queue);
        atomic_store(&instance->gone, true);
        ebp_queue_unref(instance->queue);
        join(pushers);
        late += atomic_load(&instance->late);
        ebp_wakeup_close(&instance->wakeup);
        free(instance);
    }
    tap_ok(bad == 0 && late == 0, "a queue closed %ld times in the middle of pushes wakes nobody afterwards: %ld", rounds,
           late);
}

/* ---- the link ---- */

struct told {
    int last, changes, repeats; /* of the host, which is told by one thread at a time */
};

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    struct told *told = host->core;

    (void)why;
    told->repeats += told->last == up;
    told->last = up;
    told->changes++;
}

static void *report(void *arg) {
    static const struct eb_error why = { .status = EB_RETRIABLE, .text = "away" };
    struct ebp_link *link = arg;

    for (long i = tap_size(20000, 1000000); i > 0; i--)
        if (i % 3)
            ebp_link_up(link);
        else
            ebp_link_down(link, &why);
    return NULL;
}

static void test_link(void) {
    struct told told = { .last = -1 };
    struct eb_host host = { .size = sizeof host, .core = &told, .link = on_link };
    struct ebp_link link;
    pthread_t threads[PUSHERS];
    int failed = 0;

    ebp_link_init(&link, &host);
    for (int i = 0; i < PUSHERS; i++)
        failed |= ebp_thread_start(&threads[i], report, &link, "reporter");
    for (int i = 0; i < PUSHERS && !failed; i++)
        pthread_join(threads[i], NULL);
    tap_ok(!failed && told.changes > 1 && told.repeats == 0, "%d changes of the link are told in their order: %d repeats",
           told.changes, told.repeats);
    tap_ok((ebp_link_state(&link) == EBP_LINK_UP) == (told.last == 1), "and the last one is the link's state");
}

int main(void) {
    tap_plan(6);
    test_order();
    test_close();
    test_link();
    return tap_end();
}
