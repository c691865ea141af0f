"""tests/test_control.py - the commands by which the conformance kit stops and starts a server: no broker is needed."""
import os
import time

import child
from harness import PATIENCE, Bus, check, equal, test


class Server:
    """Its start lasts until there is a file `go`, and tells by a file `begun` that it has begun."""

    def __init__(self, folder):
        self.folder, self.calls, self.broken = folder, [], None

    def path(self, name):
        return os.path.join(self.folder, name)

    def stop(self):
        self.calls.append("stop")

    def start(self):
        self.calls.append("start")
        with open(self.path("begun"), "wb"):
            pass
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.path("go")):
            check(time.monotonic() < end, "nobody let the start end")
            time.sleep(0.01)
        if self.broken:
            raise RuntimeError(self.broken)


def run(server, script):
    """Runs a script of the shell that has the commands as $UP and $DOWN; its status, and what it printed."""
    control = child.Control(server, server.folder)
    try:
        with open(server.path("out"), "wb") as out:
            status = control.run(["sh", "-c", f"cd '{server.folder}'; {script}"], stdout=out, stderr=out,
                                 env={**os.environ, "UP": control.up, "DOWN": control.down})
    finally:
        control.close()
    with open(server.path("out"), encoding="utf-8") as out:
        return status, out.read()


@test
def a_command_that_is_killed_while_the_server_starts_does_no_harm(_):
    server = Server(Bus().folder)
    status, out = run(server, "$UP & while [ ! -e begun ]; do sleep 0.05; done; kill -9 $!; touch go; $UP && $DOWN")
    equal((status, server.calls), (0, ["start", "start", "stop"]), f"what became of the commands, which printed {out!r}")


@test
def a_command_tells_why_the_server_does_not_start(_):
    server = Server(Bus().folder)
    server.broken = "the disk is full"
    status, out = run(server, "touch go; $UP")
    check(status == 1 and "start: the disk is full" in out, f"status {status}: {out}")
