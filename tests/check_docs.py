"""tests/check_docs.py - the guides keep to what is there: links, functions, conformance cases, keys and their defaults."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "process"))
from harness import TOP, main, test                         # noqa: E402

GUIDES = ["README.md", "CONTRIBUTING.md", *sorted(os.path.relpath(path, TOP) for path in glob.glob(f"{TOP}/docs/*.md"))]


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


def anchors(text):
    """The anchors of a file's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def sources(pattern):
    return "".join(read(os.path.relpath(path, TOP)) for path in sorted(glob.glob(os.path.join(TOP, pattern), recursive=True)))


@test
def each_link_leads_somewhere(t):
    broken = []
    for guide in GUIDES:
        for target in re.findall(r"\]\(([^)\s]+)\)", read(guide)):
            file, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(guide), file)) if file else guide
            if re.match(r"[a-z]+:", target):
                continue
            if not os.path.exists(os.path.join(TOP, path)):
                broken.append(f"{guide}: {target}: no such file")
            elif anchor and anchor not in anchors(read(path)):
                broken.append(f"{guide}: {target}: no such heading")
    t.equal(broken, [], "the links that lead nowhere")


@test
def each_file_and_function_of_delivery_is_there(t):
    text = read("docs/delivery.md")
    files = set(re.findall(r"`((?:plugin|produce|receiver|consume)/\w+\.c)`", text))
    t.check(len(files) >= 8, f"only {files} are named")
    t.equal([file for file in sorted(files) if not os.path.exists(f"{TOP}/core/{file}")], [], "the files that are not there")
    code = "".join(sources(f"core/{room}/*.c") for room in ("plugin", "produce", "receiver", "consume"))
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)) - set(
        re.findall(r'"([a-z_.]+)"', sources("core/config/settings.c") + sources("plugins/**/*.c")))
    t.equal([name for name in sorted(names) if f"{name}(" not in code + sources("include/**/*.h")], [],
            "the names that are no function or key")


@test
def each_case_of_the_conformance_kit_is_there(t):
    cases = set(re.findall(r'\.name = "([a-z0-9-]+)"', sources("conform/cases/*.c")))
    table = read("docs/plugin-authors.md").partition("## Rules that keep messages")[2].partition("## Testing")[0]
    named = {name for row in table.splitlines() if row.startswith("|") for name in re.findall(r"`([a-z-]+)`", row.split("|")[-2])}
    t.check(len(named) >= 10, f"only {named} are named")
    t.equal(sorted(named - cases), [], "the cases that the kit does not have")


@test
def each_file_is_on_the_map_of_its_room(t):
    """The README.md of core, cli, conform and each plugin names every source file, `x.c` or `x.h` standing for both."""
    missing, rooms = [], ["core", "cli", "conform", *sorted(os.path.dirname(os.path.relpath(path, TOP))
                                                           for path in glob.glob(f"{TOP}/plugins/*/Makefile.am"))]
    for room in rooms:
        named = set(re.findall(r"`(?:[\w-]+/)*([\w-]+)\.(?:[ch]|\{c,h\})`", read(f"{room}/README.md")))
        for path in sorted(glob.glob(f"{TOP}/{room}/**/*.[ch]", recursive=True)):
            name = os.path.relpath(path, TOP)
            if "/tests/" not in name and os.path.splitext(os.path.basename(name))[0] not in named:
                missing.append(name)
    t.equal(missing, [], "the files that stand on no map")


@test
def each_decision_is_in_the_index(t):
    index = dict(re.findall(r"^\| (\d+) \| \[.*\]\((\S+)\)", read("docs/decisions/README.md"), re.MULTILINE))
    for path in sorted(glob.glob(f"{TOP}/docs/decisions/[0-9]*.md")):
        name = os.path.basename(path)
        number, head = str(int(name[:4])), read(os.path.relpath(path, TOP)).splitlines()
        t.equal(index.get(number), name, f"the index for decision {number}")
        t.check(re.match(rf"# {number}\. \S", head[0]) and re.match(r"Decided \d{4}-\d\d-\d\d\.$", head[2]), f"{name}: {head[:3]}")


@test
def each_mutation_and_fuzzer_stands_in_the_proof(t):
    for program in ("tests/faults/mutations.py", "tests/fuzz/run.py"):
        t.run(f"{TOP}/{program}", "--told", command=sys.executable)


@test
def the_sizing_table_tells_the_defaults(t):
    table = read("docs/operations.md").partition("## Sizing")[2].partition("\n\n##")[0]
    told = {}
    for row in table.splitlines():
        if not row.startswith("| `"):
            continue
        _, keys, where, values, _ = row.split("|", 4)
        kind = re.search(r"\[(\w+)\]", where).group(1)
        told.update(zip((f"{kind}.{key}" for key in re.findall(r"`([\w.]+)`", keys)), values.replace(" ", "").split(",")))
    t.check(len(told) >= 9, f"only {told} are told")
    for key, value in told.items():
        shown, = t.run("config", "explain", "--json", key, env={"EVENTBUS_CONFIG": t.write("none.ini", "[eventbus]\n")}).json()
        t.equal(shown["default"], value, key)


@test
def the_metrics_that_are_told_are_those_that_plugins_count(t):
    counted = set(re.findall(r'metric\([^;"]*"([\w.]+)"', sources("plugins/**/*.c"))) | {"rdkafka.NAME"}
    text = read("docs/operations.md")
    table = text[text.index("### Metrics"):].split("\n## ", 1)[0]
    told = set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))
    t.equal(sorted(told), sorted(counted), "the metrics of the table")
    for name in GUIDES:
        if "/decisions/" not in name:
            named = set(re.findall(r"metrics?\]?(?:\([^)]*\))?:? `([\w.]+)`", read(name)))
            t.equal(sorted(named - counted), [], f"metrics that {name} names and nobody counts")


main()
