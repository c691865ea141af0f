/* cli/produce.c - eventbus produce: sends events from the command line, a file or standard input. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "cli/bus.h"
#include "cli/lines.h"
#include "cli/interrupt.h"
#include "cli/receipt.h"
#include "cli/resend.h"
#include "json/members.h"
#include "signal/event.h"

struct ask {
    const char *signal, *topic, *key_field, *data, *file, *broker;
    uint64_t count;
    bool json, undelivered;
};

enum { CLOSE_AFTER_SIGNAL_MS = 5000 };

/* Ids of events that this run wrote into undelivered.jsonl: if that file is read through a pipe, they come again. */
enum { MOST_GIVEN_UP = 1000000 };
struct given_up {
    UT_hash_handle hh;
    char id[EBI_UUID_ROOM];
};

/* One run. The lock guards what the producer's thread changes too: the tally and standard output. */
struct run {
    const struct ask *ask;
    bool quiet;
    struct eb_bus *bus;
    const struct eb_signal *signal; /* --signal; NULL: each event names its type */
    pthread_mutex_t lock;
    struct cli_tally tally;
    struct given_up *given_up;
    bool connected;
};

static void note_failure(struct run *run, const struct eb_error *err) {
    pthread_mutex_lock(&run->lock);
    cli_tally_failed(&run->tally, err);
    pthread_mutex_unlock(&run->lock);
}

/* ---- What became of them ---- */

/* Lock held. Without memory or room an event may be sent once more. */
static void remember(struct run *run, const char *id) {
    struct given_up *there, *new;

    HASH_FIND_STR(run->given_up, id, there);
    if (there || HASH_COUNT(run->given_up) >= MOST_GIVEN_UP || !(new = calloc(1, sizeof *new)))
        return;
    snprintf(new->id, sizeof new->id, "%s", id);
    HASH_ADD_STR(run->given_up, id, new);
    if (!EBI_HASHED(new))
        free(new);
}

static bool was_given_up(struct run *run, const struct eb_event *event) {
    struct given_up *there;

    pthread_mutex_lock(&run->lock);
    HASH_FIND_STR(run->given_up, event->meta.id, there);
    pthread_mutex_unlock(&run->lock);
    return there != NULL;
}

static void forget_given_up(struct run *run) {
    struct given_up *one, *next;

    HASH_ITER(hh, run->given_up, one, next) {
        HASH_DEL(run->given_up, one);
        free(one);
    }
}

static void on_delivery(void *arg, const struct eb_receipt *receipt) {
    struct run *run = arg;

    pthread_mutex_lock(&run->lock);
    if (receipt->error) {
        cli_tally_told(&run->tally, receipt->error); /* the log printed its id and topic */
        remember(run, receipt->id);
    } else {
        run->tally.done++;
        if (run->ask->json)
            cli_print_receipt(receipt);
    }
    pthread_mutex_unlock(&run->lock);
}

/* ---- Sending ---- */

/* Waits once, before the first event, so that a broker that is away is reported now and not after delivery_timeout. */
static enum eb_status wait_for_broker(struct run *run, struct eb_error *err) {
    if (run->connected)
        return EB_OK;
    enum eb_status status = cli_bus_wait_for_producer(run->bus, err);
    run->connected = status == EB_OK;
    return status == EB_OK ? EB_OK : EB_FATAL;
}

static enum eb_status check_routes(const struct run *run, const struct eb_event *event, struct eb_error *err) {
    size_t n;

    ebi_routes_of(run->bus->routes, event->signal, &n);
    if (n > 0)
        return EB_OK;
    ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
              "event %s was not sent: no route for %s is enabled; enable one, or give --topic", event->meta.id,
              event->meta.type);
    return EB_EMPTY;
}

/* Keeps an event that is not sent in undelivered.jsonl and says so in *why. It does not keep an event if the call was
 * wrong: the caller corrects the call and gives the event again. */
static void keep(const struct run *run, const struct eb_event *event, const struct ebi_key *key, struct eb_error *why) {
    struct eb_error err;

    if (why->kind == EB_KIND_CONFIG || why->kind == EB_KIND_PLUGIN)
        return;
    if (ebi_producer_keep(run->bus->producer, event, run->ask->topic, key, &err) == EB_OK) {
        ebi_error_context(why, "event %s is not sent, and kept for `eventbus produce --undelivered`", event->meta.id);
        return;
    }
    ebi_error_context(&err, "event %s is not kept in undelivered.jsonl either", event->meta.id);
    cli_tell("%s", err.text);
}

