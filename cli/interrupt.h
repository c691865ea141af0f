/* cli/interrupt.h - SIGINT and SIGTERM as something a verb can ask for, or be told of. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* From now on the two are caught: calls that wait are interrupted (EINTR), and told(arg), which may be NULL, is called
 * each time, in the handler. */
void cli_catch_signals(void (*told)(void *), void *arg);

/* No more told() from here on. */
void cli_forget_signals(void);

/* The number of the last one caught; 0: none. */
int cli_signal_caught(void);

#endif
