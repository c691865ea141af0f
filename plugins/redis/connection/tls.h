/* plugins/redis/connection/tls.h - the bytes of a connection behind TLS, over the plugin's own socket: no call raises
 * SIGPIPE or waits. */
#ifndef RD_CONNECTION_TLS_H
#define RD_CONNECTION_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "connection/url.h"
#include "options.h"

/* Makes what the connections of an instance share. EB_OK, or EB_PERMANENT: a certificate or key cannot be used. */
int32_t rd_tls_context(const struct rd_settings *, SSL_CTX **, struct eb_error *);

/* A TLS connection over this socket, which stays the caller's. The server must prove to be the host. NULL: no
 * memory. */
SSL *rd_tls_new(SSL_CTX *, int fd, const struct rd_url *);

/* Like connect, send and recv on a socket that does not wait. They return at least 0 (recv: 0 at the end); or -1 with
 * errno EAGAIN and in *wants POLLIN or POLLOUT; or -1 with another errno and the reason in err. */
int rd_tls_handshake(SSL *, short *wants, struct eb_error *);
ssize_t rd_tls_send(SSL *, const char *, size_t, short *wants, struct eb_error *);
ssize_t rd_tls_recv(SSL *, char *, size_t, short *wants, struct eb_error *);

#endif
