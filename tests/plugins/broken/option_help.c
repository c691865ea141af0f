/* tests/plugins/broken/option_help.c - has an option that is not explained. */
#define IDLE_NAME "option_help"
#define IDLE_OPTIONS { .key = "text", .type = EB_OPT_TEXT },
#include "../idle.h"
