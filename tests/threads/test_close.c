/* tests/threads/test_close.c - a sender that is closed while threads put, wait for room, flush and wake its plugin. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "produce/sender.h"
#include "produce/sender_state.h"
#include "tap.h"

/* ---- A plugin that takes `room` messages at a time, and reports them at poll, or at close alone ---- */

struct fake {
    const struct eb_host *host;
    pthread_mutex_t mutex;
    pthread_cond_t called;
    bool woken;
    uint64_t tokens[64];
    size_t n;
};

static size_t room;
static bool late; /* reports at close alone */
static atomic_long wakes, at_plugin;

static int32_t fake_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct fake *fake = calloc(1, sizeof *fake);

    (void)settings, (void)err;
    fake->host = host;
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->called, NULL);
    *self = fake;
    return EB_OK;
}

static int64_t fake_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct fake *fake = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && fake->n < room)
        fake->tokens[fake->n++] = batch[taken++]->token;
    atomic_fetch_add(&at_plugin, (long)taken);
    return (int64_t)taken;
}

static void report(struct fake *fake) {
    for (size_t i = 0; i < fake->n; i++) {
        struct eb_delivery delivery = { .size = sizeof delivery, .token = fake->tokens[i], .status = EB_OK };

        fake->host->delivered(fake->host, &delivery);
    }
    fake->n = 0;
}

static int32_t fake_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct fake *fake = self;
    struct timespec by;

    (void)err;
    clock_gettime(CLOCK_REALTIME, &by);
    by.tv_sec += timeout_ms / 1000;
    by.tv_nsec += timeout_ms % 1000 * 1000000L;
    by.tv_sec += by.tv_nsec / 1000000000L;
    by.tv_nsec %= 1000000000L;
    if (!late && fake->n > 0) {
        report(fake);
        return EB_OK;
    }
    pthread_mutex_lock(&fake->mutex);
    while (!fake->woken && pthread_cond_timedwait(&fake->called, &fake->mutex, &by) == 0)
        continue;
    fake->woken = false;
    pthread_mutex_unlock(&fake->mutex);
    return EB_OK;
}

static void fake_wake(void *self) {
    struct fake *fake = self;

    pthread_mutex_lock(&fake->mutex);
    fake->woken = true;
    pthread_cond_signal(&fake->called);
    pthread_mutex_unlock(&fake->mutex);
    atomic_fetch_add(&wakes, 1);
}

