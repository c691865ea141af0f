"""tests/conformance/test_library.py - the kit as a library: an author's own test program, built against what is installed."""
import os
import re
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, TOP, main, test                                      # noqa: E402
from installed import Installed, call, only_with_plain_flags                    # noqa: E402


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", "wrong", f"{name}.so")


def build(t, source, name="author", more=()):
    """Builds a program against the installed prefix. Returns its path and where its library is."""
    only_with_plain_flags(t)
    tree = Installed(t)
    flags = shlex.split(call(["pkg-config", "--cflags", "--libs", "eventbus-conform"], tree.root, tree.tools))
    t.check("-leventbus-conform" in flags and not [flag for flag in flags if TOP in flag], f"{flags}")
    call([*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-Wall", "-Werror", *more, "-o", t.path(name), source, *flags], t.folder, {})
    return t.path(name), {"LD_LIBRARY_PATH": os.path.dirname(tree.find("libeventbus-conform.so"))}


def results(done):
    """[outcome, group/name, why] of each result."""
    return [line.split(" ", 2) for line in done.lines() if line.startswith(("pass ", "fail ", "skip "))]


@test
def an_author_s_program_runs_cases_forked_and_in_its_own_process(t):
    program, env = build(t, f"{TOP}/tests/conformance/author.c")
    for mode in ("forked", "here"):
        done = t.run(plugin("right"), "order", mode, command=program, env=env)
        t.contains(done.out, "case order/a-key-is-at-one-member-in-order needs producer consumer EB_T_ORDER\n1 cases\n",
                   "start right 1 (producer, consumer, admin): 1 cases, seed 7\n")
        t.equal(results(done), [["pass", "order/a-key-is-at-one-member-in-order", ""]])
        done = t.run(plugin("reports-twice"), "every-message-taken-is-reported-once", mode, command=program, env=env, status=1)
        (outcome, name, why), = results(done)
        t.equal((outcome, name), ("fail", "sending/every-message-taken-is-reported-once"))
        t.contains(why, "expected one report of each message taken; came another report", 'breaks "Reports one message that submit took')
    # A crash fails the case and not the program; in the program's own process it ends the program, which is what a debugger needs.
    done = t.run(plugin("aborts"), "values-come-back-as-they-went", "forked", command=program, env=env, status=1)
    t.contains(done.out, "came SIGABRT, which ended its process", "; to see it: gdb --args author /")
    done = t.run(plugin("aborts"), "values-come-back-as-they-went", "here", command=program, env={**env, "TMPDIR": t.folder}, status=-6)
    t.equal(results(done), [])
    # The callback ends the run.
    done = t.run(plugin("right"), "sending", "forked", "one", command=program, env=env)
    t.equal(len(results(done)), 1, "results after the first")
    # What cannot run is an error, with its kind.
    t.contains(t.run(plugin("right"), "sendin", command=program, env=env, status=2).out, 'error 1: there is no case or group "sendin"')
    t.contains(t.run(t.path("none.so"), "order", command=program, env=env, status=5).out, "error 4: ", "none.so: No such file")
    t.contains(t.run(plugin("away"), "order", command=program, env=env, status=3).out, "error 2: the broker could not be reached: ")
    done = t.run(plugin("right"), "order", "forgetful", command=program, env=env, status=2)
    t.contains(done.out, "error 1: each case is a process of this program: call eb_conform_main first in main")


@test
def a_sanitizer_of_the_author_s_reaches_each_case(t):
    """Only his plugin and his program are built with it: the kit is not."""
    program, env = build(t, f"{TOP}/tests/conformance/author.c", more=("-fsanitize=address",))
    source = t.write("overflow.c", """
#include <stdlib.h>
#include <eventbus/plugin.h>
static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    *self = malloc(24);
    host->link(host, 1, 0);
    return EB_OK;
}
static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) { return 0; }
static int32_t poll_it(void *self, int32_t timeout_ms, struct eb_error *err) {
    if (timeout_ms == 60)
        ((volatile char *)self)[24] = 1;
    return EB_OK;
}
static void wake(void *self) {}
static void close_it(void *self, int32_t timeout_ms) { free(self); }
const struct eb_plugin eventbus_plugin = { sizeof(struct eb_plugin), EB_ABI_MAJOR, EB_ABI_MINOR, "overflow", "1", "x", 0, 0, 0, 0, 0 };
const struct eb_producer_ops eventbus_producer = { sizeof(struct eb_producer_ops), 0, 0, open_it, submit, poll_it, wake, close_it };
""")
    call([*shlex.split(os.environ.get("CC", "cc")), "-g", "-fsanitize=address", "-shared", "-fPIC", f"-I{TOP}/include", "-o",
          t.path("overflow.so"), source], t.folder, {})
    done = t.run(t.path("overflow.so"), "timeouts-are-kept", "forked", command=program, env=env, status=1)
    t.contains(done.out, "fail calls/timeouts-are-kept ", "AddressSanitizer: heap-buffer-overflow", "its last call was poll(60 ms)",
               "; to see it: gdb --args author ")


@test
def the_program_of_the_guide_runs_as_it_stands(t):
    with open(f"{TOP}/docs/plugin-authors.md", encoding="utf-8") as file:
        text = re.search(r"```c\n(#include <stdio.h>\n#include <eventbus/conform.h>.*?)```", file.read(), re.DOTALL).group(1)
    text = text.replace('"./mine.so"', f'"{plugin("forgets-header")}"').replace('"url=mine://localhost", NULL', "NULL")
    text = text.replace(".options = options", '.options = options, .only = "sending", .pace = 0.3')
    program, env = build(t, t.write("check.c", text), "check")
    done = t.run(command=program, env=env, status=1)
    t.equal([line.split(":")[0] for line in done.lines()], ["attributes-and-headers-come-back-in-order"])


main()
