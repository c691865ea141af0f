"""What the command shows of texts from outside, and how its output looks."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios

from harness import SAMPLE_PLUGIN, TOP, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
# A terminal would obey these, or a reader take them for the end of a line: ESC, C1, a bidi override, U+2028.
HOSTILE = "x\x1b[2J\x9b31m\u202e\u2028\x7f"
HIDDEN = ("\x1b", "\x9b", "\u202e", "\u2028", "\x7f")


def event(name="u", number=1):
    return {"user": {"id": number, "is_active": True, "pii": {"username": name, "email": "e", "name": "n"}}}


def send(t, *names, topic="a", more=(), env=None):
    lines = "".join(json.dumps(event(name, i)) + "\n" for i, name in enumerate(names))
    return t.run("produce", "--signal", LOGIN, "--topic", topic, "--key-field", "user.pii.username", "-",
                 *more, stdin=lines, env=env)


def shows_nothing_hidden(t, done):
    for text in (done.out, done.err):
        t.lacks(text, *HIDDEN)


@test
def keys_topics_and_groups_from_outside_reach_no_terminal_as_they_are(t):
    name = HOSTILE.replace("\x1b", "").replace("\x7f", "")    # the others SQLite's topics may have
    shows_nothing_hidden(t, send(t, HOSTILE, topic=name))
    for words in (("consume", "-t", name, "-g", HOSTILE, "--exit-at-end"),
                  ("consume", "-t", name, "--exit-at-end", "--format", "pretty"),
                  ("topics",), ("topics", "--json"), ("groups",), ("groups", "--json"),
                  ("groups", "-t", name, "-g", "none"),
                  ("seek", "-t", name, "-g", HOSTILE, "--to", "latest"), ("topics", "create", "-t", name),
                  ("topics", "create", "-t", name, "--json"), ("topics", "trim", "-t", name, "--before", "1h"),
                  ("topics", "delete", "-t", name + "x"), ("topics", "delete", "-t", name, "--dry-run"),
                  ("topics", "delete", "-t", name, "--unread-too", "--dry-run", "--json"),
                  ("groups", "delete", "-t", name, "-g", HOSTILE + "x"),
                  ("groups", "delete", "-t", name, "-g", HOSTILE, "--dry-run")):
        done = t.run(*words, status=None)
        shows_nothing_hidden(t, done)
    printed, = t.run("consume", "-t", name, "--exit-at-end").json()
    t.equal(printed["partitionkey"], HOSTILE, "escaped in JSON, a text is the same")
    t.equal(printed["topic"], name)
    t.equal(printed["data"]["user"]["pii"]["username"], HOSTILE)


def use_hostile_plugin(t, *more):
    with open(os.path.join(TOP, "tests", "process", "hostile_plugin.c"), encoding="utf-8") as file:
        path = t.compile_plugin("hostile", file.read())
    t.configure("[eventbus]\nconsumer = b\n[broker b]\nplugin = " + path + "\n" + "".join(more))
    return path


@test
def what_strangers_wrote_into_a_broker_forges_no_line(t):
    path = use_hostile_plugin(t)
    for words, rows in ((("topics",), 2), (("groups",), 2), (("plugins", path), None),
                        (("plugins", "-o", f"eventbus.plugin_path={t.path('plugins')}"), 3)):
        done = t.run(*words)
        shows_nothing_hidden(t, done)
        t.lacks(done.out, "\n{")
        t.check(rows != 2 or max(map(len, done.lines())) <= 80, done.out)
        t.check(rows is None or len(done.lines()) == rows, f"{rows} lines expected:\n{done.out}")
    for words in (("topics", "--json"), ("groups", "--json"), ("plugins", path, "--json"), ("consume", "-t", "a", "-n", "1")):
        done = t.run(*words)
        shows_nothing_hidden(t, done)
        t.equal(len(done.json()), 1, words[0])
    done = t.run("consume", "-t", "a", "-n", "1", "--format", "pretty")
    shows_nothing_hidden(t, done)
    t.check(not any(line.startswith(("{\"forged", "{\"spec")) for line in done.lines()), done.out)


@test
def a_header_with_any_name_is_an_attribute_that_cloudevents_takes(t):
    use_hostile_plugin(t)
    done = t.run("consume", "-t", "a", "-n", "1")
    t.equal(len(done.lines()), 1, "lines of one message")
    event, = done.json()
    name = '":""}\n{"specversion":"1.0","id":"forged"}\n{"x'
    t.equal(event["dlqx" + name.encode().hex()], "1")
    t.contains(event["dlqreason"], '{"forged":1}')
    t.equal(event["id"], "00000000-0000-1000-8000-000000000001")
    t.check(all(re.fullmatch("[a-z0-9]+", name) for name in event), f"{list(event)}")
    again = t.run("produce", "--topic", "b", "-", "--json", "-o", "broker.s.plugin=sqlite", "--broker", "s", stdin=done.out)
    t.equal([receipt["id"] for receipt in again.json()], [event["id"]], "and produce takes the line")


@test
def a_plugin_that_describes_itself_with_hidden_characters_is_refused(t):
    for hidden in ("\\xc2\\x9b", "\\xe2\\x80\\xae", "\\xff", "\\n"):
        path = t.compile_plugin("sample", SAMPLE_PLUGIN.replace("A plugin of", f"A plugin {hidden} of"))
        t.contains(t.run("plugins", path, status=5).err, "not a line of text")


@test
def errors_of_a_broker_stay_on_their_line(t):
    use_hostile_plugin(t, "failing = yes\n")
    for words in (("topics",), ("groups",), ("consume", "-t", "a", "--exit-at-end")):
        for form in ("text", "json"):
            done = t.run(*words, "-o", f"eventbus.log_format={form}", status=None)
            shows_nothing_hidden(t, done)
            t.contains(done.err, "an error x")
            t.check(not any(line.startswith('{"forged') for line in done.err.splitlines()), done.err)


@test
def mistakes_are_told_on_one_line_without_control_characters(t):
    for words in (("produce", "--signal", HOSTILE, "--data", "{}"), ("consume", HOSTILE), (HOSTILE,), (f"--{HOSTILE}",),
                  ("consume", "--format", HOSTILE), ("consume", "-c", HOSTILE), ("consume", "-o", f"a.b={HOSTILE}"),
                  ("plugins", HOSTILE), ("config", "explain", HOSTILE), ("produce", "--file", HOSTILE),
                  ("consume", "-t", "a", "--from", HOSTILE, "--exit-at-end"),
                  ("seek", "-t", "a", "-g", "g", "--to", f"a\n{HOSTILE}"),
                  ("conform", f"./{HOSTILE}.so"), ("topics", "--broker", HOSTILE)):
        done = t.run(*words, status=None)
        t.check(done.status != 0, f"{words} went well")
        shows_nothing_hidden(t, done)
        t.check(done.err.endswith("\n"), done.err)


@test
def values_of_the_configuration_stay_on_their_line(t):
    t.configure("[broker b]\nplugin = sqlite\npath = ${EVIL}\n")
    done = t.run("config", "show", env={"EVIL": f"/tmp/a\nforged = 1 ; here{HOSTILE}"}, status=None)
    shows_nothing_hidden(t, done)
    t.lacks(done.out, "\nforged")
    t.contains(done.out, "path = /tmp/a\\nforged")


@test
def names_of_plugin_files_stay_on_their_line(t):
    t.compile_plugin("sample")
    os.rename(t.path("plugins/sample.so"), t.path(f"plugins/x\nforged{HOSTILE}.so"))
    done = t.run("plugins", "-o", f"eventbus.plugin_path={t.path('plugins')}")
    shows_nothing_hidden(t, done)
    t.lacks(done.out, "\nforged")
    t.contains(done.out, "x\\nforged")


@test
def a_log_line_stays_a_line_whatever_an_event_holds(t):
    name = HOSTILE.replace("\x1b", "").replace("\x7f", "")
    send(t, HOSTILE + "\nforged", topic=name)
    for form in ("text", "json"):
        done = t.run("consume", "-t", name, "-g", form, "--exit-at-end", "-o", f"eventbus.log_format={form}",
                     "--exec", "exit 65", status=1)
        shows_nothing_hidden(t, done)
        t.lacks(done.err, "\nforged")


NAMES = ("learning-program-certificate-lifecycle-of-the-whole-site", "a", "learning-certificate-lifecycle.dlq")


def shown_on_terminal(t, columns, *words):
    """What the command writes to a terminal so wide, as lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    worker = t.start(*words, stdout=theirs)
    os.close(theirs)
    got = b""
    try:
        while piece := os.read(ours, 4096):
            got += piece
    except OSError:                     # EIO: the other side has gone
        pass
    os.close(ours)
    worker.wait()
    return got.decode().replace("\r\n", "\n").splitlines()


