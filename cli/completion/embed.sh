#!/bin/sh
# cli/completion/embed.sh - makes the C texts that `eventbus completion` prints; see cli/completion_scripts.h.
#
#   embed.sh SHELL/FILE...     paths below the folder of this script
set -eu

folder=$(dirname "$0")
printf '/* Made by cli/completion/embed.sh. */\n#include "cli/completion_scripts.h"\n\n'
printf 'const struct cli_completion_script cli_completion_scripts[] = {\n'
for file in "$@"; do
    printf '    { "%s",\n' "${file%/*}"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e 's/.*/        "&\\n"/' "$folder/$file"
    printf '    },\n'
done
printf '};\nconst size_t cli_n_completion_scripts = sizeof cli_completion_scripts / sizeof cli_completion_scripts[0];\n'
