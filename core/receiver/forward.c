/* core/receiver/forward.c - see forward.h. */
#include "receiver/forward.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

ssize_t ebi_forward_once(int fd, char text[static EBI_FORWARD_ROOM]) {
    ssize_t n = read(fd, text, EBI_FORWARD_ROOM), written = 0;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    while (written < n) {
        ssize_t m = write(STDERR_FILENO, text + written, (size_t)(n - written));

        if (m < 0 && errno != EINTR)
            break; /* nobody reads it: the rest is dropped, as if the command had met that */
        written += m > 0 ? m : 0;
    }
    return n;
}

void ebi_forward_init(struct ebi_forward *forward) {
    *forward = (struct ebi_forward){ .wake = -1 };
    pthread_mutex_init(&forward->lock, NULL);
}

static void wake(const struct ebi_forward *forward) {
    if (forward->wake >= 0)
        eventfd_write(forward->wake, 1);
}

/* Lock held. */
static void drop(struct ebi_forward *forward, size_t i) {
    close(forward->fds[i]);
    memmove(&forward->fds[i], &forward->fds[i + 1], (--forward->n - i) * sizeof *forward->fds);
}

static void pass_on(struct ebi_forward *forward, const struct pollfd *polled, size_t n) {
    char text[EBI_FORWARD_ROOM];

    for (size_t i = 0; i < n; i++) {
        if (!polled[i].revents || ebi_forward_once(polled[i].fd, text) != 0)
            continue;
        pthread_mutex_lock(&forward->lock);
        for (size_t k = 0; k < forward->n; k++)
            if (forward->fds[k] == polled[i].fd) {
                drop(forward, k);
                break;
            }
        pthread_mutex_unlock(&forward->lock);
    }
}

static void *run(void *arg) {
    struct ebi_forward *forward = arg;
    struct pollfd polled[EBI_FORWARD_MOST + 1];
    eventfd_t ignored;

    for (;;) {
        pthread_mutex_lock(&forward->lock);
        size_t n = forward->n;
        bool end = forward->end;
        for (size_t i = 0; i < n; i++)
            polled[i] = (struct pollfd){ .fd = forward->fds[i], .events = POLLIN };
        pthread_mutex_unlock(&forward->lock);
        if (end)
            return NULL;
        polled[n] = (struct pollfd){ .fd = forward->wake, .events = POLLIN };
        if (poll(polled, n + 1, -1) < 0)
            continue;
        if (polled[n].revents)
            eventfd_read(forward->wake, &ignored);
        pass_on(forward, polled, n);
    }
}

/* Lock held. */
static bool is_started(struct ebi_forward *forward) {
    if (forward->started)
        return true;
    if (forward->wake < 0)
        forward->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    forward->started = forward->wake >= 0 && ebi_thread_start(&forward->thread, "eb-stderr", run, forward, NULL) == EB_OK;
    return forward->started;
}

void ebi_forward_add(struct ebi_forward *forward, int fd) {
    pthread_mutex_lock(&forward->lock);
    if (!is_started(forward)) {
        close(fd);
    } else if (forward->n < EBI_FORWARD_MOST) {
        forward->fds[forward->n++] = fd;
        wake(forward);
    } else {
        close(fd); /* the older pipes stay: they may be of services */
    }
    pthread_mutex_unlock(&forward->lock);
}

void ebi_forward_free(struct ebi_forward *forward) {
    pthread_mutex_lock(&forward->lock);
    forward->end = true;
    wake(forward);
    pthread_mutex_unlock(&forward->lock);
    if (forward->started)
        pthread_join(forward->thread, NULL);
    while (forward->n > 0)
        drop(forward, forward->n - 1);
    if (forward->wake >= 0)
        close(forward->wake);
    pthread_mutex_destroy(&forward->lock);
}
