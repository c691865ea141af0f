/* plugin.c - what the event bus finds in nats.so. The roles are in producer.c, consumer.c and admin.c. */
#include "settings.h"

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "nats",
    .version = "0.1.0",
    .summary = "Events in the streams of NATS JetStream",
    .options = ebn_options,
    .n_options = EBN_N_OPTIONS,
    .option_size = sizeof(struct eb_option),
    .settings_size = sizeof(struct settings),
    .check = ebn_check,
};
