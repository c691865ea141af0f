/* plugins/memory/plugin.c - the plugin: events within one program. Read this first, then broker.h.
 *
 * A producer (producer.c) keeps pointers in submit and copies the messages into their topics in poll. A consumer
 * (consumer.c) claims messages in receive and settles them in settle. What a key's order, a retry or the end of a topic
 * mean is in group.c; what is stored, in broker.c. admin.c lists and changes topics and groups. */
#include <stddef.h>

#include "broker.h"

/* clang-format off */
static const struct eb_option options[] = {
    { .key = "name", .type = EB_OPT_TEXT, .fallback = "default", .offset = offsetof(struct settings, name),
      .help = "Which broker of this program; those of one name are one" },
    { .key = "max_messages", .type = EB_OPT_INT, .fallback = "100000", .min = 1, .max = 1000000000,
      .flags = EB_OPT_PRODUCER, .offset = offsetof(struct settings, max_messages),
      .help = "Messages a topic keeps; beyond, what all its groups have settled is dropped, else sending has to wait" },
    { .key = "max_bytes", .type = EB_OPT_BYTES, .fallback = "256M", .min = 1, .max = INT64_MAX,
      .flags = EB_OPT_PRODUCER, .offset = offsetof(struct settings, max_bytes),
      .help = "Bytes a topic keeps, likewise" },
};
/* clang-format on */

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "memory",
    .version = "0.1.0",
    .summary = "Events within one program; nothing outlives it",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
};
