/* tests/plugins/broken/option_shared.c - has two options at one place. */
#define IDLE_NAME "option_shared"
#define IDLE_OPTIONS                                                                                                           \
    { .key = "text", .type = EB_OPT_TEXT, .help = "A text" }, { .key = "other", .type = EB_OPT_TEXT, .help = "Another" },
#include "../idle.h"
