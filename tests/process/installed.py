"""tests/process/installed.py - an event bus as `make install` puts it: what is there without the sources."""
import glob
import os
import re
import shlex
import subprocess

from harness import BUILD, Failed


def call(words, folder, more):
    """A command without what `make check` leaves in the environment, such as its own flags."""
    kept = {name: os.environ[name] for name in os.environ if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS")}
    ran = subprocess.run(words, cwd=folder, env={**kept, **more}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failed(f"{shlex.join(words)} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout


def only_with_plain_flags(t):
    """Skips where a program that links the library would need the flags that it was built with."""
    with open(f"{BUILD}/config.log", encoding="utf-8", errors="replace") as file:
        if re.search(r"^EB_CFLAGS=.*(-fsanitize|--coverage)", file.read(), re.MULTILINE):
            t.skip("this build needs its own flags")


class Installed:
    """An installed tree below a folder of the test's, and what finds things in it; no path leads to the sources."""

    def __init__(self, t):
        self.root = t.path("root")
        call(["make", "install", f"DESTDIR={self.root}"], BUILD, {})
        pc = self.find("eventbus.pc")
        self.command, self.ini = self.find("bin/eventbus"), self.find("etc/eventbus/eventbus.ini")
        self.tools = {"PKG_CONFIG_PATH": os.path.dirname(pc), "PKG_CONFIG_SYSROOT_DIR": self.root,
                      "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}
        self.docs = self.folder_of("docdir")

    def find(self, name):
        file, = glob.glob(f"{self.root}/**/{name}", recursive=True)
        return file

    def variable(self, name):
        return call(["pkg-config", f"--variable={name}", "eventbus"], self.root, self.tools).strip()

    def folder_of(self, name):
        """pkgconf puts the root before it, pkg-config does not."""
        folder = self.variable(name)
        return folder if folder.startswith(self.root) else self.root + folder
