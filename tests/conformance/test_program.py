"""tests/conformance/test_program.py - the conformance kit as users meet it: alone, and as `eventbus conform`."""
import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, COMMAND, TOP, main, test

ALONE = os.path.join(BUILD, "eventbus-conform")
QUICK = ("--pace", "0.3")


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", "wrong", f"{name}.so")


def kit(t, *words, status=0, env=None):
    return t.run(*words, status=status, env=env, command=ALONE)


@test
def what_is_wrong_with_a_call_is_told_and_2(t):
    for words, told in (
        ([], "which plugin?"),
        (["a.so", "b.so"], "b.so comes after the plugin"),
        (["a.so", "--only", "setling"], "--only: --list shows no case or group setling"),
        (["a.so", "--seed", "0"], "--seed: expected a whole number from 1, not 0"),
        (["a.so", "--seed", "7x"], "--seed: "),
        (["a.so", "--pace", "nan"], "--pace: expected a number from 0.1 to 100, not nan"),
        (["--frob", "a.so"], "--frob is not an option of it"),
        (["a.so", "--only"], "--only is not an option of it, or lacks its value"),
        ([plugin("right"), "-o", "url=x"], "-o url=x: plugin right has no such option; it has path, queue"),
        ([plugin("right"), "-o", "url"], "-o url: expected KEY=VALUE"),
    ):
        done = kit(t, *words, status=2)
        t.contains(done.err, told)
        t.equal(len(done.err.splitlines()), 1, "lines told")


@test
def a_file_that_is_no_plugin_is_5(t):
    other = t.compile_plugin("other", "int answer = 42;")
    late = t.compile_plugin("late", "#include <eventbus/plugin.h>\nconst struct eb_plugin eventbus_plugin = "
                            "{ sizeof(struct eb_plugin), 9, 0, \"late\", \"1\", \"x\", 0, 0, 0, 0, 0 };")
    dies = t.compile_plugin("dies", "#include <stdlib.h>\n__attribute__((constructor)) static void die(void) "
                            "{ abort(); }")
    for file, told in ((t.path("none.so"), "No such file or directory"),
                       (t.write("text.so", "hello"), "cannot be loaded"),
                       (other, "exports no eventbus_plugin"),
                       (late, "was built for plugin ABI 9.0; this kit knows 1.x"),
                       (dies, "came SIGABRT, which ended its process; its last call was dlopen")):
        t.contains(kit(t, file, status=5).err, told)
    t.contains(kit(t, dies, status=5).err, f"; to see it: gdb --args {ALONE} {dies} --seed ", " --in-process; or valgrind")


@test
def a_broker_that_is_away_is_3_with_its_reason(t):
    done = kit(t, plugin("away"), *QUICK, status=3)
    t.contains(done.err, "the broker could not be reached: the producer: link down: nobody listens")
    t.equal(done.out, "", "standard output")


@test
def the_list_names_every_case_with_its_group_its_needs_and_what_it_tests(t):
    rows = kit(t, "--list", "--json").json()
    t.check(len(rows) >= 25, "fewer than 25 cases")
    t.equal({row["group"] for row in rows},
            {"calls", "sending", "receiving", "settling", "order", "admin", "load", "crash", "outage"})
    t.check(all(set(row) == {"case", "group", "needs", "about"} and row["about"] for row in rows), "a row without its fields")
    needs = {row["case"]: row["needs"] for row in rows}
    t.equal(needs["a-retry-holds-back-its-key"], "producer consumer EB_T_DELAY EB_T_DELAY_ORDER")
    t.equal(needs["timeouts-are-kept"], "")
    only = kit(t, "--list", "--only", "order").lines()
    t.equal([line.split()[0] for line in only], ["order"] * len(only))
    t.contains(only[0], "order      a-key-is-at-one-member-in-order: members that join, ", "; needs producer consumer EB_T_ORDER")


@test
def json_is_one_object_a_case_and_a_summary(t):
    done = kit(t, plugin("forgets-header"), "--only", "sending", "--json", *QUICK, status=1)
    *cases, last = done.json()
    for case in cases:
        t.equal(set(case), {"case", "group", "result", "why", "seconds"})
    failed = [case for case in cases if case["result"] == "fail"]
    t.equal([case["case"] for case in failed], ["attributes-and-headers-come-back-in-order"])
    t.contains(failed[0]["why"], "expected event 3 to have 4 headers", "; came 3", '; breaks "all other headers, unchanged')
    passed = [case for case in cases if case["result"] == "pass"]
    t.equal(last["summary"], {"pass": len(passed), "fail": 1, "skip": len(cases) - len(passed) - 1})


