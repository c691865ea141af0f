/* tests/plugins/broken/no_role.c - plays no role. */
#define IDLE_NAME "no_role"
#define IDLE_NO_PRODUCER
#define IDLE_NO_CONSUMER
#include "../idle.h"
