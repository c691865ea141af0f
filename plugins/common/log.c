/* plugins/common/log.c - see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

void ebp_log(const struct eb_host *host, int32_t level, const char *format, ...) {
    char text[EB_ERROR_ROOM + 400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->log(host, level, text);
}
