/* tests/plugins/broken/major_0.c - built for an earlier major version. */
#define IDLE_NAME "major_0"
#define IDLE_MAJOR 0
#include "../idle.h"
