/* tests/fake_broker/full.c - a broker that can do all that the bus uses. */
#define NAME "full"
#define TRAITS (EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_HISTORY | EB_T_PATTERN)
#include "fake_broker.c"