static enum eb_status send_event(struct run *run, const struct eb_event *event, const struct ebi_address *address,
                                 struct eb_error *err) {
    const char *field = run->ask->key_field;
    const struct ebi_key key = { field ? field : address->key_field,
                                 field ? (struct eb_text){ 0 } : (struct eb_text){ address->key, address->key_len } };
    enum eb_status status = run->ask->topic ? EB_OK : check_routes(run, event, err);

    if (status == EB_OK)
        status = wait_for_broker(run, err);
    if (status == EB_EMPTY)
        return status;
    if (status == EB_OK && !run->ask->topic)
        return eb_send(event, NULL, err);
    if (status == EB_OK)
        status = ebi_produce(run->bus->producer, event, run->ask->topic, &key, NULL, NULL, err);
    if (status != EB_OK)
        keep(run, event, &key, err);
    return status;
}

/* ---- Reading ---- */

static enum eb_status find_specversion(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    (void)value, (void)len, (void)err;
    *(bool *)arg |= strcmp(name, "specversion") == 0;
    return EB_OK;
}

/* Makes an event of a line: a whole CloudEvent, or the data of --signal. */
static enum eb_status read_event(const struct run *run, const char *json, size_t len, struct eb_event **event,
                                 struct ebi_address *address, struct eb_error *err) {
    bool whole = false;
    enum eb_status status = ebi_json_members(json, len, find_specversion, &whole, err);

    *address = (struct ebi_address){ 0 };
    if (status != EB_OK)
        return status;
    if (whole)
        return ebi_event_from_cloudevent(run->bus->signals, run->signal, json, len, event, address, err);
    if (!run->signal)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "not a CloudEvent (it has no specversion); give --signal if this is bare data");
    status = eb_event_new(run->signal, event, err);
    if (status == EB_OK)
        status = eb_event_set_json(*event, json, len, err);
    if (status == EB_OK)
        status = ebi_data_complete((*event)->data, err);
    if (status != EB_OK) {
        eb_event_free(*event);
        *event = NULL;
    }
    return status;
}

static void note_unsent(struct run *run, enum eb_status status, struct eb_error *err) {
    pthread_mutex_lock(&run->lock);
    bool first = run->tally.failed == 0;
    cli_tally_failed(&run->tally, err);
    if (first && status == EB_EMPTY)
        run->tally.first = CLI_EXIT_PARTLY; /* no route: neither the call nor the event is wrong */
    pthread_mutex_unlock(&run->lock);
}

/* EB_FATAL: stop. */
static enum eb_status take_line(struct run *run, const struct cli_lines *lines, const char *json, size_t len) {
    struct eb_event *event = NULL;
    struct eb_error err;
    struct ebi_address address;
    enum eb_status status = read_event(run, json, len, &event, &address, &err);

    if (status == EB_OK && was_given_up(run, event))
        status = ebi_error(&err, EB_PERMANENT, EB_KIND_DATA,
                           "event %s was given up by this very run, and is in "
                           "undelivered.jsonl; eventbus produce --undelivered sends that file",
                           event->meta.id);
    else if (status == EB_OK)
        status = send_event(run, event, &address, &err);
    if (status != EB_OK) {
        if (lines && status != EB_FATAL)
            cli_lines_context(lines, &err);
        note_unsent(run, status, &err);
    }
    eb_event_free(event);
    ebi_address_free(&address);
    return status;
}

static void take_lines(struct run *run, const char *path) {
    struct cli_lines lines;
    struct eb_error err;
    const char *line;
    size_t len;
    enum eb_status status = cli_lines_open(&lines, path, &err);

    if (status != EB_OK) {
        note_failure(run, &err);
        return;
    }
    if (lines.file == stdin && isatty(STDIN_FILENO) && !run->quiet)
        cli_tell("reading events from this terminal, one JSON object a line; Ctrl-D ends, eventbus produce --help tells more");
    if (cli_lines_end_before_growth(&lines, run->bus->undelivered))
        cli_tell("%s is %s, to which this run adds what it cannot deliver: it is read as far as it reaches now; eventbus "
                 "produce --undelivered also takes out of it what is sent",
                 lines.name, run->bus->undelivered);
    while (status != EB_FATAL && status != EB_END && !cli_signal_caught()) {
        status = cli_lines_next(&lines, &line, &len, &err);
        if (status == EB_OK)
            status = take_line(run, &lines, line, len);
        else if (status != EB_END && !cli_signal_caught())
            note_failure(run, &err);
    }
    if (status != EB_END && cli_lines_has_more(&lines))
        cli_tell("%s: what follows line %" PRIu64 " was not read: it is neither sent nor in undelivered.jsonl", lines.name,
                 lines.number);
    cli_lines_close(&lines);
}

