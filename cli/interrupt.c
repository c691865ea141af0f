/* cli/interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* These tell a program to end. */
static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU, SIGPWR};
/* These mean nothing to us, but would kill the process by default; a file that is too large is an error of write(2). */
static const int means_nothing[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGSTKFLT, SIGXFSZ};
enum { N_ENDS = sizeof ends / sizeof *ends, N_MEANS_NOTHING = sizeof means_nothing / sizeof *means_nothing };

/* A handler has no argument of its own, so this is of the process. */
static volatile sig_atomic_t caught;
static void (*volatile tell)(void *);
static void *volatile tell_arg;

static void on_signal(int number) {
    caught = number;
    if (tell)
        tell(tell_arg);
}

/* nohup and shells without job control set these to be ignored. */
static bool stays_ignored(int number) {
    struct sigaction now;

    return (number == SIGHUP || number == SIGQUIT) && sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Others, such as a profiler, may have their own use for it. */
static void ignore(int number) {
    struct sigaction now, ignored = {.sa_handler = SIG_IGN};

    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(number, &ignored, NULL);
}

void cli_catch_signals(void (*told)(void *), void *arg) {
    struct sigaction action = {.sa_handler = on_signal};        /* without SA_RESTART: reading ends */

    tell_arg = arg;
    tell = told;
    for (size_t i = 0; i < N_ENDS; i++)
        if (!stays_ignored(ends[i]))
            sigaction(ends[i], &action, NULL);
    for (size_t i = 0; i < N_MEANS_NOTHING; i++)
        ignore(means_nothing[i]);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        ignore(number);
}

void cli_forget_signals(void) {
    tell = NULL;
}

/* Where signals are blocked, as inside of a plugin, one may wait to be caught. */
static int waiting(void) {
    sigset_t signals;

    if (sigpending(&signals) != 0)
        return 0;
    for (size_t i = 0; i < N_ENDS; i++)
        if (sigismember(&signals, ends[i]) == 1)
            return ends[i];
    return 0;
}

int cli_signal_caught(void) {
    return caught ? caught : waiting();
}

bool cli_told_to_end(void) {
    return cli_signal_caught() != 0;
}
