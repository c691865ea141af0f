/* cli/consume.c - eventbus consume: a worker that prints events or runs a command or calls a web address with them. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/blank.h"
#include "base/error.h"
#include "cli/bus.h"
#include "cli/interrupt.h"
#include "cli/look.h"
#include "cli/notify.h"
#include "cli/print.h"
#include "config/replace.h"
#include "consume/task.h"
#include "receiver/command_check.h"

struct ask {
    const char *const *topics;
    const char *group, *name, *from, *exec, *webhook, *concurrency, *format, *broker;
    uint64_t count;
    bool exit_at_end;
};

/* ---- Printing as a receiver ---- */

struct printing {
    struct ebi_receiver receiver;
    struct cli_printer *printer;
};

static void run_printing(struct ebi_receiver *receiver, const struct eb_event *event, struct ebi_run *run) {
    struct printing *printing = (struct printing *)receiver;

    snprintf(run->receiver, sizeof run->receiver, "printing");
    run->status = cli_print_event(printing->printer, event, &run->error);
}

static void free_printing(struct ebi_receiver *receiver) {
    free(receiver);
}

static struct ebi_receiver *make_printing(const void *arg, struct ebi_cancel *cancel, struct eb_error *err) {
    struct printing *printing;

    (void)cancel;
    if (cli_print_watch((struct cli_printer *)arg, err) != EB_OK)
        return NULL;
    printing = malloc(sizeof *printing);
    if (!printing) {
        ebi_error_memory(err);
        return NULL;
    }
    *printing = (struct printing){ { run_printing, free_printing }, (struct cli_printer *)arg };
    return &printing->receiver;
}

/* ---- The worker ---- */

static void stop(void *consumer) {
    eb_consumer_stop(consumer);
}

/* Returns the exit status for the way in which the worker ended. */
static int exit_status(struct eb_consumer *consumer, enum eb_status status, const struct eb_error *err) {
    struct eb_consumer_counts counts = { .size = sizeof counts };
    int number = cli_signal_caught();

    eb_consumer_count(consumer, &counts);
    if (status != EB_OK && ebi_worker_drained_late(consumer) && number) {
        cli_tell("%s", err->text);
        return 128 + number;
    }
    if (status != EB_OK)
        return cli_failed(err) == CLI_EXIT_DATA ? CLI_EXIT_PARTLY : (int)cli_exit_of(err);
    return counts.dead_lettered && !number ? CLI_EXIT_PARTLY : CLI_EXIT_DONE;
}

static int work(struct eb_bus *bus, const struct ask *ask, const struct eb_consumer_options *options, int64_t concurrency,
                struct cli_printer *printer) {
    struct cli_notify notify;
    const struct ebi_worker_overrides overrides = {
        .exec = ask->exec,
        .webhook = ask->webhook,
        .concurrency = concurrency,
        .printing = { make_printing, printer },
        .observer = { cli_notify_state, &notify },
    };
    struct eb_consumer *consumer;
    struct eb_error err;
    enum eb_status status = ebi_bus_consumer(bus, options, &overrides, &consumer, &err);

    if (status == EB_GONE) {
        cli_tell("%s", err.text);
        return CLI_EXIT_DONE;
    }
    if (status != EB_OK)
        return cli_failed(&err);
    cli_notify_begin(&notify);
    printer->on_broken = stop;
    printer->arg = consumer;
    cli_catch_signals(stop, consumer);
    if (cli_signal_caught())
        eb_consumer_stop(consumer); /* the signal came while the worker was being opened */
    status = eb_consumer_run(consumer, &err);
    int answer = cli_print_end(printer, exit_status(consumer, status, &err));
    if (ebi_worker_drained_late(consumer))
        _exit(answer); /* a receiver may never return, so do not wait for it */
    cli_forget_signals();
    eb_consumer_close(consumer);
    return answer;
}

/* ---- Checks of the call ---- */

