"""tests/process/test_example_plugin.py - the example of a plugin, as a stranger makes it: from what is installed alone."""
import glob
import os
import shlex
import shutil
import subprocess

from harness import BUILD, TOP, Failed, main, test


def call(words, folder, more):
    """A command without what `make check` leaves in the environment, such as its own flags."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS")}
    ran = subprocess.run(words, cwd=folder, env={**kept, **more}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failed(f"{shlex.join(words)} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout


class Stranger:
    """Somebody with an installed event bus, and a copy of the example; no path leads to the sources."""

    def __init__(self, t):
        self.root, self.folder = t.path("root"), t.path("spool")
        call(["make", "install", f"DESTDIR={self.root}"], BUILD, {})
        pc, = glob.glob(f"{self.root}/**/eventbus.pc", recursive=True)
        self.command, = glob.glob(f"{self.root}/**/bin/eventbus", recursive=True)
        self.tools = {"PKG_CONFIG_PATH": os.path.dirname(pc), "PKG_CONFIG_SYSROOT_DIR": self.root,
                      "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}
        os.mkdir(self.folder)
        for name in ("spool.c", "Makefile"):
            shutil.copyfile(f"{TOP}/examples/plugin/{name}", f"{self.folder}/{name}")

    def make(self, *words):
        return call(["make", f"CC={os.environ.get('CC', 'cc')}", "CFLAGS=-O2 -Wall -Wextra -Werror",
                     f"CONFORM={self.command} conform", *words], self.folder, self.tools)

    def variable(self, name):
        return call(["pkg-config", f"--variable={name}", "eventbus"], self.folder, self.tools).strip()


@test
def it_builds_from_what_is_installed_and_keeps_the_promises_of_the_interface(t):
    stranger = Stranger(t)
    t.equal(stranger.variable("abi_major"), "1")
    told = stranger.make("check")
    t.contains(told, "spool 1.0 (producer, consumer)", " 0 failed")
    skipped = [line.strip() for line in told.splitlines() if line.startswith("        ")]
    t.equal(sorted(set(skipped)), ["needs the trait EB_T_DELAY, which the consumer does not claim",
                                   "needs the trait EB_T_PATTERN, which the consumer does not claim",
                                   "the plugin has no admin role", "the plugin has no pause",
                                   "the plugin's messages have no lease"], "the reasons why cases were skipped")


@test
def it_is_found_once_it_is_installed(t):
    stranger = Stranger(t)
    plugins = stranger.variable("plugindir")                # pkgconf puts the root before it, pkg-config does not
    stranger.make("install", "DESTDIR=" if plugins.startswith(stranger.root) else f"DESTDIR={stranger.root}")
    file, = glob.glob(f"{stranger.root}/**/spool.so", recursive=True)
    t.check(file.endswith(plugins + "/spool.so"), f"installed as {file}, yet plugindir is {plugins}")
    about, = t.run("plugins", "spool", "--json", "-o", f"eventbus.plugin_path={os.path.dirname(file)}",
                   command=stranger.command).json()
    t.equal(about["roles"], ["producer", "consumer"])
    t.equal(about["options"][0]["default"], "${STATE}/spool")
    t.configure(f"[broker main]\nplugin = {file}\nfolder = relative\n")
    done = t.run("config", "check", status=2, command=stranger.command)
    t.contains(done.err, 'folder "relative": expected an absolute path')


main()
