/* conform/runner/process.h - the process that each case runs in: what the runner and that process tell each other. */
#ifndef EBC_PROCESS_H
#define EBC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- what the process writes ---- */

/* A child writes lines to EBC_FD_RESULT, fields parted by tabs:
 *   broke CASE TEXT     a promise is broken
 *   blame CASES TEXT    likewise that of the running case, unless one of these, "|" between them, fails
 *   skip TEXT           the case cannot check this plugin
 *   over                a breach ended the case
 *   done                the case came to its end
 *   plugin TEXT, refused TEXT, options TEXT, away TEXT      of the child that asks what the plugin is
 *   left TEXT           of the child that cleans up
 * Peers write lines of the case's own to EBC_FD_PEER. */
enum { EBC_FD_RESULT = 3, EBC_FD_PAGE = 4, EBC_FD_PEER = 5, EBC_MOST_PROCESSES = 8, EBC_LINE_ROOM = 3000 };
#define EBC_PROBE "?probe"
#define EBC_SWEEP "?sweep"
#define EBC_LEAVES_PROCESS "the-process-is-left-as-it-was"

/* text: to the end of the line; promise NULL: none. Any thread. */
void ebc_write_result(const char *verb, const char *promise, const char *text);

/* What a process of the case is doing. Written by that process alone; read by the runner when it is stuck or dead. */
struct ebc_progress {
    _Atomic int64_t until_ms; /* monotonic: when the current op has to be back; 0: no op runs */
    char op[120];
    char logged[240]; /* the last warning or error that the plugin logged */
};

struct ebc_shared_page {
    struct ebc_progress of[EBC_MOST_PROCESSES]; /* the case's; then its peers' */
};

/* The arguments of a child, behind those that lead to it; then the plugin's options. */
enum ebc_argument {
    EBC_W_CASE,
    EBC_W_PEER,
    EBC_W_NUMBER,
    EBC_W_RUN,
    EBC_W_SEED,
    EBC_W_PACE,
    EBC_W_STATE,
    EBC_W_FILE,
    EBC_W_COUNT
};

/* ---- the runner's side ---- */

/* One breach of a promise that is another case's. */
struct ebc_breach {
    char *promise, *text;
};

/* A child process and what it told. */
struct ebc_process {
    pid_t pid;
    int result, output; /* its lines; what it wrote to stdout and stderr */
    struct ebc_shared_page *page;
    const char *name; /* of the case */
    char line[EBC_LINE_ROOM];
    size_t n_line;
    char *broke, *suspects, *skip, *plugin, *refused, *options, *away, *left; /* the lines' texts; NULL: not told */
    struct ebc_breach *breaches;
    size_t n_breaches;
    bool over, done;
    int status;  /* as of waitpid */
    char *stuck; /* why it was killed; NULL: it was not */
};

/* Starts the program again with these arguments and reads what it writes until it has ended. Kills it when an op takes
 * `grace_ms` more than its time, or all of it more than `allowed_ms`. false: it could not be started, errno says why.
 * ebc_process_free in either case. */
bool ebc_process_run(struct ebc_process *, const char *name, char *const *argv, int64_t grace_ms, int64_t allowed_ms);
void ebc_process_free(struct ebc_process *);
/* How it ended, where that is a failure by itself; malloced; NULL: as it should. */
char *ebc_process_bad_end(const struct ebc_process *);
/* The first line that it wrote to stdout or stderr, or that of a sanitizer's report; malloced; NULL: none. */
char *ebc_process_written(const struct ebc_process *);

#endif
