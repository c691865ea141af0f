/* tests/unit/played/bare.c - a broker that promises nothing: no keys, no order, no delay, no past, no administration. */
#define NAME "bare"
#define PRODUCES
#define TRAITS 0
#include "forward.h"
