"""tests/process/test_error_messages.py - what an operator does wrong is told in one line: which thing, what it is, what to do."""
import os
import shutil

from harness import PLUGINS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
DEAF = """#include <eventbus/plugin.h>
static int32_t never(void) { return EB_FATAL; }
const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .name = "deaf", .version = "1", .summary = "a consumer alone"
};
const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer, .open = (void *)never, .receive = (void *)never, .settle = (void *)never,
    .wake = (void *)never, .close = (void *)never
};
"""

GOOD = f"""
[eventbus]
producer = main
consumer = main
plugin_trust = any

[broker main]
plugin = sqlite

[route login]
event = {LOGIN}
topic = user-login
key_field = user.pii.username

[consume crm]
topic = user-login
group = crm
"""


def check_all(t, mistakes):
    """Each one: what in GOOD becomes what, the exit status, and what is told behind FILE:LINE."""
    for number, (old, new, status, told) in enumerate(mistakes):
        t.check(old in GOOD, f"{old!r} is not in the good file")
        path = t.write(f"mistake{number}.ini", GOOD.replace(old, new, 1))
        done = t.run("-c", t.ini, "-c", path, "config", "check", status=status)
        t.equal((done.out, len(done.err.splitlines())), ("", 1), f"output and lines told of {new!r}")
        t.contains(done.err, told)
        t.check(int(t.matches(done.err, rf"^eventbus: {path}:(\d+): ").group(1)) in lines_of(old, new), f"the wrong line: {done.err}")


def lines_of(old, new):
    """Where a mistake stands: the lines that it changes, and the head of their section."""
    text = GOOD.replace(old, new, 1)
    first = 1 + text[:GOOD.index(old)].count("\n")
    heads = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("[") and number <= first]
    return {*range(first, first + new.count("\n") + 1), heads[-1]}


@test
def the_file_that_the_mistakes_are_made_in_is_right(t):
    t.contains(t.run("-c", t.ini, "-c", t.write("good.ini", GOOD), "config", "check").out,
               "right: 1 broker, 1 route, 1 consumer;")


@test
def what_is_wrong_in_the_file_is_told_with_its_line(t):
    more = "group = crm\n"
    check_all(t, [
        ("producer = main", "producr = main", 2, 'has no key "producr"; did you mean "producer"?'),
        ("plugin = sqlite", "plugin = sqlit", 5, "there is no plugin sqlit (did you mean sqlite?)"),
        ("plugin = sqlite", "path = /x", 2, "[broker main] names no plugin; add plugin = NAME"),
        ("consumer = main", "consumer = mian", 2, "consumer = mian: there is no section [broker mian]; did you mean main?"),
        ("consumer = main", "consumer = other", 2, "there is no section [broker other]; add it, or take one of: main"),
        ("[broker main]", "[brokr main]", 2, 'no section is of the kind "brokr"; did you mean "broker"?'),
        ("[consume crm]", "[consume]", 2, "[consume] needs a name: [consume NAME]"),
        ("[consume crm]", "[consume crm", 2, '"[" without "]"'),
        ("key_field = user.pii.username\n", "", 2, '[route login] needs "key_field"'),
        ("user.pii.username", "user.pii.usrname", 2, "there is no field usrname in user.pii; did you mean username?"),
        ("completed.v1", "complete.v1", 2, f"no signal has the event type \"{LOGIN.replace('completed', 'complete')}\"; did you mean"),
        (more, more + "retry.attempts = many\n", 2, 'retry.attempts: "many" is not a whole number'),
        (more, more + "receiver_timeout = 10\n", 2, '"10" is not a duration; expected a number with ms, s, m, h or d'),
        (more, more + "max_in_flight = 0\n", 2, 'max_in_flight: "0" is out of range: 1 to 1000000'),
        (more, more + "order = keys\n", 2, '"keys" is not one of key|strict|none; did you mean "key"?'),
        (more, more + "group = other\n", 2, "[consume crm] has group already at"),
        (more, more + "exec = a\nwebhook = http://b\n", 2, "has both exec and webhook; choose one"),
        (more, more + "exec = ${file:/none/x}\n", 2, "exec: cannot open /none/x: No such file or directory"),
        (more, more + "exec = ${UNSET_VARIABLE}\n", 2, "environment variable UNSET_VARIABLE is not set; set it, or give a default"),
        (more, more + "no equals\n", 2, "neither [section] nor key = value"),
    ])


