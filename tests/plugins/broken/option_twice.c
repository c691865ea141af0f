/* tests/plugins/broken/option_twice.c - has an option twice. */
#define IDLE_NAME "option_twice"
#define IDLE_OPTIONS                                                                                                           \
    { .key = "text", .type = EB_OPT_TEXT, .help = "A text" }, { .key = "text", .type = EB_OPT_TEXT, .help = "A text" },
#include "../idle.h"
