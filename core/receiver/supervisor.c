/* core/receiver/supervisor.c - starts the process of supervisor_process.c and gives it work: see supervisor.h. */
#include "receiver/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

enum { END_MS = 5000 };

void ebi_supervisor_init(struct ebi_supervisor *supervisor, const char *command) {
    *supervisor = (struct ebi_supervisor){ .command = command, .control = -1 };
    pthread_mutex_init(&supervisor->lock, NULL);
}

/* Lock held. The process has ended, or ends by itself: closes its socket, and reaps it. */
static void part(struct ebi_supervisor *supervisor, int options) {
    if (supervisor->control < 0)
        return;
    close(supervisor->control);
    supervisor->control = -1;
    while (waitpid(supervisor->pid, NULL, options) < 0 && errno == EINTR)
        continue; /* any other error: another part of this program has waited for it, and nothing is lost */
}

void ebi_supervisor_free(struct ebi_supervisor *supervisor) {
    struct pollfd ended = { .fd = supervisor->control, .events = POLLIN };

    if (supervisor->control >= 0) {
        shutdown(supervisor->control, SHUT_WR);
        while (poll(&ended, 1, END_MS) < 0 && errno == EINTR)
            continue;
        part(supervisor, ended.revents ? 0 : WNOHANG);
    }
    pthread_mutex_destroy(&supervisor->lock);
}

/* In the child neither a signal handler of the host program may run, nor what it has registered with pthread_atfork. */
static pid_t fork_without_handlers(void) {
#if defined HAVE__FORK && !defined __SANITIZE_THREAD__
    return _Fork();
#else
    return fork(); /* ThreadSanitizer has to see it */
#endif
}

static enum eb_status start(struct ebi_supervisor *supervisor, struct eb_error *err) {
    pid_t parent = getpid();
    sigset_t all, before;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot make a socket for commands");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork_without_handlers();
    if (pid == 0)
        ebi_supervise(ends[1], parent, supervisor->command);
    enum eb_status status = EB_OK;
    if (pid < 0)
        status = ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot start a process for commands");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (status != EB_OK) {
        close(ends[0]);
        return status;
    }
    supervisor->control = ends[0];
    supervisor->pid = pid;
    return EB_OK;
}

/* False, with errno: the request was not sent. */
static bool send_request(int control, const int *fds, size_t n) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } extra = { { 0 } };
    struct iovec data = { "r", 1 };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = CMSG_SPACE(n * sizeof(int))
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ssize_t sent;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n * sizeof(int));
    while ((sent = sendmsg(control, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return sent > 0;
}

static bool died(int error) {
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

/* Lock held. Replaces a process that has died, once. */
static enum eb_status request(struct ebi_supervisor *supervisor, const int *fds, size_t n, struct eb_error *err) {
    for (int tries = 0;; tries++) {
        enum eb_status status = supervisor->control < 0 ? start(supervisor, err) : EB_OK;

        if (status != EB_OK)
            return status;
        if (send_request(supervisor->control, fds, n))
            return EB_OK;
        int why = errno;
        if (died(why))
            part(supervisor, WNOHANG);
        errno = why;
        if (!died(why) || tries > 0)
            return ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot reach the process that starts commands");
    }
}

enum eb_status ebi_supervisor_run(struct ebi_supervisor *supervisor, int in, int error, int *report, struct eb_error *err) {
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot make a socket for a command");
    const int fds[] = { ends[1], in, error };
    pthread_mutex_lock(&supervisor->lock);
    enum eb_status status = request(supervisor, fds, error < 0 ? 2 : 3, err);
    pthread_mutex_unlock(&supervisor->lock);
    close(ends[1]);
    if (status == EB_OK)
        *report = ends[0];
    else
        close(ends[0]);
    return status;
}
