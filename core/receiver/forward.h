/* core/receiver/forward.h - passes on what commands write to their standard error to the standard error of this process. */
#ifndef EBI_FORWARD_H
#define EBI_FORWARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <eventbus/error.h>

enum { EBI_FORWARD_ROOM = 4096, EBI_FORWARD_MOST = 64 };

/* Reads once from a pipe that does not block, and writes what it read to standard error. Returns the length of `text`; 0 at the end of
 * the pipe; -1 where nothing is to be read now. Blocks while standard error takes nothing: poll that for POLLOUT before. */
ssize_t ebi_forward_once(int fd, char text[static EBI_FORWARD_ROOM]);

/* Takes over the pipes of commands that have ended but left processes behind, which still have the other ends. A thread of its own
 * passes on what they write, until they end. */
struct ebi_forward {
    pthread_mutex_t lock; /* guards what follows */
    pthread_t thread;
    bool started, end;
    int wake;                  /* an eventfd */
    int fds[EBI_FORWARD_MOST]; /* a pipe beyond that number is closed */
    size_t n;
};

void ebi_forward_init(struct ebi_forward *);

/* Closes all pipes, and ends the thread. Blocks while standard error takes nothing. */
void ebi_forward_free(struct ebi_forward *);

/* Takes the pipe over, or closes it where no thread can be started. Any thread. */
void ebi_forward_add(struct ebi_forward *, int fd);

#endif
