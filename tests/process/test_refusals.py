"""tests/process/test_refusals.py - each file that the loader refuses: what eventbus plugins says of it, and a service.

tests/unit/plugin/test_load.c has the words of each refusal. Here all files stand in one folder, as an operator may have it.
"""
import glob
import os
import shutil
import socket

from harness import BUILD, SAMPLE_PLUGIN, main, test

BROKEN = f"{BUILD}/tests/plugins/broken"
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def constructor(body):
    return ("#include <stdlib.h>\n#include <unistd.h>\n"
            f"__attribute__((constructor)) static void start(void) {{ {body} }}\n" + SAMPLE_PLUGIN)


def put(t, name, source, offset=0, content=b"", keep=None):
    """Copies a plugin into the folder, cut to the first `keep` bytes, with other content at an offset."""
    with open(source, "rb") as file:
        data = bytearray(file.read()[:keep])
    data[offset:offset + len(content)] = content
    return t.write(f"plugins/{name}.so", bytes(data))


def broken_plugins(t):
    """The names of those that tests/plugins/broken has the sources of."""
    names = sorted(os.path.basename(file)[:-3] for file in glob.glob(f"{BROKEN}/*.so"))
    t.check(len(names) >= 43, f"only {len(names)} plugins were built in {BROKEN}")
    return names


def files_that_are_no_plugins(t, good):
    """Files that are refused before they are loaded: name to words of the refusal."""
    t.write("plugins/text.so", "# not a program\n")
    t.write("plugins/empty.so", "")
    put(t, "torn", good, keep=3000)
    put(t, "head", good, keep=40)
    put(t, "riscv", good, offset=18, content=b"\xf3\x00")
    put(t, "object", good, offset=16, content=b"\x01\x00")
    os.mkdir(t.path("plugins/attic.so"))
    os.mkfifo(t.path("plugins/pipe.so"))
    os.symlink("/dev/null", t.path("plugins/device.so"))
    os.symlink("nowhere.so", t.path("plugins/dangling.so"))
    os.symlink("loop.so", t.path("plugins/loop.so"))
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(t.path("plugins"))                         # the name of a socket is short
        listening.bind("listening.so")
        os.chdir(here)
    return {"text": "is not a shared object: it is not an ELF file", "empty": "is empty",
            "torn": "is truncated: it has 3000 bytes", "head": "is truncated: it ends within its first header",
            "riscv": "is for another kind of machine: it is riscv", "object": "is an ELF file, but not a shared object",
            "attic": "is a folder", "pipe": "is a named pipe", "device": "is a device",
            "dangling": "is a link to nowhere.so, which does not exist",
            "loop": "Too many levels of symbolic links", "listening": "is a socket"}


def files_that_misbehave(t, good):
    """Files that fail while they are loaded, or that nobody should load: name to words of the refusal."""
    t.compile_plugin("crash", constructor("*(volatile int *)0 = 1;"))
    t.compile_plugin("leaver", constructor("exit(3);"))
    t.compile_plugin("sleeper", constructor("for (;;) pause();"))
    put(t, "alias", good)
    os.chmod(put(t, "open", good), 0o666)
    told = {"crash": "while it was being loaded",          # a sanitizer ends the process itself
            "leaver": "ended the process while it was being loaded (exit status 3)",
            "sleeper": "did not come back from being loaded in 10 s", "alias": "calls itself sample; name its file sample.so",
            "open": "is not trusted: everybody may write file"}
    if os.geteuid() == 0:
        os.chown(put(t, "foreign", good), 65534, -1)
        told["foreign"] = "is not trusted: file"
    else:
        os.chmod(put(t, "secret", good), 0)
        told["secret"] = "cannot be read: Permission denied; let the user who runs this read it"
    return told


