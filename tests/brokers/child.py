"""tests/brokers/child.py - programs that a test starts and that never outlive it, whichever way it ends."""
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
_given = set()


def start(words, folder, name, environment=None, program=None):
    """Starts a program (words[0], or this file under that name) that the kernel kills when this process ends; what it
    says goes to FOLDER/NAME.log."""
    parent = os.getpid()

    def bind():
        if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
            os._exit(127)                                   # the parent died before the kernel was told

    with open(os.path.join(folder, f"{name}.log"), "ab") as log:
        return subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env=environment, executable=program, preexec_fn=bind)


def run_controlled(server, words, environment, name):
    """Runs a command beside a server of this process, with NAME_DOWN and NAME_UP set: shell commands that stop and start the
    server, which stays a child of this process. Returns the command's exit status."""
    path = os.path.join(server.folder, "control")
    ask = shlex.join([sys.executable, os.path.abspath(__file__), path])
    environment = {**environment, f"{name}_DOWN": f"{ask} stop", f"{name}_UP": f"{ask} start"}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with subprocess.Popen(words, env=environment) as command:
            try:
                while command.poll() is None:
                    if select.select([listener], [], [], 0.05)[0]:
                        _answer(listener.accept()[0], server)
            finally:
                if command.poll() is None:
                    command.kill()                          # as subprocess.run does when this process is told to end
    return command.returncode


def _answer(client, server):
    with client:
        word = client.recv(100).decode()
        try:
            {"stop": server.stop, "start": server.start}[word]()
            client.sendall(b"done")
        except Exception as error:  # pylint: disable=broad-except
            client.sendall(f"{word}: {error}".encode())     # the command that asked tells it


def ask_control(path, word):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        control.sendall(word.encode())
        return control.recv(4000).decode()


def free_port():
    """A port of 127.0.0.1 that nobody listens on. It lies below those that the kernel gives to clients: one that knocks
    while its server is down must not be given the server's own port, nor meet itself there; and 10,000 above it there
    is still a port, for what a broker puts there."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        first = int(limits.read().split()[0])
    for _ in range(1000):
        port = random.randrange(10240, first) if first > 12000 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            port = probe.getsockname()[1]
        if port not in _given:          # nor one that this process gave out and that is not bound yet
            _given.add(port)
            return port
    raise RuntimeError("no free port on 127.0.0.1")


if __name__ == "__main__":
    answer = ask_control(sys.argv[1], sys.argv[2])
    sys.exit(0 if answer == "done" else answer)
