/* cli/seek.c - eventbus seek: moves a consumer group to another position of a topic. */
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/topic_state.h"
#include "plugin/message.h"

struct ask {
    const char *topic, *group, *to, *broker;
    bool create, dry_run;
};

static int32_t tell_move(void *arg, const struct eb_seek_info *theirs) {
    const struct ask *ask = arg;
    struct eb_seek_info info = { 0 };
    char partition[48] = "";

    ebi_sized_copy(&info, sizeof info, theirs);
    if (info.partition && *info.partition)
        snprintf(partition, sizeof partition, ", partition %.30s", info.partition);
    if (info.before)
        cli_outf("topic %s, group %s%s: %s from %s to %s\n", ask->topic, ask->group, partition,
                 ask->dry_run ? "would be moved" : "moved", info.before, info.after ? info.after : "?");
    else
        cli_outf("topic %s, group %s%s: %s at %s\n", ask->topic, ask->group, partition, ask->dry_run ? "would be made" : "made",
                 info.after ? info.after : "?");
    return !cli_out_event();
}

/* Tells which of the two does not exist, with the nearest name that does. */
static void tell_gone(struct cli_topic *topic, const struct ask *ask, const struct eb_error *err) {
    struct eb_error ignored;
    bool looked = cli_topic_look(topic, true, &ignored) == EB_OK;
    char *near_topic = looked && topic->is == CLI_TOPIC_ABSENT ? cli_topic_near(topic) : NULL;
    const char *near = looked && topic->is == CLI_TOPIC_PRESENT ? cli_topic_near_group(topic, ask->group) : near_topic;

    cli_tell("%s%s%s%s; nothing was made: --create makes what is not there", err->text, near ? " (did you mean " : "",
             near ? near : "", near ? "?)" : "");
    free(near_topic);
}

/* A missing topic or group, and a position after the end, are errors of the call, not of the broker. */
static int seek(struct cli_topic *topic, const struct ask *ask, const struct eb_point *to) {
    uint32_t flags = (ask->create ? EB_CREATE : 0) | (ask->dry_run ? EB_DRY_RUN : 0);
    struct eb_error err = { 0 };
    enum eb_status status = ebi_admin_seek(topic->admin, topic->full, ask->group, to, flags, tell_move, (void *)ask, &err);

    if (status == EB_OK)
        return CLI_EXIT_DONE;
    if (status == EB_GONE)
        tell_gone(topic, ask, &err);
    else if (status == EB_END)
        cli_tell("%s; nothing was moved", err.text);
    if (status > EB_OK)
        return CLI_EXIT_USAGE;
    ebi_point_explain(to, &err);
    return cli_failed(&err);
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct cli_topic topic = { 0 };
    struct eb_point point;
    struct eb_error err;

    if (!ask->topic || !ask->group || !ask->to)
        return cli_usage(call->name, "-t TOPIC, -g GROUP and --to PLACE are needed");
    if (ebi_point_read(ask->to, &point, &err) != EB_OK)
        return cli_usage(call->name, "--to: %s", err.text);
    int status = cli_topic_open(call, ask->topic, ask->broker, &topic);
    if (status == CLI_EXIT_DONE)
        status = seek(&topic, ask, &point);
    cli_topic_close(&topic);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the topic"},
    {.name = "group", .letter = 'g', .type = CLI_TEXT, .offset = offsetof(struct ask, group), .value = "GROUP",
     .help = "the group"},
    {.name = "to", .type = CLI_TEXT, .offset = offsetof(struct ask, to), .value = "PLACE",
     .help = "earliest, latest or end, a time (now, 15m, 2h, 7d, a date, ISO 8601) or a position, that event included"},
    {.name = "create", .type = CLI_FLAG, .offset = offsetof(struct ask, create),
     .help = "make the group, and the topic, where they are not there"},
    {.name = "dry-run", .type = CLI_FLAG, .offset = offsetof(struct ask, dry_run),
     .help = "say what would be done, and change nothing"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_seek = {
    .name = "seek",
    .summary = "Moves a consumer group to another place of a topic",
    .usage = (const char *const[]){ "-t TOPIC -g GROUP --to PLACE [--create] [--dry-run]", NULL },
    .about = "The group goes on from there: events after it come again, events before it are skipped. The "
             "command prints the old and the new position, which --to accepts, so that a move can be undone, "
             "except for events that were settled out of order.\n\n"
             "A topic or a group that does not exist leads to exit status 2, and nothing is made unless --create "
             "is given. A position after the end of the topic leads to exit status 2, too; a time in the future "
             "stands for the end.",
    .examples = (const char *const[]){ "eventbus seek -t user-login -g crm --to -2h", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
