/* core/receiver/supervisor.h - a child process that runs one command again and again, and reports how each run ended.
 *
 * The runs are children of the supervisor, not of this process. So their outcome depends on nothing that this process does
 * with its own children: SIGCHLD may be ignored, a handler or another thread may call waitpid(-1). The supervisor also
 * adopts and reaps what the runs leave behind, and ends the runs when this process dies. */
#ifndef EBI_SUPERVISOR_H
#define EBI_SUPERVISOR_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>
#include <eventbus/error.h>

/* $0 of each run: the shell's own complaints begin with it. */
#define EBI_COMMAND_NAME "eventbus-exec"

enum {
    EBI_KILL_AFTER_MS = 2000 /* a run that is told to end gets SIGTERM, and after this time SIGKILL */
};

/* What the supervisor writes to the socket of a run, once. Where a socket ends without it, the supervisor has died, and how the run
 * ended is unknown. */
struct ebi_run_report {
    enum { EBI_RUN_ENDED, EBI_RUN_NOT_STARTED } what;
    int value; /* a status as of waitpid; an errno */
};

struct ebi_supervisor {
    const char *command;  /* for /bin/sh -c; borrowed */
    pthread_mutex_t lock; /* guards what follows */
    int control;          /* a socket; -1: no process yet */
    pid_t pid;
};

/* The process is started with the first run, and again after it has died. It keeps the environment, the folder and the rights that
 * this process has at that moment. */
void ebi_supervisor_init(struct ebi_supervisor *, const char *command);

/* Ends the process, which ends the runs at work first. Blocks for 5 s at most. Must not be called in a forked child. */
void ebi_supervisor_free(struct ebi_supervisor *);

/* Starts one run in a process group of its own: `in` becomes its standard input, `error` its standard error (-1: that of
 * this process); no other descriptor of this process reaches it but standard output. Both stay the caller's. *report is the
 * caller's to close: it becomes readable with a struct ebi_run_report, or with the end of the socket. shutdown(SHUT_WR) ends the
 * run and its whole group; so does closing it, and the death of this process. Any thread. EB_RETRIABLE,
 * EB_KIND_SYSTEM: no descriptors, no memory, no processes. */
enum eb_status ebi_supervisor_run(struct ebi_supervisor *, int in, int error, int *report, struct eb_error *err);

/* supervisor_process.c: the process itself. control is its end of the socket; parent that one's pid. */
void ebi_supervise(int control, pid_t parent, const char *command) __attribute__((noreturn));

#endif
