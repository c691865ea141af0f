"""bindings/python/tests/python_case.py - what the tests of the Python package share: its wheel, built from its archive of
sources, and a Python with nothing but that installed, and the peers of tests/interop on its path.

All is made once for each state of the sources, below the build's bindings/python/made. The tools are those of the
environment that tests/interop/venv.sh makes; pip downloads what requirements.txt names.
"""
import fcntl
import functools
import glob
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)
for _folder in ("process", "interop", "brokers"):
    sys.path.insert(0, os.path.join(PACKAGE, "..", "..", "tests", _folder))
from harness import BUILD, Failed, json_lines               # noqa: E402
import python_service                                       # noqa: E402

MADE = os.path.join(BUILD, "bindings", "python", "made")
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
# What a script finds defined.
BEGIN = """
import json, logging, os, sys, threading, time
import eventbus
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
def login(number, name="ada"):
    return {"user": {"id": number, "is_active": True, "pii": {"username": name, "email": "ada@example.org", "name": "Ada"}}}
def say(**what):
    sys.stdout.write(json.dumps(what, default=str) + "\\n")        # in one piece: several threads do
    sys.stdout.flush()
"""


def _call(words, folder, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "CFLAGS", "PYTHONPATH")}
    ran = subprocess.run(words, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failed(f"{words} ended with {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}")
    return ran.stdout


def _sources():
    return sorted(path for path in glob.glob(f"{PACKAGE}/**/*", recursive=True)
                  if os.path.isfile(path) and "/tests/" not in path and "__pycache__" not in path)


def _state(python):
    total = hashlib.sha256(python.encode())
    for path in [*_sources(), *sorted(glob.glob(f"{PACKAGE}/../../include/eventbus/*.h"))]:
        with open(path, "rb") as file:
            total.update(os.path.relpath(path, PACKAGE).encode() + b"\0" + file.read())
    return total.hexdigest()


class Made:
    """The archive, the wheel, the environment with the wheel in it."""

    def __init__(self, folder):
        self.folder = folder
        self.archive, = glob.glob(f"{folder}/dist/*.tar.gz")
        self.wheel, = glob.glob(f"{folder}/dist/*.whl")
        self.python = f"{folder}/env/bin/python"


def _make(peers, folder):
    shutil.rmtree(folder, ignore_errors=True)
    tree = f"{folder}/tree"
    for path in _sources():
        target = os.path.join(tree, os.path.relpath(path, PACKAGE))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    _call([peers, "setup.py", "-q", "sdist", "--dist-dir", f"{folder}/dist"], tree, PKG_CONFIG="false")
    archive, = glob.glob(f"{folder}/dist/*.tar.gz")
    shutil.unpack_archive(archive, f"{folder}/unpacked")
    unpacked, = glob.glob(f"{folder}/unpacked/*")
    _call([peers, "-m", "pip", "-q", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", f"{folder}/dist", unpacked],
          folder, PKG_CONFIG_PATH=BUILD, PIP_DISABLE_PIP_VERSION_CHECK="1")
    wheel, = glob.glob(f"{folder}/dist/*.whl")
    _call([peers, "-m", "venv", "--without-pip", f"{folder}/env"], folder)
    _call([peers, "-m", "pip", "-q", "--python", f"{folder}/env/bin/python", "install", "--no-deps", "--no-index", wheel], folder,
          PIP_DISABLE_PIP_VERSION_CHECK="1")
    _call([peers, "-m", "pip", "-q", "--python", f"{folder}/env/bin/python", "install", "--no-deps", "--require-hashes", "-r",
           os.path.join(PACKAGE, "tests", "requirements.txt")], folder, PIP_DISABLE_PIP_VERSION_CHECK="1")
    site = _call([f"{folder}/env/bin/python", "-c", "import site; print(site.getsitepackages()[0])"], folder).strip()
    of_peers = _call([peers, "-c", "import site; print(site.getsitepackages()[0])"], folder).strip()
    with open(os.path.join(site, "peers.pth"), "w", encoding="utf-8") as file:
        file.write(of_peers + "\n")


@functools.lru_cache(maxsize=None)
def made():
    """Makes all of it where the sources have changed since; two tests at a time wait for each other."""
    peers = python_service.python()
    os.makedirs(MADE, exist_ok=True)
    state = _state(peers)
    with open(os.path.join(MADE, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(MADE, "state")
        folder = os.path.join(MADE, "package")
        if not os.path.exists(stamp) or _text(stamp) != state:
            _make(peers, folder)
            with open(stamp, "w", encoding="utf-8") as file:
                file.write(state)
    return Made(folder)


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sqlite(t, more=""):
    """The configuration: events are sent to and received from a SQLite file."""
    return t.configure(f"producer = main\nconsumer = main\n{more}\n[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\n")


def environment(more=None):
    return {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error::ResourceWarning", "LD_LIBRARY_PATH": os.path.join(BUILD, ".libs"),
            **(more or {})}


def _script(t, text):
    t.scripts = getattr(t, "scripts", 0) + 1
    return t.write(f"script{t.scripts}.py", BEGIN + text)


def run(t, text, *words, status=0, env=None, stdin=""):
    """Runs a script with the package, and returns the objects that it printed by say()."""
    done = t.run(_script(t, text), *words, command=made().python, env=environment(env), status=status, stdin=stdin)
    t.last = done
    return json_lines(done.out)


def start(t, text, *words, env=None):
    return t.start(_script(t, text), *words, command=made().python, env=environment(env))
