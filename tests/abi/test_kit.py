"""tests/abi/test_kit.py - plugins that were built from a frozen header alone pass today's conformance kit."""
import glob
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
from harness import BUILD, TOP, main, test                  # noqa: E402

# The cases that each one passed at least when it was frozen.
PASSED = {"1.0/plugins/c11": 67, "1.0/plugins/short": 67, "1.0/plugins/cpp17": 56}


@test
def a_plugin_of_an_older_header_passes_the_kit(t):
    """All at once: most of a run is waiting."""
    built = glob.glob(f"{BUILD}/tests/abi/*/plugins/*.so")
    t.equal(sorted(os.path.relpath(file, f"{BUILD}/tests/abi")[:-3] for file in built), sorted(PASSED), "the plugins")
    runs = {name: t.start("-o", "eventbus.plugin_trust=any", "conform", f"{BUILD}/tests/abi/{name}.so", "--json", "--seed", "1")
            for name in PASSED}
    for name, run in runs.items():
        run.wait(None, timeout=600)
        failed = [row for row in run.json() if row.get("result") == "fail"]
        t.equal(failed, [], f"the cases that {name} fails")
        summary = run.json()[-1]["summary"]
        t.check(summary["pass"] >= PASSED[name], f"{name} passed {summary['pass']} cases only")


@test
def it_is_built_from_the_frozen_header_alone(t):
    """What the compiler reads of ours are files of that version's folder."""
    for source in glob.glob(f"{TOP}/tests/abi/*/plugins/*.c*"):
        version = os.path.dirname(os.path.dirname(source))
        compiler = os.environ.get("CXX", "c++") if source.endswith("cc") else os.environ.get("CC", "cc")
        words = [*shlex.split(compiler), "-MM", "-D_GNU_SOURCE", f"-I{version}", source]
        ran = subprocess.run(words, capture_output=True, text=True, check=True)
        read = [word for word in ran.stdout.replace("\\\n", " ").split()[1:] if os.path.isabs(word)]
        t.check(f"{version}/eventbus/plugin.h" in read, f"{source} reads {read}")
        t.equal([file for file in read if not file.startswith(version + "/")], [], f"what {source} reads beside {version}")


@test
def the_command_shows_what_it_is(t):
    about, = t.run("plugins", f"{BUILD}/tests/abi/1.0/plugins/short.so", "--json", "-o", "eventbus.plugin_trust=any").json()
    t.equal((about["name"], about["abi"], about["roles"]), ("short", "1.0", ["producer", "consumer", "admin"]))
    t.equal([option["key"] for option in about["options"]], ["note", "number"])


main()
