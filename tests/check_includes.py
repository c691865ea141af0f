"""tests/check_includes.py - includes go one way and in no circle, and what each header promises alone compiles."""
import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "process"))
from harness import TOP, main, test

# A room may include itself and the rooms named here.
SEES = {
    "base": "",
    "config": "base",
    "avro": "base",
    "json": "base avro",
    "schema": "base avro json",
    "signal": "base config avro json schema",
    "plugin": "base config avro json schema signal",
    "produce": "base config avro json schema signal plugin",
    "receiver": "base config avro json schema signal plugin produce",
    "consume": "base config avro json schema signal plugin produce receiver",
    "bus": "base config avro json schema signal plugin produce receiver consume",
    "cli": "base config avro json schema signal plugin produce receiver consume bus conform",
    "conform": "",
    "registry": "",
    "plugins": "registry",
    "examples": "",
}
OUTSIDE = ("conform", "plugins", "examples")        # these know the public headers only
PRIVATE = {"consume/state.h"}                        # only their own room includes these
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    """The room that a file of this house belongs to: core/base/x.c is of base, cli/x.c of cli, plugins/redis/x.c of plugins."""
    parts = path.split(os.sep)
    if parts[:2] == ["plugins", "common"]:
        return "registry"
    return parts[1] if parts[0] == "core" else parts[0]


def included_room(top, path, name):
    """The room that an include names, by its path below core/ or plugins/ or relative to the file; None: not of this house."""
    relative = os.path.normpath(os.path.join(os.path.dirname(path), name))
    below = [os.path.normpath(os.path.join(start, name)) for start in ("core", "plugins", ".")]
    for found in (relative, *below):
        if os.path.isfile(os.path.join(top, found)) and room_of(found) in SEES:
            return room_of(found)
    first = name.split("/")[0]
    return first if "/" in name and first in SEES else None


def circles(top):
    """The circles between units of core/, a unit being a file without its ending: one line for each, the names of its units."""
    sees = {}
    for path in sources(top):
        if path.startswith("core" + os.sep):
            with open(os.path.join(top, path), encoding="utf-8") as file:
                sees.setdefault(path[5:-2], set()).update(name[:-2] for _, name in INCLUDE.findall(file.read()))
    reach = {unit: set(seen) & sees.keys() - {unit} for unit, seen in sees.items()}
    for through in reach:
        for unit in reach:
            if through in reach[unit]:
                reach[unit] |= reach[through]
    return sorted({" ".join(sorted(other for other in reach[unit] if unit in reach[other])) for unit in reach} - {""})


def wrong_includes(top):
    """One line for each include that goes against the rules, with both rooms' names."""
    wrong = []
    for path in sources(top):
        room = room_of(path)
        with open(os.path.join(top, path), encoding="utf-8") as file:
            found = INCLUDE.findall(file.read())
        for bracket, name in found:
            if name == "ltdl.h" and room != "plugin":
                wrong.append(f"{path}: {room} includes <ltdl.h>, which only plugin may")
            other = included_room(top, path, name) if not name.startswith("eventbus/") else None
            if other and other != room and name in PRIVATE:
                wrong.append(f"{path}: {room} includes {name}, which is private to {other}")
            if other and other != room and other not in SEES[room].split():
                wrong.append(f"{path}: {room} includes {other} ({bracket}{name}), which it may not see")
    return wrong


def sources(top):
    """All C files of the rooms, relative to top."""
    for start in ("core", "cli", *OUTSIDE):
        for folder, _, names in sorted(os.walk(os.path.join(top, start))):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".cc", ".cpp")):
                    yield os.path.relpath(os.path.join(folder, name), top)


def headers(folder):
    for where, _, names in sorted(os.walk(os.path.join(TOP, folder))):
        for name in sorted(names):
            if name.endswith(".h"):
                yield os.path.relpath(os.path.join(where, name), os.path.join(TOP, folder))


# An inner header of such a name would be taken for the system's by <...>, since each plugin's folder is searched first.
SYSTEM = set("""assert complex ctype dirent errno fcntl fenv float inttypes iso646 limits locale math poll pthread sched
    search setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
    tgmath threads time uchar unistd wchar wctype""".split())

# An inner header core/avro/NAME.h would be taken for avro-c's <avro/NAME.h>, which avro.h includes: core is searched first.
AVRO_C = set("""allocation basics consumer data errors generic io legacy msinttypes msstdint platform refcount resolver
    schema value""".split())


