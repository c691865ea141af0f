/* cli/describe.h - what a plugin says of itself, as JSON and for people. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include <jansson.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

struct ebi_plugin;

/* {"name","file","version","summary","abi","roles":[...],"traits":{role:[...]},"options":[{...}]}; NULL: no memory, or
 * the plugin's texts are not UTF-8. */
json_t *cli_describe(const struct ebi_plugin *);

/* One option: {"key","type","default","help",...}; NULL as above. */
json_t *cli_describe_option(const struct eb_option *);

/* "duration from 300ms to 1d; default: 30s; for consumer only": what an option, as above, may be. False: no memory. */
struct ebi_bytes;
bool cli_option_facts(const json_t *option, struct ebi_bytes *);

/* What a trait, by its name in the JSON, promises of the plugin in that role; "" for one that is not known here. */
const char *cli_trait_meaning(const char *trait, const char *role);

/* The same for people, on standard output. */
void cli_print_plugin(const json_t *);
void cli_print_option(const json_t *);

#endif
