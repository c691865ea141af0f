#!/usr/bin/env python3
"""tests/brokers/java_program.py - servers written in Java, fetched from Maven Central once, checked, and kept.

    java_program.classes("kafka")       the folder of the program's files, fetched when they are not there yet
    java_program.py fetch               fetches all: what bootstrap does while it installs

java/NAME.xml says which artefacts in which version, java/NAME.sha256 what each file must be. They lie in
${XDG_CACHE_HOME:-~/.cache}/eventbus/NAME-HASH, HASH of the two files.
"""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "eventbus")
PROGRAMS = ("kafka", "registry")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
LEAST_JAVA = 17


class Missing(Exception):
    """This machine has no Java, no Maven, or no way to Maven Central."""


def java():
    """The path of a java that can run them."""
    home = os.environ.get("JAVA_HOME")
    path = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not path or not os.path.exists(path):
        raise Missing(f"no java here; on Debian: apt-get install openjdk-{LEAST_JAVA}-jre-headless")
    told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if not found or int(found[1]) < LEAST_JAVA:
        raise Missing(f"{path} is older than Java {LEAST_JAVA}")
    return path


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _sums(name):
    """{file: sha256} of what must be there."""
    lines = _read(os.path.join(HERE, f"{name}.sha256")).decode().splitlines()
    return {file.strip(): sha for sha, file in (line.split(None, 1) for line in lines)}


def _fetch(name, folder):
    """Into a folder that is new. What is not exactly what was pinned is not used."""
    if not shutil.which("mvn"):
        raise Missing("no mvn here; on Debian: apt-get install maven")
    ran = subprocess.run(["mvn", "-B", "-q", "-C", "-f", os.path.join(HERE, f"{name}.xml"), COPY,
                          f"-DoutputDirectory={folder}", "-DincludeScope=runtime",
                          "-DexcludeArtifactIds=slf4j-reload4j"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode:
        raise Missing(f"Maven could not fetch {name}: {ran.stdout.strip()[-400:]}")
    wanted = _sums(name)
    got = {file: hashlib.sha256(_read(os.path.join(folder, file))).hexdigest() for file in os.listdir(folder)}
    if got != wanted:
        wrong = sorted(file for file in {*got, *wanted} if got.get(file) != wanted.get(file))
        raise RuntimeError(f"{name}: not the files of java/{name}.sha256: {', '.join(wrong)}")
    for file in [file for file in wanted if file.endswith(".tar.gz")]:
        subprocess.run(["tar", "-xzf", file], cwd=folder, check=True)
        os.unlink(os.path.join(folder, file))


def classes(name):
    """The folder with its files; fetched by one process, waited for by others."""
    pinned = _read(os.path.join(HERE, f"{name}.xml")) + _read(os.path.join(HERE, f"{name}.sha256"))
    folder = os.path.join(CACHE, f"{name}-{hashlib.sha256(pinned).hexdigest()[:16]}")
    if os.path.isdir(folder):
        return folder
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    with open(os.path.join(CACHE, f"{name}.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            shutil.rmtree(folder + ".part", ignore_errors=True)
            _fetch(name, folder + ".part")
            os.rename(folder + ".part", folder)
    return folder


def words(*more, heap="512m"):
    """How a program is started: small, quick to come up, quiet."""
    return [java(), "-Xms64m", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
            "-Djava.awt.headless=true", *more]


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit(__doc__)
    for each in PROGRAMS:
        print(classes(each))
