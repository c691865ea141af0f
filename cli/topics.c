/* cli/topics.c - eventbus topics: lists the topics of a broker. Its subcommands are in topic_*.c. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/error.h"
#include "cli/bus.h"
#include "cli/grid.h"
#include "cli/json_line.h"
#include "plugin/message.h"

struct ask {
    const char *broker;
    bool json, wide;
};

struct listing {
    const struct ask *ask;
    const char *prefix;
    struct cli_grid *grid;
    uint64_t shown;
    bool no_memory;
};

static bool add_time(struct ebi_bytes *line, const char *name, int64_t ms) {
    char time[EBI_ISO_ROOM];

    if (ms >= 0)
        ebi_iso_print_micros(ms * 1000, time);
    return cli_json_text(line, name, ms >= 0 ? time : NULL);
}

static void print_json(struct listing *listing, const char *topic, const struct eb_topic_info *info) {
    struct ebi_bytes line = { 0 };

    bool made = cli_json_open(&line) && cli_json_text(&line, "topic", topic) &&
                cli_json_number(&line, "partitions", info->partitions) && cli_json_number(&line, "events", info->messages) &&
                cli_json_number(&line, "bytes", info->bytes) && add_time(&line, "oldest", info->oldest_ms) &&
                add_time(&line, "newest", info->newest_ms);
    if (!cli_json_close(&line, made))
        listing->no_memory = true;
}

static const struct cli_column columns[] = {
    { .title = "TOPIC", .cut = true },    { .title = "PARTITIONS", .short_title = "PART", .right = true, .drop = 3 },
    { .title = "EVENTS", .right = true }, { .title = "OLDEST", .drop = 2 },
    { .title = "NEWEST", .drop = 4 },
};

static void add_row(struct listing *listing, const char *topic, const struct eb_topic_info *info) {
    char oldest[EBI_ISO_ROOM] = "-", newest[EBI_ISO_ROOM] = "-", partitions[24], events[24], old[24], new[24];
    int64_t now = ebi_now_us() / 1000;

    if (info->oldest_ms >= 0)
        ebi_iso_print_micros(info->oldest_ms * 1000, oldest);
    if (info->newest_ms >= 0)
        ebi_iso_print_micros(info->newest_ms * 1000, newest);
    cli_grid_row(listing->grid, (struct cli_cell[]){ { .text = topic },
                                                     { .text = cli_number(info->partitions, partitions) },
                                                     { .text = cli_number(info->messages, events) },
                                                     { .text = oldest, .brief = cli_ago(info->oldest_ms, now, old) },
                                                     { .text = newest, .brief = cli_ago(info->newest_ms, now, new) } });
}

static int32_t each(void *arg, const struct eb_topic_info *theirs) {
    struct listing *listing = arg;
    struct eb_topic_info info = { 0 };

    ebi_sized_copy(&info, sizeof info, theirs);
    if (!ebi_topic_has_prefix(listing->prefix, info.name))
        return 0;
    const char *topic = ebi_short_topic(listing->prefix, info.name);
    if (listing->ask->json)
        print_json(listing, topic, &info);
    else
        add_row(listing, topic, &info);
    listing->shown++;
    return !cli_out_event();
}

static int run(const struct cli_call *call) {
    struct listing listing = { .ask = call->settings };
    struct ebi_admin *admin = NULL;
    struct eb_bus *bus;
    struct eb_error err;
    struct cli_tally tally = { 0 };
    int status = CLI_EXIT_DONE;

    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK)
        return cli_failed(&err);
    listing.prefix = bus->settings.topic_prefix;
    listing.grid = cli_grid_new(columns, sizeof columns / sizeof columns[0], listing.ask->wide);
    if (!listing.grid)
        status = ebi_error_memory(&err);
    else if (cli_bus_admin(bus, listing.ask->broker, &admin, &err) != EB_OK)
        status = EB_FATAL;
    else
        status = ebi_admin_topics(admin, each, &listing, &err);
    if ((!cli_grid_end(listing.grid) || listing.no_memory) && status >= EB_OK)
        status = ebi_error_memory(&err);
    if (status < EB_OK) /* a broker reports at the end what it could not list; then only some were shown */
        cli_tally_failed(&tally, &err);
    tally.done = listing.shown;
    status = cli_tally_exit(&tally);
    ebi_admin_close(admin);
    eb_bus_close(bus, 0, NULL);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object a topic"},
    {.name = "wide", .type = CLI_FLAG, .offset = offsetof(struct ask, wide),
     .help = "everything whole, however wide the terminal is"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_topics = {
    .name = "topics",
    .summary = "Lists the topics of a broker and how much they hold; makes, trims and removes topics",
    .usage = (const char *const[]){ "[--wide|--json] [--broker NAME]", NULL },
    .about = "Only topics with the prefix topic_prefix are listed. A value that the broker does not know is -, "
             "in JSON null.\n\n"
             "The table fits the terminal, or 80 columns without one. If it is too wide, it shows ages instead "
             "of times and cuts the middle of long names. --wide shows everything.",
    .examples = (const char *const[]){ "eventbus topics --json | jq 'select(.events > 1000)'", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
    .parts = (const struct cli_verb *const[]){ &cli_topics_create, &cli_topics_delete, &cli_topics_trim, NULL },
};
