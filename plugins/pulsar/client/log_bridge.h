/* client/log_bridge.h - passes what libpulsar logs to the host's log.
 *
 * libpulsar has one logger in a process, the first that is set. All threads of libpulsar call it, also after a client is closed. So
 * a process has one bridge: it passes each line to the log of an instance that is open, and drops the line while no instance is
 * open. One lock guards the bridge. The bridge holds the lock while a host logs; a host never calls back.
 *
 * Only its log says that libpulsar lost a connection and made it anew. A client has one thread for its connections, and this thread
 * logs what becomes of them: an instance that had a callback in that thread can listen to what the thread logs. */
#ifndef PL_LOG_BRIDGE_H
#define PL_LOG_BRIDGE_H

#include "client/libpulsar.h"

#include <stddef.h>
#include <eventbus/plugin.h>

enum { PL_LOG_LAST_ROOM = 300 };

/* From join to leave the host may be given lines, by any thread. EB_RETRIABLE: no memory. */
int32_t pl_log_join(const struct eb_host *, struct eb_error *);
void pl_log_leave(const struct eb_host *);

/* The logger for a client's configuration. */
pulsar_logger_t pl_log_bridge(void);

/* Who hears what is logged in one thread. `line` is called by that thread, with the bridge's lock, and logs nothing. */
struct pl_log_listener {
    void (*line)(void *arg, const char *line);
    void *arg;
    uint64_t number; /* 0: it has not joined */
    struct pl_log_listener *next;
};

void pl_log_listen(struct pl_log_listener *);

/* Removes a listener. When this returns, no call of its `line` is under way, and none follows. A listener that has not joined stays
 * as it is. */
void pl_log_unlisten(struct pl_log_listener *);

/* In a callback of the client's: the listener hears from here on what this thread logs. */
void pl_log_heard_here(const struct pl_log_listener *);

/* Any thread. Logs a line of the plugin's own at a level of eventbus/plugin-help/log.h. */
void pl_log_line(int32_t level, const char *text);

/* Any thread. Copies the last warning or error of the library's, if it is younger than half a minute. False: there is none. */
bool pl_log_last(char out[PL_LOG_LAST_ROOM]);

/* Writes a library's line as one line into `out`, without what looks like a token. */
void pl_log_clean(const char *line, char *out, size_t room);

#endif
