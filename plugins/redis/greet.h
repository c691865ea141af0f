/* plugins/redis/greet.h - the way up of a connection: look up, connect, TLS, log in. */
#ifndef RD_GREET_H
#define RD_GREET_H

#include "conn.h"

/* The next steps of a connection that is not ready yet. */
void rd_greet(struct rd_conn *);

#endif
