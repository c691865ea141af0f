/* tests/fake_broker/without_delay_order.c - a broker that delays retries and lets later messages of their key pass. Topics
 * come into being when they are used: its admin role cannot create them. */
#define NAME "without_delay_order"
#define WITHOUT_CREATE
#define TRAITS (EB_T_ORDER | EB_T_DELAY)
#include "fake_broker.c"
