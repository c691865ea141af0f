/* tests/plugins/broken/option_odd.c - has an option across two places. */
#define IDLE_NAME "option_odd"
#define IDLE_OPTIONS { .key = "text", .type = EB_OPT_TEXT, .offset = 4, .help = "A text" },
#include "../idle.h"
