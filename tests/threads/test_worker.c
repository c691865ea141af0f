/* tests/threads/test_worker.c - workers that are stopped from a signal handler and from many threads, on each plugin. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <eventbus/eventbus.h>
#include "tap.h"

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";
static const char data[] =
    "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"u\",\"email\":\"e\",\"name\":\"n\"}}}";

static struct eb_bus *bus;
static const struct eb_signal *signal_of_login;
static struct eb_consumer *consumer;
static atomic_long worked;
static atomic_bool over, run_over; /* run_over: eb_consumer_run has returned */
static atomic_bool stop_at_work;   /* the next receiver stops its worker */

static void fail(const char *what, const struct eb_error *err) {
    printf("Bail out! %s: %s\n", what, err->text);
    fflush(stdout);
    _exit(1);
}

static void quiet(void *arg, int level, const char *text) {
    (void)arg;
    if (level <= 3)
        fprintf(stderr, "# %s\n", text);
}

static enum eb_status hear(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)arg, (void)err;
    if (!eb_event_metadata(event)->from_event_bus)
        return EB_OK;
    atomic_fetch_add(&worked, 1);
    if (atomic_exchange(&stop_at_work, false)) {
        eb_consumer_stop(consumer);
        usleep(20000); /* the worker is to wait for this event's end, asleep */
    }
    return EB_OK;
}

static void open_bus(const char *folder, const char *plugin) {
    char path[300];
    const char *files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .log = quiet };
    struct eb_error err;

    snprintf(path, sizeof path, "%s/%s.ini", folder, plugin);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "[eventbus]\nproducer = b\nconsumer = b\nplugin_path = %s/.libs\nschema_path = %s/conf/schemas\n"
            "audit_delivered = no\naudit_received = no\naudit_processed = no\n[broker b]\nplugin = %s\n"
            "[route login]\nevent = %s\ntopic = t\nkey_field = user.pii.username\n"
            "[consume w]\ntopic = t\ngroup = g\nconcurrency = 2\n",
            getenv("top_builddir"), getenv("top_srcdir"), plugin, login);
    fclose(file);
    if (eb_bus_open(&bus, &options, &err) != EB_OK)
        fail("eb_bus_open", &err);
    signal_of_login = eb_signal_find(bus, login, &err);
    if (!signal_of_login || eb_connect(bus, signal_of_login, "hear", hear, NULL, &err) != EB_OK)
        fail("setting up", &err);
}

static void send_one(void) {
    struct eb_event *event;
    struct eb_error err;

    if (eb_event_new(signal_of_login, &event, &err) != EB_OK ||
        eb_event_set_json(event, data, sizeof data - 1, &err) != EB_OK || eb_send(event, NULL, &err) != EB_OK)
        fail("sending", &err);
    eb_event_free(event);
}

/* ---- Stopped by a signal ---- */

/* ThreadSanitizer holds a signal back that strikes between its own entry to a call that waits and the call, for as long as
 * that waits; it is not even pending. So there the worker is asked until it ends. */
#if defined __SANITIZE_THREAD__
#define SIGNALS_ARE_HELD_BACK
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define SIGNALS_ARE_HELD_BACK
#endif
#endif

static void on_signal(int number) {
    (void)number;
    if (!atomic_load(&run_over))
        eb_consumer_stop(consumer);
}

/* With all signals blocked, as in a thread that a library made: the handler runs in the one that runs the worker, or in the
 * one that the worker has for this. */
static void *signal_soon(void *arg) {
    struct timespec wait = { 0, (long)(intptr_t)arg };

    nanosleep(&wait, NULL); /* where in the worker's life it strikes is to differ, not to be known */
    kill(getpid(), SIGUSR1);
#ifdef SIGNALS_ARE_HELD_BACK
    wait.tv_nsec = 20000000;
    while (!atomic_load(&run_over)) {
        nanosleep(&wait, NULL);
        kill(getpid(), SIGUSR1);
    }
#endif
    return NULL;
}

static void a_signal_handler_stops_a_worker(const char *plugin, long rounds) {
    struct sigaction act = { .sa_handler = on_signal };
    sigset_t all, before;
    struct eb_error err;
    pthread_t other;
    long done = 0;

    sigaction(SIGUSR1, &act, NULL);
    for (; done < rounds; done++) {
        if (eb_consumer_open(&consumer, bus, NULL, &err) != EB_OK)
            fail("eb_consumer_open", &err);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        atomic_store(&run_over, false);
        pthread_create(&other, NULL, signal_soon, (void *)(intptr_t)(done * 1237 % 20 * 100000));
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (eb_consumer_run(consumer, &err) != EB_OK)
            fail("eb_consumer_run", &err);
        atomic_store(&run_over, true);
        pthread_join(other, NULL);
        eb_consumer_close(consumer);
    }
    signal(SIGUSR1, SIG_DFL);
    tap_ok(done == rounds, "%s: a signal handler stops a worker, wherever it is: %ld of %ld", plugin, done, rounds);
}

