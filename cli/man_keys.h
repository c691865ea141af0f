/* cli/man_keys.h - writes the man pages about keys of the configuration, from the tables of the parser. */
#ifndef CLI_MAN_KEYS_H
#define CLI_MAN_KEYS_H

#include <jansson.h>
#include <eventbus/error.h>

/* Prose is a file in the language of man(7) that begins with its first heading (.SH DESCRIPTION); its other sections
 * follow those that are written from the tables. NULL: no prose. EB_PERMANENT with EB_KIND_CONFIG: the file cannot be
 * read or begins otherwise; then nothing is written. */

/* Writes eventbus-NAME(5) from a plugin's description (cli/describe.h). */
enum eb_status cli_man_plugin(const json_t *plugin, const char *prose, struct eb_error *);

/* Writes eventbus.ini(5) with the keys of the core. plugins: the plugins that have a page, ends with NULL. */
enum eb_status cli_man_configuration(const char *prose, const char *const *plugins, struct eb_error *);

#endif
