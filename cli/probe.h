/* cli/probe.h - loading a plugin in a child process, so that one that crashes, ends the process or never comes back is
 * told of and not suffered. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <jansson.h>
#include "config/settings.h"

/* Loads a plugin (NAME in the folders of `path`, or an absolute file) in a child. *report is the caller's: what the
 * plugin says of itself, as `eventbus plugins --json` shows it; or {"error": why it is refused}.
 * Fails where no child could be made, or there is no memory. */
enum eb_status cli_probe(const char *path, const char *name, enum ebi_trust, json_t **report, struct eb_error *);

/* The child, an eventbus command called as: eventbus --probe-plugin PATH NAME TRUST. Writes the report to descriptor 3
 * and ends the process. */
extern const char cli_probe_word[];
enum { CLI_PROBE_ARGUMENTS = 5 };
_Noreturn void cli_probe_child(char **argv);

#endif
