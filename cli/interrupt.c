/* cli/interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* A handler has no argument of its own, so this is of the process. */
static volatile sig_atomic_t caught;
static void (*volatile tell)(void *);
static void *volatile tell_arg;

static void on_signal(int number) {
    caught = number;
    if (tell)
        tell(tell_arg);
}

void cli_catch_signals(void (*told)(void *), void *arg) {
    struct sigaction action = {.sa_handler = on_signal};        /* without SA_RESTART: reading ends */

    tell_arg = arg;
    tell = told;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_forget_signals(void) {
    tell = NULL;
}

/* Where signals are blocked, as inside of a plugin, one may wait to be caught. */
static int waiting(void) {
    sigset_t signals;

    if (sigpending(&signals) != 0)
        return 0;
    return sigismember(&signals, SIGINT) == 1 ? SIGINT : sigismember(&signals, SIGTERM) == 1 ? SIGTERM : 0;
}

int cli_signal_caught(void) {
    return caught ? caught : waiting();
}
