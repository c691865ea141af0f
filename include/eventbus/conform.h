/* eventbus/conform.h - the conformance kit as a library: it hosts one plugin without the event bus and checks which
 * promises of <eventbus/plugin.h> the plugin keeps. Compiles alone: C11, C++17. Link with -leventbus-conform
 * (pkg-config eventbus-conform). `eventbus conform` is the same kit behind a command.
 *
 * A case is a promise, and its name says which: an-ack-never-covers-an-unsettled-message. It passes, or fails with what
 * was expected, what came and the sentence of plugin.h that is broken, or is skipped with the reason (a role that is not
 * there, a trait that is not claimed). One broken promise fails one case, the one that names it, wherever it was seen.
 *
 *   static int32_t tell(void *arg, const struct eb_conform_result *result) {
 *       printf("%s %s: %s\n", result->outcome == EB_CONFORM_FAIL ? "FAIL" : "ok", result->name, result->why);
 *       return 0;
 *   }
 *
 *   int main(int argc, char **argv) {
 *       static const char *const options[] = { "url=mine://localhost", NULL };
 *       struct eb_conform run = { .size = sizeof run, .file = "./mine.so", .options = options, .result = tell };
 *       struct eb_error err;
 *       int status;
 *
 *       eb_conform_main(argc, argv);
 *       status = eb_conform_run(&run, &err);
 *       if (status > 1)
 *           fprintf(stderr, "%s\n", err.text);
 *       return status;
 *   }
 *
 * PROCESSES  Each case runs in a process of its own, which is this program started again: a plugin that crashes, ends its
 *            process or hangs fails that one case, and a program that was built with a sanitizer has it in each case.
 *            With in_process the cases run in the calling thread instead, so that a debugger, or valgrind, sees them.
 * BROKER     Topics and groups are named conform-RUN-CASE-..., RUN being another text in each run, and the kit writes to
 *            no others, so a real broker can be used. The topics are removed at the end if the plugin can remove topics.
 * TIME       What a lease or a dead member holds comes back only after the broker's own time, for which the kit waits up
 *            to a minute: give the plugin a short lease or session.
 * THREADS    One run at a time in a process. The callbacks come from the thread that called eb_conform_run.
 * MEMORY     All that a struct points to is borrowed: by the kit until eb_conform_run returns, by a callback until the
 *            callback returns.
 * SIZES      Set `size` to sizeof and zero the rest. Later versions append fields; the size says which are there.
 *
 * The kit needs Linux (/proc, memfd). */
#ifndef EVENTBUS_CONFORM_H
#define EVENTBUS_CONFORM_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A case of the kit. */
struct eb_conform_case {
    size_t size;
    const char *name, *group; /* "timeouts-are-kept", "calls" */
    const char *about;        /* one line: what it tests */
    const char *needs;        /* the roles and traits without which it is skipped, and the fields of struct eb_conform
                                 * that it needs ("--down --up"), blanks between them; "": none */
};

enum eb_conform_outcome { EB_CONFORM_PASS = 1, EB_CONFORM_FAIL = 2, EB_CONFORM_SKIP = 3 };

/* What became of a case. */
struct eb_conform_result {
    size_t size;
    const char *name, *group;
    int32_t outcome; /* enum eb_conform_outcome */
    int32_t revised; /* 1: takes the place of the result that this case had before, because a later case saw what
                      * decides it */
    const char *why; /* the reason of EB_CONFORM_FAIL and EB_CONFORM_SKIP, one line; "" with EB_CONFORM_PASS. It may hold
                      * any bytes that the plugin wrote: see eventbus/printable.h */
    double seconds;
};

/* What is known when the first case begins. */
struct eb_conform_start {
    size_t size;
    const char *plugin; /* "mine 1.0 (producer, consumer)" */
    uint64_t seed;      /* the one given, or chosen */
    size_t n_cases;     /* how many cases are selected */
};

/* One run of the kit. Zero stands for the default. */
struct eb_conform {
    size_t size;
    const char *file;           /* the plugin's file */
    const char *const *options; /* its options, "KEY=VALUE", NULL-ended; NULL: none. ${STATE} in a value is a folder made
                                 * for this run, ${NAME} an environment variable, ${file:PATH} what a file holds */
    const char *only;           /* a case, or a group; NULL: all */
    uint64_t seed;              /* makes the same events and choices again; 0: a random one */
    double pace;                /* a factor for all waits, 0.1 to 100, for a broker that is slow or far, or a debugger;
                                 * 0: 1. Under 1 it shortens those waits only after which nothing has come */
    int32_t in_process;         /* 1: in the calling thread. A crash ends this program, and nothing ends a case that
                                 * hangs. After a case that a failure broke off, the rest is skipped */
    int32_t pad;                /* 0 */

    /* Shell commands that stop and start the broker; run by /bin/sh in a session of their own, with both or neither. A
     * command has succeeded when it ends with status 0, and then the broker must be away, or be ready. Cases that need
     * them are skipped without them. The kit starts a broker that a case left stopped. */
    const char *down, *up;
    /* "KEY=VALUE" texts, NULL-ended, that take the place of those in `options`, and with which the plugin finds no broker:
     * an address where nobody answers. Cases that need them are skipped when it is NULL. */
    const char *const *unreachable;

    const char *command; /* how people run the kit, for messages; NULL: "eventbus conform" */

    /* Callbacks; each may be NULL. If started or result returns a value other than 0, no further case begins. */
    int32_t (*started)(void *arg, const struct eb_conform_start *); /* once, before the first case */
    void (*begins)(void *arg, const char *name, size_t number);     /* a case begins, the number-th from 1 */
    int32_t (*result)(void *arg, const struct eb_conform_result *); /* once for each case, as soon as it has ended, and
                                                                        * again when a later one revises it */
    void (*trouble)(void *arg, const char *text);                   /* what the kit could not do, and goes on */
    void *arg;                                                      /* for the callbacks */
};

/* Call this first in main. In a process that the kit started to run a case it runs the case, and does not return; in any
 * other it returns at once. */
void eb_conform_main(int argc, char **argv);

/* Runs the cases. Returns 0 if all passed or were skipped, 1 if a case failed; or, with the error filled, 2 if the fields or
 * the plugin's options are wrong, 3 if the broker was not reachable or this machine fails, 5 if the file is not a plugin.
 * The program must not wait for children of its own by waitpid(-1) meanwhile. */
int eb_conform_run(const struct eb_conform *, struct eb_error *);

/* Calls `each` for each case that `only` selects (a case, a group, or NULL for all), in the order in which they run. Returns
 * how many there are. `each` may be NULL. Any thread. */
size_t eb_conform_cases(const char *only, void (*each)(void *arg, const struct eb_conform_case *), void *arg);

#ifdef __cplusplus
}
#endif
#endif
