/* cli/completion_scripts.h - the scripts of cli/completion, which the build makes C texts of. */
#ifndef CLI_COMPLETION_SCRIPTS_H
#define CLI_COMPLETION_SCRIPTS_H

#include <stddef.h>

struct cli_completion_script {
    const char *shell, *text;
};

extern const struct cli_completion_script cli_completion_scripts[];
extern const size_t cli_n_completion_scripts;

#endif
