/* tests/plugins/broken/option_required.c - has an option that is required and has a default. */
#define IDLE_NAME "option_required"
#define IDLE_OPTIONS { .key = "text", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .fallback = "x", .help = "A text" },
#include "../idle.h"
