"""tests/conformance/test_program.py - the conformance kit as users meet it: alone, and as `eventbus conform`."""
import json
import os
import shutil
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, TOP, main, test

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
        ([plugin("right"), "-o", "url=x"], "-o url=x: plugin right has no such option; it has none"),
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
                       (dies, "its process was ended by SIGABRT; its last call was dlopen")):
        t.contains(kit(t, file, status=5).err, told)


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
            {"calls", "sending", "receiving", "settling", "order", "admin", "crash"})
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
    t.equal(last["summary"], {"pass": len(cases) - 1, "fail": 1, "skip": 0})


@test
def tap_and_junit_say_the_same(t):
    done = kit(t, plugin("reports-twice"), "--only", "sending", "--tap", "--junit", "out.xml", *QUICK, status=1)
    lines = done.lines()
    results = [line for line in lines if line.startswith(("ok", "not ok"))]
    t.equal(lines[0], f"1..{len(results)}")
    suite = xml.etree.ElementTree.parse(t.path("out.xml")).getroot()
    t.equal((suite.get("tests"), suite.get("failures")), (str(len(results)), "1"))
    t.equal([line.split(": ")[1] for line in results], [case.get("name") for case in suite])


@test
def a_breach_seen_elsewhere_names_where(t):
    cases = kit(t, plugin("prints"), "--json", *QUICK, status=1).json()[:-1]
    why = [case["why"] for case in cases if case["result"] == "fail"]
    t.equal(len(why), 1)
    t.contains(why[0], 'came "many verdicts"', "seen in the case ")


@test
def a_crash_tells_the_signal_and_the_call(t):
    done = kit(t, plugin("aborts"), "--only", "values-come-back-as-they-went", *QUICK, status=1)
    t.contains(done.out, "SIGABRT", "its last call was submit of 1 messages")


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


@test
def the_command_trusts_only_what_others_cannot_change(t):
    shutil.copy(plugin("right"), t.path("right.so"))
    os.chmod(t.path("right.so"), 0o666)
    t.contains(t.run("conform", "./right.so", status=5).err, t.path("right.so"))
    t.run("-o", "eventbus.plugin_trust=any", "conform", "./right.so", "--only", "order", *QUICK)


main()
