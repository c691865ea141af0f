"""tests/process/test_plugin_project.py - eventbus plugins new: what it writes, and that it builds and passes from what is
installed alone; the examples of plugins, one of which is its output."""
import filecmp
import glob
import os
import re
import shlex
import shutil
import stat

from harness import COMMAND, SCHEMAS, SOAK, TOP, main, test
from installed import Installed, call

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def files_of(folder):
    """The files below a folder, by their paths."""
    return sorted(os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names)


def result_of(told):
    """What the kit's last line says: passed and failed."""
    return tuple(map(int, re.findall(r"^(\d+) passed, (\d+) failed, \d+ skipped", told, re.MULTILINE)[-1]))


class Author(Installed):
    """Somebody with an installed event bus, found by pkg-config alone."""

    def __init__(self, t):
        super().__init__(t)
        self.t = t
        # The tree was installed for another place; the prefix is where eventbus.pc is.
        self.tools = {"PKG_CONFIG_PATH": self.tools["PKG_CONFIG_PATH"], "PKG_CONFIG": "pkg-config --define-prefix",
                      "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "EVENTBUS_CONFIG": t.write("none.ini", "[eventbus]\n"),
                      "CC": os.environ.get("CC", "cc"), "CXX": os.environ.get("CXX", "c++")}
        self.plugins = os.path.join(os.path.dirname(self.tools["PKG_CONFIG_PATH"]), "eventbus", "plugins")

    def new(self, *words):
        self.t.run("plugins", "new", *words, command=self.command)

    def do(self, folder, *words):
        return call(words, self.t.path(folder), self.tools)


@test
def the_name_is_checked(t):
    for name in ("", "1st", "-x", "_x", "a/b", "..", "a.b", "a b", "ä", "x" * 65):
        t.contains(t.run("plugins", "new", "--", name, status=2).err, "cannot be a plugin's name", "letters, digits, - and _")
    for name in ("memory", "kafka", "eventbus", "stub"):
        t.contains(t.run("plugins", "new", name, status=2).err, f"the name {name} is taken")
    t.contains(t.run("plugins", "new", status=2).err, "something is missing")
    t.equal(sorted(os.listdir(t.folder)), ["eventbus.ini", "state"], "what stands in the folder")


@test
def what_exists_is_left_alone_and_nothing_is_half_written(t):
    t.write("mine/file", "text")
    t.write("other", "text")
    os.symlink("nowhere", t.path("link"))
    for name in ("mine", "other", "link"):
        t.contains(t.run("plugins", "new", name, status=2).err, f"./{name} exists already")
    t.equal((os.listdir(t.path("mine")), t.read("other")), (["file"], "text"))
    t.contains(t.run("plugins", "new", "x", "--directory", "away", status=2).err, "cannot use folder away: No such file")
    t.contains(t.run("plugins", "new", "x", "--directory", "other", status=2).err, "other is not a folder")
    # No file may become longer than 1 KiB: the disk is as good as full.
    done = t.run("-c", 'ulimit -f 1; trap "" XFSZ; exec "$0" plugins new x', COMMAND, status=3, command="/bin/sh")
    t.contains(done.err, "cannot write ./.x-", "File too large")
    t.equal(sorted(os.listdir(t.folder)), ["eventbus.ini", "link", "mine", "other", "state"], "what stands in the folder")


