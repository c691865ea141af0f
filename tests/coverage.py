"""tests/coverage.py BUILD - what the tests of a build with --enable-coverage have run of core/: a table by room, and the
branches of core/produce and core/consume that none of them took, each with its line."""
import collections
import json
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LISTED = ("produce", "consume")


def counted(build):
    """gcovr's counts: what it knows of each file of core/."""
    if not shutil.which("gcovr"):
        sys.exit("coverage: gcovr is missing; on Debian: apt-get install gcovr")
    command = ["gcovr", "--root", TOP, "--filter", os.path.join(TOP, "core") + "/", "--json", "-", build]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"coverage: gcovr ended with {ran.returncode}: {ran.stderr.strip()}")
    files = json.loads(ran.stdout)["files"]
    for file in files:
        file["lines"] = [line for line in file["lines"] if not line["gcovr/noncode"]]
    return files


def room_of(name):
    return name.split("/")[1]


def table(files):
    rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        row = rooms[room_of(file["file"])]
        for line in file["lines"]:
            row[0] += line["count"] > 0
            row[1] += 1
            row[2] += sum(branch["count"] > 0 for branch in line["branches"])
            row[3] += len(line["branches"])
    rooms["all"] = [sum(column) for column in zip(*rooms.values())]
    print(f"{'room':<10} {'lines':>16} {'branches':>20}")
    for room, (lines, of_lines, branches, of_branches) in rooms.items():
        print(f"{room:<10} {lines:>5} / {of_lines:<5} {100 * lines / max(of_lines, 1):>3.0f} %"
              f" {branches:>6} / {of_branches:<6} {100 * branches / max(of_branches, 1):>3.0f} %")


def untaken(file):
    """(line number, what of it was not taken, its text): a line that was never run stands for its branches."""
    with open(os.path.join(TOP, file["file"]), encoding="utf-8") as source:
        texts = source.read().splitlines()
    for line in file["lines"]:
        missing = sum(branch["count"] == 0 for branch in line["branches"])
        text = texts[line["line_number"] - 1].strip()
        if line["count"] == 0:
            yield line["line_number"], "never run", text
        elif missing:
            yield line["line_number"], f"{missing} of {len(line['branches'])} branches", text


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: coverage.py BUILD")
    files = counted(os.path.abspath(sys.argv[1]))
    if not files:
        sys.exit(f"coverage: {sys.argv[1]} has no counts; configure it with --enable-coverage and run make check there")
    table(files)
    for file in files:
        if room_of(file["file"]) not in LISTED:
            continue
        rows = list(untaken(file))
        print(f"\n{file['file']}: {'every branch was taken' if not rows else ''}")
        for number, what, text in rows:
            print(f"  {number:>4}  {what:<20} {text}")


main()
