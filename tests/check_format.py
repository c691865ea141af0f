"""tests/check_format.py - every C file of the sources is formatted by .clang-format, with clang-format 14 of Debian 12.

Other versions of clang-format differ in details, so with them the test is skipped. `clang-format -i FILE` mends a file; a table
that reads better by columns stands between `clang-format off` and `clang-format on`."""
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "process"))
from harness import TOP, main, test                         # noqa: E402

ROOMS = ("bindings", "include", "core", "cli", "conform", "plugins", "examples", "tests")
MANY = 50                                                   # files that one run of clang-format checks


def formatter():
    """The command of clang-format 14, or None."""
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
            if re.search(r"version 14\.", version):
                return name
    return None


@test
def each_file_is_formatted(t):
    command = formatter()
    if not command:
        t.skip("clang-format 14 is not installed")
    files = sorted(path for room in ROOMS for path in glob.glob(f"{TOP}/{room}/**/*.[ch]", recursive=True))
    t.check(len(files) > 400, f"only {len(files)} files were found")
    wrong = set()
    for first in range(0, len(files), MANY):
        ran = subprocess.run([command, "--style=file", "--dry-run", *files[first:first + MANY]], capture_output=True, text=True,
                             check=False)
        wrong |= {os.path.relpath(line.split(":")[0], TOP) for line in ran.stderr.splitlines() if "code should be clang-formatted" in line}
    t.equal(sorted(wrong), [], "the files that clang-format would change")


main()