@test
def what_is_wrong_with_files_is_told(t):
    t.configure(GOOD)
    nowhere = t.path("nowhere")
    damaged, open_to_all = t.write("damaged.db", "garbage"), t.path("open.so")
    shutil.copyfile(f"{PLUGINS}/sqlite.so", open_to_all)
    os.chmod(open_to_all, 0o777)
    for words, status, told in (
        (["-c", "none.ini", "topics"], 2, "cannot open configuration none.ini: No such file or directory"),
        (["-o", f"eventbus.schema_path={nowhere}", "signals"], 2,
         f"cannot read the schemas in {nowhere} (schema_path): No such file or directory"),
        (["-o", f"eventbus.plugin_path={nowhere}", "topics"], 5, f"there is no plugin sqlite: no sqlite.so in plugin_path {nowhere}"),
        (["-o", f"broker.main.path={damaged}", "topics"], 3, f"{damaged} is damaged (file is not a database): restore it"),
        (["-o", f"broker.main.path={t.folder}", "topics"], 3, f"{t.folder} is not a regular file: set path to a file"),
        (["-o", "eventbus.plugin_trust=owner", "-o", f"broker.main.plugin={open_to_all}", "topics"], 5,
         "is not trusted: everybody may write file"),
        (["plugins", t.ini], 5, "is not a shared object"),
        (["produce", "--topic", "x", "--file", "none.jsonl"], 2, "cannot read none.jsonl: No such file or directory"),
        (["schema", "check", "none.avsc", "none.avsc"], 4, "cannot open schema none.avsc: No such file or directory"),
    ):
        done = t.run(*words, status=status)
        t.contains(done.err, told)
        t.equal(len(done.err.splitlines()), 1, f"lines told of {words}")
    told = t.run("-o", f"broker.main.path={t.path('elsewhere.db')}", "topics")
    t.equal(told.out, "", "topics")
    t.contains(told.err, f"{t.path('elsewhere.db')} does not exist yet")


@test
def what_is_wrong_on_the_command_line_is_told(t):
    t.configure(GOOD)
    t.run("produce", "--topic", "user-login", "-", stdin=t.run("signals", LOGIN, "--sample").bytes)
    place = ' is neither earliest, latest nor a time (now, 15m, 2h, 7d, a date, ISO 8601), and as a position: '
    for words, status, told in (
        (["consume", "certs"], 2, "there is no section [consume certs]; add it, or take one of: crm"),
        (["consume", "cmr"], 2, "there is no section [consume cmr]; did you mean crm?"),
        (["topics", "--broker", "other"], 2, "there is no section [broker other]; add it, or take one of: main"),
        (["-o", "broker.main.leese=1s", "topics"], 2, '-o: [broker main] has no key "leese"; did you mean "lease"?'),
        (["-o", "broker.main.lease", "topics"], 2, "expected KIND.NAME.KEY=VALUE"),
        (["seek", "-t", "nowhere", "-g", "crm", "--to", "earliest"], 2, "topic nowhere does not exist; nothing was made"),
        (["seek", "-t", "user-login", "-g", "crm", "--to", "yesterday"], 2, '"yesterday"' + place),
        (["consume", "crm", "--from", "3days", "--exit-at-end"], 2, '"3days"' + place),
        (["consume", "-t", "user-login", "--from", "3days", "--exit-at-end"], 2, '"3days"' + place),
        (["consume", "-t", "nowhere", "-g", "crm", "--exit-at-end"], 0, "topic nowhere does not exist"),
        (["groups", "-g", "nobody"], 0, "no topic has a group nobody"),
        (["groups", "-t", "nowhere"], 0, "topic nowhere does not exist"),
        (["groups", "-t", "user-login", "-g", "nobody"], 0, "topic user-login has no group nobody"),
        (["consume", "crm", "--webhook", "htp://u:secret@x"], 2,
         "--webhook: is not an http:// or https:// URL"),
        (["consume", "crm", "-n", "0"], 2, 'expected a whole number from 1, found "0"'),
        (["consume", "crm", "--format", "xml"], 2, 'expected cloudevents or pretty, found "xml"'),
        (["config", "explain", "leese"], 2, 'no key "leese" is known; did you mean lease?'),
        (["produce", "--signal", LOGIN, "--topic", "x", "--data", '{"user":{"id":1}}'], 4, "data.user.is_active: missing"),
        (["produce", "--signal", LOGIN, "--topic", "x", "--data", '{"user":'], 4, "not JSON at byte 8: the text ends too early"),
        (["produce", "--signal", LOGIN + "x", "--topic", "x", "--data", "{}"], 2, f"did you mean {LOGIN}?"),
    ):
        done = t.run(*words, status=status)
        t.contains(done.err, told)
        t.equal(len(done.err.splitlines()), 1, f"lines told of {words}")


@test
def a_look_that_a_plugin_cannot_give_is_told_as_one(t):
    file = t.compile_plugin("deaf", DEAF)
    done = t.run("-o", "eventbus.plugin_trust=any", "-o", f"broker.main.plugin={file}", "-o", "eventbus.consumer=main", "consume", "-t", "x", status=5)
    t.contains(done.err, "to look without a group (-g): plugin deaf of [broker main] has no admin role")


main()
