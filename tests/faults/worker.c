/* tests/faults/worker.c - a service whose receiver writes down what it does, fails where it is told to, and dies where
 * it is told to.
 *
 *   worker SECTION      works until SIGTERM. From the environment, beyond what killer.c reads:
 *
 *   FAULTS_KILL        receiver.before:COUNT, receiver.after:COUNT: the COUNTth run is the last of this process
 *   FAULTS_WAIT        milliseconds between that and the death
 *   FAULTS_SLOW        milliseconds that each run takes
 *   FAULTS_POISON      the number of an event whose receiver kills the process each time
 *   FAULTS_RETRIABLE   each so manieth event fails the first time; 0: none
 *   FAULTS_PERMANENT   each so manieth event fails for good; 0: none
 *   FAULTS_BEGUN       set: the beginning of each run is written down too
 *
 * An event's number is the first part of its id. Lines: B (begun), S (succeeded), F (failed), P (failed for good). */
#include <eventbus/eventbus.h>

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "record.h"

#define LOGIN "org.openedx.learning.auth.session.login.completed.v1"

static int history;
static const char *name;
static bool write_begun;
static unsigned long retriable, permanent, poison, wait_ms, slow_ms;
static atomic_long before_left, after_left;

static struct eb_consumer *consumer;

static void pause_for(unsigned long ms) {
    nanosleep(&(struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) }, NULL);
}

static void die(void) {
    pause_for(wait_ms);
    kill(getpid(), SIGKILL);
}

static void note(char what, const struct eb_metadata *meta) {
    char line[512];
    int len = snprintf(line, sizeof line, "\n%c %s %s %s %s %s %" PRId32 " ;", what, name, meta->id, meta->topic,
                       meta->position, meta->key ? meta->key : "-", meta->attempt);

    record_write(history, line, (size_t)len);
}

static bool counts_down(atomic_long *left) {
    return atomic_fetch_sub(left, 1) == 1;
}

static enum eb_status fail(struct eb_error *err, enum eb_status status) {
    snprintf(err->text, sizeof err->text, "told to fail");
    err->status = status;
    return status;
}

static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *err) {
    const struct eb_metadata *meta = eb_event_metadata(event);
    unsigned long number = strtoul(meta->id, NULL, 16);
    enum eb_status status = EB_OK;

    (void)arg;
    if (write_begun)
        note('B', meta);
    if (counts_down(&before_left) || (poison && number == poison))
        die();
    if (slow_ms)
        pause_for(slow_ms);
    if (permanent && number % permanent == 1)
        status = fail(err, EB_PERMANENT);
    else if (retriable && number % retriable == 2 && meta->attempt == 1)
        status = fail(err, EB_RETRIABLE);
    note(status == EB_OK ? 'S' : status == EB_PERMANENT ? 'P' : 'F', meta);
    if (counts_down(&after_left))
        die();
    return status;
}

static void on_signal(int number) {
    (void)number;
    eb_consumer_stop(consumer);
}

static unsigned long number_of(const char *variable) {
    const char *text = getenv(variable);

    return text ? strtoul(text, NULL, 10) : 0;
}

static void read_environment(void) {
    const char *last = getenv("FAULTS_KILL");

    history = record_open();
    name = getenv("FAULTS_WORKER") ? getenv("FAULTS_WORKER") : "-";
    write_begun = getenv("FAULTS_BEGUN") != NULL;
    retriable = number_of("FAULTS_RETRIABLE");
    permanent = number_of("FAULTS_PERMANENT");
    poison = number_of("FAULTS_POISON");
    wait_ms = number_of("FAULTS_WAIT");
    slow_ms = number_of("FAULTS_SLOW");
    if (last && strncmp(last, "receiver.before:", 16) == 0)
        atomic_store(&before_left, atol(last + 16));
    else if (last && strncmp(last, "receiver.after:", 15) == 0)
        atomic_store(&after_left, atol(last + 15));
    if (last && strncmp(last, "receiver.", 9) == 0)
        unsetenv("FAULTS_KILL"); /* it is not the plugin that kills */
}

int main(int argc, char **argv) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = argc > 1 ? argv[1] : NULL };
    struct sigaction stop = { .sa_handler = on_signal };
    const struct eb_signal *signal;
    struct eb_bus *bus;
    struct eb_error err;

    read_environment();
    if (eb_bus_open_file(&bus, NULL, &err) != EB_OK) {
        fprintf(stderr, "worker: %s\n", err.text);
        return 1;
    }
    signal = eb_signal_find(bus, LOGIN, &err);
    bool done = signal && eb_connect(bus, signal, "note", receive, NULL, &err) == EB_OK &&
                eb_consumer_open(&consumer, bus, &options, &err) == EB_OK;
    if (done) {
        sigaction(SIGTERM, &stop, NULL);
        done = eb_consumer_run(consumer, &err) == EB_OK;
    }
    if (!done)
        fprintf(stderr, "worker: %s\n", err.text);
    eb_consumer_close(consumer);
    eb_bus_close(bus, 0, NULL);
    return done ? 0 : 1;
}
