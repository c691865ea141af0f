/* tests/plugins/broken/option_place.c - has an option outside of its settings. */
#define IDLE_NAME "option_place"
#define IDLE_SETTINGS_SIZE 8
#include "../idle.h"
