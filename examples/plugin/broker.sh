#!/bin/sh
# broker.sh - stops and starts the broker, for tests of what the plugin does meanwhile.
#
#   ./broker.sh down        stops the broker
#   ./broker.sh up          starts it, and returns once it answers
#   ./broker.sh restart     both
#
# FILL IN: the commands of your broker, such as `docker stop acme-test`. The stub is out of reach while the file exists that
# the option away_file names: eventbus ... -o broker.main.away_file="$PWD/broker.away"
set -eu
away=$(cd "$(dirname "$0")" && pwd)/broker.away

down() {
    : >"$away"
}

up() {
    rm -f "$away"
}

case ${1-} in
    down) down ;;
    up) up ;;
    restart) down && up ;;
    *)
        echo "usage: broker.sh down|up|restart" >&2
        exit 2
        ;;
esac
