/* eventbus/plugin-help/log.h - writes a formatted line to the host's log. */
#ifndef EBP_LOG_H
#define EBP_LOG_H

#include <eventbus/plugin-help/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <eventbus/plugin.h>

enum { EBP_LOG_ERROR = 3, EBP_LOG_WARNING = 4, EBP_LOG_INFO = 6, EBP_LOG_DEBUG = 7 }; /* as in syslog(3) */

/* A line that is longer than an error's text and 400 bytes is cut. Any thread, as the host's log. */
EBP_PRINTF(3, 4) static inline void ebp_log(const struct eb_host *host, int32_t level, const char *format, ...) {
    char text[EB_ERROR_ROOM + 400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->log(host, level, text);
}

#endif
