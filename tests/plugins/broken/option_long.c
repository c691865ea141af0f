/* tests/plugins/broken/option_long.c - has more choices than are read. */
#define TEN "abcdefghi|"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define IDLE_NAME "option_long"
#define IDLE_OPTIONS { .key = "way", .type = EB_OPT_CHOICE, .choices = HUNDRED HUNDRED HUNDRED "z", .help = "A way" },
#include "../idle.h"
