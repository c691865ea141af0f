/* tests/plugins/broken/settings_huge.c - wants too much memory for its settings. */
#define IDLE_NAME "settings_huge"
#define IDLE_SETTINGS_SIZE ((size_t)1 << 40)
#include "../idle.h"
