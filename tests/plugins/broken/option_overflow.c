/* tests/plugins/broken/option_overflow.c - has an option whose place overflows. */
#define IDLE_NAME "option_overflow"
#define IDLE_OPTIONS { .key = "text", .type = EB_OPT_TEXT, .offset = (size_t)-8, .help = "A text" },
#include "../idle.h"
