/* plugin.c - what the event bus finds in pulsar.so: its name and its options. The roles are in producer/, consumer/ and
 * admin/. */
#include "config.h"
#include "options.h"

_Static_assert(EB_ABI_MAJOR == 1, "written for major 1 of the plugin interface");

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "pulsar",
    .version = PACKAGE_VERSION,
    .summary = "Apache Pulsar, by the official client library",
    .options = pl_options,
    .n_options = PL_OPTIONS,
    .option_size = sizeof pl_options[0],
    .settings_size = sizeof(struct pl_settings),
    .check = pl_options_check,
};
