/* conform/runner/shell.h - the commands that stop and start the author's broker. */
#ifndef EBC_SHELL_H
#define EBC_SHELL_H

#include <stdbool.h>
#include <stdint.h>

enum { EBC_SHELL_WHY_ROOM = 900 };

/* How long a command may take, times the pace above 1: a broker in a Java machine takes minutes to start on a busy computer. */
enum { EBC_SHELL_MS = 300000 };

/* Runs `/bin/sh -c command` in a session of its own, so that a broker that it starts lives on, and waits for its end. Returns
 * whether it ended with status 0 within the time; else why: the option that named it, the command, how it ended and the
 * last line that it wrote. A command that takes longer is killed. */
bool ebc_shell(const char *option, const char *command, int64_t timeout_ms, char why[EBC_SHELL_WHY_ROOM]);

#endif
