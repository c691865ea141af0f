#!/bin/sh
# ci.sh - what CI runs: builds the plugin with warnings as errors, runs its tests, and the conformance kit once more with sanitizers.
# It needs the installed event bus. .github/workflows/check.yml calls it; other CI systems can do the same.
set -eu
cd "$(dirname "$0")"

autoreconf -i
./configure CFLAGS='-O2 -g -Wall -Wextra -Werror'
make check
make sanitize
