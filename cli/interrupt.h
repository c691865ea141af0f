/* cli/interrupt.h - catches the signals that tell a program to end or to stop. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* Makes these signals independent of the parent: unblocks them and SIGCHLD, and lets children be waited for. Call it
 * first. */
void cli_take_signals(void);

/* Catches SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU and SIGPWR from now on: calls that wait return with EINTR, and the
 * handler calls told(arg), which may be NULL, each time. SIGHUP and SIGQUIT stay ignored if they were, as under nohup.
 * Other signals that would kill the process, such as SIGUSR1, are ignored. */
void cli_catch_signals(void (*told)(void *), void *arg);

/* Makes SIGTSTP (^Z), SIGTTIN and SIGTTOU stop the process only when no other process waits for it (see base/busy.h).
 * Call it once. */
void cli_catch_stops(void);

/* Ends the calls of told(). */
void cli_forget_signals(void);

/* Returns the number of the signal caught last; 0: none. */
int cli_signal_caught(void);
bool cli_told_to_end(void); /* a signal was caught */

#endif
