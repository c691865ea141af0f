/* client/cloexec.h - closes libpulsar's sockets in the commands that the service starts.
 *
 * libpulsar opens its sockets without close-on-exec, in threads of its own, and shows them to nobody. But it logs each
 * connection, "[LOCAL -> REMOTE] Connected to broker", in the thread that made it and before it sends anything, so the socket
 * is found by its addresses. A command that is started while a connection is being made still inherits it. */
#ifndef PL_CLOEXEC_H
#define PL_CLOEXEC_H

#include <stdbool.h>

/* Makes the socket close-on-exec whose connection a line of libpulsar's log begins. Any thread. */
void pl_cloexec_of_line(const char *line);

/* Reads the two ports of "[LOCAL:PORT -> REMOTE:PORT] Connected to broker". False: the line is another one. */
bool pl_cloexec_ports(const char *line, int *local, int *remote);

#endif
