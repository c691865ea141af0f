/* tests/plugins/broken/major_2.c - built for a later major version. */
#define IDLE_NAME "major_2"
#define IDLE_MAJOR 2
#include "../idle.h"
