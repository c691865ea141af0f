/* tests/plugins/broken/size_short.c - of this major version, yet shorter than its first one. */
#define IDLE_NAME "size_short"
#define IDLE_SIZE 40
#include "../idle.h"