/* ---- Stopped by many threads, while events come in and counters are read ---- */

static void *send_all_the_time(void *arg) {
    (void)arg;
    while (!atomic_load(&over)) {
        send_one();
        usleep(200);
    }
    return NULL;
}

static void *stop_now(void *arg) {
    struct eb_consumer_counts counts = { .size = sizeof counts };

    eb_consumer_count(arg, &counts);
    eb_consumer_stop(arg);
    return NULL;
}

static void *run(void *arg) {
    struct eb_error err;
    enum eb_status status = eb_consumer_run(arg, &err);

    /* stopped more than once, it may end before all receivers were done, and says so */
    return status == EB_OK || status == EB_RETRIABLE ? arg : NULL;
}

static void stops_from_many_threads_race_with_the_work(const char *plugin, long rounds) {
    enum { STOPPERS = 3 };
    pthread_t sender, runner, stoppers[STOPPERS];
    struct eb_error err;
    long fine = 0;
    void *ended;

    atomic_store(&over, false);
    pthread_create(&sender, NULL, send_all_the_time, NULL);
    for (long i = 0; i < rounds; i++) {
        if (eb_consumer_open(&consumer, bus, NULL, &err) != EB_OK)
            fail("eb_consumer_open", &err);
        pthread_create(&runner, NULL, run, consumer);
        usleep((useconds_t)(i % 5 * 500));
        for (int n = 0; n < STOPPERS; n++)
            pthread_create(&stoppers[n], NULL, stop_now, consumer);
        for (int n = 0; n < STOPPERS; n++)
            pthread_join(stoppers[n], NULL);
        pthread_join(runner, &ended);
        fine += ended != NULL;
        eb_consumer_close(consumer);
    }
    atomic_store(&over, true);
    pthread_join(sender, NULL);
    tap_ok(fine == rounds, "%s: stops from many threads race with the work: %ld of %ld", plugin, fine, rounds);
}

/* ---- Stopped while an event is at work ---- */

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The quickest of some, since the machine may be busy. */
static void a_stop_waits_for_what_is_at_work_and_no_longer(const char *plugin) {
    int64_t quickest = INT64_MAX;
    struct eb_error err;

    for (int i = 0; i < 5; i++) {
        atomic_store(&stop_at_work, true);
        if (eb_consumer_open(&consumer, bus, NULL, &err) != EB_OK)
            fail("eb_consumer_open", &err);
        send_one();
        int64_t from = now_ms();
        if (!run(consumer))
            fail("eb_consumer_run", &err);
        int64_t took = now_ms() - from;
        quickest = took < quickest ? took : quickest;
        eb_consumer_close(consumer);
    }
    tap_ok(quickest < 500, "%s: a stop waits for the event at work, and no longer: %lld ms", plugin, (long long)quickest);
}

/* What those workers left is there for the next one: none was lost on the way. */
static void nothing_was_lost(const char *plugin) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = "w", .exit_at_end = 1 };
    struct eb_error err;
    pthread_t runner;
    void *ended;
    long before = atomic_load(&worked);

    if (eb_bus_flush(bus, 60000, &err) != EB_OK)
        fail("eb_bus_flush", &err);
    for (int i = 0; i < 10; i++)
        send_one();
    if (eb_bus_flush(bus, 60000, &err) != EB_OK || eb_consumer_open(&consumer, bus, &options, &err) != EB_OK)
        fail("the last worker", &err);
    pthread_create(&runner, NULL, run, consumer);
    pthread_join(runner, &ended);
    eb_consumer_close(consumer);
    tap_ok(ended && atomic_load(&worked) >= before + 10, "%s: the next worker finds the rest", plugin);
}

int main(void) {
    static const char *const plugins[] = { "memory", "sqlite" };
    char folder[] = "/tmp/eb-worker-XXXXXX", command[64];
    struct eb_error err;

    tap_plan(10);
    if (!mkdtemp(folder) || setenv("STATE_DIRECTORY", folder, 1) != 0)
        return 1;
    for (int i = 0; i < 2; i++) {
        open_bus(folder, plugins[i]);
        a_signal_handler_stops_a_worker(plugins[i], tap_size(30, 1000));
        stops_from_many_threads_race_with_the_work(plugins[i], tap_size(30, 1000));
        a_stop_waits_for_what_is_at_work_and_no_longer(plugins[i]);
        nothing_was_lost(plugins[i]);
        tap_ok(eb_bus_close(bus, 10000, &err) == EB_OK, "%s: the bus closes with nothing left", plugins[i]);
    }
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? tap_end() : 1;
}
