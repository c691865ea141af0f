"""tests/process/test_null_arguments.py - each pointer that each public function takes may be NULL: it is refused, or nothing to do.

The functions are those that the headers declare: a new one is tried as soon as it stands there.
"""
import glob
import os
import re
import shlex
import subprocess

from harness import BUILD, TOP, main, test

# What stands for an argument of each type, in a program with a bus, an event, ... of its own.
GOOD = {
    "struct eb_bus *": "bus", "const struct eb_bus *": "bus", "struct eb_bus **": "&other_bus",
    "const struct eb_signal *": "eb_signal_find(bus, TYPE, NULL)",
    "struct eb_event *": "event", "const struct eb_event *": "event", "struct eb_event **": "&other_event",
    "struct eb_consumer *": "consumer", "const struct eb_consumer *": "consumer", "struct eb_consumer **": "&other_consumer",
    "const struct eb_bus_options *": "&bus_options", "const struct eb_consumer_options *": "&consumer_options",
    "struct eb_consumer_counts *": "&counts", "const struct eb_metadata *": "eb_event_metadata(event)",
    "struct eb_outcome *": "&outcome", "struct eb_error *": "&err", "eb_receiver": "receive", "eb_delivered": "delivered",
    "int (*)(void *, const struct eb_signal *)": "each",
    "const char *": '"user.pii.username"', "const void *": '"user"', "char **": "&text", "const char **": "(const char **)&text",
    "const void **": "(const void **)&text", "void *": "&number", "size_t *": "&size", "int64_t *": "&number", "double *": "&real",
    "int *": "&whole", "size_t": "4", "int": "0", "int64_t": "1", "double": "1",
}
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <eventbus/eventbus.h>
#define TYPE "org.openedx.learning.auth.session.login.completed.v1"

static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event, (void)arg, (void)err;
    return EB_OK;
}
static void delivered(void *arg, const struct eb_receipt *receipt) { (void)arg, (void)receipt; }
static int each(void *arg, const struct eb_signal *signal) { (void)arg, (void)signal; return 1; }
static void quiet(void *arg, int level, const char *text) { (void)arg, (void)level, (void)text; }

/* Makes call number n with things of its own, in a process of its own. */
static void call(int n) {
    struct eb_bus *bus = NULL, *other_bus = NULL;
    struct eb_event *event = NULL, *other_event = NULL;
    struct eb_consumer *consumer = NULL, *other_consumer = NULL;
    static const char *const topics[] = {"t", NULL};
    struct eb_bus_options bus_options = {.size = sizeof bus_options, .log = quiet};
    struct eb_consumer_options consumer_options = {
        .size = sizeof consumer_options, .topics = topics, .group = "g", .exit_at_end = 1};
    struct eb_consumer_counts counts = {.size = sizeof counts};
    struct eb_outcome outcome = {0};
    struct eb_error err = {0};
    char *text = NULL;
    size_t size = 0;
    int64_t number = 0;
    double real = 0;
    int whole = 0;

    (void)other_bus, (void)other_event, (void)other_consumer, (void)counts, (void)outcome, (void)text, (void)size, (void)number,
        (void)real, (void)whole;
    alarm(60);
    if (eb_bus_open(&bus, &bus_options, &err) != EB_OK || eb_event_new(eb_signal_find(bus, TYPE, &err), &event, &err) != EB_OK ||
        eb_event_set_json(event, DATA, strlen(DATA), &err) != EB_OK || eb_consumer_open(&consumer, bus, &consumer_options, &err) != EB_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(3);
    }
    err = (struct eb_error){0};
    switch (n) {
CALLS
    }
    _exit(0);
}

int main(void) {
    static const char *const names[] = {NAMES};
    int failed = 0;

    for (int n = 0; n < (int)(sizeof names / sizeof *names); n++) {
        int status;
        pid_t child = fork();

        if (child == 0)
            call(n);
        waitpid(child, &status, 0);
        if (status != 0) {
            printf("%s: %s %d\n", names[n], WIFSIGNALED(status) ? "ended by signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            failed = 1;
        }
    }
    return failed;
}
"""
DATA = '{\\"user\\":{\\"id\\":1,\\"is_active\\":true,\\"pii\\":{\\"username\\":\\"a\\",\\"email\\":\\"b@example.com\\",\\"name\\":\\"c\\"}}}'


def type_of(parameter):
    """Without its name."""
    parameter = re.sub(r"\(\*\w+\)", "(*)", " ".join(parameter.split())).replace("void *arg", "void *")
    found = re.fullmatch(r"(.+[ *])\w+", parameter)
    return found[1].strip() if found and found[1].strip() in GOOD else parameter


def functions():
    """(name, types of its parameters) of each function that a public header for programs declares."""
    for path in sorted(glob.glob(os.path.join(TOP, "include", "eventbus", "*.h"))):
        if os.path.basename(path) in ("plugin.h", "eventbus.h", "printable.h", "conform.h"):
            continue                    # what a plugin offers, all together, inline functions, and another library
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
        for name, parameters in re.findall(r"^[\w *]+?\b(eb_\w+)\(((?:[^()]|\([^()]*\))*)\);", text, re.MULTILINE):
            split = re.split(r",(?![^()]*\))", parameters)
            yield name, [] if parameters == "void" else [type_of(one) for one in split]


def is_pointer(kind):
    return "*" in kind or kind in ("eb_receiver", "eb_delivered")


@test
def no_public_function_crashes_for_a_null(t):
    names, calls, found = [], [], list(functions())
    t.check(len(found) > 40, f"only {len(found)} functions are found")
    for name, kinds in found:
        for kind in kinds:
            t.check(kind in GOOD, f"{name} takes a {kind!r}: say in GOOD what stands for it")
        pointers = [i for i, kind in enumerate(kinds) if is_pointer(kind)]
        for nulls in [*([i] for i in pointers), *([pointers] if len(pointers) > 1 else [])]:
            words = ["NULL" if i in nulls else GOOD[kind] for i, kind in enumerate(kinds)]
            calls.append(f"    case {len(names)}: (void){name}({', '.join(words)}); break;")
            names.append(f"{name}({', '.join(words)})".replace('"', "'"))
    text = PROGRAM.replace("CALLS", "\n".join(calls)).replace("NAMES", ",\n".join(f'"{name}"' for name in names))
    source, program = t.write("null.c", f'#define DATA "{DATA}"\n{text}'), t.path("null")
    words = [*shlex.split(os.environ.get("CC", "cc")), "-std=c17", "-D_GNU_SOURCE", "-w", f"-I{TOP}/include", source, "-o", program, f"-L{BUILD}/.libs",
             "-leventbus", f"-Wl,-rpath,{BUILD}/.libs"]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    t.equal((made.returncode, made.stderr), (0, ""), "the compiler")
    t.configure("producer = m\nconsumer = m\n[broker m]\nplugin = memory\n")
    t.equal(t.run(command=program).out, "", "what crashed")


main()
