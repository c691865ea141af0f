/* core/receiver/command_check.h - checks a command before the first event comes, and explains its failures. */
#ifndef EBI_COMMAND_CHECK_H
#define EBI_COMMAND_CHECK_H

#include <stdbool.h>
#include <eventbus/error.h>

/* Whether /bin/sh would run nothing and exit with 0: the command is blanks, comments, assignments alone, or $VARIABLEs that are not
 * set in this environment, also behind a word that runs them (exec $COMMAND, sh -c "$COMMAND"); or its program's name is an empty
 * word. */
bool ebi_exec_is_empty(const char *command);

/* Looks for the program that the shell command begins with, and for the one that it runs in turn (env PROGRAM, timeout 5 PROGRAM,
 * sh -c COMMAND, python3 FILE). EB_PERMANENT, EB_KIND_CONFIG: the program is missing, or this user may not execute it. EB_OK as well
 * where the first word is a builtin of the shell, or only the shell knows what it expands to. */
enum eb_status ebi_exec_find(const char *command, struct eb_error *);

/* The same for the script alone that an interpreter runs (python3 FILE, sh FILE), of a command whose program was found. */
enum eb_status ebi_exec_find_script(const char *command, struct eb_error *);

/* Whether the last line that a failed command wrote to its standard error is the shell's own complaint about this machine,
 * and not about the event: true, with the reason, where a program that the command names by itself is not there or may not
 * be executed (EB_KIND_CONFIG), where a file of a redirection cannot be opened or the command is not the shell's language
 * (EB_KIND_CONFIG), or where the shell found no memory or no process for one (EB_KIND_SYSTEM). False for a name that the shell put
 * together, perhaps from the event's data. */
bool ebi_exec_blames_machine(const char *command, const char *line, struct eb_error *);

/* The same for the last line of any program that ended with exit status 126 or 127, which env, timeout, xargs, sudo and shells do
 * where they cannot run another one: true where the line names a word of the command, says that it is not there or may not be
 * executed, and so it is. */
bool ebi_exec_lacks_program(const char *command, const char *line, struct eb_error *);

#endif
