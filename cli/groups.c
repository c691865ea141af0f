/* cli/groups.c - eventbus groups: positions and lag of the consumer groups. */
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "cli/bus.h"
#include "cli/grid.h"
#include "cli/json_line.h"
#include "plugin/message.h"

struct ask {
    const char *topic, *group, *broker;
    bool json, wide;
};

struct listing {
    const struct ask *ask;
    const char *pattern; /* pattern of full names; NULL: ask->topic is a name, or NULL */
    const char *prefix;
    struct cli_grid *grid;
    bool found, no_memory;
};

/* Partitions are numbers; a broker without partitions has partition 0 only. */
static bool add_partition(struct ebi_bytes *line, const char *partition) {
    if (!partition || !*partition)
        return cli_json_number(line, "partition", 0);
    if (strspn(partition, "0123456789") == strlen(partition) && strlen(partition) < 16 &&
        (partition[0] != '0' || !partition[1]))
        return cli_json_number(line, "partition", strtoll(partition, NULL, 10));
    return cli_json_text(line, "partition", partition);
}

static void print_json(struct listing *listing, const char *topic, const struct eb_group_info *info) {
    struct ebi_bytes line = { 0 };

    bool made = cli_json_open(&line) && cli_json_text(&line, "topic", topic) && cli_json_text(&line, "group", info->group) &&
                add_partition(&line, info->partition) && cli_json_text(&line, "position", info->position) &&
                cli_json_text(&line, "end", info->end) && cli_json_number(&line, "lag", info->lag) &&
                cli_json_number(&line, "unsettled", info->unsettled) && cli_json_number(&line, "members", info->members) &&
                (!info->state || cli_json_text(&line, "state", info->state));
    if (!cli_json_close(&line, made))
        listing->no_memory = true;
}

static const struct cli_column columns[] = {
    { .title = "TOPIC", .cut = true },
    { .title = "GROUP", .cut = true },
    { .title = "PARTITION", .short_title = "PART", .right = true, .cut = true },
    { .title = "POSITION", .right = true, .cut = true, .drop = 4 },
    { .title = "END", .right = true, .cut = true, .drop = 1 },
    { .title = "LAG", .right = true },
    { .title = "UNSETTLED", .short_title = "UNSET", .right = true, .drop = 3 },
    { .title = "MEMBERS", .short_title = "MEMB", .right = true, .drop = 5 },
    { .title = "STATE", .drop = 1 },
};

static const char *or_dash(const char *text) {
    return text && *text ? text : "-";
}

static void add_row(struct listing *listing, const char *topic, const struct eb_group_info *info) {
    char lag[24], unsettled[24], members[24];

    cli_grid_row(listing->grid, (struct cli_cell[]){ { .text = topic },
                                                     { .text = or_dash(info->group) },
                                                     { .text = or_dash(info->partition) },
                                                     { .text = or_dash(info->position) },
                                                     { .text = or_dash(info->end) },
                                                     { .text = cli_number(info->lag, lag) },
                                                     { .text = cli_number(info->unsettled, unsettled) },
                                                     { .text = cli_number(info->members, members) },
                                                     { .text = or_dash(info->state) } });
}

static int32_t each(void *arg, const struct eb_group_info *theirs) {
    struct listing *listing = arg;
    struct eb_group_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (!ebi_topic_has_prefix(listing->prefix, info.topic))
        return 0;
    if (listing->pattern && !ebi_topic_matches(listing->pattern, (struct eb_text){ info.topic, strlen(info.topic) }))
        return 0;
    const char *topic = ebi_short_topic(listing->prefix, info.topic);
    if (listing->ask->json)
        print_json(listing, topic, &info);
    else
        add_row(listing, topic, &info);
    listing->found = true;
    return !cli_out_event();
}

static int32_t stop(void *arg, const struct eb_message *message) {
    (void)arg, (void)message;
    return 1;
}

/* Returns false if it does not exist or cannot be seen. */
static bool is_absent(struct ebi_admin *admin, const char *topic) {
    static const struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };

    return ebi_admin_browse(admin, topic, &latest, stop, NULL, NULL) == EB_END;
}

