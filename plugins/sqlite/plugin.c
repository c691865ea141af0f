/* plugins/sqlite/plugin.c - what the event bus finds in sqlite.so: who it is, its options, its roles. */
#include <eventbus/plugin.h>

#include <stddef.h>
#include <eventbus/plugin-help/error.h>

#include "admin/admin.h"
#include "consumer/consumer.h"
#include "options.h"
#include "producer/producer.h"

/* clang-format off */
static const struct eb_option options[] = {
    { .key = "path", .type = EB_OPT_TEXT, .fallback = "${STATE}/bus.db", .offset = offsetof(struct sq_settings, path),
      .help = "The file that holds all topics and groups, on a local disk; it is created, with its folders, if it does not exist" },
    { .key = "durability", .type = EB_OPT_CHOICE, .fallback = "process", .choices = "process|power",
      .flags = EB_OPT_PRODUCER, .offset = offsetof(struct sq_settings, durability),
      .help = "What a delivered event survives: the death of every process, or a power cut as well" },
    { .key = "lease", .type = EB_OPT_MS, .fallback = "30s", .min = 300, .max = 86400000, .flags = EB_OPT_CONSUMER,
      .offset = offsetof(struct sq_settings, lease),
      .help = "After this long without a sign of life a consumer loses its events to others; one whose process is gone loses "
              "them at once" },
    { .key = "retain_age", .type = EB_OPT_MS, .fallback = "7d", .min = 0, .max = INT64_MAX / 2, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_age),
      .help = "Older events of a topic are removed once every group has settled them; 0: whatever their age" },
    { .key = "retain_events", .type = EB_OPT_INT, .fallback = "100000", .min = 0, .max = INT64_MAX, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_events),
      .help = "How many events of a topic with groups are kept after every group has settled them; 0: all" },
    { .key = "retain_bytes", .type = EB_OPT_BYTES, .fallback = "256M", .min = 0, .max = INT64_MAX, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_bytes),
      .help = "How many bytes of such events are kept (keys, headers and data); 0: all" },
    { .key = "retain_hard_age", .type = EB_OPT_MS, .fallback = "0", .min = 0, .max = INT64_MAX / 2, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_hard_age),
      .help = "Older events of a topic are removed, settled or not, with an error in the log; 0: never" },
    { .key = "retain_hard_events", .type = EB_OPT_INT, .fallback = "0", .min = 0, .max = INT64_MAX, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_hard_events),
      .help = "When a topic has more events, its oldest are removed, settled or not, with an error in the log; 0: never" },
    { .key = "retain_hard_bytes", .type = EB_OPT_BYTES, .fallback = "0", .min = 0, .max = INT64_MAX, .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_hard_bytes),
      .help = "When a topic has more bytes, its oldest events are removed, settled or not, with an error in the log; 0: never" },
    { .key = "retain_always", .type = EB_OPT_LIST, .fallback = "*.dlq", .flags = EB_OPT_PRODUCER,
      .offset = offsetof(struct sq_settings, retain_always),
      .help = "Topics of dead letters, with * and ?: of these only what some group has settled is removed, by retain_age" },
};
/* clang-format on */

static int32_t check(const void *settings, struct eb_error *err) {
    const struct sq_settings *set = settings;
    int32_t status = EB_OK;

    if (!set->path || !set->path[0])
        status = ebp_error(err, EB_PERMANENT, 0, "path is empty: set it to a file on a local disk");
    if (status != EB_OK && err)
        err->kind = EB_KIND_CONFIG;
    return status;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "sqlite",
    .version = "0.1.0",
    .summary = "The embedded durable broker: topics and groups in one SQLite file",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .settings_size = sizeof(struct sq_settings),
    .check = check,
};

static uint32_t producer_traits(const void *settings) {
    const struct sq_settings *set = settings;

    return EB_T_ORDER | EB_T_PROCESSES | (set->durability == SQ_POWER ? EB_T_POWER : 0);
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER | EB_T_POWER | EB_T_PROCESSES,
    .open = sq_producer_open,
    .submit = sq_producer_submit,
    .poll = sq_producer_poll,
    .wake = sq_producer_wake,
    .close = sq_producer_close,
    .traits_for = producer_traits,
};

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN | EB_T_PROCESSES,
    .open = sq_consumer_open,
    .receive = sq_consumer_receive,
    .settle = sq_consumer_settle,
    .wake = sq_consumer_wake,
    .close = sq_consumer_close,
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_HISTORY | EB_T_PROCESSES,
    .open = sq_admin_open,
    .topics = sq_admin_topics,
    .groups = sq_admin_groups,
    .browse = sq_admin_browse,
    .seek = sq_admin_seek,
    .trim = sq_admin_trim,
    .create = sq_admin_create,
    .remove = sq_admin_remove,
    .close = sq_admin_close,
};