@test
def tables_fit_the_terminal_and_are_whole_when_they_are_asked_for(t):
    for topic in NAMES:
        send(t, "u", topic=topic)
        t.run("consume", "-t", topic, "-g", "the-group-of-the-credentials-service", "--exit-at-end")
    for verb in ("topics", "groups"):
        whole = t.run(verb, "--wide").lines()
        t.check(max(map(len, whole)) > 80 and all(any(name in line for line in whole) for name in NAMES), "\n".join(whole))
        t.equal(shown_on_terminal(t, 300, verb), whole, "there is room for everything")
        for lines, columns in ((t.run(verb).lines(), 80), (shown_on_terminal(t, 60, verb), 60), (shown_on_terminal(t, 30, verb), 30)):
            t.equal(len(lines), len(whole))
            t.check(max(map(len, lines)) <= columns, f"wider than {columns}:\n" + "\n".join(lines))
            t.check(all(line.startswith(("lear", "a", "TOPIC")) for line in lines), "\n".join(lines))
    t.contains(t.run("topics").out, " ago")


@test
def a_terminal_that_is_wide_enough_for_a_name_cuts_none(t):
    send(t, "u", topic="数据数据")
    send(t, "u", topic="learning-certificate-lifecycle")
    rows = t.run("topics").lines()
    t.contains("\n".join(rows), "数据数据", "learning-certificate-lifecycle")
    t.lacks("\n".join(rows), "…")
    t.equal(re.search(r"\d+[smh] ago", rows[1]).start(), rows[0].index("OLDEST") - 4, "these characters take two columns each")


