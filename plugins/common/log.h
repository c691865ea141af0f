/* plugins/common/log.h - writes a formatted line to the host's log. */
#ifndef EBP_LOG_H
#define EBP_LOG_H

#include <eventbus/plugin.h>

enum { EBP_LOG_ERROR = 3, EBP_LOG_WARNING = 4, EBP_LOG_INFO = 6, EBP_LOG_DEBUG = 7 }; /* as in syslog(3) */

/* A line that is longer than an error's text and 400 bytes is cut. */
void ebp_log(const struct eb_host *, int32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
