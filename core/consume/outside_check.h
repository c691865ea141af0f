/* core/consume/outside_check.h - whether a command or a web address can be used at all, before the first event comes. */
#ifndef EBI_OUTSIDE_CHECK_H
#define EBI_OUTSIDE_CHECK_H

#include <stdbool.h>
#include <eventbus/error.h>

/* True when /bin/sh would run nothing and exit with 0: blanks, comments, assignments alone, and $VARIABLEs that are not
 * set in this environment. */
bool ebi_exec_is_empty(const char *command);

/* Looks for the program that the shell command begins with. EB_PERMANENT, EB_KIND_CONFIG: there is none, or this user may
 * not execute it. EB_OK as well where the first word is the shell's own, or only the shell can tell what it stands for. */
enum eb_status ebi_exec_find(const char *command, struct eb_error *);

/* Whether the last line that a failed command wrote to its standard error is the shell's own complaint about this machine,
 * and not about the event: true, with the reason, where a program that the command names by itself is not there or may not
 * be executed (EB_KIND_CONFIG), or where the shell found no memory or no process for one (EB_KIND_SYSTEM). A name that the
 * shell put together, perhaps from the event's data, is none of that. */
bool ebi_exec_blames_machine(const char *command, const char *line, struct eb_error *);

/* EB_PERMANENT, EB_KIND_CONFIG: no http:// or https:// address with a host. The error does not show the address: it may
 * hold a password. */
enum eb_status ebi_webhook_check(const char *url, struct eb_error *);

#endif
