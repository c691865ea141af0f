/* cli/topic_trim.c - eventbus topics trim: removes the events of a topic that stand before a point. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/error.h"
#include "cli/json_line.h"
#include "cli/topic_state.h"
#include "cli/topic_walk.h"

struct ask {
    const char *topic, *before, *broker;
    bool unread_too, dry_run, json;
};

/* What a trim did, or would do. */
struct trimmed {
    int64_t events;  /* of the topic before it; -1: unknown */
    int64_t removed; /* -1: unknown */
    bool at_least;   /* removed is a lower bound: the walk was bounded */
    bool
        at_most; /* removed is an upper bound: some group has unsettled events, which are kept if they stand before the point */
    bool kept;   /* events before the point are still there */
};

/* Only groups that may hold events back: those with a lag, or an unknown one. NULL: no memory. */
static char *holders_of(const struct cli_topic *topic) {
    struct ebi_bytes text = { 0 };
    bool whole = ebi_bytes_add(&text, "", 0);
    char lag[64];

    for (size_t i = 0; whole && i < topic->n_groups; i++)
        if (topic->groups[i].lag != 0)
            whole = ebi_bytes_add_format(&text, "%s%s (%s)", text.len > 0 ? ", " : "", topic->groups[i].name,
                                         cli_lag(topic->groups[i].lag, lag));
    if (!whole)
        ebi_bytes_free(&text);
    return text.data;
}

static bool has_holders(const struct cli_topic *topic) {
    for (size_t i = 0; i < topic->n_groups; i++)
        if (topic->groups[i].lag != 0)
            return true;
    return !topic->groups_known;
}

static bool add_holders(struct ebi_bytes *line, const struct cli_topic *topic) {
    bool whole = ebi_bytes_add_text(line, ",\"held_by\":["), first = true;

    for (size_t i = 0; whole && i < topic->n_groups; i++) {
        const struct cli_group *group = &topic->groups[i];
        if (group->lag == 0)
            continue;
        whole = (first || ebi_bytes_add_text(line, ",")) && cli_json_open(line) && cli_json_text(line, "group", group->name) &&
                cli_json_number(line, "lag", group->lag) && ebi_bytes_add_text(line, "}");
        first = false;
    }
    return whole && ebi_bytes_add_text(line, "]");
}

static int print_json(const struct ask *ask, const struct cli_topic *topic, const struct trimmed *trimmed) {
    struct ebi_bytes line = { 0 };
    struct eb_error err;
    bool holds = trimmed->kept || trimmed->at_most;
    bool whole = cli_json_open(&line) && cli_json_text(&line, "topic", topic->name) &&
                 cli_json_number(&line, "events", trimmed->events) && cli_json_number(&line, "removed", trimmed->removed) &&
                 (!trimmed->at_least || cli_json_flag(&line, "at_least", true)) &&
                 (!trimmed->at_most || cli_json_flag(&line, "at_most", true)) && (!holds || add_holders(&line, topic)) &&
                 cli_json_flag(&line, "dry_run", ask->dry_run);

    if (cli_json_close(&line, whole))
        return CLI_EXIT_DONE;
    ebi_error_memory(&err);
    return cli_failed(&err);
}

static int print(const struct ask *ask, const struct cli_topic *topic, const struct trimmed *trimmed) {
    const char *bound = trimmed->at_least ? "at least " : trimmed->at_most && trimmed->removed > 0 ? "at most " : "";
    char events[64], removed[64];

    if (ask->json)
        return print_json(ask, topic, trimmed);
    if (trimmed->removed < 0)
        snprintf(removed, sizeof removed, "an unknown number");
    else
        snprintf(removed, sizeof removed, "%" PRId64, trimmed->removed);
    cli_outf("topic %s: %s%s%s of %s%s\n", topic->name, ask->dry_run ? "" : "removed ", bound, removed,
             cli_count(trimmed->events, "event", "events", events), ask->dry_run ? " would be removed" : "");
    return CLI_EXIT_DONE;
}

