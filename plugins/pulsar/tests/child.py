"""tests/child.py - programs that a test starts and that never outlive it, whichever way it ends; free ports."""
import ctypes
import os
import random
import select
import shlex
import signal
import socket
import subprocess
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def start(words, log, **more):
    """Starts a program that the kernel kills when this process ends. It gets a session of its own, so that Ctrl-C reaches the
    test alone; what it prints is appended to the file `log`."""
    parent = os.getpid()

    def bind():
        if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
            os._exit(127)                                   # the parent died before the kernel was asked

    with open(log, "ab") as file:
        more = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "start_new_session": True, **more}
        return subprocess.Popen(words, preexec_fn=bind, **more)


def free_port():
    """A port of 127.0.0.1 that nobody listens on, below those that the kernel gives to clients: a client that reconnects
    while its server is down must not be given the server's port."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
        first = int(limits.read().split()[0])
    for _ in range(1000):
        port = random.randrange(10240, first) if first > 12000 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError("no free port on 127.0.0.1")


class Control:
    """Lets shell commands of other programs stop and start a server that stays this process's child: `down` and `up` are
    the commands. `serve` answers one that waits, within a moment."""

    def __init__(self, server, folder):
        self.server = server
        path = os.path.join(folder, "control")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        ask = shlex.join([sys.executable, os.path.abspath(__file__), path])
        self.down, self.up = f"{ask} stop", f"{ask} start"

    def serve(self):
        if not select.select([self.listener], [], [], 0.05)[0]:
            return
        client = self.listener.accept()[0]
        with client:
            word = client.recv(100).decode()
            try:
                {"stop": self.server.stop, "start": self.server.start}[word]()
                client.sendall(b"done")
            except Exception as error:  # pylint: disable=broad-except
                client.sendall(f"{word}: {error}".encode())  # the command that asked prints it

    def run(self, words, **more):
        """Runs a command beside the server, and returns its status. The command is killed if this process is told to end."""
        with subprocess.Popen(words, **more) as command:
            try:
                while command.poll() is None:
                    self.serve()
            finally:
                if command.poll() is None:
                    command.kill()
        return command.returncode

    def close(self):
        self.listener.close()


def _ask(path, word):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        control.sendall(word.encode())
        return control.recv(4000).decode()


if __name__ == "__main__":
    ANSWER = _ask(sys.argv[1], sys.argv[2])
    sys.exit(0 if ANSWER == "done" else ANSWER)
