/* tests/unit/played/blind.c - a broker that can only be sent to. */
#define NAME "blind"
#define PRODUCES
#define RECEIVES_NOTHING
#define TRAITS EB_T_ORDER
#include "forward.h"
