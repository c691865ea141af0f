"""plugins/common/registry/tests/client.py - runs the program registry_client for a test."""
import os
import socket
import subprocess

from harness import BUILD, PATIENCE

CLIENT = os.path.join(BUILD, "plugins", "common", "registry", "tests", "registry_client")
STRING = '"string"'


class Client:
    """The client program: sends requests, and reads what it has printed so far."""

    def __init__(self, t, *settings):
        self.t, self.sent = t, 0
        self.worker = t.start(*settings, command=CLIENT, stdin=subprocess.PIPE)
        self.input = self.worker.process.stdin

    def line(self, text):
        self.input.write(text.encode() + b"\n")
        self.input.flush()

    def request(self, text):
        self.line(text)
        self.sent += 1
        return self.sent - 1

    def register(self, subject, schema=STRING):
        return self.request(f"register {subject} {schema}")

    def lookup(self, number):
        return self.request(f"lookup {number}")

    def said(self, n):
        return [line for line in self.worker.json() if line.get("n") == n]

    def until(self, n, *statuses, timeout=PATIENCE):
        """The latest result of request n, once its status is one of these."""
        def looked(_):
            said = self.said(n)
            return said[-1] if said and said[-1]["status"] in statuses else None

        return self.worker.until(looked, timeout, f"request {n} to become {statuses}")

    def link_error(self):
        errors = [line["link_error"] for line in self.worker.json() if "link_error" in line]
        return errors[-1] if errors else ""

    def state(self):
        before = len([line for line in self.worker.json() if "busy" in line])
        self.line("fd")
        return self.worker.until(lambda w: [x for x in w.json() if "busy" in x][before:], what="the state")[0]

    def quit(self):
        self.line("quit")
        self.worker.wait()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