def shadowing(top):
    found = []
    for path in sources(top):
        folder, name = os.path.split(path)
        taken = SYSTEM | AVRO_C if folder == os.path.join("core", "avro") else SYSTEM
        if name.endswith(".h") and name[:-2] in taken:
            found.append(path)
    return found


def compiles(t, compiler, standard, flags, text):
    """Whether a file of this text compiles without a warning."""
    words = shlex.split(os.environ.get(compiler, "")) or [{"CC": "cc", "CXX": "c++"}[compiler]]
    if not shutil.which(words[0]):
        t.skip(f"no compiler {words[0]}")
    language = "c" if compiler == "CC" else "c++"
    words += [f"-std={standard}", "-x", language, "-Wall", "-Wextra", "-Werror", *flags, "-fsyntax-only", "-"]
    ran = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    t.check(ran.returncode == 0, f"{shlex.join(words)} of {text}\n{ran.stderr}")


@test
def includes_go_one_way(t):
    t.check(len(list(sources(TOP))) > 10, "hardly any sources found: is top_srcdir right?")
    t.equal(wrong_includes(TOP), [], "includes against the rules")


@test
def a_wrong_include_is_told_with_both_rooms(t):
    t.write("core/base/wrong.c", '#include "plugin/plugins.h"\n#include <ltdl.h>\n')
    t.write("core/plugin/right.c", '#include <ltdl.h>\n#include "base/error.h"\n#include <eventbus/plugin.h>\n')
    t.write("core/bus/wrong.c", '#include "consume/state.h"\n#include "consume/worker.h"\n')
    t.write("plugins/x/wrong.c", '#include "../../core/base/error.h"\n')
    t.write("core/base/error.h", "")
    t.write("plugins/common/registry/registry.h", "#include <eventbus/plugin-help.h>\n")
    t.write("plugins/common/registry/wrong.c", '#include "x/options.h"\n#include "registry.h"\n')
    t.write("plugins/x/options.h", "")
    t.write("plugins/x/right.c", '#include "common/registry/registry.h"\n')
    told = "\n".join(wrong_includes(t.folder))
    t.contains(told, "base includes plugin", "base includes <ltdl.h>", "plugins includes base",
               "registry includes plugins", "private to consume")
    t.equal(len(told.splitlines()), 5, "how many are told")


@test
def no_units_of_the_core_include_each_other_in_a_circle(t):
    t.equal(circles(TOP), [], "circles between units of core/")


@test
def a_circle_is_told_with_its_units(t):
    t.write("core/base/a.h", '#include "base/b.h"\n')
    t.write("core/base/b.c", '#include "base/b.h"\n#include "base/c.h"\n')
    t.write("core/base/b.h", "")
    t.write("core/base/c.c", '#include "base/c.h"\n#include "base/a.h"\n')
    t.write("core/base/c.h", "#include <stddef.h>\n")
    t.write("core/bus/d.c", '#include "bus/d.h"\n#include "base/a.h"\n')
    t.write("core/bus/d.h", "")
    t.equal(circles(t.folder), ["base/a base/b base/c"], "circles that are told")


@test
def no_header_has_the_name_of_one_of_the_system(t):
    t.equal(shadowing(TOP), [], "headers that stand before the system's")
    t.write("plugins/x/limits.h", "")
    t.write("plugins/x/data.h", "")
    t.write("core/avro/data.h", "")
    t.equal(shadowing(t.folder), ["core/avro/data.h", "plugins/x/limits.h"], "headers that are told of")


@test
def public_headers_compile_alone_in_c11(t):
    for name in headers("include"):
        compiles(t, "CC", "c11", ["-pedantic", f"-I{TOP}/include"], f"#include <{name}>\n")


@test
def public_headers_compile_alone_in_cpp17(t):
    for name in headers("include"):
        compiles(t, "CXX", "c++17", ["-pedantic", "-Wconversion", "-Wshadow", f"-I{TOP}/include"], f"#include <{name}>\n")


@test
def inner_headers_compile_alone(t):
    for name in headers("core"):
        compiles(t, "CC", "gnu17", ["-D_GNU_SOURCE", f"-I{TOP}/core", f"-I{TOP}/include"], f'#include "{name}"\n')


@test
def public_headers_warn_nobody(t):
    strict = ["-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wvla", f"-I{TOP}/include"]
    for name in headers("include"):
        compiles(t, "CC", "c11", strict, f"#include <{name}>\n")


main()
