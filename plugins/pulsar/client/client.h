/* client/client.h - one client of libpulsar, as the settings say: its connections, its threads, its login. */
#ifndef PL_CLIENT_H
#define PL_CLIENT_H

#include "client/libpulsar.h"
#include "options.h"

struct pl_client {
    pulsar_client_t *client;
    const struct eb_host *host;
    const struct pl_settings *set;
    struct pl_settings *own; /* a copy that the client's threads read, which may outlive the instance */
};

/* Makes a client, which connects to nothing yet; never waits for the network. The host's thread. Returns EB_OK, EB_PERMANENT
 * (a file of TLS that cannot be read), or EB_RETRIABLE (no memory). */
int32_t pl_client_open(struct pl_client *, const struct eb_host *, const struct pl_settings *, struct eb_error *);

/* Closes the client and ends its threads; waits for that up to timeout_ms, and a little in any case. With `abort` it asks no
 * broker to close what is open, and what the library holds back may be dropped without a callback. What is not over in time
 * goes on in a thread of its own, which reads neither the settings nor the host. `then` (NULL: none) is called with `arg`, by
 * that thread, once no callback can come any more: it frees the contexts of callbacks. Returns whether it was called. */
bool pl_client_close(struct pl_client *, bool abort, int64_t timeout_ms, void (*then)(void *arg), void *arg);

/* Where the client connects to, for messages. */
const char *pl_client_address(const struct pl_client *);

#endif
