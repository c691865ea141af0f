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
 *   secret NUMBER       likewise: the option of that number, from 0, must not be shown
 *   left TEXT           of the child that cleans up
 * Peers write lines of the case's own to EBC_FD_PEER. */
enum { EBC_FD_RESULT = 3, EBC_FD_PAGE = 4, EBC_FD_PEER = 5, EBC_MOST_PROCESSES = 8, EBC_LINE_ROOM = 3000 };
#define EBC_PROBE "?probe"
#define EBC_SWEEP "?sweep"
#define EBC_LEAVES_PROCESS "the-process-is-left-as-it-was"
/* argv[1] of such a process. */
#define EBC_CASE_WORD "--eventbus-conform-case"

/* What a process of the case is doing. Written by that process alone; read by the runner when it is stuck or dead. */
struct ebc_progress {
    _Atomic int64_t until_ms; /* monotonic: when the current op has to be back; 0: no op runs */
    char op[120];
    char logged[240]; /* the last warning or error that the plugin logged */
    char closed[400]; /* the instances that were closed, ", " between them, the last ones */
};

/* What a case did to the broker, and has not undone. DOUBTFUL: the command that stops it failed. */
enum ebc_broker { EBC_BROKER_UP, EBC_BROKER_STOPPED, EBC_BROKER_DOUBTFUL };

struct ebc_shared_page {
    _Atomic int32_t broker;                     /* enum ebc_broker */
    struct ebc_progress of[EBC_MOST_PROCESSES]; /* the case's; then its peers' */
};

/* The arguments of a child; then the plugin's options, and those that take their place where no broker shall answer. */
enum ebc_argument {
    EBC_W_PROGRAM,
    EBC_W_WORD, /* EBC_CASE_WORD */
    EBC_W_CASE,
    EBC_W_PEER,
    EBC_W_NUMBER,
    EBC_W_RUN,
    EBC_W_SEED,
    EBC_W_PACE,
    EBC_W_STATE,
    EBC_W_FILE,
    EBC_W_DOWN, /* "": none */
    EBC_W_UP,
    EBC_W_N_OPTIONS,
    EBC_W_COUNT
};

/* Whether this process called eb_conform_main: only then do the processes that it starts run cases. */
bool ebc_main_was_called(void);
/* Where this program is; in memory of its own until the process ends. */
const char *ebc_program_path(void);
/* Replaces this process by this program with these arguments. Returns when that fails. Between fork and exec. */
void ebc_program_exec(const char *path, char *const *argv);

/* The pipe and the page between the runner and a case. Its descriptors are close-on-exec and above those that a child uses. */
struct ebc_channels {
    int to_runner, from_case, page_fd; /* -1: none */
    struct ebc_shared_page *page;
};

/* Returns false with errno. ebc_channels_close in either case, unless the fields have found another owner. */
bool ebc_channels_open(struct ebc_channels *);
void ebc_channels_close(struct ebc_channels *);
/* Maps a page; NULL: it cannot. munmap ends it. */
struct ebc_shared_page *ebc_page_map(int fd);

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
    uint64_t secret; /* a bit for each option that must not be shown */
    bool over, done;
    int status;  /* as of waitpid */
    char *stuck; /* why it was killed; NULL: it was not */
};

/* Starts the program again with these arguments and reads what it writes until it has ended. Kills it when an op takes
 * `grace_ms` more than its time, or all of it more than `allowed_ms`. false: it could not be started, errno says why.
 * ebc_process_free in either case. */
bool ebc_process_run(struct ebc_process *, const char *name, char *const *argv, int64_t grace_ms, int64_t allowed_ms);
/* Runs the case in this process and thread. `over` is true when a failure broke it off and left its instances open; their
 * memory stays then. */
bool ebc_process_here(struct ebc_process *, const char *name, char *const *argv);
/* Reads what is in the pipe now. */
void ebc_process_listen(struct ebc_process *);
void ebc_process_free(struct ebc_process *);
/* How it ended, where that is a failure by itself; malloced; NULL: as it should. */
char *ebc_process_bad_end(const struct ebc_process *);
/* The first line that it wrote to stdout or stderr, or that of a sanitizer's report; malloced; NULL: none. */
char *ebc_process_written(const struct ebc_process *);
/* Whether a sanitizer wrote a report. */
bool ebc_process_has_report(const struct ebc_process *);

#endif
