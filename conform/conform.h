/* conform/conform.h - the conformance kit: hosts one plugin without the event bus and checks which promises of
 * <eventbus/plugin.h> it keeps.
 *
 * FOR PLUGIN AUTHORS
 *   eventbus-conform ./mine.so -o url=mine://localhost
 * runs every case. A case is a promise, and its name says which: an-ack-never-covers-an-unsettled-message. It passes,
 * or fails with what was expected, what came, and the sentence of plugin.h that is broken, or is skipped with the
 * reason (a role that is not there, a trait that is not claimed). A trait that is claimed is tested, but for
 * EB_T_POWER, which only a power cut could disprove.
 *
 * - Each case runs in a process of its own: a plugin that crashes, ends its process or hangs fails that one case, with
 *   the signal and the op it was in.
 * - One broken promise fails one case, the one that names it, wherever it was seen: "seen in the case ..." tells where.
 *   A case that cannot be judged because of it is skipped, and says so.
 * - Topics are named conform-RUN-CASE-..., RUN being another one each time, so that a real broker can be used. They are
 *   removed at the end where the plugin has the admin role with remove.
 * - --seed N makes the same events and the same choices again. --pace 3 gives all waits of the kit three times as long,
 *   for a broker that is slow or far.
 * - -o KEY=VALUE sets options of the plugin. ${STATE} in a value or a default is a folder made for this run, ${NAME} an
 *   environment variable: so a secret needs not stand on the command line.
 * - What a lease or a dead member holds comes back only after the broker's own time, for which a minute is waited: give the
 *   plugin a short lease, or session.
 *
 * The kit writes to no other topic. It needs Linux (/proc, memfd). */
#ifndef CONFORM_H
#define CONFORM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum eb_conform_format { EB_CONFORM_TEXT, EB_CONFORM_JSON, EB_CONFORM_TAP };

/* One run of the kit. Borrowed until eb_conform_run returns; zero stands for the default. */
struct eb_conform {
    const char *program;        /* how messages on standard error begin: "eventbus conform" */
    const char *const *again;   /* NULL-ended arguments, argv[0] first, by which the running program
                                     * (/proc/self/exe) comes to eb_conform_child: each case is such a process */
    const char *file;           /* the plugin */
    const char *const *options; /* its options, "KEY=VALUE", NULL-ended; NULL: none */
    const char *only;           /* a case, or a group; NULL: all */
    const char *junit;          /* a file for JUnit's XML as well; NULL: none */
    enum eb_conform_format format;
    uint64_t seed; /* 0: a random one */
    double pace;   /* a factor for all waits; 0: 1 */
};

/* Runs the cases and prints the results on standard output. Returns the exit status: 0 all passed or were skipped, 1 a
 * case failed, 2 options, 3 the broker was not reachable, 5 not a plugin. From the main thread; the program may wait
 * for no child of its own by -1 meanwhile. */
int eb_conform_run(const struct eb_conform *);

/* Runs one case: for a program that was started with `again` as its first n arguments. Returns the exit status. */
int eb_conform_child(int argc, char **argv, int n);

/* Print the names of the cases that `only` selects; say whether it selects any. NULL selects all. */
void eb_conform_list(const char *only, enum eb_conform_format);
bool eb_conform_knows(const char *only);

#ifdef __cplusplus
}
#endif
#endif
