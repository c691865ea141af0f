/* tests/fake_broker/without_producer.c - a broker that can only be read. */
#define NAME "without_producer"
#define WITHOUT_PRODUCER
#define WITHOUT_ADMIN
#define TRAITS EB_T_ORDER
#include "fake_broker.c"
