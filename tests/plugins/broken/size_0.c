/* tests/plugins/broken/size_0.c - never set its size. */
#define IDLE_NAME "size_0"
#define IDLE_SIZE 0
#include "../idle.h"
