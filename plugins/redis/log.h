/* plugins/redis/log.h - writes a formatted line to the host's log. */
#ifndef RD_LOG_H
#define RD_LOG_H

#include <eventbus/plugin.h>

enum { RD_LOG_ERROR = 3, RD_LOG_WARNING = 4, RD_LOG_INFO = 6 };      /* as syslog(3) counts */

void rd_log(const struct eb_host *, int32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
