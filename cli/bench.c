/* cli/bench.c - eventbus bench: measures the events per second that go to a broker and back through the whole bus. */
#include "cli/verbs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"
#include "cli/bus.h"
#include "cli/interrupt.h"
#include "schema/sample.h"
#include "signal/event.h"

struct ask {
    const char *signal, *broker;
    uint64_t count;
    bool json;
};

enum { EVENTS = 10000, KEYS = 1000, LAST_EVENTS_MS = 10000 };

static const char login[] = "org.openedx.learning.auth.session.login.completed.v1";
static const char section[] = "eventbus-bench"; /* section and group of the worker */

/* One run. The lock guards what the producer's thread changes too. */
struct run {
    const struct ask *ask;
    struct eb_bus *bus;
    const struct eb_signal *signal;
    char topic[sizeof section + EBI_UUID_ROOM];
    pthread_mutex_t lock;
    struct cli_tally tally;    /* counts deliveries */
    int64_t first_us, last_us; /* of the step that runs */
    atomic_ullong received;
    struct eb_consumer *_Atomic worker; /* NULL: no worker runs */
};

/* ---- One measured step ---- */

struct step {
    const char *name;
    uint64_t events;
    int64_t us;
    double cpu_seconds;
    uint64_t max_rss;
    int64_t wait_us; /* consume: time until the first event; else -1 */
};

static double cpu_seconds(void) {
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* Resets the peak memory of the process. If Linux does not allow that, a step includes the peak of earlier steps. */
static void forget_max_rss(void) {
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1)
        cli_tell("max_rss_bytes is of the whole run: /proc/self/clear_refs cannot be written");
    close(fd);
}

static struct step begin_step(const char *name) {
    forget_max_rss();
    return (struct step){ .name = name, .cpu_seconds = cpu_seconds(), .wait_us = -1 };
}

static void end_step(const struct run *run, struct step *step) {
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    step->us = run->last_us > run->first_us ? run->last_us - run->first_us : 1;
    step->cpu_seconds = cpu_seconds() - step->cpu_seconds;
    step->max_rss = (uint64_t)used.ru_maxrss * 1024;
}

static void print_step(const struct run *run, const struct step *step) {
    double seconds = (double)step->us / 1e6, rate = (double)step->events / seconds;

    if (!run->ask->json) {
        cli_outf("%-8s %" PRIu64 " events in %.3f s: %.0f a second, %.3f s of CPU, %.1f MiB\n", step->name, step->events,
                 seconds, rate, step->cpu_seconds, (double)step->max_rss / (1 << 20));
        return;
    }
    cli_outf("{\"step\":\"%s\",\"events\":%" PRIu64 ",\"seconds\":%.6f,\"events_per_second\":%.1f,"
             "\"cpu_seconds\":%.6f,\"max_rss_bytes\":%" PRIu64 ",\"signal\":\"%s\"",
             step->name, step->events, seconds, rate, step->cpu_seconds, step->max_rss, eb_signal_type(run->signal));
    if (step->wait_us >= 0)
        cli_outf(",\"first_event_seconds\":%.6f", (double)step->wait_us / 1e6);
    cli_out_line("}", 1);
}

/* ---- Produce ---- */

static void on_delivery(void *arg, const struct eb_receipt *receipt) {
    struct run *run = arg;
    int64_t now = ebi_ticks_us();

    pthread_mutex_lock(&run->lock);
    if (!receipt->error) {
        run->tally.done++;
        run->last_us = now;
    } else if (run->tally.failed++ == 0) { /* print the first: all fail for the same reason */
        struct eb_error why = *receipt->error;

        ebi_error_context(&why, "event %s", receipt->id);
        why.kind = why.kind == EB_KIND_NONE ? EB_KIND_BROKER : why.kind;
        run->tally.first = (enum cli_exit)cli_failed(&why);
    }
    pthread_mutex_unlock(&run->lock);
}

/* Events as a service sends them: each has its own id and time and one of a thousand keys. */
static enum eb_status send_all(struct run *run, struct eb_event *event, struct eb_error *err) {
    enum eb_status status = EB_OK;
    char text[32];

    for (uint64_t i = 0; i < run->ask->count && status == EB_OK && !cli_signal_caught(); i++) {
        int len = snprintf(text, sizeof text, "key-%" PRIu64, i % KEYS);
        const struct ebi_key key = { .text = { text, (size_t)len } };

        ebi_uuid_new(event->id);
        event->meta.time_us = ebi_now_us();
        status = ebi_produce(run->bus->producer, event, run->topic, &key, NULL, NULL, err);
    }
    return status;
}

static enum eb_status produce(struct run *run, struct step *step, struct eb_error *err) {
    struct eb_event *event = NULL;
    enum eb_status status = cli_bus_wait_for_producer(run->bus,
                                                      err); /* so that it is reported now, not after delivery_timeout */

