/* tests/unit/played/able.c - a broker that can do all there is to do. */
#define NAME "able"
#define PRODUCES
#define ADMINISTERS
#define TRAITS (EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_HISTORY | EB_T_PATTERN)
#include "forward.h"
