"""tests/coverage.py BUILD - what the tests of a build with --enable-coverage have run of core/: a table by room. A branch of
core/produce, core/receiver, core/consume or core/plugin/instance.c that no test took, and that docs/decisions/0062 does not name with the reason, is an error: each
is told with its line. So is a name that fits no line any more.

None of the count, but for the lines that they lead to: branches within uthash's and utlist's macros, which are not ours to judge;
those of an assertion, of which no test takes the false one; and those of a switch, whose missing one is a value that no enum has (a case
that no test takes is a line that never ran)."""
import collections
import json
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAMES = os.path.join("docs", "decisions", "0062-branches-no-test-reaches.md")
# The supervisor is a process of its own, whose counts are lost when it is killed.
JUDGED = re.compile(r"core/(produce/|consume/|receiver/(?!supervisor|forward)|plugin/instance\.c)")
UNJUDGED = re.compile(r"\b(?:HASH|DL)_[A-Z_0-9]+\(|^\s*switch \(|^\s*(?:assert|EBI_ASSERT_\w+)\(")
NAMED = re.compile(r"^- `(?P<file>core/[^`]+)` (?P<function>\w+): `(?P<text>[^`]+)`")


class Line:
    """A line with code: its function, whether it ran, how many of its branches were taken, and of how many."""

    def __init__(self, counts, text, function):
        self.number, self.text, self.function = counts["line_number"], text.strip(), function
        self.ran = counts["count"] > 0
        branches = [] if UNJUDGED.search(text) else counts["branches"]
        self.of = len(branches)
        self.taken = sum(branch["count"] > 0 for branch in branches)
        self.named = False

    def missing(self):
        """What of it was not taken; None: nothing."""
        if not self.ran:
            return "never run"
        return f"{self.of - self.taken} of {self.of} branches" if self.taken < self.of else None


def counted(build):
    """The lines of each file of core/, by its name."""
    if not shutil.which("gcovr"):
        sys.exit("coverage: gcovr is missing; on Debian: apt-get install gcovr")
    # The counts of a supervisor that was killed halfway can come out as less than none; gcovr would end there.
    command = ["gcovr", "--root", TOP, "--filter", os.path.join(TOP, "core") + "/", "--gcov-ignore-parse-errors",
               "--json", "-", build]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"coverage: gcovr ended with {ran.returncode}: {ran.stderr.strip()}")
    files = {}
    for file in json.loads(ran.stdout)["files"]:
        with open(os.path.join(TOP, file["file"]), encoding="utf-8") as source:
            texts = source.read().splitlines()
        begins = sorted((function["lineno"], function["name"]) for function in file["functions"])
        files[file["file"]] = [Line(counts, texts[counts["line_number"] - 1], around(begins, counts["line_number"]))
                               for counts in file["lines"] if not counts["gcovr/noncode"]]
    return files


def around(begins, number):
    """The function that a line is in."""
    return next((name for begin, name in reversed(begins) if begin <= number), "")


def room_of(name):
    return name.split("/")[1]


def table(files):
    rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
    for name, lines in files.items():
        for line in lines:
            row = (line.ran, 1, line.taken, line.of)
            rooms[room_of(name)] = [sum(pair) for pair in zip(rooms[room_of(name)], row)]
    rooms["all"] = [sum(column) for column in zip(*rooms.values())]
    print(f"{'room':<10} {'lines':>16} {'branches':>20}")
    for room, (lines, of_lines, branches, of_branches) in rooms.items():
        print(f"{room:<10} {lines:>5} / {of_lines:<5} {100 * lines / max(of_lines, 1):>3.0f} %"
              f" {branches:>6} / {of_branches:<6} {100 * branches / max(of_branches, 1):>3.0f} %")


def apply_names(files):
    """Marks the lines that the decision names; answers what in it fits no line."""
    stale = []
    with open(os.path.join(TOP, NAMES), encoding="utf-8") as text:
        for number, row in enumerate(text, 1):
            if not row.startswith("- `core/"):
                continue
            name = NAMED.match(row)
            fits = [line for line in files.get(name["file"], [])
                    if line.function == name["function"] and name["text"] in line.text] if name else []
            for line in fits:
                line.named = True
            if not fits:
                stale.append(f"{NAMES}:{number}: fits no line with code: {row.strip()}")
    return stale


def unexplained(lines):
    """The lines neither tested nor named. What follows a named line, and never ran because of it, is named with it."""
    found, named = [], None
    for line in lines:
        if line.named:
            named = line.function
        elif line.ran or line.function != named:
            named = None
        if line.missing() and not named:
            found.append(line)
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: coverage.py BUILD")
    files = counted(os.path.abspath(sys.argv[1]))
    if not files:
        sys.exit(f"coverage: {sys.argv[1]} has no counts; configure it with --enable-coverage and run make check there")
    wrong = apply_names(files)
    table(files)
    judged = {name: lines for name, lines in files.items() if JUDGED.match(name)}
    for name, lines in judged.items():
        wrong += [f"{name}:{line.number}: {line.missing()}: {line.text}" for line in unexplained(lines)]
    named = sum(line.named for lines in judged.values() for line in lines)
    print(f"\njudged: {len(wrong)} lines with a branch neither tested nor named; {named} named in {NAMES}")
    for row in wrong:
        print(f"  {row}")
    sys.exit(1 if wrong else 0)


main()
