/* tests/plugins/broken/option_default_choice.c - has a default that is not among the choices. */
#define IDLE_NAME "option_default_choice"
#define IDLE_OPTIONS { .key = "way", .type = EB_OPT_CHOICE, .choices = "fast|safe", .fallback = "sure", .help = "A way" },
#include "../idle.h"
