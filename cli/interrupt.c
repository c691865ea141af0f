/* cli/interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>

#include "base/busy.h"
#include "base/clock.h"
#include "base/thread.h"

/* The signals that tell a program to end. */
static const int ends[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU, SIGPWR };
/* Signals without a use here that would kill the process by default. write(2) reports a file that is too large. */
static const int means_nothing[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGSTKFLT, SIGXFSZ };
enum { N_ENDS = sizeof ends / sizeof *ends, N_MEANS_NOTHING = sizeof means_nothing / sizeof *means_nothing };

/* Signals that stop the process: ^Z, and a terminal that belongs to another process group. */
static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };
enum { N_STOPS = sizeof stops / sizeof *stops, STOP_WAIT_MS = 3000 };

void cli_take_signals(void) {
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    for (size_t i = 0; i < N_ENDS; i++)
        sigaddset(&ours, ends[i]);
    for (size_t i = 0; i < N_STOPS; i++)
        sigaddset(&ours, stops[i]);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

/* A handler has no argument, so this belongs to the process. */
static volatile sig_atomic_t caught;
static void (*volatile tell)(void *);
static void *volatile tell_arg;

static volatile sig_atomic_t asked_to_stop;
static sem_t stop_asked;

static void on_stop(int number) {
    asked_to_stop = number;
    sem_post(&stop_asked);
}

static void catch_stops(void (*handler)(int)) {
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART }, now;

    for (size_t i = 0; i < N_STOPS; i++)
        if (sigaction(stops[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(stops[i], &action, NULL);
}

/* Stops the process as the signal does by default; returns when the process is continued. */
static void stop_by(int number) {
    sigset_t one, before;

    sigemptyset(&one);
    sigaddset(&one, number);
    catch_stops(SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &one, &before);
    raise(number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (sem_trywait(&stop_asked) == 0)
        continue; /* it was for the stop that is over */
    catch_stops(on_stop);
}

/* A thread of its own stops the process, because other processes may wait for the thread that gets the signal. */
static void *stop_when_asked(void *arg) {
    for (;;) {
        while (sem_wait(&stop_asked) != 0)
            continue;
        ebi_busy_hold(ebi_ticks_ms() + STOP_WAIT_MS);
        stop_by(asked_to_stop);
        ebi_busy_release();
    }
    return arg;
}

/* Without that thread the signal stops the process at once, as by default. */
void cli_catch_stops(void) {
    pthread_t thread;
    struct eb_error err;

    if (sem_init(&stop_asked, 0, 0) != 0 || ebi_thread_start(&thread, "eb-pause", stop_when_asked, NULL, &err) != EB_OK)
        return;
    pthread_detach(thread);
    catch_stops(on_stop);
}

static void on_signal(int number) {
    caught = number;
    if (tell)
        tell(tell_arg);
}

/* nohup and shells without job control ignore these signals. */
static bool stays_ignored(int number) {
    struct sigaction now;

    return (number == SIGHUP || number == SIGQUIT) && sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* A profiler, for instance, may use the signal. */
static void ignore(int number) {
    struct sigaction now, ignored = { .sa_handler = SIG_IGN };

    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(number, &ignored, NULL);
}

void cli_catch_signals(void (*told)(void *), void *arg) {
    struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART, so that reading returns */

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

/* A signal may be pending where signals are blocked, as inside of a plugin. */
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