    if (status == EB_OK)
        status = eb_event_new(run->signal, &event, err);
    if (status == EB_OK)
        status = ebi_data_sample(event->data, err);
    *step = begin_step("produce");
    run->first_us = ebi_ticks_us();
    if (status == EB_OK)
        status = send_all(run, event, err);
    if (status == EB_OK)
        status = cli_bus_flush(run->bus, err);
    end_step(run, step);
    pthread_mutex_lock(&run->lock);
    step->events = run->tally.done;
    pthread_mutex_unlock(&run->lock);
    eb_event_free(event);
    return status;
}

/* ---- Consume ---- */

struct counting {
    struct ebi_receiver receiver;
    struct run *run;
};

static void run_counting(struct ebi_receiver *receiver, const struct eb_event *event, struct ebi_run *ran) {
    struct run *run = ((struct counting *)receiver)->run;

    (void)event;
    if (atomic_fetch_add(&run->received, 1) == 0)
        run->first_us = ebi_ticks_us();
    ran->status = EB_OK;
}

static void free_counting(struct ebi_receiver *receiver) {
    free(receiver);
}

static struct ebi_receiver *make_counting(const void *arg, struct ebi_cancel *cancel, struct eb_error *err) {
    struct counting *counting = malloc(sizeof *counting);

    (void)cancel;
    if (!counting) {
        ebi_error_memory(err);
        return NULL;
    }
    *counting = (struct counting){ { run_counting, free_counting }, (struct run *)arg };
    return &counting->receiver;
}

static void stop(void *arg) {
    struct run *run = arg;
    struct eb_consumer *worker = atomic_load(&run->worker);

    if (worker)
        eb_consumer_stop(worker);
}

/* Reads all produced events; it also ends if events are missing. */
static enum eb_status consume(struct run *run, struct step *step, struct eb_error *err) {
    const char *topics[] = { run->topic, NULL }, *broker = ebi_bus_broker_name(run->bus, run->bus->settings.producer);
    const struct eb_consumer_options options = {
        .size = sizeof options,
        .section = section,
        .topics = topics,
        .group = section,
        .broker = broker && *broker ? broker : NULL, /* without a [broker], both directions use the embedded one */
        .count = run->tally.done,
        .exit_at_end = 1,
    };
    const struct ebi_worker_overrides overrides = { .printing = { make_counting, run } };
    struct eb_consumer_counts counts = { .size = sizeof counts };
    struct eb_consumer *worker;
    enum eb_status status = ebi_bus_consumer(run->bus, &options, &overrides, &worker, err);

    if (status != EB_OK)
        return status;
    atomic_store(&run->worker, worker);
    *step = begin_step("consume");
    int64_t start = run->first_us = ebi_ticks_us();
    status = cli_signal_caught() ? EB_OK : eb_consumer_run(worker, err);
    run->last_us = ebi_ticks_us();
    step->wait_us = run->first_us - start;
    end_step(run, step);
    atomic_store(&run->worker, NULL);
    eb_consumer_count(worker, &counts);
    step->events = counts.succeeded;
    eb_consumer_close(worker);
    return status;
}

/* ---- The run ---- */

/* The worker stops at a failure, so that no dead letters stay; group and topic belong to this run. */
static const char *const own_overrides[] = {
    "eventbus.audit_delivered=no",
    "eventbus.audit_received=no",
    "eventbus.audit_processed=no",
    "eventbus.consumers_enabled=yes",
    "consume.eventbus-bench.topic=eventbus-bench",
    "consume.eventbus-bench.on_failure=stop",
    "consume.eventbus-bench.on_unknown=skip",
};
enum { OWN_OVERRIDES = sizeof own_overrides / sizeof *own_overrides };

static enum eb_status open_bus(const struct cli_call *call, struct run *run, struct eb_error *err) {
    struct cli_call own = *call;
    const char **overrides;
    size_t n = 0;

    while (call->overrides && call->overrides[n])
        n++;
    overrides = calloc(n + OWN_OVERRIDES + 1, sizeof *overrides);
    if (!overrides)
        return ebi_error_memory(err);
    memcpy(overrides, own_overrides, sizeof own_overrides);
    for (size_t i = 0; i < n; i++)
        overrides[OWN_OVERRIDES + i] = call->overrides[i];
    own.overrides = overrides;
    enum eb_status status = cli_bus_open(&own, run->ask->broker, true, &run->bus, err);
    free(overrides);
    if (status == EB_OK)
        status = cli_bus_signal(run->bus, run->ask->signal, &run->signal, err);
    return status;
}

/* If the broker cannot remove the topic, its name is printed. After a signal events may still wait: those that came later
 * would make the topic anew. */
