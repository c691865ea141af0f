/* tests/plugins/broken/ops_size.c - gives its table of ops a size beyond its data. */
#define IDLE_NAME "ops_size"
#define IDLE_PRODUCER_SIZE ((size_t)1 << 40)
#include "../idle.h"