@test
def one_folder_with_every_kind_of_refusal_is_listed_with_a_reason_for_each(t):
    good = t.compile_plugin("sample")
    told = {name: "" for name in broken_plugins(t)}
    for name in told:
        shutil.copy(f"{BROKEN}/{name}.so", t.path("plugins"))
        os.chmod(t.path(f"plugins/{name}.so"), 0o644)
    told = {**told, **files_that_are_no_plugins(t, good), **files_that_misbehave(t, good)}
    where = ["-o", f"eventbus.plugin_path={t.path('plugins')}"]
    rows = {row["name"]: row for row in t.run("plugins", "--json", *where).json()}
    t.equal(sorted(rows), sorted([*told, "sample"]))
    t.check("error" not in rows["sample"], "the good one is refused")
    for name, words in told.items():
        t.equal(sorted(rows[name]), ["error", "file", "name", "shadowed"], f"the members of {name}")
        t.equal(rows[name]["file"], t.path(f"plugins/{name}.so"))
        t.contains(rows[name]["error"], f"plugin {rows[name]['file'] if name != 'device' else '/dev/null'} ", words)
    reasons = [rows[name]["error"].replace(t.path(f"plugins/{name}.so"), "FILE") for name in told]
    t.equal(len(set(reasons)), len(reasons), "the number of reasons that are different")
    os.unlink(t.path("plugins/sleeper.so"))                 # its ten seconds have been seen
    listed = t.run("plugins", *where).out
    t.equal(listed.count("refused: "), len(told) - 1, "the refusals in the list")
    for name in told.keys() - {"sleeper"}:
        t.contains(listed, f"{name:<10} {t.path(f'plugins/{name}.so')}\n           refused: {rows[name]['error']}\n")
    for name in told.keys() - {"sleeper"}:
        done = t.run("plugins", t.path(f"plugins/{name}.so"), *where, status=5)
        t.equal((done.out, done.err), ("", f"eventbus: {rows[name]['error']}\n"), f"what is said of {name} alone")
    done = t.run("plugins", "torn", "--json", *where, status=5)
    t.equal(done.json(), [{"error": rows["torn"]["error"]}])


@test
def a_service_says_file_and_line_and_ends_with_5_before_anything_is_sent(t):
    for name in broken_plugins(t):
        t.write("refused.ini", f"[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = {BROKEN}/{name}.so\n")
        done = t.run("-c", t.ini, "-c", "refused.ini", "-o", "eventbus.plugin_trust=any", "config", "check", status=5)
        t.contains(done.err, f"refused.ini:5: [broker main]: plugin {BROKEN}/{name}.so ")
    sample = t.run("signals", LOGIN, "--sample").out
    for words in (["produce", "--topic", "a", "-"], ["consume", "-t", "a", "-g", "g"], ["topics"], ["groups"]):
        done = t.run("-c", t.ini, "-c", "refused.ini", "-o", "eventbus.plugin_trust=any", *words, stdin=sample, status=5)
        t.contains(done.err, f"refused.ini:5: [broker main]: plugin {BROKEN}/{name}.so ")
        t.equal(done.out, "")


@test
def a_plugin_that_says_too_much_of_itself_is_refused_as_that(t):
    options = ", ".join(f'{{.key = "k{n}", .help = "h", .type = EB_OPT_TEXT, .offset = {8 * n}, .fallback = C C C C C C C C}}'
                        for n in range(16))
    text = SAMPLE_PLUGIN.replace("static const struct eb_option options[] = {", f"""
        #define A "{'long' * 100}"
        #define B A A A A A A A A A A
        #define C B B B B B B B B B B
        static const struct eb_option options[] = {{ {options} }};
        extern const struct eb_option others[];
        const struct eb_option others[] = {{""")
    file = t.compile_plugin("talker", text.replace("sizeof(struct settings)", str(8 * 16)))
    done = t.run("plugins", file, "-o", "eventbus.plugin_trust=any", status=5)
    t.contains(done.err, f"plugin {file} says more than 4 MiB of itself and its options; ask its author to shorten it")


main()
