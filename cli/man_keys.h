/* cli/man_keys.h - the man pages about keys of the configuration, from the tables by which it is read. */
#ifndef CLI_MAN_KEYS_H
#define CLI_MAN_KEYS_H

#include <jansson.h>
#include <eventbus/error.h>

/* Prose is a file in man(7)'s language that begins with its first heading (.SH DESCRIPTION); its other sections come
 * behind those that are written from the tables. NULL: none.
 * EB_PERMANENT, EB_KIND_CONFIG: it cannot be read, or begins otherwise; nothing is written then. */

/* eventbus-NAME(5), from what a plugin says of itself (cli/describe.h). */
enum eb_status cli_man_plugin(const json_t *plugin, const char *prose, struct eb_error *);

/* eventbus.ini(5): the keys that the core knows. plugins: those that have a page, NULL-ended. */
enum eb_status cli_man_configuration(const char *prose, const char *const *plugins, struct eb_error *);

#endif
