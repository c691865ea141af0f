#!/bin/sh
# tests/projects/check.sh - builds a plugin that is a project of its own as its users do, and tests it; make check-NAME runs it.
#
#   check.sh NAME      in the folder of the main build, where `make stage` has installed an event bus
#   check.sh NAME without-broker   builds it, and runs those of its tests that need no broker; make check-projects
#   check.sh NAME with-broker      its last part, beside a broker that the project's tests/NAME_server.py has started
#
# What it builds is in staged/NAME: `source`, a copy of plugins/NAME, and `package`, what `make dist` there has packed.
# A client library that the project can fetch (fetch-libNAME) is fetched once, into ${XDG_CACHE_HOME:-~/.cache}/eventbus.
# Exit status: 0, all passed; 1, something failed. Where the library or the broker cannot be had, all is skipped: in CI
# (CI or EB_CI set) that is a failure.
set -eu
name=$1
top_builddir=$PWD
source=$top_srcdir/plugins/$name
root=$top_builddir/staged/root folder=$top_builddir/staged/$name
make=${MAKE:-make} cache=${XDG_CACHE_HOME:-$HOME/.cache}/eventbus
unset EVENTBUS EVENTBUS_CONFIG

say() {
    printf 'check-%s: %s\n' "$name" "$*"
}

# skip WHY: with the line of automake's summaries that ./bootstrap check counts.
skip() {
    say "$*"
    [ -z "${CI-}${EB_CI-}" ] || exit 1
    echo '# SKIP:  1'
    exit 0
}

library_options() {
    [ -x "$source/fetch-lib$name" ] || return 0
    library=$cache/lib$name
    "$source/fetch-lib$name" "$library" >/dev/null || return 1
    printf '%s' "--with-lib$name=$library"
}

build() {
    rm -rf "$folder"
    mkdir -p "$folder/package"
    cp -R "$source" "$folder/source"
    chmod -R u+w "$folder/source"
    cd "$folder/source" || return 1
    [ -f configure ] || { mkdir -p m4 build-aux && autoreconf -i >autoreconf.log 2>&1; } || { cat autoreconf.log; return 1; }
    ./configure -q "$@" && $make -s dist-gzip && tar -xf ./*-*.tar.gz -C ../package --strip-components=1 || return 1
    cd "$folder/package"
    ./configure -q "$@" && $make CFLAGS='-O2 -g -Wall -Wextra -Werror'
}

# own_tests: `make check` of the project. What a run of the conformance kit beside automake's own tests has counted is said once more
# as a line of automake's summaries.
own_tests() {
    { $make -k -C "$folder/package" check "$@"; echo $? >"$folder/status"; } 2>&1 | tee "$folder/check.log"
    awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { printf "# PASS:  %d\n# FAIL:  %d\n# SKIP:  %d\n", $1, $3, $5 }' \
        "$folder/check.log"
    return "$(cat "$folder/status")"
}

# The lines of a [broker] section for the broker that the project's script has started.
broker_lines() {
    echo "plugin = $folder/package/.libs/$name.so"
    case $name in
        pulsar) printf 'url = %s\nadmin_url = %s\n' "$EB_PULSAR" "$EB_PULSAR_ADMIN" ;;
        nats) printf 'url = %s\n' "$EB_NATS" ;;
    esac
}

if [ "${2-}" = with-broker ]; then
    export "EB_BROKER_$name=$(broker_lines)"
    exec "$make" -C "$top_builddir" check-project EB_BROKERS="$name" EB_PROJECT="$name"
fi
[ -d "$source" ] || skip "there is no $source"
[ "$name" != nats ] || pkg-config --exists libnats || skip 'libnats is missing; on Debian: apt-get install libnats-dev'
options=$(library_options) || skip "the client library of $name cannot be had"
PKG_CONFIG_PATH=$root/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
say "building it in $folder/package with the event bus of $root"
(build $options) || { say 'it does not build'; exit 1; }
status=0 code=0
if [ "${2-}" = without-broker ]; then
    say 'its tests that need no broker'
    case $name in
        pulsar) own_tests ONLY='http control' ;;
        nats) own_tests TESTS='unit unit_settle' ;;
    esac
    exit
fi
say 'its own tests'
own_tests || status=1
say 'the event bus with it'
"$PYTHON3" "$folder/package/tests/${name}_server.py" -- "$SHELL" "$0" "$name" with-broker || code=$?
[ "$code" -ne 77 ] || [ "$status" -ne 0 ] || skip 'its broker cannot run here'
[ "$code" -eq 0 ] || status=1
exit $status
