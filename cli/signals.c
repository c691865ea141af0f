/* cli/signals.c - eventbus signals: lists the event types; shows a type's fields, its schema or a sample event. */
#include "cli/verbs.h"

#include <string.h>
#include "base/error.h"
#include "base/printable.h"
#include "cli/bus.h"
#include "schema/sample.h"
#include "signal/event.h"

struct ask {
    bool sample, schema, json;
};

/* The printing of a signal's fields. */
struct fields {
    struct ebi_bytes *line; /* --json: the collected fields; NULL: fields are printed at once */
    size_t n;
    bool no_memory;
};

static void take_field(void *arg, const char *path, const char *type, bool optional) {
    struct fields *fields = arg;

    if (!fields->line) {
        cli_outf("%-52s %s%s\n", path, type, optional ? ", optional" : "");
        return;
    }
    bool fine = ebi_bytes_add_text(fields->line, fields->n++ ? ",{\"path\":" : "{\"path\":") &&
                ebi_bytes_add_json_string(fields->line, path, strlen(path)) && ebi_bytes_add_text(fields->line, ",\"type\":") &&
                ebi_bytes_add_json_string(fields->line, type, strlen(type)) &&
                ebi_bytes_add_format(fields->line, ",\"optional\":%s}", optional ? "true" : "false");
    fields->no_memory |= !fine;
}

/* {"type":...,"fields":[{"path","type","optional"},...]} */
static enum eb_status print_as_json(const struct eb_signal *signal, struct ebi_bytes *line, struct eb_error *err) {
    struct fields fields = { .line = line };
    const char *type = eb_signal_type(signal);

    bool fine = ebi_bytes_add_text(line, "{\"type\":") && ebi_bytes_add_json_string(line, type, strlen(type)) &&
                ebi_bytes_add_text(line, ",\"fields\":[");
    ebi_schema_fields(signal->schema, take_field, &fields);
    if (!fine || fields.no_memory || !ebi_bytes_add_text(line, "]}"))
        return ebi_error_memory(err);
    return EB_OK;
}

/* Prints a complete event with plausible data, a new id and the current time. */
static enum eb_status print_sample(const struct eb_signal *signal, struct ebi_bytes *line, struct eb_error *err) {
    struct eb_event *event;
    enum eb_status status = eb_event_new(signal, &event, err);

    if (status != EB_OK)
        return status;
    status = ebi_data_sample(event->data, err);
    if (status == EB_OK)
        status = ebi_event_to_cloudevent(event, line, err);
    eb_event_free(event);
    return status;
}

/* Shows what was asked about one signal. */
static enum eb_status print_signal(const struct ask *ask, const struct eb_signal *signal, bool alone, struct eb_error *err) {
    struct ebi_bytes line = { 0 };
    enum eb_status status = EB_OK;

    if (ask->sample)
        status = print_sample(signal, &line, err);
    else if (ask->schema)
        status = ebi_bytes_add_text(&line, eb_signal_schema(signal)) ? EB_OK : ebi_error_memory(err);
    else if (ask->json)
        status = print_as_json(signal, &line, err);
    else if (alone)
        ebi_schema_fields(signal->schema, take_field, &(struct fields){ 0 });
    else
        cli_outf("%s\n", eb_signal_type(signal));
    if (status == EB_OK && line.len > 0 && !ebi_printable_json(&line, 0))
        status = ebi_error_memory(err);
    if (status == EB_OK && line.len > 0)
        cli_out_line(line.data, line.len);
    ebi_bytes_free(&line);
    return status;
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct eb_bus *bus = NULL;
    const struct eb_signal *one = NULL;
    struct eb_error err;
    int status = CLI_EXIT_DONE;

    if (ask->sample && ask->schema)
        return cli_usage(call->name, "--sample and --schema exclude each other");
    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK ||
        (call->n_operands && cli_bus_signal(bus, call->operands[0], &one, &err) != EB_OK)) {
        status = cli_failed(&err);
        goto done;
    }
    for (size_t i = 0; i < bus->signals->n && status == CLI_EXIT_DONE; i++)
        if ((!one || one == &bus->signals->items[i]) && print_signal(ask, &bus->signals->items[i], one != NULL, &err) != EB_OK)
            status = cli_failed(&err);
done:
    eb_bus_close(bus, 0, NULL);
    return status;
}

static const struct cli_option options[] = {
    { .name = "sample",
      .type = CLI_FLAG,
      .offset = offsetof(struct ask, sample),
      .help = "a valid event with a new id, ready for eventbus produce" },
    { .name = "schema", .type = CLI_FLAG, .offset = offsetof(struct ask, schema), .help = "the Avro schema" },
    { .name = "json",
      .type = CLI_FLAG,
      .offset = offsetof(struct ask, json),
      .help = "one JSON object a type, with its fields; samples and schemas are JSON anyway" },
};

const struct cli_verb cli_signals = {
    .name = "signals",
    .summary = "Lists the event types, the fields of one, or makes a valid sample event",
    .usage = (const char *const[]){ "[TYPE] [--sample | --schema] [--json]", NULL },
    .about = "An event type is the namespace of a schema file, *.avsc, in the folders of schema_path or among "
             "the installed Open edX schemas. Without TYPE, all types are listed, or with --sample an event of "
             "each.",
    .examples =
        (const char *const[]){
            "eventbus signals org.openedx.learning.auth.session.login.completed.v1",
            "eventbus signals org.openedx.learning.auth.session.login.completed.v1 --sample | eventbus produce "
            "--topic user-login -",
            NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .operand = "TYPE",
    .max_operands = 1,
    .run = run,
};
