#!/bin/sh
# demo.sh - Service A tells, Service B hears: two processes, the embedded broker between them. `make demo` runs it in the
# folder of the build; nothing is installed, and all files are in a temporary folder that is removed at the end.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${top_builddir:-$PWD}
eventbus=$build/eventbus
[ -x "$eventbus" ] || { echo "demo.sh: $eventbus is not there; run make first" >&2; exit 1; }

folder=$(mktemp -d)
worker=
tidy() {
    [ -z "$worker" ] || kill "$worker" 2>/dev/null || :
    rm -rf "$folder"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cat >"$folder/eventbus.ini" <<INI
[eventbus]
producer    = main
consumer    = main
plugin_path = $build/.libs
schema_path = $top/conf/schemas

[broker main]
plugin = sqlite
path   = \${STATE}/bus.db

[route login]
event     = org.openedx.learning.auth.session.login.completed.v1
topic     = user-login
key_field = user.pii.username

[route enrollment]
event     = org.openedx.learning.course.enrollment.created.v1
topic     = course-enrollment
key_field = enrollment.course.course_key

[route certificate]
event     = org.openedx.learning.certificate.created.v1
topic     = learning-certificate-lifecycle
key_field = certificate.course.course_key

[route catalog]
event     = org.openedx.content_authoring.course.catalog_info.changed.v1
topic     = course-catalog-info-changed
key_field = catalog_info.course_key

[route exam]
event     = org.openedx.learning.exam.attempt.submitted.v1
topic     = learning-exam-attempt-lifecycle
key_field = exam_attempt.course_key

[consume demo]
topic = user-login course-enrollment learning-certificate-lifecycle course-catalog-info-changed learning-exam-attempt-lifecycle
group = service-b
INI
EVENTBUS_CONFIG=$folder/eventbus.ini
STATE_DIRECTORY=$folder/state
export EVENTBUS_CONFIG STATE_DIRECTORY

types='org.openedx.learning.auth.session.login.completed.v1
org.openedx.learning.course.enrollment.created.v1
org.openedx.learning.certificate.created.v1
org.openedx.content_authoring.course.catalog_info.changed.v1
org.openedx.learning.exam.attempt.submitted.v1'
rounds=2
expected=$((rounds * $(echo "$types" | wc -l)))

echo "The configuration both services share ($folder/eventbus.ini):"
sed 's/^/    /' "$folder/eventbus.ini"
echo
# Each event and each line of the logs is shown as it comes; the events are counted as well.
mkfifo "$folder/b.out" "$folder/b.log"
tee "$folder/received" <"$folder/b.out" | sed -u 's/^\(.\{150\}\).*/\1.../; s/^/  B received | /' &
sed -u 's/^eventbus: [a-z]*: /  B log      | /' <"$folder/b.log" &

echo "Service B's worker starts: eventbus consume demo"
"$eventbus" -o eventbus.service=service-b consume demo -n "$expected" >"$folder/b.out" 2>"$folder/b.log" &
worker=$!

echo "Service A sends $expected events: eventbus signals TYPE --sample | eventbus produce -"
echo
started=$(date +%s%N)
for round in $(seq "$rounds"); do
    for type in $types; do
        "$eventbus" -o eventbus.service=service-a signals "$type" --sample
    done
done | "$eventbus" -o eventbus.service=service-a produce --json - 2>&1 >"$folder/receipts" |
    sed -u 's/^eventbus: [a-z]*: /  A log      | /'
status=0
wait "$worker" || status=$?
worker=
ended=$(date +%s%N)
wait                                    # for what is still being shown
[ "$status" -eq 0 ] || { echo "Service B's worker ended with $status" >&2; exit 1; }

echo
"$eventbus" groups -g service-b
echo
sent=$(wc -l <"$folder/receipts")
received=$(wc -l <"$folder/received")
echo "Summary: $sent events sent and stored, $received received and acknowledged, in $(((ended - started) / 1000000)) ms with all processes started."
[ "$sent" -eq "$expected" ] && [ "$received" -eq "$expected" ]
echo "Next: \`. $build/try\` makes eventbus a command of this shell, nothing installed; then README.md, \"From the shell\"."
