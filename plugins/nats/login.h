/* login.h - the options of libnats for one server: address, login, TLS. */
#ifndef EBN_LOGIN_H
#define EBN_LOGIN_H

#include <nats/nats.h>
#include "settings.h"

enum { EBN_SERVER_ROOM = 128 };

/* Makes the options for settings->url[i], and writes what messages call that server: host and port, no password. EB_PERMANENT:
 * the settings hold something that libnats refuses, such as a certificate that cannot be read. EB_RETRIABLE: no memory. */
int32_t ebn_login(const struct eb_host *, const struct settings *, size_t i, natsOptions **, char *server, struct eb_error *);

/* Opens libnats once for this process, and leaves the process's SIGPIPE as it is. */
int32_t ebn_library(struct eb_error *);

#endif
