#!/bin/sh
# tests/interop/venv.sh - makes the virtual environment with the real Python event bus, once, and prints its python.
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/eventbus/venv-HASH, HASH of the requirements and of the Python that made it.
# --ignore-requires-python: by their metadata the packages want 3.12; with this list 3.11 passes their goldens as well.
# --show: prints it only if it is there, else ends with 1.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/eventbus
python=${PYTHON3:-python3}
hash=$({ "$python" -VV; cat "$here/requirements.txt"; } | sha256sum | cut -c 1-16)
venv=$cache/venv-$hash

if [ ! -e "$venv/complete" ]; then
    [ "${1-}" != --show ] || exit 1
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9                     # two at a time would spoil each other's work
    if [ ! -e "$venv/complete" ]; then
        rm -rf "$venv"
        "$python" -m venv "$venv" >&2
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --ignore-requires-python --no-deps \
            --require-hashes -r "$here/requirements.txt" >&2
        : >"$venv/complete"
    fi
fi
echo "$venv/bin/python"
