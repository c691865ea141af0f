/* tests/plugins/broken/no_settle.c - cannot settle what it hands over. */
#define IDLE_NAME "no_settle"
#define IDLE_SETTLE NULL
#include "../idle.h"
