/* plugins/redis/connection/resolve.c - see resolve.h. */
#include "connection/resolve.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The connection and the thread hold it; the last holder frees it. */
struct rd_lookup {
    pthread_mutex_t lock;
    unsigned members;
    bool ended;
    int fd, failure;
    struct addrinfo *addresses;
    char *host, *port;
};

static void release(struct rd_lookup *lookup) {
    pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->members == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!last)
        return;
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    if (lookup->fd >= 0)
        close(lookup->fd);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void *look_up(void *arg) {
    struct rd_lookup *lookup = arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *addresses = NULL;
    int failure = getaddrinfo(lookup->host, lookup->port, &hints, &addresses);
    uint64_t one = 1;

    pthread_mutex_lock(&lookup->lock);
    lookup->addresses = addresses;
    lookup->failure = failure;
    lookup->ended = true;
    if (write(lookup->fd, &one, sizeof one) < 0)
        lookup->ended = true; /* nothing to be done: the connection looks again at its deadline */
    pthread_mutex_unlock(&lookup->lock);
    release(lookup);
    return NULL;
}

struct rd_lookup *rd_lookup_start(const char *host, const char *port, int *fd) {
    struct rd_lookup *lookup = calloc(1, sizeof *lookup);
    pthread_t thread;

    if (!lookup)
        return NULL;
    pthread_mutex_init(&lookup->lock, NULL);
    lookup->members = 2;
    lookup->host = strdup(host);
    lookup->port = strdup(port);
    lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!lookup->host || !lookup->port || lookup->fd < 0 || pthread_create(&thread, NULL, look_up, lookup) != 0) {
        lookup->members = 1;
        release(lookup);
        return NULL;
    }
    pthread_detach(thread);
    *fd = lookup->fd;
    return lookup;
}

bool rd_lookup_ended(struct rd_lookup *lookup, struct addrinfo **addresses, int *failure) {
    pthread_mutex_lock(&lookup->lock);
    bool ended = lookup->ended;
    if (ended) {
        *addresses = lookup->addresses;
        *failure = lookup->failure;
        lookup->addresses = NULL;
    }
    pthread_mutex_unlock(&lookup->lock);
    return ended;
}

void rd_lookup_free(struct rd_lookup *lookup) {
    if (lookup)
        release(lookup);
}