static bool only_looks(const struct cli_call *call, const struct ask *ask) {
    return ask->topics && !ask->group && call->n_operands == 0;
}

static int check_looking(const struct cli_call *call, const struct ask *ask) {
    static const char text[] = "without a group (-g) and a section's NAME events are only looked at; %s needs one";

    if (ask->exec || ask->webhook)
        return cli_usage(call->name, text, ask->exec ? "--exec" : "--webhook");
    if (ask->name || ask->concurrency)
        return cli_usage(call->name, text, ask->name ? "--name" : "--concurrency");
    return CLI_EXIT_DONE;
}

static int check_format(const struct cli_call *call, const struct ask *ask, struct cli_printer *printer) {
    if (ask->format && (ask->exec || ask->webhook))
        return cli_usage(call->name, "--format is for printing; %s prints nothing", ask->exec ? "--exec" : "--webhook");
    if (!ask->format || strcmp(ask->format, "cloudevents") == 0)
        printer->format = CLI_CLOUDEVENTS;
    else if (strcmp(ask->format, "pretty") == 0)
        printer->format = CLI_PRETTY;
    else
        return cli_usage(call->name, "--format: expected cloudevents or pretty, found \"%s\"", ask->format);
    return CLI_EXIT_DONE;
}

static int check(const struct cli_call *call, const struct ask *ask, struct cli_printer *printer, int64_t *concurrency) {
    struct ebi_consume_settings settings = { 0 };
    struct ebi_table table = ebi_consume_table(&settings);
    struct eb_error err;
    int status = only_looks(call, ask) ? check_looking(call, ask) : CLI_EXIT_DONE;

    if (call->n_operands > 1)
        return cli_usage(call->name,
                         "unexpected \"%s\": a word is the NAME of one [consume] section, each topic has a -t of its own",
                         call->operands[1]);
    if (ask->exec && ask->webhook)
        return cli_usage(call->name, "--exec and --webhook exclude each other");
    if (ask->exec && ebi_exec_is_empty(ask->exec))
        return cli_usage(call->name, "--exec is empty: nothing would be run; it needs a value: COMMAND");
    if (ask->concurrency && ebi_read_number(&table, "concurrency", ask->concurrency, concurrency, &err) != EB_OK)
        return cli_usage(call->name, "--concurrency: %s", err.text);
    return status == CLI_EXIT_DONE ? check_format(call, ask, printer) : status;
}

static enum eb_status not_this_worker(const struct ebi_config *config, const char *theirs, const char *section,
                                      struct eb_error *err) {
    if (ebi_config_is_override(config, "consume", theirs) && *section)
        return ebi_config_no_override(config, "consume", theirs, err);
    return ebi_error(
        err, EB_PERMANENT, EB_KIND_CONFIG,
        "-o consume.%s.KEY is for [consume %s], and this worker is of %s%s%s; name the section: eventbus consume %s", theirs,
        theirs, *section ? "[consume " : "no section", section, *section ? "]" : "", theirs);
}

/* Finds the worker's section, and refuses an -o for another section, which would have no effect. If nothing else names
 * a section, it is the one that -o makes. */
static enum eb_status choose_section(struct eb_bus *bus, const struct cli_call *call, struct eb_consumer_options *options,
                                     struct eb_error *err) {
    const char *section, *name = NULL;
    enum eb_status status = ebi_task_section(bus->config, options, &section, err);

    if (status != EB_OK && call->n_operands && options->topics)
        ebi_error_context(err, "a word is the NAME of a section, each topic has a -t of its own");
    if (status != EB_OK)
        return status;
    while ((name = ebi_config_next_override(bus->config, "consume", name))) {
        if (!*section && ebi_config_is_override(bus->config, "consume", name))
            section = name;
        if (strcmp(name, section) != 0)
            return not_this_worker(bus->config, name, section, err);
    }
    options->section = *section ? section : NULL;
    return EB_OK;
}

