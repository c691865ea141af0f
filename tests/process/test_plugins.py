"""tests/process/test_plugins.py - eventbus plugins: what is found, what one can do, why a file is refused."""
import os

from harness import PLUGINS, SAMPLE_PLUGIN, main, test

def constructor(body):
    """A plugin that does this while it is being loaded."""
    return ("#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
            f"__attribute__((constructor)) static void start(void) {{ {body} }}\n" + SAMPLE_PLUGIN)


def folder(t):
    """A folder of our own for plugins, that nobody else can write."""
    path = t.path("plugins")
    os.makedirs(path, mode=0o755, exist_ok=True)
    return ["-o", f"eventbus.plugin_path={path}", "-o", "eventbus.plugin_trust=any"]


@test
def traits_that_depend_on_settings_are_told_for_the_settings(t):
    about, = t.run("plugins", "sqlite", "--json").json()
    t.equal((about["traits"]["producer"], about["traits_by_settings"]), (["order", "power", "processes"], ["producer"]))
    t.contains(t.run("plugins", "sqlite").out, "role: producer (order, power, processes); some only with certain settings\n",
               "role: admin (history, processes)\n")
    for durability, traits in (("process", "order, processes"), ("power", "order, power, processes")):
        shown = t.run("config", "show", "-o", "broker.main.plugin=sqlite", "-o", f"broker.main.durability={durability}")
        t.contains(shown.out, f"[broker main]\n; traits of the producer: {traits}\n; traits of the consumer: order, delay, ")


@test
def one_plugin_tells_roles_traits_and_options(t):
    file = t.compile_plugin("sample")
    about, = t.run("plugins", "sample", "--json", *folder(t)).json()
    options = about.pop("options")
    t.equal(about, {"name": "sample", "file": file, "version": "3", "summary": "A plugin of the tests", "abi": "1.0",
                    "roles": ["admin"], "traits": {"admin": ["processes"]}, "traits_by_settings": []})
    t.equal(options, [
        {"key": "url", "type": "text", "default": None, "help": "where it is", "required": True, "secret": False},
        {"key": "token", "type": "text", "default": None, "help": "lets you in", "required": False, "secret": True},
        {"key": "wait", "type": "duration", "default": "5s", "help": "how long to wait", "required": False,
         "secret": False, "min": 1, "max": 60000},
        {"key": "depth", "type": "int", "default": "7", "help": "how deep", "required": False, "secret": False,
         "min": 1, "max": 9, "roles": ["consumer"]},
        {"key": "how", "type": "choice", "default": "fast", "help": "which way", "required": False, "secret": False,
         "choices": ["fast", "safe"]},
    ])
    text = t.run("plugins", "sample", *folder(t)).out
    t.contains(text, "sample 3: A plugin of the tests", f"file: {file}", "role: admin (processes)", "text; required",
               "text; secret", "int from 1 to 9; default: 7; for consumer only", "choice: fast, safe; default: fast")


@test
def a_file_can_be_named_as_well(t):
    file = t.compile_plugin("sample", folder="elsewhere")
    for name in (file, "elsewhere/sample.so"):
        t.equal(t.run("plugins", name, "--json", *folder(t)).json()[0]["file"], file)


@test
def the_list_shows_all_and_why_some_are_refused(t):
    good = t.compile_plugin("sample")
    crash = t.compile_plugin("crash", constructor("*(volatile int *)0 = 1;"))
    t.write("plugins/torn.so", "no plugin\n")
    rows = {row["name"]: row for row in t.run("plugins", "--json", *folder(t)).json()}
    t.equal(sorted(rows), ["crash", "sample", "torn"])
    t.equal(rows["sample"]["file"], good)
    t.equal(rows["crash"]["file"], crash)
    t.contains(rows["torn"]["error"], "torn.so")
    t.check("error" not in rows["sample"] and not rows["sample"].get("shadowed"), "good is refused")
    text = t.run("plugins", *folder(t)).out
    t.contains(text, "A plugin of the tests", "refused: ", "ABI 1.0, admin")


@test
def the_first_folder_wins(t):
    first, second = (t.compile_plugin("sample", folder=name) for name in ("one", "two"))
    rows = t.run("plugins", "--json", "-o", f"eventbus.plugin_path={t.path('one')}:{t.path('two')}", "-o",
                 "eventbus.plugin_trust=any").json()
    t.equal([(row["file"], row.get("shadowed", False)) for row in rows], [(first, False), (second, True)])


@test
def an_empty_folder_is_said(t):
    done = t.run("plugins", *folder(t))
    t.equal(done.out, "")
    t.contains(done.err, "no plugins in", "plugin_path")


@test
def a_folder_that_cannot_be_searched_is_named(t):
    t.compile_plugin("sample")
    t.write("file", "")
    path = f"{t.path('nowhere')}:{t.path('plugins')}:{t.path('file')}"
    done = t.run("plugins", "--json", "-o", f"eventbus.plugin_path={path}", "-o", "eventbus.plugin_trust=any")
    t.equal([row["name"] for row in done.json()], ["sample"])
    t.equal(done.err.splitlines(), [
        f"eventbus: folder {t.path('nowhere')} of plugin_path cannot be searched: No such file or directory",
        f"eventbus: folder {t.path('file')} of plugin_path cannot be searched: Not a directory"])


@test
def a_crash_while_loading_is_told_not_suffered(t):
    t.compile_plugin("crash", constructor("*(volatile int *)0 = 1;"))
    done = t.run("plugins", "crash", *folder(t), status=5)
    t.matches(done.err, r"crash.*(crashed while it was being loaded|ended the process)")
    t.check(not os.path.exists(t.path("core")), "a memory dump was left")


@test
def an_exit_while_loading_is_told(t):
    t.compile_plugin("leaver", constructor('exit(0);'))
    t.contains(t.run("plugins", "leaver", *folder(t), status=5).err, "ended the process while it was being loaded")


@test
def one_that_never_comes_back_is_ended(t):
    t.compile_plugin("sleeper", constructor("for (;;) pause();"))
    t.contains(t.run("plugins", "sleeper", *folder(t), status=5).err, "did not come back")


@test
def what_a_plugin_prints_while_loading_is_no_data(t):
    t.compile_plugin("chatty", constructor('puts("hello"); fflush(stdout);'))
    t.equal(len(t.run("plugins", "chatty", "--json", *folder(t)).json()), 1)


@test
def a_file_that_others_can_write_is_refused(t):
    file = t.compile_plugin("sample")
    os.chmod(file, 0o666)
    words = ["plugins", "sample", "-o", f"eventbus.plugin_path={t.path('plugins')}"]
    t.contains(t.run(*words, status=5).err, "sample.so", "plugin_trust")
    t.run(*words, "-o", "eventbus.plugin_trust=any")


@test
def what_was_built_is_found(t):
    rows = [row for row in t.run("plugins", "--json").json() if "error" not in row]
    built = [name[:-3] for name in os.listdir(PLUGINS) if name in ("memory.so", "sqlite.so")]
    t.equal(sorted(row["name"] for row in rows if row["name"] in ("memory", "sqlite")), sorted(built))


main()
