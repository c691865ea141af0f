/* cli/interrupt.h - signals that tell a program to end, as something a verb can ask for, or be told of. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* What these signals do here does not depend on who started the command: none of them, nor SIGCHLD, stays blocked, and
 * children can be waited for. Before anything else. */
void cli_take_signals(void);

/* From now on SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU and SIGPWR are caught: calls that wait are interrupted (EINTR), and
 * told(arg), which may be NULL, is called each time, in the handler. SIGHUP and SIGQUIT stay ignored where they were, as
 * under nohup. Others that would kill the process, such as SIGUSR1, are ignored. */
void cli_catch_signals(void (*told)(void *), void *arg);

/* From now on SIGTSTP (^Z), SIGTTIN and SIGTTOU stop the process once no other one waits for it: see base/busy.h. Once. */
void cli_catch_stops(void);

/* No more told() from here on. */
void cli_forget_signals(void);

/* The number of the last one caught; 0: none. */
int cli_signal_caught(void);
bool cli_told_to_end(void);             /* one was */

#endif
