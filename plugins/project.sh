#!/bin/sh
# plugins/project.sh - builds a plugin that is a project of its own, plugins/NAME, from the main build.
#
#   project.sh configure NAME [-q]   configures it in projects/NAME, with the event bus of this build and its options
#   project.sh dist NAME FOLDER      copies it whole into FOLDER/plugins/NAME, with its configure
#
# configure runs in the folder of the main build, whose options are those that config.status keeps. --with-NAME=PREFIX of the
# main build is --with-libNAME=PREFIX of the project. A project that has no configure yet, as in a fresh clone, gets one.
set -eu
name=$2
source=$(cd "$(dirname "$0")/$name" && pwd)

fail() {
    printf 'project.sh: %s\n' "$*" >&2
    exit 1
}

# make_configure FOLDER: unless it is there and newer than what it is made of.
make_configure() {
    cd "$1"
    if [ ! -f configure ] || [ configure.ac -nt configure ] || [ Makefile.am -nt Makefile.in ]; then
        mkdir -p m4 build-aux
        autoreconf -i >autoreconf.log 2>&1 || { cat autoreconf.log >&2; fail "autoreconf failed in $1"; }
        rm -f autoreconf.log
    fi
}

configure() {
    build=$PWD
    (make_configure "$source")
    pkg_config_path=${PKG_CONFIG_PATH-} library= quiet=${1-}
    eval "set x $(./config.status --config)"
    shift
    for option in "$@"; do
        case $option in
            PKG_CONFIG_PATH=*) pkg_config_path=${option#*=} ;;
            "--with-$name="[!/]*) library=$build/${option#*=} ;;
            "--with-$name="*) library=${option#*=} ;;
        esac
    done
    mkdir -p "projects/$name"
    cd "projects/$name"
    # What stands first here may be overridden by the main build's options, what stands last may not.
    "$source/configure" $quiet --with-plugindir='${libdir}/eventbus/plugins' "$@" --disable-option-checking \
        --cache-file=/dev/null --srcdir="$source" ${library:+"--with-lib$name=$library"} \
        PKG_CONFIG_PATH="$build${pkg_config_path:+:$pkg_config_path}"
}

dist() {
    target=$1/plugins/$name
    [ ! -e "$source/config.status" ] || fail "$source is configured in place: run 'make distclean' there first"
    rm -rf "$target"
    cp -Rp "$source" "$target"
    chmod -R u+w "$target"
    (make_configure "$target")
    find "$target" \( -name autom4te.cache -o -name __pycache__ -o -name '*~' \) -prune -exec rm -rf {} +
}

case $1 in
    configure) configure ${3-} ;;
    dist) dist "$3" ;;
    *) fail "unknown: $1" ;;
esac
