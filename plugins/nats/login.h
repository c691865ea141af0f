/* login.h - the options of libnats for each server: address, login, TLS. */
#ifndef EBN_LOGIN_H
#define EBN_LOGIN_H

#include <nats/nats.h>
#include "settings.h"

enum { EBN_SERVER_ROOM = 128 };

/* For each server of `url`: the options of libnats, and what messages call it, host and port without a password. */
struct ebn_logins {
    natsOptions **options;
    char (*servers)[EBN_SERVER_ROOM];
    size_t n;
};

/* Makes them, to be freed whatever comes. EB_PERMANENT: the settings hold something that libnats refuses, such as a file that
 * cannot be read. EB_RETRIABLE: no memory. */
int32_t ebn_logins(const struct eb_host *, const struct settings *, struct ebn_logins *, struct eb_error *);
void ebn_logins_free(struct ebn_logins *);

/* EB_RETRIABLE: "out of memory". */
int32_t ebn_no_memory(struct eb_error *);

/* Opens libnats once for this process, makes its sockets close-on-exec, and leaves the process's SIGPIPE as it is. */
int32_t ebn_library(struct eb_error *);

#endif
