/* tests/plugins/broken/ops_function.c - exports its consumer as a function. */
#define IDLE_NAME "ops_function"
#define IDLE_NO_CONSUMER
#define eventbus_consumer eventbus_consumer_data
#include "../idle.h"
#undef eventbus_consumer

int eventbus_consumer(void);

int eventbus_consumer(void) {
    return 0;
}