/* Tells which groups keep events, or may keep some. Returns false if there is no memory for it. */
static bool tell_kept(const struct ask *ask, const struct cli_topic *topic) {
    const char *what = ask->dry_run ? "what a group has not settled stays"
                                    : "events before that point stay, which a group has not settled";
    char *holders = holders_of(topic);

    if (!holders)
        return false;
    if (*holders)
        cli_tell("topic %s: %s: %s; --unread-too removes them as well", topic->name, what, holders);
    else if (!topic->groups_known)
        cli_tell("topic %s: %s, and not all groups are known: %s", topic->name, what, topic->groups_why.text);
    else
        cli_tell("topic %s: events before that point stay, though no group is known that has not settled them", topic->name);
    free(holders);
    return true;
}

static int report(const struct ask *ask, const struct cli_topic *topic, const struct trimmed *trimmed) {
    struct eb_error err;
    int status = print(ask, topic, trimmed);

    if ((trimmed->kept || trimmed->at_most) && !tell_kept(ask, topic)) {
        ebi_error_memory(&err);
        return cli_failed(&err);
    }
    if (status != CLI_EXIT_DONE || !trimmed->kept)
        return status;
    return trimmed->removed == 0 ? CLI_EXIT_USAGE : CLI_EXIT_PARTLY;
}

/* The broker refuses the point, or cannot be asked. */
static int tell_refused(const struct eb_point *before, struct eb_error *err) {
    ebi_point_explain(before, err);
    return cli_failed(err);
}

/* The point is a position after the end of the topic: rather a typing error than a wish to remove everything. */
static int tell_behind(const struct eb_error *err) {
    cli_tell("%s; nothing was removed", err->text);
    return CLI_EXIT_USAGE;
}

/* ---- The dry run: counts the events up to the point ---- */

/* Whether the plugin does not have an op. Then what the op would tell is unknown. */
static bool is_lacking(const struct eb_error *err) {
    return err->kind == EB_KIND_PLUGIN;
}

static int32_t ignore_move(void *arg, const struct eb_seek_info *info) {
    (void)arg, (void)info;
    return 0;
}

/* Returns EB_END if the point is a position after the end of the topic, which a trim refuses. Only a dry run of seek tells that,
 * for a group that need not exist; where it cannot be asked the position is taken as good. */
static enum eb_status check_reach(struct cli_topic *topic, const struct eb_point *before, struct eb_error *err) {
    if (before->kind != EB_POSITION)
        return EB_OK;
    enum eb_status status = ebi_admin_seek(topic->admin, topic->full, "eventbus-trim", before, EB_CREATE | EB_DRY_RUN,
                                           ignore_move, NULL, err);

    return status == EB_END ? EB_END : EB_OK;
}

static enum eb_status count_before(struct cli_topic *topic, const struct eb_point *before, struct trimmed *trimmed,
                                   struct eb_error *err) {
    struct cli_firsts firsts = { 0 };
    enum eb_status status = cli_firsts_find(topic, before, &firsts, err);

    if (status == EB_OK && firsts.whole)
        status = cli_firsts_count_before(topic, &firsts, &trimmed->removed, &trimmed->at_least, err);
    cli_firsts_free(&firsts);
    return status == EB_OK || is_lacking(err) ? EB_OK : status;
}

static int try_trim(const struct ask *ask, struct cli_topic *topic, const struct eb_point *before) {
    struct trimmed trimmed = { .events = topic->events, .removed = -1 };
    struct eb_error err = { 0 };

    if (check_reach(topic, before, &err) == EB_END)
        return tell_behind(&err);
    if (before->kind == EB_LATEST)
        trimmed.removed = topic->events;
    else if (count_before(topic, before, &trimmed, &err) != EB_OK)
        return tell_refused(before, &err);
    trimmed.at_most = !ask->unread_too && trimmed.removed != 0 && has_holders(topic);
    return report(ask, topic, &trimmed);
}

/* ---- The trim ---- */

/* Finds out whether events before the point are left: whether the topic does not begin at the point. */
static enum eb_status find_kept(struct cli_topic *topic, const struct eb_point *before, bool *kept, struct eb_error *err) {
    static const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    struct cli_firsts left = { 0 }, wanted = { 0 };
    enum eb_status status = cli_firsts_find(topic, before, &wanted, err);