@test
def tap_and_junit_say_the_same(t):
    done = kit(t, plugin("reports-twice"), "--only", "sending", "--tap", "--junit", "out.xml", *QUICK, status=1)
    lines = done.lines()
    results = [line for line in lines if line.startswith(("ok", "not ok"))]
    t.equal(lines[-1], f"1..{len(results)}")
    suite = xml.etree.ElementTree.parse(t.path("out.xml")).getroot()
    t.equal((suite.get("tests"), suite.get("failures")), (str(len(results)), "1"))
    t.equal([line.split(": ")[1] for line in results], [case.get("name") for case in suite])


@test
def a_breach_seen_elsewhere_names_where(t):
    *cases, last = kit(t, plugin("prints"), "--json", *QUICK, status=1).json()
    why = [case["why"] for case in cases if case["result"] == "fail"]
    t.equal(len(why), 1)
    t.contains(why[0], 'came "many verdicts"', "seen in the case ")
    own = [case["result"] for case in cases if case["case"] == "the-process-is-left-as-it-was"]
    t.equal(own, ["pass", "fail"], "the result of its own run, and the one that counts")
    t.equal(sum(last["summary"].values()), len({case["case"] for case in cases}), "each case counts once")


@test
def a_crash_tells_the_signal_and_the_call(t):
    done = kit(t, plugin("aborts"), "--only", "values-come-back-as-they-went", *QUICK, status=1)
    t.contains(done.out, "came SIGABRT, which ended its process", "its last call was submit of 1 messages",
               'breaks "A plugin never calls exit, abort, ')


def sanitized():
    with open(os.path.join(BUILD, "config.log"), "rb") as file:
        return b"-fsanitize" in file.read()


DAMAGE = r"""
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>

static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    *self = malloc(24);
    *(const struct eb_host **)*self = host;
    host->link(host, 1, NULL);
    return EB_OK;
}
static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    const struct eb_host *host = *(const struct eb_host **)self;
    for (size_t i = 0; i < n; i++) {
        struct eb_delivery stored = { sizeof stored, batch[i]->token, EB_OK, 0, { 0, 0 }, NULL };
        host->delivered(host, &stored);
    }
    return n;
}
static int32_t poll_it(void *self, int32_t timeout_ms, struct eb_error *err) { return EB_OK; }
static void wake(void *self) {}
/* Writes over the heap's own words behind the instance: the next large malloc finds them damaged. */
static void close_it(void *self, int32_t timeout_ms) {
    static int closed;
    volatile char *byte = self;
    if (closed++ == 1)
        for (int i = 24; i < (1 << 16); i++)
            byte[i] = (char)0xA5;
}
const struct eb_plugin eventbus_plugin = { sizeof(struct eb_plugin), EB_ABI_MAJOR, EB_ABI_MINOR, "damage", "1", "x", 0, 0, 0, 0, 0 };
const struct eb_producer_ops eventbus_producer = { sizeof(struct eb_producer_ops), 0, 0, open_it, submit, poll_it, wake, close_it };
"""


@test
def after_heap_damage_the_message_lists_what_was_closed_before(t):
    file = t.compile_plugin("damage", DAMAGE)
    done = kit(t, file, "--only", "open-and-close-leave-nothing-behind", *QUICK, status=1)
    t.contains(done.out, "which ended its process", "closed before it: the producer")
    if not sanitized():                                     # a sanitizer has a heap of its own
        t.contains(done.out, "the heap had been damaged before: that call only met the damage", "closed before it: the producer, the producer")


@test
def results_come_one_by_one_and_a_killed_run_leaves_them(t):
    worker = t.start(plugin("right"), "--json", "--output", "out.jsonl", "--junit", "out.xml", *QUICK, command=ALONE, env={"TMPDIR": t.folder})
    worker.until(lambda it: len(it.lines()) >= 3, what="three results")
    worker.kill9()
    told = worker.json()
    with open(t.path("out.jsonl"), encoding="utf-8") as file:
        kept = [json.loads(line) for line in file.read().splitlines()]
    t.check(len(kept) >= len(told) - 1 and kept[:3] == told[:3], f"{kept} in the file, {told} printed")
    suite = xml.etree.ElementTree.parse(t.path("out.xml")).getroot()
    t.equal([case.get("name") for case in suite][:2], [row["case"] for row in told[:2]])
    names = [row["case"] for row in kit(t, "--list", "--json").json()]
    t.equal([row["case"] for row in told], names[:len(told)], "in the order of the list")


