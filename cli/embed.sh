#!/bin/sh
# cli/embed.sh - makes the C list of the files that `eventbus plugins new` writes; see plugin_project.h.
#
#   embed.sh BUILD=FOLDER FILE... [BUILD=FOLDER FILE...]...
#
# BUILD is ANY, MAKE or AUTOTOOLS: which projects have the files of the group. A FILE is a path below FOLDER.
set -eu

printf '/* Made by cli/embed.sh. */\n#include "cli/plugin_project.h"\n#include <stddef.h>\n\n'
printf 'const struct cli_project_file cli_project_files[] = {\n'
build=
for word in "$@"; do
    case $word in
        ANY=* | MAKE=* | AUTOTOOLS=*)
            build=${word%%=*} folder=${word#*=}
            continue
            ;;
    esac
    case $word in
        *.sh) executable=true ;;
        *) executable=false ;;
    esac
    printf '    { .path = "%s", .build = CLI_PROJECT_%s, .executable = %s, .text =\n' "$word" "$build" "$executable"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e 's/.*/        "&\\n"/' "$folder/$word"
    printf '    },\n'
done
printf '    { .path = NULL },\n};\n'
