/* tests/process/sample_plugin.c - a plugin that shows options of several types and connects to nothing. */
#include <stddef.h>
#include <eventbus/plugin.h>

struct settings {
    const char *url, *token;
    int64_t wait, depth, how;
};

/* clang-format off */
static const struct eb_option options[] = {
    {.key = "url", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .help = "where it is",
     .offset = offsetof(struct settings, url)},
    {.key = "token", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .help = "lets you in",
     .offset = offsetof(struct settings, token)},
    {.key = "wait", .type = EB_OPT_MS, .fallback = "5s", .min = 1, .max = 60000, .help = "how long to wait",
     .offset = offsetof(struct settings, wait)},
    {.key = "depth", .type = EB_OPT_INT, .flags = EB_OPT_CONSUMER, .fallback = "7", .min = 1, .max = 9, .help = "how deep",
     .offset = offsetof(struct settings, depth)},
    {.key = "how", .type = EB_OPT_CHOICE, .fallback = "fast", .choices = "fast|safe", .help = "which way",
     .offset = offsetof(struct settings, how)},
};
/* clang-format on */

static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)host, (void)err;
    *self = (void *)(uintptr_t)settings;
    return EB_OK;
}

static void close_it(void *self) {
    (void)self;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "sample",
    .version = "3",
    .summary = "A plugin of the tests",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_PROCESSES,
    .open = open_it,
    .close = close_it,
};
