/* client/cloexec.h - keeps libpulsar's sockets from the commands that the service starts.
 *
 * libpulsar opens its sockets without close-on-exec, in threads of its own, and shows them to nobody. So its reference to
 * socket(2) is changed to a function that adds SOCK_CLOEXEC, in libpulsar alone: the place that the dynamic linker filled in
 * when it loaded libpulsar. */
#ifndef PL_CLOEXEC_H
#define PL_CLOEXEC_H

#include <stdbool.h>

/* Changes it, once in the process. Any thread, before a client is made. False: libpulsar has no such reference, and its sockets
 * are inherited. */
bool pl_cloexec_install(void);

#endif
