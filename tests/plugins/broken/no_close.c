/* tests/plugins/broken/no_close.c - is an admin that cannot be closed. */
#define IDLE_NAME "no_close"
#define IDLE_NO_PRODUCER
#define IDLE_NO_CONSUMER
#include "../idle.h"

const struct eb_admin_ops eventbus_admin = { .size = sizeof eventbus_admin, .open = idle_open };