@test
def what_is_not_known_is_a_dash_in_tables(t):
    use_hostile_plugin(t)
    t.matches(t.run("topics", "--wide").lines()[1], r" 1 +- +- +-$")
    t.equal(t.run("topics", "--json").json()[0]["events"], None)


@test
def a_table_of_many_rows_is_whole(t):
    use_hostile_plugin(t, "topics = 2500\n")
    lines = t.run("topics").lines()
    t.equal((len(lines), len(set(lines[1:]))), (2501, 1), "a title and the rows, each like the others")
    ours, theirs = os.pipe()
    worker = t.start("topics", stdout=theirs)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    worker.wait(0)


@test
def places_are_times_in_many_forms(t):
    send(t, "a", "b")
    for place in ("1h", "-1h", "90s", "7d", "start", "beginning", "2020-01-01", "2020-01-01 10:00", "2020-01-01T10:00:00+05:30"):
        t.equal(len(t.run("consume", "-t", "a", "--from", place, "--exit-at-end").json()), 2, place)
    for place in ("now", "end", "latest", "9000-01-01", "9000-01-01T00:00-01:00"):
        t.equal(t.run("consume", "-t", "a", "--from", place, "--exit-at-end").out, "", place)
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end")
    for place, lag in (("1h", 2), ("end", 0), ("start", 2), ("now", 0), ("2020-01-01", 2)):
        t.run("seek", "-t", "a", "-g", "g", "--to", place)
        t.equal(t.run("groups", "-g", "g", "--json").json()[0]["lag"], lag, place)
    t.contains(t.run("seek", "-t", "a", "-g", "g", "--to", "2026-13-01", status=2).err, "is not a time; expected now, 15m")


@test
def pretty_shows_every_attribute_of_a_dead_letter(t):
    send(t, "bob", topic="a")
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "exit 65", status=1)
    letter, = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    shown = t.run("consume", "-t", "a.dlq", "--exit-at-end", "--format", "pretty").out
    for name, value in letter.items():
        if name.startswith("dlq"):
            t.contains(shown, f"\n  {name}: {value}\n")
        elif name not in ("specversion", "datacontenttype", "data", "attempt"):
            t.contains(shown, str(value))
    t.contains(shown, '\n    "id": 0,')


TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"


@test
def lines_of_the_log_have_a_time(t):
    line, = [line for line in send(t, "a").err.splitlines() if "info: delivered" in line]
    t.matches(line, rf"^{TIME}Z eventbus: info: delivered topic=a ")
    line, = [line for line in send(t, "a", env={"TZ": "XXX-05:30", "EVENTBUS_CONFIG": t.ini}, more=("-o", "eventbus.log_time=local"))
             .err.splitlines() if "info: delivered" in line]
    t.matches(line, rf"^{TIME}\+05:30 eventbus: info: ")
    t.matches(send(t, "a", more=("-o", "eventbus.log_time=none")).err, r"^eventbus: info: delivered ")
    t.contains(t.run("topics", "-o", "eventbus.log_time=mars", status=2).err, "log_time")


def use_sqlite(t):
    """Where nothing is configured, a line says which broker is used."""
    t.configure("producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n")


def audit_lines(t, group, *words):
    done = t.run("consume", "-t", "a", "-g", group, "--exit-at-end", *words)
    return [re.sub(rf"^{TIME}Z eventbus: info: ", "", line).partition(" topic=")[0] for line in done.err.splitlines()]