static void fake_close(void *self, int32_t timeout_ms) {
    struct fake *fake = self;

    (void)timeout_ms;
    report(fake);
    pthread_cond_destroy(&fake->called);
    pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

static const struct eb_producer_ops ops = { .size = sizeof ops,
                                            .traits = EB_T_ORDER,
                                            .open = fake_open,
                                            .submit = fake_submit,
                                            .poll = fake_poll,
                                            .wake = fake_wake,
                                            .close = fake_close };
static const struct ebi_plugin plugin = { .file = "/fake.so",
                                          .about = { .size = sizeof plugin.about, .name = "fake" },
                                          .producer = &ops };
static const struct ebi_broker broker = { .name = "f", .plugin = &plugin, .traits = { .producer = EB_T_ORDER } };

/* ---- What the threads do ---- */

static struct ebi_sender *sender;
static atomic_long put, reported, delivered, refused, odd;

static void on_report(void *arg, const struct ebi_report *said) {
    (void)arg;
    atomic_fetch_add(&reported, 1);
    atomic_fetch_add(&delivered, said->status == EB_OK);
}

static enum eb_status put_one(int64_t wait_ms) {
    const struct eb_message message = { .size = sizeof message, .topic = { "t", 1 }, .id = { "i", 1 }, .payload = { "x", 1 } };
    struct eb_error err;
    enum eb_status status = ebi_sender_put(sender, &message, wait_ms, on_report, NULL, &err);

    atomic_fetch_add(&put, status == EB_OK);
    atomic_fetch_add(&refused, status == EB_FATAL && strstr(err.text, "is being closed") != NULL);
    atomic_fetch_add(&odd, status != EB_OK && status != EB_FATAL);
    return status;
}

static void *put_until_closed(void *arg) {
    (void)arg;
    while (put_one(-1) == EB_OK)
        continue;
    return NULL;
}

static void *put_some(void *arg) {
    for (intptr_t i = 0; i < (intptr_t)arg; i++)
        put_one(-1);
    return NULL;
}

static void *flush(void *arg) {
    struct eb_error err;

    (void)arg;
    ebi_sender_flush(sender, -1, &err);
    return NULL;
}

static bool begin(size_t messages) {
    struct ebi_sender_limits limits = {
        .messages = messages, .bytes = 1 << 20, .batch_messages = 16, .batch_bytes = 1 << 16, .delivery_timeout_ms = 60000
    };
    struct eb_error err;

    put = reported = at_plugin = delivered = refused = odd = 0;
    if (ebi_sender_open(&broker, "test", &limits, NULL, &sender, &err) == EB_OK)
        return true;
    printf("Bail out! %s\n", err.text);
    return false;
}

/* Waits until the queue takes no more, and so many threads wait in calls of the sender. A call that began after the close would use
 * what was freed. */
static void wait_until_stuck(long messages, size_t threads) {
    bool stuck = false;

    while (!stuck) { /* for ever, if a thread came back: the driver ends the test */
        usleep(1000);
        pthread_mutex_lock(&sender->lock);
        stuck = put == messages && sender->inside == threads;
        pthread_mutex_unlock(&sender->lock);
    }
}

/* ---- The tests ---- */

static void those_that_wait_for_room_are_told(long rounds) {
    enum { THREADS = 4, QUEUE = 8 };
    pthread_t threads[THREADS], flusher;
    long wrong = 0;
    long slow = 0;

    room = 0;
    late = true;
    for (long i = 0; i < rounds; i++) {
        if (!begin(QUEUE))
            return;
        for (int n = 0; n < THREADS; n++)
            pthread_create(&threads[n], NULL, put_until_closed, NULL);
        wait_until_stuck(QUEUE, THREADS);
        pthread_create(&flusher, NULL, flush, NULL); /* it has something to wait for now */
        wait_until_stuck(QUEUE, THREADS + 1);
        int64_t from_ms = ebi_ticks_ms();
        ebi_sender_close(sender, 0);
        slow += ebi_ticks_ms() - from_ms > 300;
        for (int n = 0; n < THREADS; n++)
            pthread_join(threads[n], NULL);
        pthread_join(flusher, NULL);
        wrong += put != QUEUE || reported != QUEUE || delivered != 0 || refused != THREADS || odd != 0;
    }
    tap_ok(wrong == 0,
           "those that wait for room when a sender is closed are told, and what it had is reported: %ld of %ld "
           "rounds wrong",
           wrong, rounds);
    tap_ok(slow <= rounds / 2, "a close without time to wait takes none, though the plugin has no room: %ld of %ld rounds did",
           slow, rounds);
}

static void what_the_plugin_reports_at_close_is_passed_on(long rounds) {
    enum { EACH = 5 };
    long wrong = 0;

    room = EACH;
    late = true;
    for (long i = 0; i < rounds; i++) {
        if (!begin(100))
            return;
        put_some((void *)(intptr_t)EACH);
        for (int n = 0; n < 60000 && at_plugin < EACH; n++)
            usleep(1000);
        ebi_sender_close(sender, 0);
        wrong += put != EACH || reported != EACH || delivered != EACH;
    }
    tap_ok(wrong == 0, "what the plugin reports as it is closed is passed on once: %ld of %ld rounds wrong", wrong, rounds);
}

static void wakes_race_with_the_end(long rounds) {
    enum { THREADS = 3, EACH = 20 };
    pthread_t threads[THREADS];
    long wrong = 0;

    room = 3;
    late = false;
    for (long i = 0; i < rounds; i++) {
        if (!begin(i % 2 ? 4 : 1000))
            return;
        for (int n = 0; n < THREADS; n++)
            pthread_create(&threads[n], NULL, put_some, (void *)(intptr_t)EACH);
        for (int n = 0; n < THREADS; n++)
            pthread_join(threads[n], NULL);
        ebi_sender_close(sender, 60000);
        wrong += put != THREADS * EACH || delivered != put || reported != put;
    }
    tap_ok(wrong == 0 && wakes > 0, "every put wakes the thread, and close delivers all: %ld of %ld rounds wrong, %ld wakes",
           wrong, rounds, (long)wakes);
}

int main(void) {
    tap_plan(4);
    those_that_wait_for_room_are_told(tap_size(10, 300));
    what_the_plugin_reports_at_close_is_passed_on(tap_size(100, 5000));
    wakes_race_with_the_end(tap_size(100, 5000));
    return tap_end();
}
