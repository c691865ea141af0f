/* tests/plugins/broken/delay_order.c - claims to keep the order in retries, and not that it understands retries. */
#define IDLE_NAME "delay_order"
#define IDLE_CONSUMER_TRAITS EB_T_DELAY_ORDER
#include "../idle.h"