@test
def each_file_has_the_name_and_is_text(t):
    t.run("plugins", "new", "my-Broker2", "--directory", t.folder + "/")
    t.run("plugins", "new", "x", "--autotools", "-q")
    t.equal(sorted(set(files_of(t.path("x"))) ^ {name.replace("my-Broker2", "x") for name in files_of(t.path("my-Broker2"))}),
            ["Makefile", "Makefile.am", "configure.ac", "m4/eventbus.m4"], "what only one of the builds has")
    for folder in ("my-Broker2", "x"):
        for name in files_of(t.path(folder)):
            path = t.path(f"{folder}/{name}")
            with open(path, "rb") as file:
                text = file.read().decode("utf-8")
            t.check(text.endswith("\n") and "\r" not in text and "acme" not in (name + text).lower(), f"{path}:\n{text}")
            t.equal(bool(os.stat(path).st_mode & stat.S_IXUSR), name.endswith(".sh"), f"whether {name} is a program")
    t.contains(t.read("my-Broker2/plugin.c"), '.name = "my-Broker2"', "bool my_Broker2_address(")
    t.check(not os.path.exists(t.path("my-Broker2/my-Broker2.h")), "there is a header that hides <my-Broker2.h> of a client library")
    t.contains(t.read("x/Makefile.am"), "x_la_SOURCES = ")
    t.contains(t.read("x/plugin.c") + t.read("x/consumer.c") + t.read("x/Makefile.am"), "FILL IN:")


@test
def the_example_is_what_it_writes(t):
    t.run("plugins", "new", "acme")
    example = f"{TOP}/examples/plugin"
    t.equal(files_of(t.path("acme")), files_of(example))
    t.equal(filecmp.cmpfiles(t.path("acme"), example, files_of(example), shallow=False)[1:], ([], []), "files that differ")
    with open(f"{TOP}/examples/hello/hello.c", encoding="utf-8") as file:
        t.check(len(file.readlines()) <= 150, "hello.c is to be read at one sitting")


@test
def it_builds_from_what_is_installed_and_passes_the_kit(t):
    author = Author(t)
    author.new("sample")
    told = author.do("sample", "make", "CFLAGS=-O2 -Wall -Wextra -Werror", "all", "check")
    t.contains(told, "sample 0.1.0 (producer, consumer, admin)")
    t.check(result_of(told)[0] >= 45 and result_of(told)[1] == 0, told)
    reasons = {line.strip() for line in told.splitlines() if line.startswith("        ")}
    t.check({"the plugin has no pause", "the plugin's messages have no lease"} <= reasons, f"{reasons}")
    t.equal([reason for reason in reasons if " role" in reason.split(":")[0] and "has no" in reason or "--" in reason], [],
            "cases that were skipped for want of a role, or of what the Makefile can tell the kit")
    t.contains(t.read("sample/eventbus-sample.5"), '.TH "EVENTBUS-SAMPLE" 5 ', "A stub: topics", "\\fBaway_file\\fR")
    run_it(t, author)
    sanitize(t, author)
    author.do("sample", "make", "install")
    author.do("sample", "make", "install", f"PREFIX={t.path('other')}", f"DESTDIR={t.path('dest')}", "PKG_CONFIG=pkg-config")
    t.contains(t.run("plugins", "sample", "-o", f"eventbus.plugin_path={author.plugins}", command=author.command).out, "sample")
    t.equal(files_of(t.path("dest") + t.path("other")),
            ["lib/eventbus/plugins/sample.so", "share/man/man5/eventbus-sample.5"], "what is installed elsewhere")
    author.do("sample", "make", "clean")
    author.new("fresh")
    t.equal(sorted(name.replace("sample", "fresh") for name in files_of(t.path("sample"))), files_of(t.path("fresh")))
    build_hello(t, author)


def run_it(t, author):
    """Events through the plugin: there and back in one process; into it, with the broker away at first; a wrong option."""
    with_it = ("-c", t.path("sample/sample.ini"), "-o", f"eventbus.plugin_path={t.path('sample')}", "-o",
               f"eventbus.schema_path={SCHEMAS}")
    row = t.run(*with_it, "bench", "both", "--count", "2000", "--json", command=author.command).json()[-1]
    t.equal((row["step"], row["events"]), ("consume", 2000))
    event = t.run("signals", LOGIN, "--sample").out
    t.run("down", command=t.path("sample/broker.sh"))
    away = ("-o", f"broker.main.away_file={t.path('sample/broker.away')}")
    send = (*with_it, *away, "-o", "broker.main.connect_timeout=5s", "produce", "--topic", "a", "--json", "-")
    t.contains(t.run(*send, stdin=event, status=3, command=author.command).err,
               "cannot reach the broker at localhost: connection refused")
    t.run("up", command=t.path("sample/broker.sh"))
    t.equal(t.run(*send, stdin=event, command=author.command).json()[0]["position"], "1")
    t.contains(t.run(*with_it, *away, "consume", "-t", "a", "-g", "g", "--exit-at-end", command=author.command).err,
               "topic a does not exist")
    done = t.run(*with_it, "-o", "broker.main.url=http://user:secret@x", "config", "check", status=2, command=author.command)
    t.contains(done.err, "url: expected sample://")
    t.lacks(done.err, "secret")


