"""tests/conformance/test_outage.py - the kit stops and starts an author's broker, and tests a plugin without one."""
import os
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, TOP, main, test                                      # noqa: E402

ALONE = os.path.join(BUILD, "eventbus-conform")
RESTART, ABSENT = "events-come-through-a-restart", "an-instance-opens-while-the-broker-is-away"
NOBODY, ADMIN = "nobody-waits-for-a-broker-that-is-not-there", "admin-ops-end-in-time-without-a-broker"


def plugin(t):
    return t.compile_plugin("outages", f'#include "{TOP}/tests/conformance/outages.c"\n')


def words(t, fault="right", down=None, up=None):
    away = t.path("away")
    return ("-o", f"file={away}", "-o", f"fault={fault}", "--unreachable", "url=nowhere", "--down", down or f"touch {shlex.quote(away)}",
            "--up", up or f"rm {shlex.quote(away)}", "--pace", "0.3", "--json")


def outages(t, only, fault="right", status=0, **commands):
    """{case: (result, why)}"""
    done = t.run(plugin(t), "--only", only, *words(t, fault, **commands), command=ALONE, status=status)
    return {row["case"]: (row["result"], row["why"]) for row in done.json() if "case" in row}


@test
def a_right_plugin_passes_with_the_commands_and_the_settings(t):
    came = outages(t, "outage")
    t.equal({case: result for case, (result, _) in came.items()}, dict.fromkeys((NOBODY, ADMIN, RESTART, ABSENT), "pass"))
    t.check(not os.path.exists(t.path("away")), "the broker is left stopped")


@test
def without_them_the_cases_are_skipped_with_the_reason(t):
    rows = {row.get("case"): row for row in t.run(plugin(t), "--only", "outage", "--json", command=ALONE).json()}
    for case, told in ((RESTART, "needs --down CMD and --up CMD, which stop and start the broker"),
                       (ABSENT, "needs --down CMD and --up CMD, which stop and start the broker"),
                       (NOBODY, "needs --unreachable KEY=VALUE, with which no broker answers"),
                       (ADMIN, "needs --unreachable KEY=VALUE, with which no broker answers")):
        t.equal((rows[case]["result"], rows[case]["why"]), ("skip", told))


def finds(t, fault, case, *told):
    result, why = outages(t, case, fault, status=1)[case]
    t.equal(result, "fail", f"{case} with {fault}")
    t.contains(why, *told)


@test
def each_fault_without_a_broker_fails_its_case(t):
    for fault, case, told in (
        ("lies", NOBODY, "while the broker is away; came a report of status 0"),
        ("gives-up", NOBODY, "to wait, or EB_RETRIABLE, while the broker is away; came a report of status -2"),
        ("fails", NOBODY, "expected receive of consumer m1 to work; came -1: nobody listens"),
        ("up-while-away", NOBODY, "expected no link(1) while the broker is away; came link(1)"),
        ("waits-in-open", NOBODY, "expected open of the producer to return at once although no broker answers; it took "),
        ("waits-in-close", NOBODY, "expected close(0) of the producer to return at once although no broker answers; it took "),
        ("drops-at-close", NOBODY, "came no report"),
        ("refuses-at-close", NOBODY, "expected EB_RETRIABLE for event 0 at close(0); came status -2"),
        ("lists-nothing", ADMIN, "expected topics to return EB_RETRIABLE with EB_KIND_BROKER and a text when no broker answers; came 0"),
        ("blames-nobody", ADMIN, "came -1, kind 0"),
    ):
        finds(t, fault, case, told)


@test
def each_fault_of_a_restart_fails_its_case(t):
    finds(t, "forgets", RESTART, "which was reported EB_OK before the broker was stopped; it did not come", "let it store them")
    finds(t, "silent", RESTART, "expected link(0) from each instance once the broker is away; 0 of 2 had told it")
    t.check(not os.path.exists(t.path("away")), "the broker is left stopped by a case that failed")


@test
def a_command_that_fails_is_named_with_what_it_wrote(t):
    came = outages(t, RESTART, down="echo 'no such container' >&2; exit 3", status=1)
    # --up after it fails too, for there is nothing to remove: that is told, and ends nothing.
    t.contains(came[RESTART][1], "expected the command to end with status 0; came: --down 'echo ", "' ended with status 3: no such container")
    done = t.run(plugin(t), "--only", RESTART, *words(t, up="echo no room; false"), command=ALONE, status=3)
    t.contains(done.err, f"eventbus-conform: the case {RESTART} stopped the broker, and the broker does not start again: --up 'echo no room; "
               "false' ended with status 1: no room")
    rows = [row for row in done.json() if "case" in row]
    t.contains(rows[0]["why"], "came: --up 'echo no room; false' ended with status 1: no room")
    t.contains(t.run(plugin(t), "--down", "true", command=ALONE, status=2).err, "--down and --up belong together")


@test
def what_up_leaves_running_outlives_the_case(t):
    pid = t.path("pid")
    up = f"rm {t.path('away')}; sleep 1000 >{t.path('log')} 2>&1 & echo $! >{pid}"
    outages(t, RESTART, up=up)
    with open(pid, encoding="ascii") as file:
        number = int(file.read())
    os.kill(number, 9)                                      # fails where there is no such process


main()
