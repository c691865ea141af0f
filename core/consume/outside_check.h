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

/* EB_PERMANENT, EB_KIND_CONFIG: no http:// or https:// address with a host. The error does not show the address: it may
 * hold a password. */
enum eb_status ebi_webhook_check(const char *url, struct eb_error *);

#endif