@test
def a_case_that_fails_for_want_of_another_is_told_after_that_one(t):
    """A plugin that delivers nothing: the first case that misses a message is not accused, since the kit runs next the one that
    tests delivering."""
    file = t.compile_plugin("outages", f'#include "{TOP}/tests/conformance/outages.c"\n')
    worker = t.start(file, "-o", "fault=deaf", "--json", *QUICK, command=ALONE, env={"TMPDIR": t.folder})
    worker.until("not judged: it needs what-was-sent-is-handed-over")
    worker.kill9()
    *_, guilty, excused = [row for row in worker.json() if row["result"] != "pass"]
    t.equal((guilty["case"], guilty["result"]), ("what-was-sent-is-handed-over", "fail"))
    t.equal((excused["case"], excused["result"]), ("the-link-tells-each-change-once", "skip"))


@test
def a_reader_that_has_seen_enough_ends_the_run(t):
    os.mkdir(t.path("tmp"))
    worker = t.start(plugin("right"), *QUICK, stdout=subprocess.PIPE, env={"TMPDIR": t.path("tmp")}, command=ALONE)
    worker.process.stdout.readline()
    worker.process.stdout.close()
    worker.wait(status=3)
    t.equal(os.listdir(t.path("tmp")), [], "its folder")


@test
def a_file_that_cannot_be_written_is_2(t):
    done = kit(t, plugin("right"), "--output", "none/out", status=2)
    t.equal((done.out, done.err), ("", "eventbus-conform: --output none/out: cannot be written: No such file or directory\n"))
    done = kit(t, plugin("right"), "--only", "order", "--junit", "none/out.xml", *QUICK, status=2)
    t.contains(done.err, "eventbus-conform: --junit none/out.xml: cannot be written: No such file or directory\n")


@test
def in_process_a_failure_breaks_off_what_follows(t):
    done = kit(t, plugin("ends-before-retry"), "--only", "receiving", "--in-process", "--json", *QUICK, status=1)
    *cases, last = done.json()
    results = [case["result"] for case in cases]
    after = results[results.index("fail") + 1:]
    t.equal(after, ["skip"] * len(after))
    t.check(after and cases[-1]["why"].startswith("not run: the-end-waits-for-a-retry broke off"), "what follows is not told")
    t.equal(last["summary"]["fail"], 1)
    done = kit(t, plugin("moves-groups"), "--only", "receiving", "--in-process", "--json", *QUICK, status=1)
    rows = {row.get("case"): row for row in done.json()}
    t.equal(rows["an-existing-group-is-never-moved"]["result"], "fail")
    t.contains(rows["the-end-waits-for-a-retry"]["why"],
               "not run: an-existing-group-is-never-moved broke off in this process, and left its instances open")
    t.equal(rows["what-was-sent-is-handed-over"]["result"], "pass")


def debugged(t, *words):
    """What a debugger or valgrind says of the crash of `aborts`, by the command that the kit names."""
    if shutil.which(words[0]) is None:
        t.skip(f"{words[0]} is not installed")
    told = kit(t, plugin("aborts"), "--only", "values-come-back-as-they-went", "--json", *QUICK, status=1).json()[0]["why"]
    command = shlex.split(told.partition("; to see it: gdb --args ")[2].partition("; or valgrind ")[0])
    t.equal(command[:2], [ALONE, plugin("aborts")])
    t.contains(command, "--in-process", "--only", "values-come-back-as-they-went", "--seed")
    return t.run(*words[1:], *command, command=words[0], status=None, env={"TMPDIR": t.folder})


