"""tests/harness.py - how the tests of this folder run the event bus: tests as functions, a configuration each, workers.

The environment says what is tested: EVENTBUS, the command, and PLUGIN, the plugin's file. EB_SOAK=1 asks for the full size."""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import child

EVENTBUS = os.environ.get("EVENTBUS") or "eventbus"
PLUGIN = os.path.abspath(os.environ.get("PLUGIN") or ".libs/pulsar.so")
FULL = os.environ.get("EB_SOAK") not in (None, "", "0")
PATIENCE = 300                                              # on a busy machine; nothing is judged by the time that it takes
SIGNAL = "org.example.counted.v1"
SCHEMA = {"name": "CloudEvent", "type": "record", "namespace": SIGNAL, "fields": [{"name": "item", "type": {
    "name": "Item", "type": "record", "fields": [{"name": "key", "type": "string"}, {"name": "n", "type": "long"},
                                                  {"name": "text", "type": "string"}]}}]}
BEGIN = '{"specversion"'                                   # of a line that a worker prints
_tests = []
_folders, _started = [], []                                 # of the test at work: what a failed one had is kept; what has not ended


class Failed(Exception):
    """What was expected is not so."""


def test(function):
    _tests.append(function)
    return function


def check(true, *what):
    if not true:
        raise Failed(" ".join(str(one) for one in what) or "it is not so")


def equal(got, wanted, what):
    check(got == wanted, f"{what}: expected {wanted!r}, came {got!r}")


def contains(text, *parts):
    for part in parts:
        check(part in text, f"expected {part!r} in:\n{text}")


def wait_until(ready, what, patience=PATIENCE):
    """Waits for a condition, which it returns."""
    end = time.monotonic() + patience
    while True:
        found = ready()
        if found:
            return found
        check(time.monotonic() < end, f"waited {patience} s until {what() if callable(what) else what}")
        time.sleep(0.05)


class Done(collections.namedtuple("Done", "status out err")):
    """How a command ended."""

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Bus:
    """One configuration, in a folder of its own: a [broker main] of the plugin with these options. A broker on a busy machine has
    a minute to answer where the options say nothing else."""

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="eventbus-pulsar-test-")
        _folders.append(self.folder)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTBUS_")}
        self.environment.update(STATE_DIRECTORY=self.folder)
        self.write(f"{SIGNAL}.avsc", json.dumps(SCHEMA))
        self.configure(**options)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def configure(self, **options):
        lines = [f"{name} = {value}" for name, value in {"connect_timeout": "60s", **options}.items()]
        self.write("bus.ini", "\n".join(["[eventbus]", "service = trial", "producer = main", "consumer = main",
                                         f"schema_path = {self.folder}", "plugin_trust = any", "[broker main]",
                                         f"plugin = {PLUGIN}", *lines, ""]))

    def words(self, *words):
        return [EVENTBUS, "-c", self.path("bus.ini"), *map(str, words)]

    def run(self, *words, text="", status=0, patience=PATIENCE):
        """Runs the command, which has to end with this status; None: with any."""
        ran = subprocess.run(self.words(*words), input=text, capture_output=True, text=True, env=self.environment,
                             timeout=patience, check=False)
        check(status in (None, ran.returncode), f"eventbus {' '.join(map(str, words))} ended with {ran.returncode}:\n{ran.stderr}")
        return Done(ran.returncode, ran.stdout, ran.stderr)

    def start(self, *words, name="run", **more):
        """Starts the command; what it logs is in NAME.log, what it prints as well where `more` says nothing else."""
        _started.append(child.start(self.words(*words), self.path(f"{name}.log"), env=self.environment, **more))
        return _started[-1]

    def produce(self, topic, events, *words, **more):
        return self.run("produce", "--signal", SIGNAL, "--topic", topic, "--key-field", "item.key", *words, "-",
                        text="".join(json.dumps(event) + "\n" for event in events), **more)

    def groups(self, topic, group):
        return self.run("groups", "-t", topic, "-g", group, "--json").lines()

    def consume(self, topic, group, *words):
        return self.run("consume", "-t", topic, "-g", group, "--exit-at-end", *words).lines()


def bus_of(server, **more):
    """For a server of pulsar_server.py."""
    return Bus(url=server.url, admin_url=server.admin_url, topic_wait="200ms", **more)


def event(key, n, text=""):
    return {"item": {"key": key, "n": n, "text": text}}


def events(n, keys):
    """n events, each key's numbered from 0 on."""
    return [event(f"key-{i % keys}", i // keys) for i in range(n)]


class Workers:
    """Workers of one group that print into one file, each event in one write; so its lines are in the order in which the
    events were done."""

    def __init__(self, bus, topic, group, n):
        self.bus, self.topic, self.group = bus, topic, group
        self.file = bus.path(f"{topic}.{group}.out")
        self.running, self.done, self.read = {}, [], 0
        for i in range(n):
            self.start(i)

    def start(self, i):
        with open(self.file, "ab") as out:
            self.running[i] = self.bus.start("consume", "-t", self.topic, "-g", self.group, "--name", f"worker-{i}",
                                             name=f"{self.group}-{i}", stdout=out)

    def kill9(self, i):
        self.running[i].kill()
        self.running[i].wait()
        self.start(i)

    def stop(self):
        for worker in self.running.values():
            worker.terminate()
        for worker in self.running.values():
            equal(worker.wait(PATIENCE), 0, "a worker's status")

    def seen(self):
        """[(key, n)] in order, of the whole lines so far. A worker that was killed in a write left a part of one."""
        with open(self.file, "rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.read += len(whole)
        for part in whole.decode(errors="replace").replace("\n", "").split(BEGIN)[1:]:
            try:
                item = json.loads(BEGIN + part)["data"]["item"]
            except ValueError:
                continue
            self.done.append((item["key"], item["n"]))
        return self.done

    def await_all(self, wanted, patience=PATIENCE):
        """Waits until each of these events was done, and returns how many were done again."""
        wanted = {(one["item"]["key"], one["item"]["n"]) for one in wanted}
        wait_until(lambda: len(self.seen()) >= len(wanted) and wanted <= set(self.done), lambda:
                   f"{len(wanted)} events are done by group {self.group}: {len(wanted - set(self.done))} are missing", patience)
        return self.check_order()

    def check_order(self):
        """Each key's events were done first in their order. Returns the number of repeats."""
        last, done, repeats = {}, set(), 0
        for key, n in self.seen():
            if (key, n) in done:
                repeats += 1
                continue
            done.add((key, n))
            equal(n, last.get(key, -1) + 1, f"the next event of {key}")
            last[key] = n
        return repeats


def _end_started():
    """What a failed test left running would take part in the next one."""
    while _started:
        program = _started.pop()
        if program.poll() is None:
            program.kill()
            program.wait()


def run_tests(*arguments):
    """Runs the tests of this process, and returns the number of those that failed."""
    failed = 0
    for function in _tests:
        began = time.monotonic()
        try:
            function(*arguments)
            word = "ok"
        except Exception as why:  # pylint: disable=broad-except
            word = "FAILED"
            failed += 1
            print(why if isinstance(why, Failed) else traceback.format_exc(), flush=True)
        _end_started()
        while word == "ok" and _folders:
            shutil.rmtree(_folders.pop())
        _folders.clear()
        print(f"  {word:7}{function.__name__.replace('_', ' ')}  {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(_tests) - failed} passed, {failed} failed, 0 skipped", flush=True)
    _tests.clear()
    return failed


if __name__ == "__main__":
    sys.exit(__doc__)
