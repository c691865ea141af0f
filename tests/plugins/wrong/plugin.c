/* tests/plugins/wrong/plugin.c - the plugin's tables, compiled once for each NAME; the other files are the same for all. */
#include "wrong.h"

#include <stddef.h>

const char wrong_name[] = NAME;

static const struct eb_option options[] = {
    { .key = "path",
      .type = EB_OPT_TEXT,
      .fallback = "${STATE}/wrong",
      .offset = offsetof(struct settings, path),
      .help = "The file that holds all topics and groups" },
    { .key = "queue",
      .type = EB_OPT_INT,
      .fallback = "64",
      .min = 1,
      .max = 100000,
      .offset = offsetof(struct settings, queue),
      .help = "How many messages a producer takes before it stores them" },
};

const struct eb_plugin eventbus_plugin = { .size = sizeof eventbus_plugin,
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = NAME,
                                           .version = "1",
                                           .summary = "A broker in a file, to test the conformance kit",
                                           .options = options,
                                           .n_options = sizeof options / sizeof *options,
                                           .option_size = sizeof *options,
                                           .settings_size = sizeof(struct settings) };

static uint32_t producer_traits(const void *settings) {
    static uint32_t calls;

    (void)settings;
    if (__builtin_strcmp(NAME, "adds-traits") == 0)
        return EB_T_ORDER | EB_T_PROCESSES | EB_T_POWER;
    if (__builtin_strcmp(NAME, "changes-traits") == 0 && calls++ % 2 == 1)
        return EB_T_PROCESSES;
    return EB_T_ORDER | EB_T_PROCESSES;
}

const struct eb_producer_ops eventbus_producer = { .size = sizeof eventbus_producer,
                                                   .traits = EB_T_ORDER | EB_T_PROCESSES,
                                                   .open = wrong_producer_open,
                                                   .submit = wrong_producer_submit,
                                                   .poll = wrong_producer_poll,
                                                   .wake = wrong_producer_wake,
                                                   .close = wrong_producer_close,
                                                   .traits_for = producer_traits };

/* A table is filled when the file is compiled. */
#define DELAY (__builtin_strcmp(NAME, "delays-in-order-only") == 0 ? 0 : EB_T_DELAY)

const struct eb_consumer_ops eventbus_consumer = { .size = sizeof eventbus_consumer,
                                                   .traits = EB_T_ORDER | DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN |
                                                             EB_T_HISTORY | EB_T_PATTERN | EB_T_PROCESSES,
                                                   .open = wrong_consumer_open,
                                                   .receive = wrong_consumer_receive,
                                                   .settle = wrong_consumer_settle,
                                                   .wake = wrong_consumer_wake,
                                                   .pause = wrong_consumer_pause,
                                                   .close = wrong_consumer_close };

const struct eb_admin_ops eventbus_admin = { .size = sizeof eventbus_admin,
                                             .open = wrong_admin_open,
                                             .topics = wrong_admin_topics,
                                             .groups = wrong_admin_groups,
                                             .browse = wrong_admin_browse,
                                             .seek = wrong_admin_seek,
                                             .trim = wrong_admin_trim,
                                             .create = wrong_admin_create,
                                             .remove = wrong_admin_remove,
                                             .close = wrong_admin_close };
