"""tests/abi/headers.py - compares two versions of eventbus/plugin.h: what a plugin of the older one relies on.

abidiff compares a program built with the one header with a program built with the other, so that the compiler says where
a field lies and of what type it is. CONTRIBUTING.md has the rule of what may differ.
"""
import os
import re
import shlex
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# A plugin gives these as an array with its own stride (option_size of struct eb_plugin): they grow like a struct with a size.
WITH_STRIDE = {"eb_option"}

STRUCT = re.compile(r"(/\*(?:[^*]|\*(?!/))*\*/\s*)?^struct (\w+) \{\s*([^;]*);", re.MULTILINE)
ENUM = re.compile(r"^enum (\w+) \{", re.MULTILINE)
SYMBOL = re.compile(r"^extern const struct \w+ (\w+);", re.MULTILINE)
VERSION = re.compile(r"^#define EB_ABI_M(?:AJ|IN)OR (\d+)u$", re.MULTILINE)
# What abidiff says of a struct that has grown at its end, or of an enum that has more values; and of a struct within another.
SIZE = re.compile(r"type size (?:hasn't changed|changed from (\d+) to \d+ \(in bits\))")
INSERTIONS = re.compile(r"\d+ (?:data member|enumerator) insertions?:")
MEMBER = re.compile(r"'.*', at offset (\d+) \(in bits\)")
VALUE = re.compile(r"'.*' value '-?\d+'")
WITHIN = re.compile(r"type '(struct \w+)' of '.*' changed.*")
CHANGED = re.compile(r"'((?:struct|enum) \w+)' changed:")
EARLIER = "details were reported earlier"


class Header:
    """A folder with eventbus/plugin.h and eventbus/error.h, and what they declare."""

    def __init__(self, folder):
        self.folder = folder
        self.text = "".join(self._read(name) for name in ("error.h", "plugin.h"))
        self.version = tuple(int(number) for number in VERSION.findall(self.text))
        found = list(STRUCT.finditer(self.text))
        self.structs = [struct.group(2) for struct in found]
        self.enums = ENUM.findall(self.text)
        self.symbols = SYMBOL.findall(self.text)
        self.growing = {struct.group(2) for struct in found if re.search(r"\bsize_t size$", struct.group(3))} | WITH_STRIDE
        self.said_frozen = {struct.group(2) for struct in found if "FROZEN" in (struct.group(1) or "")}

    def _read(self, name):
        with open(os.path.join(self.folder, "eventbus", name), encoding="utf-8") as file:
            return file.read()

    def change_lines(self):
        """The versions that CHANGES in the header's first comment lists, as texts: "1.0"."""
        changes = re.search(r"^ \* CHANGES(.*?)\*/", self.text, re.MULTILINE | re.DOTALL)
        return re.findall(r"^(?: \*)?\s+(\d+\.\d+)\s", changes.group(1), re.MULTILINE) if changes else []


