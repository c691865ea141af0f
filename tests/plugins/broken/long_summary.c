/* tests/plugins/broken/long_summary.c - has a summary of two lines. */
#define IDLE_NAME "long_summary"
#define IDLE_SUMMARY "one\ntwo"
#include "../idle.h"
