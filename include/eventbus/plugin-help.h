/* eventbus/plugin-help.h - what plugins have in common, for authors of plugins. Compiles alone: C11, C++17.
 *
 * Nobody needs it: a plugin is right if it keeps to plugin.h. The plugins of the event bus are written with it. All of it is
 * `static inline`, so a plugin that uses it links against nothing of the event bus, and keeps the code that it was built with
 * whatever version is installed later. It may change with each version of the event bus, as a change at a new build; the ABI
 * is plugin.h alone.
 *
 *   error.h    errors by printf, with their status and kind
 *   log.h      a formatted line in the host's log
 *   clock.h    clocks in ms, timeouts
 *   text.h     struct eb_text: compare, copy, make from a string; a stranger's text on one line
 *   wakeup.h   a wake that is remembered: with a descriptor, or with a condition variable
 *   link.h     reports up and down once for each change
 *   queue.h    a bounded queue from a client library's threads to the host's thread
 *   threads.h  threads with signals blocked, SIGPIPE, close-on-exec
 *   array.h    arrays that grow
 *   ring.h     a producer's messages in flight; rings that grow
 *   tokens.h   a consumer's messages in flight, found by their token
 *   hash.h     FNV-1a
 *   leases.h   which leases are to be extended, and which are over
 *   bytes.h    numbers, texts and headers as bytes, and back
 *   pack.h     a message as one string of bytes
 *   text_headers.h    a message as a payload with headers of text
 *   library_sockets.h close-on-exec for the sockets that a client library hides; included by itself, needs -D_GNU_SOURCE
 *
 * Each part may be included alone, as <eventbus/plugin-help/error.h>, and each function says which thread may call it. It
 * needs POSIX.1-2008 and Linux; a file that is compiled as strict C11 includes it before other headers. */
#ifndef EVENTBUS_PLUGIN_HELP_H
#define EVENTBUS_PLUGIN_HELP_H

#include <eventbus/plugin-help/base.h>

#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/bytes.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/hash.h>
#include <eventbus/plugin-help/leases.h>
#include <eventbus/plugin-help/link.h>
#include <eventbus/plugin-help/log.h>
#include <eventbus/plugin-help/pack.h>
#include <eventbus/plugin-help/queue.h>
#include <eventbus/plugin-help/ring.h>
#include <eventbus/plugin-help/text.h>
#include <eventbus/plugin-help/text_headers.h>
#include <eventbus/plugin-help/threads.h>
#include <eventbus/plugin-help/tokens.h>
#include <eventbus/plugin-help/wakeup.h>

#endif