/* Sends --data -n times, each time with a new id and time. */
static void take_data(struct run *run) {
    size_t len = strlen(run->ask->data);
    uint64_t count = run->ask->count ? run->ask->count : 1;
    struct eb_event *event = NULL;
    uint64_t made = 0;
    struct eb_error err;
    struct ebi_address address;
    enum eb_status status = read_event(run, run->ask->data, len, &event, &address, &err);

    if (status != EB_OK) {
        ebi_error_context(&err, "--data");
        note_unsent(run, status, &err);
    }
    for (; status != EB_FATAL && event && made < count && !cli_signal_caught(); made++) {
        if (made > 0) {
            ebi_uuid_new(event->id);
            event->meta.time_us = ebi_now_us();
        }
        status = send_event(run, event, &address, &err);
        if (status != EB_OK)
            note_unsent(run, status, &err);
    }
    if (event && made < count)
        cli_tell("--data: %" PRIu64 " of %" PRIu64 " events were not made", count - made, count);
    eb_event_free(event);
    ebi_address_free(&address);
}

/* ---- The verb ---- */

static int check(const struct cli_call *call, const struct ask *ask) {
    bool dash = call->n_operands > 0;

    if (ask->undelivered && (ask->signal || ask->topic || ask->key_field || ask->data || ask->file || ask->count))
        return cli_usage(call->name, "--undelivered goes with --json and --broker only: each line says what it is and "
                                     "where it goes");
    if (ask->undelivered && dash && strcmp(call->operands[0], "-") == 0)
        return cli_usage(call->name, "--undelivered takes a file over, which standard input cannot be");
    if (ask->undelivered)
        return CLI_EXIT_DONE;
    if (dash && strcmp(call->operands[0], "-") != 0)
        return cli_usage(call->name, "unexpected \"%s\"; events come by --data, --file or - for standard input",
                         call->operands[0]);
    if ((ask->data != NULL) + (ask->file != NULL) + dash > 1)
        return cli_usage(call->name, "--data, --file and - exclude each other");
    if (ask->topic && ebi_topic_is_pattern(ask->topic))
        return cli_usage(call->name, "--topic: %s is a pattern; an event goes to one topic", ask->topic);
    if (ask->key_field && !ask->topic)
        return cli_usage(call->name, "--key-field goes with --topic; without it the routes decide");
    if (ask->count && !ask->data)
        return cli_usage(call->name, "-n repeats the event of --data");
    if (ask->data && !ask->signal && !strstr(ask->data, "specversion"))
        return cli_usage(call->name, "--data needs --signal, unless it is a whole CloudEvent");
    return CLI_EXIT_DONE;
}

static enum eb_status find_signal(struct run *run, struct eb_error *err) {
    return run->ask->signal ? cli_bus_signal(run->bus, run->ask->signal, &run->signal, err) : EB_OK;
}

/* Prints what became of the events. The undelivered ones were named one by one, so a single event needs no summary. */
static void print_summary(const struct run *run) {
    uint64_t done = run->tally.done, failed = run->tally.failed;

    if (run->quiet || (done == 0 && failed == 1))
        return;
    if (failed == 0)
        cli_tell("%" PRIu64 " event%s delivered", done, done == 1 ? "" : "s");
    else
        cli_tell("%" PRIu64 " event%s delivered, %" PRIu64 " not", done, done == 1 ? "" : "s", failed);
}

/* Waits for the events that the queue took, and returns the exit status. */
static int finish(struct run *run) {
    int number = cli_signal_caught();
    struct eb_error err;

    if (run->connected && !number)
        cli_bus_flush(run->bus, NULL);
    number = cli_signal_caught();
    enum eb_status status = eb_bus_close(run->bus, run->connected ? CLOSE_AFTER_SIGNAL_MS : 0, &err);
    print_summary(run);
    forget_given_up(run);
    if (status != EB_OK && (run->connected || status != EB_RETRIABLE)) /* events kept without a broker were reported */
        cli_tell("%s", err.text);
    if (number && status != EB_OK)
        return 128 + number;
    return cli_tally_exit(&run->tally);
}

