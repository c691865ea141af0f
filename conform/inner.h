/* conform/inner.h - what the kit's own files share and cases do not see: the runner's view of a process,
 * results, instances of the plugin. */
#ifndef EBC_INNER_H
#define EBC_INNER_H

#include <sys/types.h>
#include "case.h"
#include "conform.h"

/* ---- the runner and its children (run.c, process.c, child.c) ---- */

/* A child tells by lines on EBC_FD_RESULT, fields parted by tabs:
 *   broke CASE TEXT     a promise is broken
 *   blame CASES TEXT    likewise that of the case at work, unless one of these, "|" between them, fails
 *   skip TEXT           nothing to say about this plugin
 *   over                ended by a breach
 *   done                came to its end
 *   plugin TEXT, refused TEXT, options TEXT, away TEXT      of the one that asks what the plugin is
 *   left TEXT           of the one that cleans up */
enum { EBC_FD_RESULT = 3, EBC_FD_PAGE = 4, EBC_FD_SAY = 5, EBC_SLOTS = 8, EBC_LINE_ROOM = 3000 };
#define EBC_PROBE "?probe"
#define EBC_SWEEP "?sweep"
#define EBC_LEAVES_PROCESS "the-process-is-left-as-it-was"

/* text: to the end of the line; promise NULL: none. Any thread. */
void ebc_tell(const char *verb, const char *promise, const char *text);

/* What a process of the case is at. Written by it alone; read by the runner when it is stuck or dead. */
struct ebc_slot {
    _Atomic int64_t until_ms;       /* monotonic: the op at work has to be back; 0: none is */
    char doing[120];
    char words[240];                /* the last warning or error that the plugin logged */
};

struct ebc_page {
    struct ebc_slot slots[EBC_SLOTS];   /* the case's; then its parts' */
};

/* The arguments of a child, behind those that lead to it; then the plugin's options. */
enum ebc_word { EBC_W_CASE, EBC_W_PART, EBC_W_SLOT, EBC_W_RUN, EBC_W_SEED, EBC_W_PACE, EBC_W_STATE, EBC_W_FILE,
                EBC_WORDS };

/* One breach of a promise that is another case's. */
struct ebc_breach {
    char *promise, *text;
};

/* A child process and what it told. */
struct ebc_process {
    pid_t pid;
    int result, output;             /* its lines; what it wrote to stdout and stderr */
    struct ebc_page *page;
    const char *name;               /* of the case */
    char line[EBC_LINE_ROOM];
    size_t n_line;
    char *broke, *suspects, *skip, *plugin, *refused, *options, *away, *left;   /* the lines' texts; NULL: not told */
    struct ebc_breach *breaches;
    size_t n_breaches;
    bool over, done;
    int status;                     /* as of waitpid */
    char *stuck;                    /* it was ended by force: why */
};

/* Starts the program again by these arguments and listens until it has ended, with `grace_ms` for an op beyond its time
 * and `allowed_ms` for all. false: it could not be started, errno tells why. ebc_process_free in either case. */
bool ebc_process_run(struct ebc_process *, const char *name, char *const *argv, int64_t grace_ms, int64_t allowed_ms);
void ebc_process_free(struct ebc_process *);
/* How it ended, where that is a failure by itself; malloced; NULL: as it should. */
char *ebc_process_bad_end(const struct ebc_process *);
/* The first line that it wrote, or that of a sanitizer's report; malloced; NULL: none. */
char *ebc_process_written(const struct ebc_process *);

/* ---- results (print.c) ---- */

enum ebc_outcome { EBC_NOT_RUN, EBC_PASS, EBC_FAIL, EBC_SKIP };

struct ebc_result {
    const struct ebc_case *of;
    enum ebc_outcome outcome;
    char *why;                      /* NULL: nothing to say */
    char *suspects;                 /* skipped if one of these cases fails; NULL: none */
    double seconds;
};

struct ebc_report {
    enum eb_conform_format format;
    uint64_t seed;
    char plugin[200];               /* "sqlite 0.1.0 (producer, consumer, admin)" */
    struct ebc_result *results;
    size_t n;
};

void ebc_print(const struct ebc_report *);

/* "program: text" on standard error, as one line in which only what may be shown stands (eventbus/printable.h). */
void ebc_error_line(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes the JUnit file; false, with why. */
bool ebc_print_junit(const struct ebc_report *, const char *file, char why[EBC_WHY_ROOM]);
bool ebc_selected(const struct ebc_case *, const char *only);

/* ---- instances (instance.c) ---- */

/* What all roles share. Begins a producer, consumer or admin. */
struct ebc_instance {
    struct ebc *t;
    struct ebc_instance *next;
    struct eb_host host;            /* core: this instance */
    const char *name;
    void *self;                     /* the plugin's */
    _Atomic bool open;
    int32_t up;                     /* these two guarded by the case's lock */
    bool said_down;
    bool silent;                    /* not asked about its link: an admin, which waits in each op */
    void (*close)(struct ebc_instance *);
};

/* Fills in the host table and joins the case's list. The name lives as long as the case. */
void ebc_instance_init(struct ebc *, struct ebc_instance *, const char *name, void (*close)(struct ebc_instance *));
/* Whether the host call `what` may come now: not after close. Notes it when not. */
bool ebc_instance_called(const struct ebc_instance *, const char *what);
/* Breaks with the error of an op that failed. */
void ebc_instance_worked(struct ebc_instance *, const char *op, int32_t status, const struct eb_error *);
void ebc_close_all(struct ebc *);

/* ---- events (events.c) ---- */

/* The event that a message is, by its id; NULL: none of this case. Under the case's lock where threads may be about. */
struct ebc_event *ebc_event_of(const struct ebc *, const struct eb_message *);
/* A deep copy, of the size that both know. */
const struct eb_message *ebc_copy_message(struct ebc *, const struct eb_message *);

#endif