static void remove_topic(struct run *run) {
    struct ebi_admin *admin = NULL;
    struct eb_error err;
    char *full = NULL;
    enum eb_status status = eb_bus_flush(run->bus, LAST_EVENTS_MS, &err);

    if (!run->tally.done)
        return;
    if (status == EB_OK)
        status = cli_bus_admin(run->bus, ebi_bus_broker_name(run->bus, run->bus->settings.producer), &admin, &err);
    if (status == EB_OK)
        status = cli_bus_topic(run->bus, run->topic, &full, &err);
    if (status == EB_OK)
        status = ebi_admin_remove(admin, full, NULL, &err);
    if (status < 0)
        cli_tell("topic %s is left behind: %s", run->topic, err.text);
    ebi_admin_close(admin);
    free(full);
}

static int step_exit(struct run *run, const struct step *step, enum eb_status status, const struct eb_error *err) {
    int number = cli_signal_caught();

    if (number)
        return 128 + number;
    if (status != EB_OK)
        return cli_failed(err);
    if (run->tally.failed) {
        cli_tell("%" PRIu64 " of %" PRIu64 " events were not delivered", run->tally.failed, run->ask->count);
        return cli_tally_exit(&run->tally);
    }
    if (step->events == run->tally.done)
        return CLI_EXIT_DONE;
    cli_tell("%" PRIu64 " of %" PRIu64 " events came back", step->events, run->tally.done);
    return CLI_EXIT_PARTLY;
}

/* produce always runs before consume, which has nothing to read otherwise. */
static int run_steps(struct run *run, bool shows_produce, bool consumes) {
    struct step step = { 0 };
    struct eb_error err;
    enum eb_status status = produce(run, &step, &err);
    int answer = step_exit(run, &step, status, &err);

    if (answer == CLI_EXIT_DONE && shows_produce)
        print_step(run, &step);
    if (answer == CLI_EXIT_DONE && consumes) {
        status = consume(run, &step, &err);
        answer = step_exit(run, &step, status, &err);
        if (answer == CLI_EXIT_DONE)
            print_step(run, &step);
    }
    remove_topic(run);
    return answer;
}

static int run_bench(const struct cli_call *call) {
    struct ask ask = *(const struct ask *)call->settings;
    struct run run = { .ask = &ask, .lock = PTHREAD_MUTEX_INITIALIZER };
    const char *what = call->n_operands ? call->operands[0] : "both";
    bool produces = strcmp(what, "consume") != 0, consumes = strcmp(what, "produce") != 0;
    char id[EBI_UUID_ROOM];
    struct eb_error err;

    if (produces && consumes && strcmp(what, "both") != 0)
        return cli_usage(call->name, "expected produce, consume or both, found \"%s\"", what);
    if (!ask.count)
        ask.count = EVENTS;
    if (!ask.signal)
        ask.signal = login;
    ebi_uuid_new(id);
    snprintf(run.topic, sizeof run.topic, "%s-%s", section, id);
    int status = open_bus(call, &run, &err) == EB_OK ? CLI_EXIT_DONE : cli_failed(&err);
    if (status == CLI_EXIT_DONE) {
        cli_catch_signals(stop, &run);
        eb_bus_on_delivery(run.bus, on_delivery, &run);
        cli_bus_wait_for_room(run.bus);
        status = run_steps(&run, produces, consumes);
        cli_forget_signals();
    }
    if (eb_bus_close(run.bus, 0, &err) != EB_OK)
        cli_tell("%s", err.text);
    return status;
}

static const struct cli_option options[] = {
    { .name = "count",
      .letter = 'n',
      .type = CLI_COUNT,
      .offset = offsetof(struct ask, count),
      .value = "COUNT",
      .help = "so many events; 10000 when left out" },
    { .name = "signal",
      .letter = 's',
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, signal),
      .value = "TYPE",
      .help = "the event type, of which samples are sent; logins when left out" },
    { .name = "broker",
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, broker),
      .value = "NAME",
      .help = "measure this [broker NAME] instead of the configured producer" },
    { .name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "print one JSON object a step" },
};

const struct cli_verb cli_bench = {
    .name = "bench",
    .summary = "Measures how many events a second a broker takes and gives back",
    .usage = (const char *const[]){ "[produce|consume|both] [--count COUNT] [OPTIONS]", NULL },
    .about = "Events take the whole way: they are encoded, queued, sent and confirmed; then received, decoded, "
             "given to a receiver that does nothing, and acknowledged. The time of produce is that from the "
             "first send to the last confirmed delivery; the time of consume is that from the first received "
             "event to the last confirmed acknowledgement (first_event_seconds is the time until the first "
             "event). max_rss_bytes is the peak memory of this process, cpu_seconds the CPU time of all its "
             "threads.\n\n"
             "The topic, eventbus-bench-UUID, is removed afterwards if the broker can do that. Each event has "
             "one of 1000 keys. There are no audit lines.",
    .examples = (const char *const[]){ "eventbus bench both --count 100000 --json", "eventbus bench produce --broker main",
                                       NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .operand = "produce|consume|both",
    .max_operands = 1,
    .run = run_bench,
};
