/* tests/plugins/broken/bad_name.c - has a name that no file should have. */
#define IDLE_NAME "../bad_name"
#include "../idle.h"
