/* tests/plugins/broken/size_huge.c - gives a size beyond its own data. */
#define IDLE_NAME "size_huge"
#define IDLE_SIZE ((size_t)1 << 40)
#include "../idle.h"
