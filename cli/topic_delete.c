/* cli/topic_delete.c - eventbus topics delete: removes a topic with its events and groups. */
#include "cli/verbs.h"

#include <inttypes.h>
#include "base/error.h"
#include "cli/json_line.h"
#include "cli/topic_state.h"

enum { MOST_TOLD = 20 };

struct ask {
    const char *topic, *broker;
    bool unread_too, dry_run, json;
};

static bool add_groups(struct ebi_bytes *line, const struct cli_topic *topic) {
    bool whole = ebi_bytes_add_text(line, ",\"groups\":[");

    for (size_t i = 0; whole && i < topic->n_groups; i++) {
        const struct cli_group *group = &topic->groups[i];
        whole = (i == 0 || ebi_bytes_add_text(line, ",")) && cli_json_open(line) && cli_json_text(line, "group", group->name) &&
                cli_json_number(line, "lag", group->lag) && cli_json_number(line, "members", group->members) &&
                ebi_bytes_add_text(line, "}");
    }
    return whole && ebi_bytes_add_text(line, "]");
}

static int print_json(const struct ask *ask, const struct cli_topic *topic) {
    struct ebi_bytes line = { 0 };
    struct eb_error err;
    bool whole = cli_json_open(&line) && cli_json_text(&line, "topic", topic->name) &&
                 cli_json_number(&line, "events", topic->events) &&
                 (topic->groups_known ? add_groups(&line, topic) : cli_json_text(&line, "groups", NULL)) &&
                 cli_json_flag(&line, "dry_run", ask->dry_run);

    if (cli_json_close(&line, whole))
        return CLI_EXIT_DONE;
    ebi_error_memory(&err);
    return cli_failed(&err);
}

static int print(const struct ask *ask, const struct cli_topic *topic) {
    const char *what = ask->dry_run ? "would be removed" : "removed";
    char events[64], members[64], lag[64];

    if (ask->json)
        return print_json(ask, topic);
    cli_outf("topic %s: %s, with %s\n", topic->name, what, cli_count(topic->events, "event", "events", events));
    for (size_t i = 0; i < topic->n_groups; i++) {
        const struct cli_group *group = &topic->groups[i];
        cli_outf("topic %s, group ", topic->name);
        cli_put(group->name);
        cli_outf(": %s, %s, %s\n", what, cli_lag(group->lag, lag),
                 cli_count(group->members, "live member", "live members", members));
    }
    return CLI_EXIT_DONE;
}

/* A number of members that is unknown does not count: a broker may never tell it. */
static bool is_used(const struct cli_group *group) {
    return group->members > 0 || group->lag != 0;
}

/* Prints why the topic is kept: which groups still use it, or that this is unknown. Returns whether there is a reason. */
static bool tell_used(const struct cli_topic *topic) {
    char members[64], lag[64];
    size_t used = 0;

    for (size_t i = 0; i < topic->n_groups; i++) {
        const struct cli_group *group = &topic->groups[i];
        if (!is_used(group) || ++used > MOST_TOLD)
            continue;
        cli_tell("topic %s, group %s: %s, %s", topic->name, group->name, cli_lag(group->lag, lag),
                 cli_count(group->members, "live member", "live members", members));
    }
    if (used > MOST_TOLD)
        cli_tell("topic %s: %zu more groups have live members or a lag", topic->name, used - MOST_TOLD);
    if (!topic->groups_known)
        cli_tell("topic %s: not all of its groups are known: %s", topic->name, topic->groups_why.text);
    return used > 0 || !topic->groups_known;
}

static int delete (const struct ask *ask, struct cli_topic *topic) {
    struct eb_error err = { 0 };

    if (ebi_admin_can_remove(topic->admin, &err) != EB_OK || cli_topic_look(topic, true, &err) != EB_OK)
        return cli_failed(&err);
    if (topic->is == CLI_TOPIC_ABSENT)
        return cli_topic_tell_absent(topic, "nothing was removed");
    if (!ask->unread_too && tell_used(topic)) {
        cli_tell("topic %s is not removed while groups have live members or a lag; --unread-too removes it nevertheless",
                 topic->name);
        return CLI_EXIT_USAGE;
    }
    if (ask->dry_run)
        return print(ask, topic);
    int64_t left = topic->events;
    enum eb_status status;
    do
        status = ebi_admin_remove(topic->admin, topic->full, NULL, &err);
    while (status == EB_RETRIABLE && cli_topic_shrank(topic, &left));
    if (status == EB_GONE)
        return cli_topic_tell_absent(topic, "nothing was removed");
    return status < EB_OK ? cli_topic_failed(topic, left, &err) : print(ask, topic);
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct cli_topic topic = { 0 };
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
    {.name = "unread-too", .type = CLI_FLAG, .offset = offsetof(struct ask, unread_too),
     .help = "remove it also if groups have live members, or events that they have not settled"},
    {.name = "dry-run", .type = CLI_FLAG, .offset = offsetof(struct ask, dry_run),
     .help = "say what would be removed, and remove nothing"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_topics_delete = {
    .name = "delete",
    .summary = "Removes a topic with its events and groups",
    .usage = (const char *const[]){ "-t TOPIC [--unread-too] [--dry-run] [--json]", NULL },
    .about = "Says what is removed: the topic's events, and its groups with what they have not settled. It does not ask: use "
             "--dry-run first.\n\n"
             "A topic is kept, with exit status 2, while a group of it has live members or unsettled events, or while the "
             "broker does not say; --unread-too removes it nevertheless. A topic without groups, such as a dead-letter "
             "topic, is removed with all that it holds. Events that are sent meanwhile are removed as well, or make the "
             "topic anew. A topic that does not exist leads to exit status 2.",
    .examples = (const char *const[]){ "eventbus topics delete -t user-login.dlq --dry-run", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
