/* tests/plugins/past.c - a plugin whose structs are shorter than this version's: what may be left out at the end of them
 * is not there at all, and what lies behind them is not part of them. */
#define IDLE_NAME "past"
#define IDLE_NO_DESCRIPTION
#define IDLE_NO_PRODUCER
#define IDLE_NO_CONSUMER
#include "idle.h"

struct short_plugin { /* up to what 1.0 requires: no check */
    size_t size;
    uint32_t abi_major, abi_minor;
    const char *name, *version, *summary;
    const struct eb_option *options;
    size_t n_options, option_size, settings_size;
};

struct behind {
    struct short_plugin plugin;
    uintptr_t not_a_function; /* read as check, it would be called */
};

extern const struct behind behind __asm__("eventbus_plugin");
const struct behind behind = { .plugin = { .size = sizeof(struct short_plugin),
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = 0,
                                           .name = IDLE_NAME,
                                           .version = "0.1",
                                           .summary = "From the past",
                                           .options = idle_options,
                                           .n_options = 2,
                                           .option_size = sizeof idle_options[0],
                                           .settings_size = sizeof(struct idle_settings) },
                               .not_a_function = 1 };

static void close_admin(void *self) {
    idle_wake(self);
}

const struct eb_admin_ops eventbus_admin = { .size = sizeof eventbus_admin, .open = idle_open, .close = close_admin };