static int run_produce(const struct cli_call *call) {
    struct run run = { .ask = call->settings, .quiet = call->loudness == CLI_QUIET, .lock = PTHREAD_MUTEX_INITIALIZER };
    struct eb_error err;
    int status = check(call, run.ask);

    if (status != CLI_EXIT_DONE)
        return status;
    if (cli_bus_open(call, run.ask->broker, true, &run.bus, &err) != EB_OK)
        return cli_failed(&err);
    if (run.ask->undelivered)
        return cli_resend(run.bus, call->n_operands ? call->operands[0] : NULL, run.ask->json, run.quiet);
    if (find_signal(&run, &err) != EB_OK) {
        eb_bus_close(run.bus, 0, NULL);
        return cli_failed(&err);
    }
    cli_catch_signals(NULL, NULL);
    eb_bus_on_delivery(run.bus, on_delivery, &run);
    cli_bus_wait_for_room(run.bus);
    if (run.ask->data)
        take_data(&run);
    else
        take_lines(&run, run.ask->file ? run.ask->file : "-");
    return finish(&run);
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "signal", .letter = 's', .type = CLI_TEXT, .offset = offsetof(struct ask, signal), .value = "TYPE",
     .help = "the event type; not needed for whole CloudEvents"},
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "send there; without it the routes decide"},
    {.name = "key-field", .letter = 'k', .type = CLI_TEXT, .offset = offsetof(struct ask, key_field), .value = "PATH",
     .help = "with --topic: the field that is the key, such as user.pii.username"},
    {.name = "data", .letter = 'd', .type = CLI_TEXT, .offset = offsetof(struct ask, data), .value = "JSON",
     .help = "one event"},
    {.name = "file", .letter = 'f', .type = CLI_TEXT, .offset = offsetof(struct ask, file), .value = "FILE",
     .help = "events, one JSON a line; - is standard input"},
    {.name = "count", .letter = 'n', .type = CLI_COUNT, .offset = offsetof(struct ask, count), .value = "COUNT",
     .help = "send the event of --data so many times, each with a new id"},
    {.name = "undelivered", .type = CLI_FLAG, .offset = offsetof(struct ask, undelivered),
     .help = "send what is in undelivered.jsonl again, each line to the topic that it names; what fails is kept there"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json),
     .help = "print a receipt for each delivered event: id, type, topic, position"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "send by this [broker NAME] instead of the configured producer"},
};
/* clang-format on */

/* clang-format off */
const struct cli_verb cli_produce = {
    .name = "produce",
    .summary = "Sends events",
    .usage = (const char *const[]){"--signal TYPE --data JSON [-n COUNT] [OPTIONS]", "[--signal TYPE] --file FILE [OPTIONS]",
                                   "[--signal TYPE] [-] [OPTIONS]", "--undelivered [FILE] [--json] [--broker NAME]", NULL},
    .about = "Reads events from --data, a file or standard input, one JSON object a line: the data of --signal, "
             "or whole CloudEvents, as eventbus consume and eventbus signals --sample print them. It keeps the "
             "id, time, source, sourcehost and sourcelib of a CloudEvent.\n\n"
             "It ends when every event is delivered or refused. It names a bad line and sends the others. Events "
             "that cannot be delivered are kept in undelivered.jsonl in the state folder. If the broker cannot "
             "be reached at the start, the first event is kept, and a message says that the rest was not read. "
             "After SIGTERM, SIGINT, SIGHUP or SIGQUIT it reads no more, delivers for 5 s at most, and keeps the "
             "rest.\n\n"
             "--undelivered sends the kept events again, or those in FILE. It takes the file over, while "
             "services go on with a new one. Each line goes to the topic that it names, with its key. A line "
             "that fails stays in the file, and the log has the reason; a line that is not a whole event (half a "
             "line, after a crash) goes into FILE.torn. If the run is killed, the next one goes on, and nothing "
             "is lost.",
    .examples = (const char *const[]){
        "eventbus produce --signal org.openedx.learning.auth.session.login.completed.v1 --topic user-login "
        "--key-field user.pii.username --data '{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"foobob\","
        "\"email\":\"bob@foo.example\",\"name\":\"Bob Foo\"}}}'",
        "eventbus consume -t user-login | eventbus produce --topic user-login-copy -",
        "eventbus produce --undelivered", NULL},
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .max_operands = 1,
    .run = run_produce,
};
/* clang-format on */
