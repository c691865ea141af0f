/* tests/plugins/broken/library.c - is linked to a library that is not installed: see Makefile.am. */
#define IDLE_NAME "library"
#include "../idle.h"
