/* cli/describe.h - a plugin's description, as JSON and for people. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include <jansson.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

struct ebi_plugin;

/* Returns {"name","file","version","summary","abi","roles":[...],"traits":{role:[...]},"traits_by_settings":[role...],
 * "options":[{...}]}, or NULL if there is no memory or the plugin's texts are not UTF-8. */
json_t *cli_describe(const struct ebi_plugin *);

/* Returns one option as {"key","type","default","help",...}, or NULL as above. */
json_t *cli_describe_option(const struct eb_option *);

/* Writes what an option, as above, may be: "duration from 300ms to 1d; default: 30s; for consumer only". Returns false
 * if there is no memory. */
struct ebi_bytes;
bool cli_option_facts(const json_t *option, struct ebi_bytes *);

/* Returns whether some of a role's traits hold with certain settings only. */
bool cli_traits_depend(const json_t *plugin, const char *role);

/* Prints the names of traits as a comment of a configuration. */
void cli_print_traits(const char *role, uint32_t traits);

/* Returns what a trait, by its name in the JSON, promises in that role; "" for an unknown trait. */
const char *cli_trait_meaning(const char *trait, const char *role);

/* Prints the description for people on standard output. */
void cli_print_plugin(const json_t *);
void cli_print_option(const json_t *);

#endif
