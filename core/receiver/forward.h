/* core/receiver/forward.h - passes what commands write to their standard error on to this process's. */
#ifndef EBI_FORWARD_H
#define EBI_FORWARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <eventbus/error.h>

enum { EBI_FORWARD_ROOM = 4096, EBI_FORWARD_MOST = 64 };

/* Reads once from a pipe that does not block, and writes that to standard error. Returns its length, with it in `text`; 0 at
 * the end; -1 when there is nothing now. Blocks while standard error takes nothing: poll it before for POLLOUT. */
ssize_t ebi_forward_once(int fd, char text[static EBI_FORWARD_ROOM]);

/* Takes over the pipes of commands that have ended and left processes behind, which still have the other ends: a thread of its
 * own passes on what they write, until they end. */
struct ebi_forward {
    pthread_mutex_t lock;               /* guards what follows */
    pthread_t thread;
    bool started, end;
    int wake;                           /* an eventfd */
    int fds[EBI_FORWARD_MOST];          /* one more is closed */
    size_t n;
};

void ebi_forward_init(struct ebi_forward *);

/* Closes all pipes, ends the thread. Blocks while standard error does. */
void ebi_forward_free(struct ebi_forward *);

/* Takes the pipe over. Where no thread can be started it is closed. Any thread. */
void ebi_forward_add(struct ebi_forward *, int fd);

#endif
