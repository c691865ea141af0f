/* tests/plugins/broken/option_pairs.c - has pairs whose key is no prefix. */
#define IDLE_NAME "option_pairs"
#define IDLE_OPTIONS { .key = "native", .type = EB_OPT_PAIRS, .help = "Options of the client" },
#include "../idle.h"
