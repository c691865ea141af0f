/* plugins/redis/connection/resolve.h - a host's addresses, looked up in a thread of its own, since getaddrinfo waits as long as it
 * likes. */
#ifndef RD_CONNECTION_RESOLVE_H
#define RD_CONNECTION_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

struct rd_lookup;

/* NULL: no thread, no memory. The descriptor becomes readable when the answer is there. */
struct rd_lookup *rd_lookup_start(const char *host, const char *port, int *fd);

/* True once it has ended: *addresses is the caller's to free, or NULL with *failure as gai_strerror takes it. */
bool rd_lookup_ended(struct rd_lookup *, struct addrinfo **addresses, int *failure);

/* At any time; one that is still at work ends by itself. */
void rd_lookup_free(struct rd_lookup *);

#endif