    if (status == EB_OK)
        status = cli_firsts_find(topic, &earliest, &left, err);
    *kept = status == EB_OK && !cli_firsts_equal(&left, &wanted);
    cli_firsts_free(&left);
    cli_firsts_free(&wanted);
    return status == EB_OK || is_lacking(err) ? EB_OK : status;
}

static int trim(const struct ask *ask, struct cli_topic *topic, const struct eb_point *before) {
    struct trimmed trimmed = { .events = topic->events, .removed = -1 };
    struct eb_error err = { 0 };
    int64_t left = topic->events;
    enum eb_status status;

    do
        status = ebi_admin_trim(topic->admin, topic->full, before, ask->unread_too, &err);
    while (status == EB_RETRIABLE && cli_topic_shrank(topic, &left));
    if (status == EB_GONE)
        return cli_topic_tell_absent(topic, "nothing was removed");
    if (status == EB_END)
        return tell_behind(&err);
    if (status < EB_OK)
        return left < topic->events ? cli_topic_failed(topic, left, &err) : tell_refused(before, &err);
    status = cli_topic_look(topic, !ask->unread_too, &err);
    if (trimmed.events >= 0 && topic->events >= 0)
        trimmed.removed = trimmed.events > topic->events ? trimmed.events - topic->events : 0;
    if (status == EB_OK && !ask->unread_too && topic->is == CLI_TOPIC_PRESENT && has_holders(topic))
        status = find_kept(topic, before, &trimmed.kept, &err);
    if (status < EB_OK) {
        ebi_error_context(&err, "topic %s is trimmed, but not what was removed is known", topic->name);
        return cli_failed(&err);
    }
    return report(ask, topic, &trimmed);
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct cli_topic topic = { 0 };
    struct eb_point before;
    struct eb_error err;

    if (!ask->topic || !ask->before)
        return cli_usage(call->name, "-t TOPIC and --before PLACE are needed");
    if (ebi_point_read(ask->before, &before, &err) != EB_OK)
        return cli_usage(call->name, "--before: %s", err.text);
    int status = cli_topic_open(call, ask->topic, ask->broker, &topic);
    if (status == CLI_EXIT_DONE &&
        (ebi_admin_can_trim(topic.admin, &err) != EB_OK || cli_topic_look(&topic, !ask->unread_too, &err) != EB_OK))
        status = cli_failed(&err);
    else if (status == CLI_EXIT_DONE && topic.is == CLI_TOPIC_ABSENT)
        status = cli_topic_tell_absent(&topic, "nothing was removed");
    else if (status == CLI_EXIT_DONE)
        status = ask->dry_run ? try_trim(ask, &topic, &before) : trim(ask, &topic, &before);
    cli_topic_close(&topic);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the topic"},
    {.name = "before", .type = CLI_TEXT, .offset = offsetof(struct ask, before), .value = "PLACE",
     .help = "latest or end, a time (now, 15m, 2h, 7d, a date, ISO 8601) or a position: that event stays"},
    {.name = "unread-too", .type = CLI_FLAG, .offset = offsetof(struct ask, unread_too),
     .help = "remove also what a group has not settled"},
    {.name = "dry-run", .type = CLI_FLAG, .offset = offsetof(struct ask, dry_run),
     .help = "say what would be removed, and remove nothing"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_topics_trim = {
    .name = "trim",
    .summary = "Removes the events of a topic that stand before a point",
    .usage = (const char *const[]){ "-t TOPIC --before PLACE [--unread-too] [--dry-run]", NULL },
    .about = "What a group has not settled stays, and all that follows it, unless --unread-too is given. The groups are then "
             "named, and the exit status is 1, or 2 if nothing was removed. A time to come stands for the end; a topic "
             "that does not exist, or a position after its end, leads to exit status 2.\n\n"
             "The command says how many events were removed: by how many the topic has fewer, so events that are sent "
             "meanwhile make the number too low. --dry-run reads the topic up to the point, at most 100,000 events or 5 "
             "seconds, and leaves out what groups have not settled only where it can tell: then it says \"at most\".",
    .examples = (const char *const[]){ "eventbus topics trim -t user-login --before 30d --dry-run", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
