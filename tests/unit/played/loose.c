/* tests/unit/played/loose.c - a broker that holds retries, but lets later ones of their key pass;
 * its topics come by themselves. */
#define NAME "loose"
#define PRODUCES
#define ADMINISTERS
#define CREATES_NOTHING
#define TRAITS (EB_T_ORDER | EB_T_DELAY)
#include "forward.h"
