/* tests/plugins/broken/newer.c - needs a version of a library that is not the installed one: see Makefile.am. */
#define IDLE_NAME "newer"
#include "../idle.h"

int newer_version(void);
extern int (*const newer_use)(void);
int (*const newer_use)(void) = newer_version;
