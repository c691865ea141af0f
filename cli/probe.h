/* cli/probe.h - loads a plugin in a child process, so that a plugin that crashes, ends the process or hangs does no
 * harm. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <jansson.h>
#include "config/settings.h"

/* Loads a plugin (NAME in the folders of `path`, or an absolute file) in a child. The caller owns *report: the
 * description that `eventbus plugins --json` shows, or {"error": why it is refused}. Fails if no child can be made or
 * there is no memory. */
enum eb_status cli_probe(const char *path, const char *name, enum ebi_trust, json_t **report, struct eb_error *);

/* Runs the child, which is called as: eventbus --probe-plugin PATH NAME TRUST. Writes the report to descriptor 3 and
 * ends the process. */
extern const char cli_probe_word[];
enum { CLI_PROBE_ARGUMENTS = 5 };
_Noreturn void cli_probe_child(char **argv);

#endif
