"""tests/check_runner.py - the scripts that run our tests: a test that runs nothing, or dies, or leaks, does not pass."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "process"))
from harness import TOP, main, test  # noqa: E402

PLANNED = os.path.join(TOP, "tests", "planned")
RUN = os.path.join(TOP, "tests", "run")
os.environ["EB_SOAK"] = ""              # but for the test that asks for it


def said(t, script, text, status=0, name="program"):
    """What a test program that is this shell script says, by way of one of the two scripts."""
    path = t.write(name, f"#!/bin/sh\n{text}\nexit {status}\n")
    os.chmod(path, 0o755)
    done = subprocess.run([script, path], stdout=subprocess.PIPE, check=False)
    return done.stdout.decode(), done.returncode


@test
def an_empty_plan_is_a_failure(t):
    for plan in ("1..0", "1..00", "1..0 ", "1..0 # why not", "1..0 # SKIP", "1..0 # SKIP  "):
        t.equal(said(t, PLANNED, f"echo '{plan}'")[0], f"Bail out! no test was run: {plan}\n")


@test
def an_empty_plan_that_says_why_is_skipped(t):
    for plan in ("1..0 # SKIP no disk", "1..0 # skip: no disk"):
        t.equal(said(t, PLANNED, f"echo '{plan}'")[0], f"{plan}\n")


@test
def the_rest_is_left_as_it_is_with_its_status(t):
    for status in (0, 1, 77, 134):
        t.equal(said(t, PLANNED, "printf '1..10\\nok 1 - 1..0\\n# 1..0\\n'", status),
                ("1..10\nok 1 - 1..0\n# 1..0\n", status))


@test
def one_that_does_not_end_is_ended_and_a_failure(t):
    os.environ["EB_TEST_SECONDS"] = "1"
    t.equal(said(t, PLANNED, "echo 1..2; echo ok 1; exec sleep 600"),
            ("1..2\nok 1\nBail out! it did not end within 1 s\n", 124))
    del os.environ["EB_TEST_SECONDS"]


@test
def of_full_size_it_is_told_how_long_it_took(t):
    os.environ["EB_SOAK"] = "1"
    out, status = said(t, PLANNED, "echo 1..1; echo ok 1; sleep 1", 3)
    t.check(re.fullmatch(r"1\.\.1\nok 1\n# took \d+ s\n", out) is not None, out)
    t.equal(status, 3, "the exit status")
    os.environ["EB_SOAK"] = ""


@test
def only_criterion_is_asked_for_tap(t):
    t.equal(said(t, RUN, "echo $#: $*", name="test_x")[0], "0:\n")
    t.equal(said(t, RUN, "echo $#: $*", name="unit_x")[0], "3: --tap=- --jobs 1\n")


@test
def a_sanitizers_report_is_a_failure(t):
    for options in ("$ASAN_OPTIONS", "$TSAN_OPTIONS"):
        out, status = said(t, RUN, f"""echo 1..1; echo ok 1; echo leak >"${{{options[1:]}#*log_path=}}".1""")
        t.equal((out, status), ("1..1\nok 1\n# leak\n", 1))


@test
def what_a_process_leaves_that_was_killed_in_its_search_for_leaks_is_none(t):
    killed = "==7==Unable to get registers from thread 7."
    for more, expected in (("", ("1..1\nok 1\n", 0)), ("; echo leak >>$r", (f"1..1\nok 1\n# {killed}\n# leak\n", 1))):
        t.equal(said(t, RUN, f"""echo 1..1; echo ok 1; r="${{ASAN_OPTIONS#*log_path=}}".1; echo '{killed}' >$r{more}"""), expected)


@test
def the_sanitizer_leaves_thread_local_data_alone(t):
    out, status = said(t, PLANNED, 'echo 1..1; echo "# $ASAN_OPTIONS"; echo ok 1')
    t.contains(out, "# intercept_tls_get_addr=0")
    t.equal(status, 0)


main()
