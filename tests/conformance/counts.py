"""What the conformance kit says of the plugins here: how many cases pass, fail and are skipped, and why.

    counts.py            prints the table
    counts.py --write    writes it into docs/proof.md; a plugin whose broker is not installed keeps its row
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import proof                                                # noqa: E402

TOP = os.path.abspath(os.environ["top_srcdir"])
PLUGINS = ("memory", "sqlite", "redis", "kafka")


def lines_of(plugin):
    """The TAP that the plugin's test prints: what make check runs."""
    test = subprocess.run(["sh", f"{TOP}/tests/conformance/{plugin}.tap"], capture_output=True, text=True, timeout=1800,
                          check=False)
    return test.stdout.splitlines()


def row_of(plugin):
    """A row of the table, or None where the plugin's broker is not here."""
    results = [re.match(r"(not ok|ok) \d+ - (\S+: \S+)(?: # SKIP (.*))?", line) for line in lines_of(plugin)]
    results = [found.groups() for found in results if found]
    if not results:
        return None
    skipped = [(case, why) for ok, case, why in results if why]
    bad = [case for ok, case, _ in results if ok == "not ok"]
    whys = {}
    for case, why in skipped:
        whys.setdefault(why, []).append(case.split(": ")[1])
    reasons = "; ".join(f"{why}: {', '.join(cases)}" for why, cases in whys.items()) or "none"
    return (plugin, str(len(results) - len(skipped) - len(bad)), f"{len(bad)} ({', '.join(bad)})" if bad else "0",
            str(len(skipped)), reasons)


def told_rows():
    lines = proof.place_of("conform", proof.read_page())[2].splitlines()[2:]
    return {cells[0]: tuple(cells) for cells in ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines)}


def main():
    rows = []
    for plugin in PLUGINS:
        row = row_of(plugin) or told_rows().get(plugin)
        rows += [row] if row else []
    text = proof.table(("plugin", "pass", "fail", "skipped", "why they are skipped"), *rows)
    if sys.argv[1:] == ["--write"]:
        proof.write("conform", text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