/* An empty result is fine if everything was asked for; for a name it may be a typing error. */
static void tell_none(const struct ask *ask, struct ebi_admin *admin, const char *topic) {
    bool pattern = topic && ebi_topic_is_pattern(topic);

    if (pattern && ask->group)
        cli_tell("no topic that matches %s has a group %s", ask->topic, ask->group);
    else if (pattern)
        cli_tell("no topic that matches %s has a group", ask->topic);
    else if (topic && is_absent(admin, topic))
        cli_tell("topic %s does not exist", ask->topic);
    else if (topic && ask->group)
        cli_tell("topic %s has no group %s", ask->topic, ask->group);
    else if (topic)
        cli_tell("topic %s has no groups", ask->topic);
    else if (ask->group)
        cli_tell("no topic has a group %s", ask->group);
}

/* A plugin reports at the end what it could not list; then only some groups were shown. */
static int list(struct listing *listing, struct ebi_admin *admin, const char *topic) {
    struct cli_tally tally = { 0 };
    struct eb_error err;

    enum eb_status status = EB_OK;
    const char *name = listing->pattern ? NULL : topic;

    listing->grid = cli_grid_new(columns, sizeof columns / sizeof columns[0], listing->ask->wide);
    status = listing->grid ? ebi_admin_groups(admin, name, listing->ask->group, each, listing, &err) : ebi_error_memory(&err);
    if ((!cli_grid_end(listing->grid) || listing->no_memory) && status >= EB_OK)
        status = ebi_error_memory(&err);
    if (status < EB_OK)
        cli_tally_failed(&tally, &err);
    else if (!listing->found)
        tell_none(listing->ask, admin, topic);
    tally.done = listing->found;
    return cli_tally_exit(&tally);
}

static int run(const struct cli_call *call) {
    struct listing listing = { .ask = call->settings };
    struct ebi_admin *admin = NULL;
    char *topic = NULL;
    struct eb_bus *bus;
    struct eb_error err;
    int status = CLI_EXIT_DONE;

    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK)
        return cli_failed(&err);
    listing.prefix = bus->settings.topic_prefix;
    if ((listing.ask->topic && cli_bus_topic(bus, listing.ask->topic, &topic, &err) != EB_OK) ||
        cli_bus_admin(bus, listing.ask->broker, &admin, &err) != EB_OK)
        status = cli_failed(&err);
    else {
        listing.pattern = topic && ebi_topic_is_pattern(topic) ? topic : NULL;
        status = list(&listing, admin, topic);
    }
    ebi_admin_close(admin);
    eb_bus_close(bus, 0, NULL);
    free(topic);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the groups of this topic only, or of the topics that match, as in 'log-*'"},
    {.name = "group", .letter = 'g', .type = CLI_TEXT, .offset = offsetof(struct ask, group), .value = "GROUP",
     .help = "this group only"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json),
     .help = "one JSON object a topic, group and partition"},
    {.name = "wide", .type = CLI_FLAG, .offset = offsetof(struct ask, wide),
     .help = "everything whole, however wide the terminal is"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_groups = {
    .name = "groups",
    .summary = "Shows how far the consumer groups are: position, lag, members; removes groups",
    .usage = (const char *const[]){ "[-t TOPIC] [-g GROUP] [--wide|--json] [--broker NAME]", NULL },
    .about = "LAG is the number of events that a group has not settled yet; UNSETTLED is the part of them that "
             "is in flight at members. A value that the broker does not know is -, in JSON null. STATE is the "
             "broker's own word for the group, if it has one.\n\n"
             "The table fits the terminal, or 80 columns without one. If it is too wide, it leaves out END and "
             "STATE and cuts the middle of long names. --wide shows everything.",
    .examples = (const char *const[]){ "eventbus groups -g credentials --json | jq .lag", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
    .parts = (const struct cli_verb *const[]){ &cli_groups_delete, NULL },
};
