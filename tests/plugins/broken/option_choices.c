/* tests/plugins/broken/option_choices.c - has a choice of nothing. */
#define IDLE_NAME "option_choices"
#define IDLE_OPTIONS { .key = "way", .type = EB_OPT_CHOICE, .help = "A way" },
#include "../idle.h"
