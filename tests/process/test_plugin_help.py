"""tests/process/test_plugin_help.py - plugin-help.h from an installed tree: plugins that use it, in C and in C++, link nothing of
the event bus and keep the promises of the interface."""
import os
import re
import shlex
import shutil

from harness import TOP, main, test
from installed import Installed, call

SOURCE = f"{TOP}/tests/process/helped_plugin.c"
LANGUAGES = {"c11": ("CC", "cc", ["-std=c11"]), "c++17": ("CXX", "c++", ["-std=c++17", "-x", "c++"])}


def build(t, tree, name):
    """The plugin, built by what is installed alone, with every symbol that it needs found at the link."""
    variable, usual, words = LANGUAGES[name]
    compiler = shlex.split(os.environ.get(variable, "")) or [usual]
    if not shutil.which(compiler[0]):
        t.skip(f"no compiler {compiler[0]}")
    os.makedirs(t.path(name))
    file = f"{t.path(name)}/helped.so"
    call([*compiler, *words, "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fPIC", "-fvisibility=hidden", "-shared",
          *shlex.split(call(["pkg-config", "--cflags", "eventbus"], t.folder, tree.tools)), SOURCE, "-o", file, "-Wl,-z,defs",
          "-Wl,-z,now", "-pthread"], t.folder, {})
    return file


@test
def a_plugin_that_uses_it_links_nothing_of_the_event_bus(t):
    tree = Installed(t)
    for name in LANGUAGES:
        file = build(t, tree, name)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", call(["readelf", "-d", file], t.folder, {"LC_ALL": "C"}))
        t.check("libc.so.6" in needed, f"{needed}")
        t.equal([library for library in needed if "eventbus" in library], [], f"libraries of the event bus, {name}")
        missing = call(["nm", "-D", "--undefined-only", file], t.folder, {})
        t.equal(re.findall(r"\beb\w*", missing), [], f"symbols of the event bus, {name}")


@test
def a_plugin_that_uses_it_passes_the_kit(t):
    tree = Installed(t)
    for name, only in ("c11", ()), ("c++17", ("--only", "sending")):
        told = t.run("conform", build(t, tree, name), *only, command=tree.command).out
        t.contains(told, "helped 1.0 (producer, consumer)", " 0 failed")
        t.check("an-extended-lease-is-kept" in told or only, told)


main()
