"""tests/soak.py - what `make soak` runs: every test that takes its size from EB_SOAK, at the size of the promises; those
that test threads once more under ThreadSanitizer; the fuzzers. The last two have builds of their own, in soak-threads/
and soak-fuzzers/ below the build, and are left out where there is no compiler for them.

    soak.py MAKE SOURCE TEST...                 make soak
    PARTS='tests fuzzers' soak.py ...           make soak PARTS='tests fuzzers': only these

Some tests measure how long others wait, so they run one after the other; the fuzzers run side by side. Each test has
EB_TEST_SECONDS (2400) to end. What each one says is kept in soak-logs/; the summary has its results, its time, and its
own figures.
"""
import os
import re
import shutil
import subprocess
import sys
import time

MAKE, SOURCE, TESTS = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3:]
LOGS = os.path.abspath("soak-logs")
FIGURES = 20                # lines of one test that the summary repeats
PARTS = (os.environ.get("PARTS") or "tests threads fuzzers").split()


def make(folder, *words):
    print("soak:", os.path.relpath(folder), *words, flush=True)
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PARTS")}
    env["EB_SOAK"] = "1"
    return subprocess.run([MAKE, *words], cwd=folder, env=env, check=False).returncode == 0


def configured(folder, *options):
    """Whether there is a build with these options, now."""
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(os.path.join(folder, "config.status")):
        return True
    return subprocess.run([os.path.join(SOURCE, "configure"), "-q", *options], cwd=folder, check=False).returncode == 0


# ---- What tests have left behind ----

def keep_logs(folder, part):
    """Copies the logs of the tests that ran in a build since it began; answers what to say of each."""
    kept = []
    for where, _, files in os.walk(folder):
        if os.path.relpath(where, folder).split(os.sep)[0].startswith("soak-"):
            continue
        for file in sorted(files):
            trs = os.path.join(where, file)
            if file.endswith(".trs") and os.path.getmtime(trs) >= BEGAN:
                kept.append(keep_log(trs, f"{part}: {os.path.relpath(trs[:-4], folder)}"))
    return sorted(kept)


def keep_log(trs, name):
    log = os.path.join(LOGS, re.sub(r"[^\w.-]+", "-", name))
    shutil.copy(trs[:-4] + ".log", log)
    with open(trs, encoding="utf-8") as file:
        results = re.findall(r"^:test-result: (\w+)", file.read(), re.MULTILINE)
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    took = [int(line.split()[2]) for line in lines if re.fullmatch(r"# took \d+ s", line)]
    bad = sum(results.count(word) for word in ("FAIL", "ERROR", "XPASS"))
    said = [line for line in lines if re.match(r"(# (?!took )|not ok|Bail out|ok \d+ - \w+: \d+ executions)", line)]
    return name, results.count("PASS"), bad, results.count("SKIP"), took[-1] if took else 0, said


def summary(kept):
    for name, passed, bad, skipped, took, said in kept:
        yield f"{name:52} {passed:4} passed {bad:3} failed {skipped:3} skipped {took:5} s"
        yield from (f"    {line[:200]}" for line in said[:FIGURES])
        if len(said) > FIGURES:
            yield f"    and {len(said) - FIGURES} lines more"
    yield f"soak: {len(kept)} tests in {(time.time() - BEGAN) / 60:.0f} minutes"


# ---- The parts ----

def run_tests():
    good = make(".", "check", f"TESTS={' '.join(TESTS)}", f"TEST_SUITE_LOG={os.path.relpath(LOGS)}/failures")
    return good, keep_logs(".", "soak")


def run_threads():
    good = configured("soak-threads", "--enable-sanitizers=thread") and make(
        "soak-threads", f"-j{os.cpu_count()}", "check", "TESTS=") and make("soak-threads", "check-threads")
    return good, keep_logs("soak-threads", "threads")


def run_fuzzers():
    if not shutil.which("clang"):
        print("soak: without the fuzzers: clang is not here")
        return True, []
    good = configured("soak-fuzzers", "CC=clang", "--enable-fuzzers") and make(
        "soak-fuzzers", f"-j{os.cpu_count()}", "check-fuzz")
    return good, keep_logs("soak-fuzzers", "fuzzers")


BEGAN = time.time()


def main():
    shutil.rmtree(LOGS, ignore_errors=True)
    os.mkdir(LOGS)
    good, kept = True, []
    for part in PARTS:
        passed, tests = {"tests": run_tests, "threads": run_threads, "fuzzers": run_fuzzers}[part]()
        good, kept = good and passed, kept + tests
    good = good and bool(kept)
    with open(os.path.join(LOGS, "summary"), "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in summary(kept))
    with open(os.path.join(LOGS, "summary"), encoding="utf-8") as file:
        print(file.read(), end="")
    print(f"soak: {'done' if good else 'FAILED'}; every test's output is in soak-logs/")
    sys.exit(0 if good else 1)


main()
