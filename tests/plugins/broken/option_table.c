/* tests/plugins/broken/option_table.c - has options, but no table of them. */
#define IDLE_NAME "option_table"
#define IDLE_OPTION_TABLE NULL
#include "../idle.h"