/* Returns whether the section has a command or a web address. */
static enum eb_status check_printing(struct eb_bus *bus, const struct ask *ask, const struct eb_consumer_options *options,
                                     struct eb_error *err) {
    struct ebi_task task;
    enum eb_status status;

    if (!ask->format || !bus->settings.consumers_enabled)
        return EB_OK;
    status = ebi_task_make(bus->config, &bus->settings, options, &task, err);
    if (status != EB_OK)
        return status;
    if (task.settings.exec || task.settings.webhook)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "--format is for printing; [consume %s] has %s, which prints nothing", task.section,
                           task.settings.exec ? "an exec" : "a webhook");
    ebi_task_free(&task);
    return status;
}

/* ---- The verb ---- */

static int look(struct eb_bus *bus, const struct ask *ask, struct cli_printer *printer) {
    const struct cli_look look = { ask->topics, ask->from, ask->broker, ask->count, ask->exit_at_end };
    const char *section = ebi_config_next_override(bus->config, "consume", NULL);
    struct eb_error err;

    if (!section)
        return cli_look(bus, &look, printer);
    ebi_error(&err, EB_PERMANENT, EB_KIND_CONFIG,
              "-o consume.%s.KEY is for a worker; without a group (-g) and a section's NAME events are only looked at",
              section);
    return cli_failed(&err);
}

/* Replaces ${file:PATH} and ${NAME} in --webhook, as the configuration does in its values. */
static enum eb_status expand_webhook(const struct eb_bus *bus, const char *webhook, struct ebi_bytes *url,
                                     struct eb_error *err) {
    bool secret = false;
    enum eb_status status = EB_OK;

    if (webhook)
        status = ebi_replace(webhook, ebi_config_state(bus->config), url, &secret, err);
    if (status == EB_OK && webhook && ebi_is_blank(url->data))
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is empty: its ${...} stand for nothing");
    if (status != EB_OK)
        ebi_error_context(err, "--webhook");
    return status;
}

static int look_or_work(struct eb_bus *bus, const struct cli_call *call, const struct ask *ask, int64_t concurrency,
                        struct cli_printer *printer) {
    struct eb_consumer_options options = {
        .size = sizeof options,
        .section = call->n_operands ? call->operands[0] : NULL,
        .topics = ask->topics,
        .group = ask->group,
        .consumer = ask->name,
        .broker = ask->broker,
        .from = ask->from,
        .count = ask->count,
        .exit_at_end = ask->exit_at_end,
    };
    struct ask expanded = *ask;
    struct ebi_bytes url = { 0 };
    struct eb_error err;
    int status;

    if (only_looks(call, ask))
        return look(bus, ask, printer);
    if (choose_section(bus, call, &options, &err) != EB_OK || check_printing(bus, ask, &options, &err) != EB_OK ||
        expand_webhook(bus, ask->webhook, &url, &err) != EB_OK) {
        status = cli_failed(&err);
    } else {
        expanded.webhook = url.data;
        status = work(bus, &expanded, &options, concurrency, printer);
    }
    ebi_bytes_free(&url);
    return status;
}

