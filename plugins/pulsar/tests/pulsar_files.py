"""tests/pulsar_files.py - what the tests run against, fetched once, checked, and kept in ${XDG_CACHE_HOME:-~/.cache}/eventbus.

    pulsar_files.server()       the folder of Apache Pulsar, from Maven Central
    pulsar_files.python()       a Python that has the official client, from PyPI: python-client.txt says which
    pulsar_files.py fetch       fetches both, and prints where they are
"""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys

VERSION = "4.0.8"
SHA256 = "35c7d064c9e0928edbf2e708989faba0379662f98aa84ce0d4190c59efb6765e"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
ARTIFACT = f"org.apache.pulsar:pulsar-server-distribution:{VERSION}:tar.gz:bin"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "eventbus")
REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python-client.txt")
LEAST_JAVA = 17


class Missing(Exception):
    """This machine has no Java, no Maven, no pip, or no way to where the files are."""


def java():
    """The path of a java that can run the server."""
    home = os.environ.get("JAVA_HOME")
    path = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not path or not os.path.exists(path):
        raise Missing(f"no java here; on Debian: apt-get install openjdk-{LEAST_JAVA}-jre-headless")
    told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if not found or int(found[1]) < LEAST_JAVA:
        raise Missing(f"{path} is older than Java {LEAST_JAVA}")
    return path


@contextlib.contextmanager
def _made_once(folder):
    """Yields the folder to fill, or None if it is there: one process fills it, others wait for that one."""
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    with open(f"{folder}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            yield None
            return
        part = f"{folder}.part"
        shutil.rmtree(part, ignore_errors=True)
        os.mkdir(part)
        yield part
        os.rename(part, folder)


def _run(why, words):
    ran = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode:
        raise Missing(f"{why}: {ran.stdout.strip()[-400:]}")


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def server():
    folder = os.path.join(CACHE, f"pulsar-{VERSION}-{SHA256[:16]}")
    if os.path.isdir(folder):
        return folder
    with _made_once(folder) as part:
        if part:
            if not shutil.which("mvn"):
                raise Missing("no mvn here; on Debian: apt-get install maven")
            _run("Maven could not fetch Pulsar", ["mvn", "-B", "-q", "-C", COPY, f"-Dartifact={ARTIFACT}",
                                                  f"-DoutputDirectory={part}"])
            (name,) = os.listdir(part)
            archive = os.path.join(part, name)
            if _hash(archive) != SHA256:
                raise RuntimeError(f"{name} is not the file that is pinned here")
            subprocess.run(["tar", "-xzf", archive, "-C", part, "--strip-components=1", "--exclude=*/instances/*",
                            "--exclude=*/examples/*"], check=True)
            os.unlink(archive)
    return folder


def python():
    folder = os.path.join(CACHE, f"pulsar-python-{_hash(REQUIREMENTS)[:16]}-{sys.version_info[0]}.{sys.version_info[1]}")
    program = os.path.join(folder, "bin", "python")
    if os.path.isdir(folder):
        return program
    with _made_once(folder) as part:
        if part:
            _run("no virtual environment can be made; on Debian: apt-get install python3-venv",
                 [sys.executable, "-m", "venv", "--symlinks", part])
            _run("pip could not fetch Pulsar's Python client",
                 [os.path.join(part, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                  "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", REQUIREMENTS])
    return program


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit(__doc__)
    print(server())
    print(python())
