/* tests/plugins/future.c - a plugin of a later minor version: all its structs have grown, and an option is of a type that
 * is not known yet. It must load, and do all that this version knows. */
#define IDLE_NAME "future"
#define IDLE_NO_DESCRIPTION
#define IDLE_NO_PRODUCER
#define IDLE_NO_CONSUMER
#include "idle.h"

struct grown_option {
    struct eb_option known;
    const char *example;
    int64_t weight;
};

struct grown_plugin {
    struct eb_plugin known;
    const char *homepage;
    int32_t (*probe)(const void *settings);
};

struct grown_producer {
    struct eb_producer_ops known;
    int32_t (*begin)(void *self);
    int32_t (*commit)(void *self);
};

/* clang-format off */
static const struct grown_option options[] = {
    { .known = { .key = "text", .type = EB_OPT_TEXT, .offset = offsetof(struct idle_settings, text), .help = "A text" },
      .example = "some", .weight = 3 },
    { .known = { .key = "number", .type = EB_OPT_INT, .fallback = "7",
                 .offset = offsetof(struct idle_settings, number), .help = "A number" },
      .example = "5" },
    { .known = { .key = "colour", .type = 42, .fallback = "red", .help = "Of a type to come" }, .example = "blue" },
};
/* clang-format on */

extern const struct grown_plugin grown_plugin __asm__("eventbus_plugin");
const struct grown_plugin grown_plugin = { .known = { .size = sizeof(struct grown_plugin),
                                                      .abi_major = EB_ABI_MAJOR,
                                                      .abi_minor = 7,
                                                      .name = IDLE_NAME,
                                                      .version = "9.9",
                                                      .summary = "From the future",
                                                      .options = &options[0].known,
                                                      .n_options = 3,
                                                      .option_size = sizeof options[0],
                                                      .settings_size = sizeof(struct idle_settings) },
                                           .homepage = "https://plugin.example" };

extern const struct grown_producer grown_producer __asm__("eventbus_producer");
const struct grown_producer grown_producer = { .known = { .size = sizeof(struct grown_producer),
                                                          .traits = EB_T_ORDER | 1u << 30,
                                                          .open = idle_open,
                                                          .submit = idle_submit,
                                                          .poll = idle_poll,
                                                          .wake = idle_wake,
                                                          .close = idle_close } };
