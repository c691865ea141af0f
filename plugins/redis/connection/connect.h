/* plugins/redis/connection/connect.h - the way up of a connection: look up, connect, TLS, log in. */
#ifndef RD_CONNECTION_CONNECT_H
#define RD_CONNECTION_CONNECT_H

#include "connection/connection.h"

/* The next steps of a connection that is not ready yet. */
void rd_connect_step(struct rd_conn *);

#endif
