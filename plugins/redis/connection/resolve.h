/* plugins/redis/connection/resolve.h - looks up a host's addresses in a thread of its own, since getaddrinfo may wait
 * for any time. */
#ifndef RD_CONNECTION_RESOLVE_H
#define RD_CONNECTION_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

struct rd_lookup;

/* Starts a look-up. The descriptor becomes readable when it has ended. NULL: no thread or no memory. */
struct rd_lookup *rd_lookup_start(const char *host, const char *port, int *fd);

/* Whether it has ended. Then *addresses is the caller's to free, or NULL with *failure as gai_strerror takes it. */
bool rd_lookup_ended(struct rd_lookup *, struct addrinfo **addresses, int *failure);

/* At any time. A thread that is still at work ends by itself. */
void rd_lookup_free(struct rd_lookup *);

#endif
