/* tests/fake_broker/without_consumer.c - a broker that can only be sent to. */
#define NAME "without_consumer"
#define WITHOUT_CONSUMER
#define WITHOUT_ADMIN
#define TRAITS EB_T_ORDER
#include "fake_broker.c"
