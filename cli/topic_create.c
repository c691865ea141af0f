/* cli/topic_create.c - eventbus topics create: makes a topic. */
#include "cli/verbs.h"

#include <inttypes.h>
#include "base/error.h"
#include "cli/json_line.h"
#include "cli/topic_state.h"

struct ask {
    const char *topic, *broker;
    uint64_t partitions;
    bool dry_run, json;
};

/* made: 1 or 0; -1: it cannot be told. */
static int print(const struct ask *ask, const struct cli_topic *topic, int made, int64_t partitions) {
    struct ebi_bytes line = { 0 };
    struct eb_error err;
    char text[64];

    if (ask->json) {
        bool whole = cli_json_open(&line) && cli_json_text(&line, "topic", topic->name) &&
                     cli_json_number(&line, "partitions", partitions) &&
                     (made < 0 ? cli_json_text(&line, "made", NULL) : cli_json_flag(&line, "made", made)) &&
                     cli_json_flag(&line, "dry_run", ask->dry_run);
        if (!cli_json_close(&line, whole)) {
            ebi_error_memory(&err);
            return cli_failed(&err);
        }
        return CLI_EXIT_DONE;
    }
    cli_outf("topic %s: %s%s%s\n", topic->name,
             made < 0       ? ask->dry_run ? "can be made, or exists already" : "made, or existed already"
             : !made        ? "exists already"
             : ask->dry_run ? "would be made"
                            : "made",
             partitions >= 0 ? ", with " : "", partitions >= 0 ? cli_count(partitions, "partition", "partitions", text) : "");
    return CLI_EXIT_DONE;
}

static bool differs(const struct ask *ask, const struct cli_topic *topic) {
    return ask->partitions > 0 && topic->partitions >= 0 && (uint64_t)topic->partitions != ask->partitions;
}

/* No plugin changes the number of partitions of a topic that exists. */
static int tell_different(const struct ask *ask, const struct cli_topic *topic, bool made) {
    char has[64];

    cli_tell("topic %s %s, with %s, not %" PRIu64 "%s", topic->name, made ? "is there now" : "exists already",
             cli_count(topic->partitions, "partition", "partitions", has), ask->partitions,
             made ? ": the broker, or another program that made it, chose this number" : "; nothing was changed");
    return made ? CLI_EXIT_PARTLY : CLI_EXIT_USAGE;
}

static int create(const struct ask *ask, struct cli_topic *topic) {
    uint32_t flags = ask->dry_run ? EB_DRY_RUN : 0;
    struct eb_error err = { 0 };

    if (cli_topic_look(topic, false, &err) != EB_OK)
        return cli_failed(&err);
    if (topic->is == CLI_TOPIC_PRESENT)
        return differs(ask, topic) ? tell_different(ask, topic, false) : print(ask, topic, 0, topic->partitions);
    int made = topic->is == CLI_TOPIC_ABSENT ? 1 : -1;
    if (ebi_admin_create(topic->admin, topic->full, (uint32_t)ask->partitions, flags, &err) < EB_OK)
        return cli_failed(&err);
    if (ask->dry_run)
        return print(ask, topic, made, ask->partitions > 0 ? (int64_t)ask->partitions : -1);
    if (cli_topic_look(topic, false, &err) != EB_OK) {
        ebi_error_context(&err, "topic %s is there, but its number of partitions is not known", topic->name);
        return cli_failed(&err);
    }
    return differs(ask, topic) ? tell_different(ask, topic, true) : print(ask, topic, made, topic->partitions);
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct cli_topic topic = { 0 };

    if (ask->partitions > INT32_MAX)
        return cli_usage(call->name, "--partitions: expected a number up to %d, found %" PRIu64, INT32_MAX, ask->partitions);
    int status = cli_topic_open(call, ask->topic, ask->broker, &topic);
    if (status == CLI_EXIT_DONE)
        status = create(ask, &topic);
    cli_topic_close(&topic);
    return status;
}

/* clang-format off */
static const struct cli_option options[] = {
    {.name = "topic", .letter = 't', .type = CLI_TEXT, .offset = offsetof(struct ask, topic), .value = "TOPIC",
     .help = "the topic"},
    {.name = "partitions", .type = CLI_COUNT, .offset = offsetof(struct ask, partitions), .value = "N",
     .help = "how many partitions it gets; the broker's default when left out"},
    {.name = "dry-run", .type = CLI_FLAG, .offset = offsetof(struct ask, dry_run),
     .help = "ask the broker whether it could be made, and make nothing"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object"},
    {.name = "broker", .type = CLI_TEXT, .offset = offsetof(struct ask, broker), .value = "NAME",
     .help = "this [broker NAME] instead of the configured one"},
};
/* clang-format on */

const struct cli_verb cli_topics_create = {
    .name = "create",
    .summary = "Makes a topic",
    .usage = (const char *const[]){ "-t TOPIC [--partitions N] [--dry-run] [--json]", NULL },
    .about = "A topic that exists already is left as it is, which the command says, and the exit status is 0. If it has "
             "another number of partitions than --partitions, the exit status is 2: no broker changes that without "
             "breaking the order of keys.\n\n"
             "--partitions is for brokers whose topics have partitions, such as Kafka. The others refuse a number above 1.",
    .examples = (const char *const[]){ "eventbus topics create -t user-login --partitions 6", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = run,
};
