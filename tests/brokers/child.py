"""tests/brokers/child.py - programs that a test starts and that never outlive it, whichever way it ends."""
import ctypes
import os
import random
import signal
import socket
import subprocess

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


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
            return probe.getsockname()[1]
    raise RuntimeError("no free port on 127.0.0.1")
