/* tests/plugins/broken/option_range.c - has an option that no value can satisfy. */
#define IDLE_NAME "option_range"
#define IDLE_OPTIONS { .key = "number", .type = EB_OPT_INT, .min = 9, .max = 1, .help = "A number" },
#include "../idle.h"
