/* eventbus/plugin-help/base.h - what the parts of plugin-help.h need of the system: POSIX.1-2008, and eventfd of Linux.
 *
 * A file that is compiled as strict C11 (-std=c11) gets POSIX by including plugin-help.h before any other header, or by
 * -D_GNU_SOURCE, which is what the plugins of the event bus use. */
#ifndef EBP_BASE_H
#define EBP_BASE_H

#if !defined(_FEATURES_H) && !defined(_GNU_SOURCE) && !defined(_DEFAULT_SOURCE) && !defined(_POSIX_C_SOURCE) &&                \
    !defined(_XOPEN_SOURCE) && defined(__STRICT_ANSI__)
#define _POSIX_C_SOURCE 200809L
#endif

#include <time.h>

#ifndef CLOCK_MONOTONIC
#error "eventbus/plugin-help.h needs POSIX: compile with -D_GNU_SOURCE or -std=gnu11, or include it before other headers"
#endif

#if defined(__GNUC__)
#define EBP_PRINTF(format_at, arguments_at) __attribute__((format(printf, format_at, arguments_at)))
#else
#define EBP_PRINTF(format_at, arguments_at)
#endif

#endif