@test
def an_event_that_goes_well_is_one_line_or_as_many_as_are_asked_for(t):
    use_sqlite(t)
    t.equal(len([line for line in send(t, "a").err.splitlines() if "info:" in line]), 1)
    for audit, lines in (("brief", ["processed successfully"]), ("full", ["received", "processed successfully"]), ("off", [])):
        t.equal(audit_lines(t, audit, "-o", f"eventbus.audit={audit}"), lines)
    t.equal(audit_lines(t, "default"), ["processed successfully"])
    t.equal(audit_lines(t, "own", "-o", "eventbus.audit_received=yes"), ["received", "processed successfully"])
    t.lacks(send(t, "a", more=("-o", "eventbus.audit=off")).err, "info:")
    line = t.run("consume", "-t", "a", "-g", "whole", "-n", "1").err
    t.matches(line, r" topic=a event_id=\S+ type=\S+ position=1 event_time_ms=\d+")


@test
def quiet_and_verbose_stand_before_or_after_the_verb(t):
    use_sqlite(t)
    t.equal(send(t, "a", more=("-q",)).err, "")
    t.equal(t.run("-q", "consume", "-t", "a", "-g", "g", "--exit-at-end").err, "")
    t.equal(t.run("-q", "produce", "--undelivered").err, "", "as a timer runs it")
    kept = t.write("kept.jsonl", t.run("consume", "-t", "a", "--exit-at-end").out)
    t.equal(t.run("-q", "produce", "--undelivered", kept).err, "")
    t.contains(t.run("consume", "-v", "-t", "a", "-g", "h", "--exit-at-end").err, " eventbus: debug: ", " eventbus: info: ")
    t.contains(t.run("--quiet", "consume", "-t", "nosuch", "-g", "g", "--exit-at-end").err, "nosuch")
    t.contains(t.run("topics", "-q", "-v", status=2).err, "exclude each other")
    t.contains(send(t, "a", more=("-q", "-o", "eventbus.log_level=info")).err, "info: delivered")
    for word in ("-q, --quiet", "-v, --verbose"):
        t.contains(t.run("topics", "--help").out, word)


@test
def produce_ends_with_a_summary(t):
    use_sqlite(t)
    t.equal(send(t, "a", "b", more=("-o", "eventbus.audit=off")).err, "eventbus: 2 events delivered\n")
    t.equal(send(t, "a", more=("-o", "eventbus.audit=off")).err, "eventbus: 1 event delivered\n")
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "-", "-o", "eventbus.audit=off", status=1,
                 stdin=json.dumps(event()) + "\n{}\n")
    t.equal(done.err.splitlines()[-1], "eventbus: 1 event delivered, 1 not")
    t.equal(done.out, "", "data is all that goes to standard output")
    t.equal(len(send(t, "a", more=("--json",)).json()), 1)


@test
def produce_says_when_it_waits_for_a_terminal(t):
    ours, theirs = pty.openpty()
    worker = t.start("produce", "--signal", LOGIN, "--topic", "a", stdin=theirs)
    os.close(theirs)
    worker.until("reading events from this terminal")
    os.write(ours, json.dumps(event()).encode() + b"\n")
    os.write(ours, b"\x04")
    t.contains(worker.wait(0).err, "1 event delivered")
    os.close(ours)
    t.lacks(send(t, "a").err, "terminal")


@test
def a_reader_that_goes_ends_consume_though_no_event_comes(t):
    send(t, "a", "b")
    for words in (("-t", "a"), ("-t", "a", "-g", "g"), ("-t", "a", "-g", "h", "--concurrency", "4")):
        ours, theirs = os.pipe()
        worker = t.start("consume", *words, stdout=theirs)
        os.close(theirs)
        got = b""
        while got.count(b"\n") < 2:
            got += os.read(ours, 65536)
        t.check(worker.running(), "there may be more events")
        os.close(ours)
        t.equal(worker.wait(0).err.count("standard output"), 0, "it ends quietly")
    t.equal(t.run("groups", "-g", "g", "--json").json()[0]["lag"], 0)


@test
def a_worker_that_prints_nothing_does_not_need_a_reader(t):
    send(t, "a")
    ours, theirs = os.pipe()
    worker = t.start("consume", "-t", "a", "-g", "g", "--exec", "cat >>taken", stdout=theirs)
    os.close(theirs)
    os.close(ours)
    t.until(lambda: os.path.exists(t.path("taken")) and t.read("taken").count("\n") == 1)
    send(t, "b")
    worker.until(lambda _: t.read("taken").count("\n") == 2)
    worker.send(signal.SIGTERM)
    worker.wait(0)


@test
def a_key_with_blanks_is_not_taken_for_other_words_of_the_line(t):
    send(t, 'x  id 00000000-0000-1000-8000-000000000000 "y')
    t.contains(t.run("consume", "-t", "a", "--exit-at-end", "--format", "pretty").out,
               '  key "x  id 00000000-0000-1000-8000-000000000000 \\"y"\n')


main()