static int run(const struct cli_call *call) {
    struct cli_printer printer = { .lock = PTHREAD_MUTEX_INITIALIZER };
    const struct ask *ask = call->settings;
    int64_t concurrency = 0;
    struct eb_bus *bus;
    struct eb_error err;
    int status = check(call, ask, &printer, &concurrency);

    if (status != CLI_EXIT_DONE)
        return status;
    cli_catch_signals(NULL, NULL);
    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK)
        return cli_failed(&err);
    if (ebi_routes_load(bus->config, bus->signals, bus->settings.topic_prefix, &bus->routes, &err) != EB_OK)
        status = cli_failed(&err);
    else
        status = look_or_work(bus, call, ask, concurrency, &printer);
    eb_bus_close(bus, 0, NULL);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_LIST, .offset = offsetof(struct ask, topics), .value = "TOPIC",
     .help = "a topic, instead of the section's; may be given several times"},
    {.name = "group", .letter = 'g', .type = CLI_TEXT, .offset = offsetof(struct ask, group), .value = "GROUP",
     .help = "the consumer group; without one, events are only looked at"},
    {.name = "name", .type = CLI_TEXT, .offset = offsetof(struct ask, name), .value = "CONSUMER",
     .help = "this member's name in the group; {host}-{place}-{n} when left out, where place differs by machine, user and state "
             "folder"},
    {.name = "from", .type = CLI_TEXT, .offset = offsetof(struct ask, from), .value = "PLACE",
     .help = "where a new group starts: earliest (default), latest or end, a time (now, 15m, 2h, 7d, a date, ISO 8601) or a position"},
    {.name = "count", .letter = 'n', .type = CLI_COUNT, .offset = offsetof(struct ask, count), .value = "COUNT",
     .help = "end when so many events are settled"},
    {.name = "exit-at-end", .type = CLI_FLAG, .offset = offsetof(struct ask, exit_at_end),
     .help = "end when all that the topics held at the start is settled"},
    {.name = "exec", .type = CLI_TEXT, .offset = offsetof(struct ask, exec), .value = "COMMAND",
     .help = "run this by /bin/sh for each event, which it gets on standard input; exit status 65 gives the event up, "
             "others but 0 try again; a program that is missing counts no attempt. It inherits standard output and error only"},
    {.name = "webhook", .type = CLI_TEXT, .offset = offsetof(struct ask, webhook), .value = "URL",
     .help = "POST each event there as application/cloudevents+json; ${file:PATH} in it stands for what the file holds, such as a "
             "password, which the process list would show; status 2xx is success, 408, 425, 429 and 5xx try "
             "again, as does an address that cannot be reached; others give the event up"},
    {.name = "concurrency", .type = CLI_TEXT, .offset = offsetof(struct ask, concurrency), .value = "N",
     .help = "work on so many events at a time, one of a key; instead of the section's concurrency"},
    {.name = "format", .type = CLI_TEXT, .offset = offsetof(struct ask, format), .value = "FORMAT",
     .help = "how events are printed: cloudevents (default), one JSON a line; or pretty"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "receive by this [broker NAME] instead of the configured consumer"},
};
/* clang-format on */

const struct cli_verb cli_consume = {
    .name = "consume",
    .summary = "Receives events: prints them, or hands them to a command or a web address",
    .usage = (const char *const[]){ "[NAME] [OPTIONS]", "-t TOPIC [-t TOPIC]... -g GROUP [OPTIONS]",
                                    "-t TOPIC [-t TOPIC]... [--from PLACE]", NULL },
    .about = "Runs a worker until SIGTERM, SIGINT, SIGHUP or SIGQUIT tells it to stop. It drains first; a second "
             "signal, at least a second later, ends it at once. SIGUSR1, SIGUSR2 and the like are ignored, and "
             "so is SIGHUP under nohup. NAME is the name of a [consume NAME] section, which -t, -g, --exec, "
             "--webhook and --concurrency override. Without NAME, the worker uses the section whose topic and "
             "group are those of -t and -g, else a section that -o consume.X.KEY=VALUE makes, else the defaults. "
             "An -o for another section is refused.\n\n"
             "An event is acknowledged when the command or the web address has succeeded or, with printing, when "
             "the kernel has taken the line: printed events are safe in a file, but not in a pipe whose reader "
             "dies. A failed event is retried with growing waits, and then stored in the dead-letter topic.",
    .examples = (const char *const[]){ "eventbus consume -t user-login -g crm --exec './sync-user'",
                                       "eventbus consume -t user-login --from -15m --exit-at-end", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .operand = "SECTION",
    .max_operands = 1000,
    .run = run,
};
