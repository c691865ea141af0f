/* tests/plugins/broken/other_name.c - goes by another name than its file. */
#define IDLE_NAME "sqlite"
#include "../idle.h"
