/* cli/plugin_project.h - writes the project of a new plugin: the files of examples/plugin under another name. */
#ifndef CLI_PLUGIN_PROJECT_H
#define CLI_PLUGIN_PROJECT_H

#include <stdbool.h>
#include <eventbus/error.h>

enum cli_project_build { CLI_PROJECT_ANY, CLI_PROJECT_MAKE, CLI_PROJECT_AUTOTOOLS };

/* A file of the template; embed.sh makes the list at build time, so that the command needs no installed folder. In the path
 * and the text "acme" stands for the plugin's name. */
struct cli_project_file {
    const char *path, *text;
    enum cli_project_build build; /* which projects have it */
    bool executable;
};

/* Ends with a path of NULL. */
extern const struct cli_project_file cli_project_files[];

/* Writes the folder `in`/`name` with all files, or nothing: the files are written beside it and moved. EB_PERMANENT,
 * EB_KIND_CONFIG: the name is not one that a plugin should have, the folder `in` does not exist, or it has something of that
 * name already. EB_FATAL, EB_KIND_SYSTEM: it could not be written. */
enum eb_status cli_project_write(const char *in, const char *name, enum cli_project_build, struct eb_error *);

#endif
