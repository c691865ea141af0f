/* tests/plugins/broken/option_key.c - has an option without a key. */
#define IDLE_NAME "option_key"
#define IDLE_OPTIONS { .type = EB_OPT_TEXT, .help = "A text" },
#include "../idle.h"
