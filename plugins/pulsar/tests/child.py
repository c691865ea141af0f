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
    the commands. `serve` answers one that waits, within a moment. A command may be killed while it waits, since whoever runs it
    has less patience than a server takes to start: then the server is as it asked for, and nobody is told. So the server's stop
    and start may be called when they have nothing to do."""

    def __init__(self, server, folder):
        self.server = server
        self.path = os.path.join(folder, "control")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        ask = shlex.join([sys.executable, os.path.abspath(__file__), self.path])
        self.down, self.up = f"{ask} stop", f"{ask} start"

    def serve(self):
        if not select.select([self.listener], [], [], 0.05)[0]:
            return
        client = self.listener.accept()[0]
        with client:
            client.settimeout(60)                           # what comes is one word, or the end of a command that was killed
            try:
                word = client.recv(100).decode(errors="replace")
            except OSError:
                return
            answer = self._obey(word)
            try:
                client.sendall(answer.encode())
            except OSError:
                print(f"child.py: nobody waits any more for the server's {word}, which ended with: {answer}", file=sys.stderr, flush=True)

    def _obey(self, word):
        """What the command that asked is told; it prints what is not "done"."""
        action = {"stop": self.server.stop, "start": self.server.start}.get(word)
        if not action:
            return f"expected stop or start, came {word!r}"
        try:
            action()
        except Exception as error:  # pylint: disable=broad-except
            return f"{word}: {error}"
        return "done"

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
        os.unlink(self.path)


def _ask(path, word):
    """The answer, whose end is the end of the connection."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        control.sendall(word.encode())
        while part := control.recv(4000):
            answer += part
    return answer.decode(errors="replace") or "the test that holds the server has ended"


if __name__ == "__main__":
    ANSWER = _ask(sys.argv[1], sys.argv[2])
    sys.exit(0 if ANSWER == "done" else ANSWER)
