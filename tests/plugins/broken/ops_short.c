/* tests/plugins/broken/ops_short.c - has a table of ops that ends too early. */
#define IDLE_NAME "ops_short"
#define IDLE_PRODUCER_SIZE offsetof(struct eb_producer_ops, wake)
#include "../idle.h"