def sanitize(t, author):
    """The kit under the sanitizers; the threads' parts alone unless the machine has time."""
    if os.path.isabs(author.do("sample", "sh", "-c", "$CC -print-file-name=libasan.so").strip()):
        told = author.do("sample", "make", "sanitize", *([] if SOAK else ["ONLY=settling"]))
        t.equal(result_of(told)[1], 0, told)


def build_hello(t, author):
    """The two examples of one file, the one in C++ where there is a compiler for it."""
    for folder, name in (("hello", "hello"), ("hello-cpp", "hello_cpp")):
        if name == "hello_cpp" and not shutil.which(shlex.split(author.tools["CXX"])[0]):
            continue
        shutil.copytree(f"{author.docs}/examples/{folder}", t.path(folder))
        author.do(folder, "make", "CFLAGS=-O2 -Wall -Wextra -Werror", "CXXFLAGS=-O0 -Wall -Wextra -Werror")
        told = author.do(folder, author.command, "conform", f"./{name}.so")
        t.check(result_of(told)[0] >= 8 and result_of(told)[1] == 0, told)
    t.equal(files_of(f"{author.docs}/examples/plugin"), files_of(f"{TOP}/examples/plugin"), "the installed example")


@test
def with_autotools_too(t):
    if not shutil.which("autoreconf"):
        t.skip("autoconf is not installed")
    author = Author(t)
    t.check(glob.glob(f"{author.root}/**/share/aclocal/eventbus.m4", recursive=True), "eventbus.m4 is not installed")
    author.new("my-broker", "--autotools")
    # The header of the broker's client library, as <nats.h> is that of libnats: no file of the project hides it.
    os.mkdir(t.path("library"))
    t.write("library/my-broker.h", "#define OF_THE_LIBRARY 1\n")
    t.write("my-broker/plugin.c", "#include <my-broker.h>\n_Static_assert(OF_THE_LIBRARY, \"\");\n" + t.read("my-broker/plugin.c"))
    author.do("my-broker", "autoreconf", "-i")
    author.do("my-broker", "./configure", "-q", "CFLAGS=-O2 -Wall -Wextra -Werror", f"CPPFLAGS=-I{t.path('library')}")
    told = author.do("my-broker", "make", "-s", "check", *([] if SOAK else ["ONLY=sending"]))
    t.contains(told, "my-broker 0.1.0 (producer, consumer, admin)")
    t.equal(result_of(told)[1], 0, told)
    author.do("my-broker", "make", "-s", "install", f"DESTDIR={t.path('dest')}")
    t.check(glob.glob(f"{t.path('dest')}/**/eventbus/plugins/my-broker.so", recursive=True), "it is not installed")
    t.contains(t.run("plugins", "my-broker", "-o", f"eventbus.plugin_path={t.path('my-broker/.libs')}").out, "my-broker 0.1.0")
    author.do("my-broker", "sed", "-i", "s/abi_major=1/abi_major=2/", f"{author.tools['PKG_CONFIG_PATH']}/eventbus.pc")
    refused = author.do("my-broker", "sh", "-c", "./configure -q 2>&1 || true")
    t.contains(refused, "written for major 1 of the plugin ABI, and the installed event bus has 2")


main()
