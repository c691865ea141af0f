"""What the conformance kit says of the plugins here: how many cases pass, fail and are skipped, and why.

    counts.py            prints the table
    counts.py --write    writes it into docs/proof.md; a plugin whose broker is not installed keeps its row
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import proof                                                # noqa: E402

TOP = os.path.abspath(os.environ["top_srcdir"])
NEEDS = {"memory": None, "sqlite": None, "redis": "redis-server", "kafka": "java"}


def lines_of(plugin):
    """The TAP that the plugin's test prints: what make check runs."""
    test = subprocess.run(["sh", f"{TOP}/tests/conformance/{plugin}.tap"], capture_output=True, text=True, timeout=1800,
                          check=False)
    return test.stdout.splitlines()


def row_of(plugin):
    results = [re.match(r"(not ok|ok) \d+ - (\S+)(?: # SKIP (.*))?", line) for line in lines_of(plugin)]
    results = [found.groups() for found in results if found]
    skipped = [(case, why) for ok, case, why in results if why]
    bad = [case for ok, case, _ in results if ok == "not ok"]
    reasons = "; ".join(f"{case}: {why}" for case, why in skipped) or "none"
    return (plugin, str(len(results) - len(skipped) - len(bad)), f"{len(bad)} ({', '.join(bad)})" if bad else "0",
            str(len(skipped)), reasons)


def told_rows():
    lines = proof.place_of("conform", proof.read_page())[2].splitlines()[2:]
    return {cells[0]: tuple(cells) for cells in ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines)}


def main():
    rows = []
    for plugin, needs in NEEDS.items():
        if needs and not shutil.which(needs):
            print(f"{plugin}: no {needs} here, its row stays", file=sys.stderr)
            rows += [told_rows()[plugin]] if plugin in told_rows() else []
        else:
            rows.append(row_of(plugin))
    text = proof.table(("plugin", "pass", "fail", "skipped", "why they are skipped"), *rows)
    if sys.argv[1:] == ["--write"]:
        proof.write("conform", text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