@test
def gdb_stops_where_the_case_crashes(t):
    done = debugged(t, "gdb", "-q", "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "run", "-ex", "backtrace", "--args")
    if "ptrace: Operation not permitted" in done.err:
        t.skip("gdb may not trace a process here")
    t.contains(done.out, "SIGABRT", "producer.c:", "ebc_submit")


@test
def valgrind_sees_where_the_case_crashes(t):
    if sanitized():
        t.skip("valgrind does not run a program with a sanitizer")
    done = debugged(t, "valgrind")
    t.contains(done.err, "Process terminating with default action of signal 6 (SIGABRT)", "(producer.c:", "ebc_submit")


@test
def secret_options_are_left_out_of_the_command(t):
    file = t.compile_plugin("dying", DYING)
    done = kit(t, file, "-o", "key=hush", "-o", "name=it's me", "--only", "timeouts-are-kept", *QUICK, status=1)
    t.contains(done.out, " -o key=... -o 'name=it'\\''s me' --only timeouts-are-kept ")
    t.check("hush" not in done.out + done.err, "the secret is shown")


DYING = r"""
#include <signal.h>
#include <stddef.h>
#include <eventbus/plugin.h>

struct settings { const char *key, *name; };
static const struct eb_option options[] = {
    { "key", NULL, "A key", NULL, EB_OPT_TEXT, EB_OPT_SECRET, 0, 0, offsetof(struct settings, key) },
    { "name", NULL, "A name", NULL, EB_OPT_TEXT, 0, 0, 0, offsetof(struct settings, name) },
};
static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    *self = (void *)host;
    host->link(host, 1, NULL);
    return EB_OK;
}
static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) { return 0; }
static int32_t poll_it(void *self, int32_t timeout_ms, struct eb_error *err) {
    if (timeout_ms == 60)
        raise(SIGKILL);
    return EB_OK;
}
static void wake(void *self) {}
static void close_it(void *self, int32_t timeout_ms) {}
const struct eb_plugin eventbus_plugin = { sizeof(struct eb_plugin), EB_ABI_MAJOR, EB_ABI_MINOR, "dying", "1", "x", options, 2,
                                           sizeof(struct eb_option), sizeof(struct settings), 0 };
const struct eb_producer_ops eventbus_producer = { sizeof(struct eb_producer_ops), 0, 0, open_it, submit, poll_it, wake, close_it };
"""


@test
def the_same_seed_makes_the_same_failure(t):
    words = (plugin("acks-cover"), "--only", "settling", "--json", "--seed", "11", *QUICK)
    why = {kit(t, *words, status=1).json()[0]["why"] for _ in range(2)}
    t.equal(len(why), 1, "how many different failures")


@test
def its_folder_is_gone_afterwards(t):
    os.mkdir(t.path("tmp"))
    kit(t, plugin("right"), "--only", "order", *QUICK, env={"TMPDIR": t.path("tmp")})
    t.equal(os.listdir(t.path("tmp")), [])


def ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] == "Z"
    except FileNotFoundError:
        return True


@test
def no_process_outlives_it(t):
    os.mkdir(t.path("tmp"))
    worker = t.start(plugin("forgets-time"), "--only", "timeouts-are-kept", "--pace", "100",
                     env={"TMPDIR": t.path("tmp")}, command=ALONE)

    def children():
        with open(f"/proc/{worker.pid}/task/{worker.pid}/children", encoding="ascii") as file:
            return file.read().split()

    child = t.until(children, what="a child")[0]
    worker.kill9()
    t.until(lambda: ended(child), what="the end of its child")


@test
def the_command_finds_plugins_by_name_and_runs_the_kit(t):
    if not os.path.exists(os.path.join(BUILD, ".libs", "memory.so")):
        t.skip("memory is not built")
    *cases, last = t.run("conform", "memory", "--only", "sending", "--json", *QUICK).json()
    t.equal(last["summary"]["fail"], 0)
    t.check(len(cases) >= 6, "hardly any cases")
    t.contains(t.run("conform", "memory", "-o", "nmae=x", status=2).err, "has no such option; it has name")
    t.contains(t.run("conform", "nothing", status=5).err, "there is no plugin nothing.so in ")
    t.contains(t.run("conform", "memory", "--only", "x", status=2).err, 'there is no case or group "x"')
    t.equal(t.run("conform", "--list", "--json").out, kit(t, "--list", "--json").out)
    done = t.run("conform", "memory", "--only", "order", "--in-process", "--output", "out", *QUICK)
    with open(t.path("out"), encoding="utf-8") as file:
        t.equal(file.read(), done.out)
    done = t.run("conform", plugin("aborts"), "--only", "values-come-back-as-they-went", *QUICK, status=1)
    t.contains(done.out, f"to see it: gdb --args {COMMAND} conform {plugin('aborts')} --only values-come-back-as-they-went --seed ")
    t.contains(t.run("conform", "memory", "--down", "true", status=2).err, "--down and --up belong together")


@test
def the_command_trusts_only_what_others_cannot_change(t):
    shutil.copy(plugin("right"), t.path("right.so"))
    os.chmod(t.path("right.so"), 0o666)
    t.contains(t.run("conform", "./right.so", status=5).err, t.path("right.so"))
    t.run("-o", "eventbus.plugin_trust=any", "conform", "./right.so", "--only", "order", *QUICK)


main()
