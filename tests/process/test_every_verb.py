"""tests/process/test_every_verb.py - what holds for every verb: help, options, streams, exit status."""
import os
import re
import subprocess

from harness import COMMAND, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def verbs(t):
    """The verbs that --help lists."""
    listed = t.run("--help").out.split("Verbs:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if re.match(r"  \S", line)]


def parts(t, verb):
    """Every form that can be asked for help: "schema", "schema check", ..."""
    shown = t.run(verb, "--help").out
    if "\nWhat:\n" not in shown:
        return [[verb]]
    listed = shown.split("\nWhat:\n")[1].split("\n\n")[0]
    return [[verb], *([verb, line.split()[0]] for line in listed.splitlines() if re.match(r"  \S", line))]


@test
def every_verb_helps_with_an_example(t):
    t.check(len(verbs(t)) >= 2, "hardly any verbs")
    for verb in verbs(t):
        for words in parts(t, verb):
            done = t.run(*words, "--help")
            t.equal(done.err, "", "standard error")
            t.check(done.out.startswith(f"Usage: eventbus {' '.join(words)}"), done.out)
            t.contains(done.out, "\nExamples:\n  ")
            t.equal(t.run(*words, "-h").out, done.out, "-h and --help")


@test
def the_usage_names_only_options_there_are(t):
    for verb in verbs(t):
        for words in parts(t, verb):
            usage, _, rest = t.run(*words, "--help").out.partition("\n\n")
            for option in re.findall(r"--[a-z-]+", usage):
                t.matches(rest, rf"^  (-., )?{option}\b")


@test
def lines_of_help_fit_a_terminal(t):
    for verb in verbs(t):
        for words in parts(t, verb):
            text = t.run(*words, "--help").out.split("\nExamples:\n")[0]
            t.equal([line for line in text.splitlines() if len(line) > 79], [], f"long lines of {words}")


@test
def the_version_names_the_plugin_interface(t):
    t.matches(t.run("--version").out, r"^eventbus \d+\.\d+\.\d+ \(plugin ABI \d+\.\d+\)$")
    t.equal(t.run("plugins", "-V").out, t.run("--version").out, "--version behind a verb")


@test
def what_is_unknown_gets_the_nearest_name_and_2(t):
    for words, told in (
        (["plugin"], 'unknown verb "plugin"; did you mean plugins? See eventbus --help'),
        (["check"], 'unknown verb "check"; did you mean schema check or config check?'),
        (["zzzzzzzz"], 'unknown verb "zzzzzzzz"; see'),
        (["config", "chek"], 'config: unknown "chek"; did you mean check?'),
        (["plugins", "--jsno"], "unknown option --jsno; did you mean --json?"),
        (["--confg", "x"], "unknown option --confg; did you mean --config?"),
        (["plugins", "-x"], "unknown option -x"),
        (["plugins", "--config"], "--config needs a value: FILE"),
        (["plugins", "-c"], "-c needs a value: FILE"),
        (["plugins", "--json=yes"], "--json takes no value"),
        (["plugins", "a", "b"], '"b" is one word too many'),
        (["config", "explain"], "something is missing: eventbus config explain KEY"),
        ([], "say what: "),
        (["config"], "config: say what: check, show, explain, import"),
    ):
        done = t.run(*words, status=2)
        t.contains(done.err, told, "--help")
        t.equal(done.out, "", "standard output")
        t.equal(len(done.err.splitlines()), 1, "lines told")


@test
def c_and_o_stand_before_and_after_the_verb(t):
    other = t.write("other.ini", "[eventbus]\nservice = cms\n")
    shown = set()
    for words in (["-c", other, "-o", "eventbus.topic_prefix=dev", "config", "show"],
                  ["config", "-c", other, "show", "-o", "eventbus.topic_prefix=dev"],
                  ["config", "show", f"--config={other}", "--option=eventbus.topic_prefix=dev"]):
        done = t.run(*words, "--json")
        found = {(row["section"], row["key"]): row["value"] for row in done.json()}
        t.equal(found["eventbus", "service"], "cms")
        t.equal(found["eventbus", "topic_prefix"], "dev")
        shown.add(done.out)
    t.equal(len(shown), 1, "how many different answers")


@test
def a_reader_that_goes_away_ends_it_quietly(t):
    with subprocess.Popen([COMMAND, "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=t.environment(), cwd=t.folder) as process:
        process.stdout.close()
        err = process.stderr.read()
        t.equal((process.wait(60), err), (0, b""), "status and standard error")


@test
def a_full_disk_under_standard_output_is_3(t):
    if not os.path.exists("/dev/full"):
        t.skip("no /dev/full")
    event = t.run("signals", LOGIN, "--sample").out
    t.run("produce", "-", "-t", "a", stdin=event)
    with open("/dev/full", "wb") as full:
        for words in (("config", "show"), ("topics",), ("topics", "--json"), ("groups", "-t", "a"), ("signals", "--json"),
                      ("produce", "-", "-t", "a", "--json"), ("config", "explain", "consume.retry.max")):
            done = t.run(*words, stdin=event if "produce" in words else "", stdout=full,
                         status=3 if words[0] != "groups" else 0)       # which has nothing to write
            t.equal("cannot write to standard output: No space left on device" in done.err, done.status == 3, str(words))


@test
def closed_standard_streams_are_not_taken_over_by_files(t):
    done = t.run("-c", f'exec "{COMMAND}" config show <&- >&-', command="/bin/sh", status=3)
    t.contains(done.err, "cannot write to standard output")


main()
