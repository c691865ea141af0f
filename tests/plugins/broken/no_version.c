/* tests/plugins/broken/no_version.c - has no version. */
#define IDLE_NAME "no_version"
#define IDLE_VERSION NULL
#include "../idle.h"
