/* tests/plugins/broken/no_name.c - has no name. */
#define IDLE_NAME NULL
#include "../idle.h"
