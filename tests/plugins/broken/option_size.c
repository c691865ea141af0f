/* tests/plugins/broken/option_size.c - gives no size of an option. */
#define IDLE_NAME "option_size"
#define IDLE_OPTION_SIZE 0
#include "../idle.h"
