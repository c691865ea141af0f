/* cli/seek.c - eventbus seek: moves a consumer group to another place of a topic. */
#include "cli/verbs.h"

#include <stdlib.h>
#include "base/error.h"
#include "cli/bus.h"

struct ask {
    const char *topic, *group, *to, *broker;
};

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct ebi_admin *admin = NULL;
    struct eb_point point;
    char *topic = NULL;
    struct eb_bus *bus;
    struct eb_error err;
    int status = CLI_EXIT_DONE;

    if (!ask->topic || !ask->group || !ask->to)
        return cli_usage(call->name, "-t TOPIC, -g GROUP and --to PLACE are needed");
    if (ebi_point_read(ask->to, &point, &err) != EB_OK)
        return cli_usage(call->name, "--to: %s", err.text);
    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK)
        return cli_failed(&err);
    if (cli_bus_topic(bus, ask->topic, &topic, &err) != EB_OK ||
        cli_bus_admin(bus, ask->broker, &admin, &err) != EB_OK) {
        status = cli_failed(&err);
    } else if (ebi_admin_seek(admin, topic, ask->group, &point, &err) < EB_OK) {
        ebi_point_blame(&point, &err);
        status = cli_failed(&err);
    }
    ebi_admin_close(admin);
    eb_bus_close(bus, 0, NULL);
    free(topic);
    return status;
}

static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the topic"},
    {.name = "group", .letter = 'g', .type = CLI_TEXT, .offset = offsetof(struct ask, group), .value = "GROUP",
     .help = "the group; it is made if need be"},
    {.name = "to", .type = CLI_TEXT, .offset = offsetof(struct ask, to), .value = "PLACE",
     .help = "earliest, latest or end, a time (now, 15m, 2h, 7d, a date, ISO 8601) or a position, that event included"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};

const struct cli_verb cli_seek = {
    .name = "seek",
    .summary = "Moves a consumer group to another place of a topic",
    .usage = (const char *const[]){"-t TOPIC -g GROUP --to PLACE [--broker NAME]", NULL},
    .about = "The group goes on from there: events behind it come again, events before it are passed over.",
    .examples = (const char *const[]){"eventbus seek -t user-login -g crm --to -2h", NULL},
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
