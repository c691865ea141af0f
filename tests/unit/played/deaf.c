/* tests/unit/played/deaf.c - a broker that can only be read. */
#define NAME "deaf"
#define TRAITS EB_T_ORDER
#include "forward.h"
