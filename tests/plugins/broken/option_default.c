/* tests/plugins/broken/option_default.c - has a default that its own option does not take. */
#define IDLE_NAME "option_default"
#define IDLE_OPTIONS { .key = "number", .type = EB_OPT_INT, .min = 1, .max = 9, .fallback = "10", .help = "A number" },
#include "../idle.h"
