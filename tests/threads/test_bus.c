/* tests/threads/test_bus.c - senders, receivers that come and go, a worker and the end of it all, at the same time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/eventbus.h>
#include "tap.h"

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";

static struct eb_bus *bus;
static const struct eb_signal *signal_of_login;
static atomic_long heard, delivered, refused, worked;
static atomic_bool over;
static long per_sender;

static void fail(const char *what, const struct eb_error *err) {
    printf("Bail out! %s: %s\n", what, err->text);
    _exit(1);
}

static void quiet(void *arg, int level, const char *text) {
    (void)arg;
    if (level <= 3)
        fprintf(stderr, "# %s\n", text);
}

static enum eb_status hear(const struct eb_event *event, void *arg, struct eb_error *err) {
    int64_t id;

    atomic_fetch_add((atomic_long *)arg, 1);
    return eb_event_get_long(event, "user.id", &id, err);
}

static void on_delivery(void *arg, const struct eb_receipt *receipt) {
    (void)arg;
    atomic_fetch_add(receipt->error ? &refused : &delivered, 1);
}

static void *send_many(void *arg) {
    struct eb_error err;
    struct eb_event *event;
    char name[32];

    snprintf(name, sizeof name, "user%ld", (long)(intptr_t)arg);
    if (eb_event_new(signal_of_login, &event, &err) != EB_OK)
        fail("eb_event_new", &err);
    for (long i = 0; i < per_sender; i++) {
        if (eb_event_reset(event, &err) != EB_OK || eb_event_set_long(event, "user.id", i, &err) != EB_OK ||
            eb_event_set_bool(event, "user.is_active", 1, &err) != EB_OK ||
            eb_event_set_string(event, "user.pii.username", name, &err) != EB_OK ||
            eb_event_set_string(event, "user.pii.email", "e@example.com", &err) != EB_OK ||
            eb_event_set_string(event, "user.pii.name", "n", &err) != EB_OK || eb_send(event, NULL, &err) != EB_OK)
            fail("sending", &err);
    }
    eb_event_free(event);
    return NULL;
}

/* Connects and disconnects; what it counted does not grow once it is disconnected. */
static void *come_and_go(void *arg) {
    static atomic_long count;
    struct eb_error err;
    long broken = 0;

    (void)arg;
    while (!atomic_load(&over)) {
        if (eb_connect(bus, signal_of_login, "guest", hear, &count, &err) != EB_OK)
            fail("eb_connect", &err);
        sched_yield();
        eb_disconnect(bus, signal_of_login, "guest");
        long seen = atomic_load(&count);
        sched_yield();
        broken += atomic_load(&count) != seen;
    }
    return (void *)(intptr_t)broken;
}

static void *work(void *arg) {
    struct eb_error err;

    if (eb_consumer_run(arg, &err) != EB_OK)
        fail("eb_consumer_run", &err);
    return NULL;
}

static enum eb_status work_hear(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)arg, (void)err;
    if (eb_event_metadata(event)->from_event_bus)
        atomic_fetch_add(&worked, 1);
    return EB_OK;
}

static void write_configuration(char *path, const char *folder) {
    snprintf(path, 300, "%s/bus.ini", folder);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "[eventbus]\nproducer = m\nconsumer = m\nplugin_path = %s/.libs\nschema_path = %s/conf/schemas\n"
            "audit_delivered = no\naudit_received = no\naudit_processed = no\nqueue_wait = 1m\n"
            "[broker m]\nplugin = memory\nmax_messages = 1000000\n"
            "[route login]\nevent = %s\ntopic = t\nkey_field = user.pii.username\n"
            "[consume w]\ntopic = t\ngroup = g\nconcurrency = 3\n",
            getenv("top_builddir"), getenv("top_srcdir"), login);
    fclose(file);
}

int main(void) {
    enum { SENDERS = 3 };
    char folder[] = "/tmp/eb-threads-XXXXXX", path[300];
    const char *files[] = { path, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = files, .log = quiet };
    pthread_t senders[SENDERS], guest, worker;
    struct eb_consumer *consumer = NULL;
    struct eb_error err;
    void *broken;

    per_sender = tap_size(3000, 100000);
    tap_plan(5);
    if (!mkdtemp(folder) || setenv("STATE_DIRECTORY", folder, 1) != 0)
        return 1;
    write_configuration(path, folder);
    if (eb_bus_open(&bus, &options, &err) != EB_OK)
        fail("eb_bus_open", &err);
    signal_of_login = eb_signal_find(bus, login, &err);
    if (!signal_of_login || eb_connect(bus, signal_of_login, "count", hear, &heard, &err) != EB_OK ||
        eb_connect(bus, signal_of_login, "work", work_hear, NULL, &err) != EB_OK ||
        eb_consumer_open(&consumer, bus, NULL, &err) != EB_OK)
        fail("setting up", &err);
    eb_bus_on_delivery(bus, on_delivery, NULL);
    pthread_create(&worker, NULL, work, consumer);
    pthread_create(&guest, NULL, come_and_go, NULL);
    for (long i = 0; i < SENDERS; i++)
        pthread_create(&senders[i], NULL, send_many, (void *)(intptr_t)i);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    long sent = SENDERS * per_sender;
    tap_ok(eb_bus_flush(bus, 60000, &err) == EB_OK, "all that was sent is reported");
    tap_ok(delivered == sent && refused == 0, "each event has one receipt: %ld of %ld", (long)delivered, sent);
    for (int i = 0; i < 6000 && worked < sent; i++)
        usleep(10000); /* a deadline of a minute; the worker tells no one when it is done */
    eb_consumer_stop(consumer);
    pthread_join(worker, NULL);
    atomic_store(&over, true);
    pthread_join(guest, &broken);
    tap_ok(worked == sent, "the worker has run each event once: %ld of %ld", (long)worked, sent);
    tap_ok(broken == NULL, "no receiver ran once it was disconnected");
    eb_consumer_close(consumer);
    tap_ok(eb_bus_close(bus, 10000, &err) == EB_OK && heard == 2 * sent, "the bus closes with nothing left: heard %ld",
           (long)heard);
    unlink(path);
    return tap_end();
}
