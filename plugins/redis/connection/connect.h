/* plugins/redis/connection/connect.h - how a connection becomes ready: it looks up the address, connects, agrees on TLS
 * and logs in. */
#ifndef RD_CONNECTION_CONNECT_H
#define RD_CONNECTION_CONNECT_H

#include "connection/connection.h"

/* Takes the next steps of a connection that is not ready, without waiting. */
void rd_connect_step(struct rd_conn *);

#endif
