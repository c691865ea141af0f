/* tests/fake_broker/late_untold.c - a broker that confirms an acknowledgement that came too late as any other. */
#define NAME "late_untold"
#define TRAITS (EB_T_ORDER | EB_T_HISTORY | EB_T_LATE_UNTOLD)
#include "fake_broker.c"
