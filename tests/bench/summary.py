"""The table at the end of make bench: each figure that has a bound, and whether it was kept. summary.py FILE: JSON lines."""
import json
import sys


def rows(lines):
    for line in map(json.loads, lines):
        name = " · ".join(part for part in (line["bench"], line["what"], line.get("side", "")) if part)
        figure = line.get("ratio", line.get("value"))
        if "good" in line:
            unit = "x" if "ratio" in line else line.get("unit", "")
            yield name, f"{figure:.4g} {unit}".strip(), f"{line['bound_is']} {line['bound']:g}", line["good"]
        if "cpu_good" in line:
            cost = f"{line['cpu_ns_per_event']:.0f} ns CPU"
            yield name, cost, f"at most {line['cpu_bound']:g}", line["cpu_good"]


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        table = list(rows(lines))
    if not table:
        return
    width = max(len(name) for name, *_ in table)
    print(f"\n{'':{width}}  {'measured':>16}  {'target':<14}  met")
    for name, figure, bound, good in table:
        print(f"{name:{width}}  {figure:>16}  {bound:<14}  {'yes' if good else 'NO'}")
    print(f"\n{sum(good for *_, good in table)} of {len(table)} targets met; all figures, as JSON lines: {sys.argv[1]}")


main()
