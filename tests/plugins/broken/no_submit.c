/* tests/plugins/broken/no_submit.c - cannot send, though it says it is a producer. */
#define IDLE_NAME "no_submit"
#define IDLE_SUBMIT NULL
#include "../idle.h"
