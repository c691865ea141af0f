/* cli/group_delete.c - eventbus groups delete: removes a consumer group of a topic. */
#include "cli/verbs.h"

#include <string.h>
#include "base/error.h"
#include "cli/json_line.h"
#include "cli/topic_state.h"

struct ask {
    const char *topic, *group, *broker;
    bool dry_run, json;
};

/* group NULL: the broker removed one that it does not list. */
static int print(const struct ask *ask, const struct cli_topic *topic, const struct cli_group *group) {
    const char *position = group && *group->position ? group->position : NULL;
    struct ebi_bytes line = { 0 };
    struct eb_error err;
    char lag[64];

    if (!ask->json) {
        cli_outf("topic %s, group %s: %s%s", topic->name, ask->group, ask->dry_run ? "would be removed" : "removed",
                 position ? " at " : "");
        cli_put(position ? position : "");
        cli_outf(", %s\n", cli_lag(group ? group->lag : -1, lag));
        return CLI_EXIT_DONE;
    }
    bool whole = cli_json_open(&line) && cli_json_text(&line, "topic", topic->name) &&
                 cli_json_text(&line, "group", ask->group) && cli_json_text(&line, "position", position) &&
                 cli_json_number(&line, "lag", group ? group->lag : -1) && cli_json_flag(&line, "dry_run", ask->dry_run);
    if (cli_json_close(&line, whole))
        return CLI_EXIT_DONE;
    ebi_error_memory(&err);
    return cli_failed(&err);
}

/* Plugins refuse to remove a group with live members and name them; a dry run cannot ask them. */
static int dry_run(const struct ask *ask, const struct cli_topic *topic, const struct cli_group *group) {
    char members[64];

    if (group->members <= 0)
        return print(ask, topic, group);
    cli_tell("group %s of topic %s would not be removed: it has %s; stop them first", ask->group, topic->name,
             cli_count(group->members, "live member", "live members", members));
    return CLI_EXIT_USAGE;
}

static int delete (const struct ask *ask, struct cli_topic *topic) {
    struct eb_error err = { 0 };

    if (ebi_admin_can_remove(topic->admin, &err) != EB_OK || cli_topic_look(topic, true, &err) != EB_OK)
        return cli_failed(&err);
    if (topic->is == CLI_TOPIC_ABSENT)
        return cli_topic_tell_absent(topic, "nothing was removed");
    const struct cli_group *group = cli_topic_group(topic, ask->group);
    if (!group && topic->groups_known)
        return cli_topic_tell_no_group(topic, ask->group, "nothing was removed");
    if (ask->dry_run && !group)
        return cli_failed(&topic->groups_why);
    if (ask->dry_run)
        return dry_run(ask, topic, group);
    enum eb_status status = ebi_admin_remove(topic->admin, topic->full, ask->group, &err);
    if (status == EB_GONE)
        return cli_topic_tell_no_group(topic, ask->group, "nothing was removed");
    return status < EB_OK ? cli_failed(&err) : print(ask, topic, group);
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct cli_topic topic = { 0 };

    if (!ask->topic || !ask->group)
        return cli_usage(call->name, "-t TOPIC and -g GROUP are needed");
    int status = cli_topic_open(call, ask->topic, ask->broker, &topic);
    if (status == CLI_EXIT_DONE)
        status = delete (ask, &topic);
    cli_topic_close(&topic);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the topic"},
    {.name = "group", .letter = 'g', .type = CLI_TEXT, .offset = offsetof(struct ask, group), .value = "GROUP",
     .help = "the group"},
    {.name = "dry-run", .type = CLI_FLAG, .offset = offsetof(struct ask, dry_run),
     .help = "say what would be removed, and remove nothing"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_groups_delete = {
    .name = "delete",
    .summary = "Removes a consumer group of a topic",
    .usage = (const char *const[]){ "-t TOPIC -g GROUP [--dry-run] [--json]", NULL },
    .about = "The events stay; what the group had settled is forgotten, so a worker that uses the name again begins as a new "
             "group does. The command prints the group's position, with which eventbus seek --create makes the group "
             "again.\n\n"
             "A group with live members is not removed, and the members are named: stop them first. A topic or a group that "
             "does not exist leads to exit status 2. On Kafka a group may read several topics; it is removed from this one.",
    .examples = (const char *const[]){ "eventbus groups delete -t user-login -g old-crm --dry-run", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
