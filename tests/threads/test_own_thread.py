"""A plugin whose client library has a thread of its own, from which it reports messages and confirms verdicts: the host takes
that while its own thread delivers. The plugin is the example."""
import glob
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import harness                                              # noqa: E402
from harness import SOAK, TOP, main, test                   # noqa: E402

RUNS, EVENTS = (100, 20000) if SOAK else (5, 5000)


@test
def a_plugin_reports_and_confirms_from_its_own_thread(t):
    plugin = t.path("acme.so")
    words = [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu17", "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-shared",
             f"-I{TOP}/include", *sorted(glob.glob(f"{TOP}/examples/plugin/*.c")), "-o", plugin, "-pthread"]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    t.equal((made.returncode, made.stderr), (0, ""), "the compiler")
    for _ in range(RUNS):
        done = t.run("-c", f"{TOP}/examples/plugin/acme.ini", "-o", f"eventbus.plugin_path={t.path('.')}",
                     "-o", f"eventbus.schema_path={harness.SCHEMAS}", "bench", "both", "--count", str(EVENTS), "--json",
                     timeout=120)
        t.equal([(row["step"], row["events"]) for row in done.json()], [("produce", EVENTS), ("consume", EVENTS)])
        t.lacks(done.err, "Sanitizer")


main()
