/* tests/plugins/broken/option_type.c - has an option of a type that does not exist. */
#define IDLE_NAME "option_type"
#define IDLE_OPTIONS { .key = "text", .type = 99, .help = "A text" },
#include "../idle.h"
