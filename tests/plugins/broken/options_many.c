/* tests/plugins/broken/options_many.c - has more options than anybody. */
#define IDLE_NAME "options_many"
#define IDLE_N_OPTIONS ((size_t)1 << 32)
#include "../idle.h"