def call(words, accepted=(0,)):
    """Runs a tool and returns its standard output; another exit status than the accepted ones is an error."""
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if ran.returncode not in accepted:
        raise RuntimeError(f"{shlex.join(words)} ended with {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def compiler():
    return shlex.split(os.environ.get("CC", "cc"))


def build_probe(header, structs, enums, target):
    """Builds a shared object whose debug information describes these types. It has pointers only, so that a type's change
    is reported as the type's; sizeof makes the compiler refuse a type that is only named."""
    lines = ["#include <eventbus/plugin.h>"]
    for kind, names in (("struct", structs), ("enum", enums)):
        for name in names:
            lines += [f"{kind} {name} *probe_{name};", f"_Static_assert(sizeof({kind} {name}) > 0, \"\");"]
    with open(target + ".c", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    call([*compiler(), "-std=c11", "-g", "-O0", "-fPIC", "-shared", f"-I{header.folder}", "-o", target, target + ".c"])


def nested(lines):
    """Lines that are indented, as a tree: a list of (line, the tree below it)."""
    tree, stack = [], []
    for line in lines:
        depth, node = len(line) - len(line.lstrip()), (line.strip(), [])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        (stack[-1][1] if stack else tree).append(node)
        stack.append((depth, node[1]))
    return tree


class Report:
    """What abidiff's report of changed types means."""

    def __init__(self, text, growing):
        self.growing, self.mistakes, self.growth, self.judged = growing, [], [], set()
        paragraphs = [nested(paragraph.splitlines()) for paragraph in re.split(r"\n\s*\n", text)]
        for line, below in (node for tree in paragraphs for node in tree):
            changed = CHANGED.fullmatch(line)
            if changed:
                self._judge(changed.group(1), below)
            elif not re.match(r"(Leaf changes|Changed leaf types|Removed/Changed/Added) ", line):
                self.mistakes.append(line)

    def _judge(self, name, details):
        """One changed type: sorts what is said of it. A FROZEN struct within another is judged there."""
        if [line for line, _ in details] == [EARLIER] and name in self.judged:
            return
        self.judged.add(name)
        old_size, known = 0, len(self.mistakes) + len(self.growth)
        for line, below in details:
            size = SIZE.fullmatch(line)
            if size:
                old_size = int(size.group(1) or 0)
            elif INSERTIONS.fullmatch(line):
                for inserted, _ in below:
                    self._judge_inserted(name, inserted, old_size)
            else:
                for change, further in below or [(line, [])]:
                    self._judge_change(name + (" has lost" if "deletion" in line else ""), change, further)
        if known == len(self.mistakes) + len(self.growth):  # another alignment, or what a later abidiff calls otherwise
            self.mistakes += [f"{name}: {line}" for line, _ in details]

    def _judge_inserted(self, name, inserted, old_size):
        member = MEMBER.fullmatch(inserted)
        at_end = VALUE.fullmatch(inserted) or (member and old_size and int(member.group(1)) >= old_size)
        kind, word = name.split()
        if at_end and (kind == "enum" or word in self.growing):
            self.growth.append(f"{name}: {inserted}")
        else:
            self.mistakes.append(f"{name}{' is FROZEN, yet has grown' if at_end else ' has in its middle'}: {inserted}")

    def _judge_change(self, name, change, further):
        within = WITHIN.fullmatch(change)
        if within and (further or within.group(1) in self.judged):
            self._judge(within.group(1), further or [(EARLIER, [])])
        else:
            self.mistakes.append(f"{name}: {change}{' ' + further[0][0] if further else ''}")


def compare(old, new):
    """What differs for a plugin that was built with the old header: (mistakes, growth), each a list of sentences that name
    struct and field. Growth is what the rule allows: fields at the end of a struct with a size, values of an enum."""
    gone = [f"struct {name} is gone" for name in old.structs if name not in new.structs]
    gone += [f"enum {name} is gone" for name in old.enums if name not in new.enums]
    gone += [f"the symbol {name} is gone" for name in old.symbols if name not in new.symbols]
    if old.version[0] != new.version[0]:
        gone.append(f"EB_ABI_MAJOR is {new.version[0]}, not {old.version[0]}")
    if gone:
        return gone, []
    with tempfile.TemporaryDirectory() as folder:
        probes = [os.path.join(folder, name) for name in ("old.so", "new.so")]
        for header, probe in zip((old, new), probes):
            build_probe(header, old.structs, old.enums, probe)
        # 4: there are differences. Renamed fields and further values of enums are reported with --harmless only.
        report = call(["abidiff", "--leaf-changes-only", "--harmless", "--no-show-locs", *probes], accepted=(0, 4, 12))
    found = Report(report, old.growing)
    return found.mistakes, found.growth


def ends_in_padding(header):
    """The growing structs that end in padding, into which an appended field would go without making the struct larger."""
    words = [*compiler(), "-std=c11", "-Wpadded", "-fsyntax-only", f"-I{header.folder}", "-x", "c",
             os.path.join(header.folder, "eventbus", "plugin.h")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    return [line for line in ran.stderr.splitlines() if "padding struct size to alignment boundary" in line]


def frozen_versions():
    """The frozen headers, each in a folder here that is named after its version."""
    names = [name for name in os.listdir(HERE) if re.fullmatch(r"\d+\.\d+", name)]
    return [Header(os.path.join(HERE, name)) for name in sorted(names, key=lambda name: tuple(map(int, name.split("."))))]
