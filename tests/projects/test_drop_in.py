"""A plugin that was built with nothing but an installed event bus is dropped into the plugin folder of a site that runs on
sqlite; [broker main] is changed, and nothing else: the two example services talk over the other broker.

check.sh has built the plugin. EB_PROJECT is its name; EB_BROKER_NAME has the lines of its [broker] section, for a broker that is
up and has seen none of the services' topics."""
import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, Failed, main, test            # noqa: E402

NAME = os.environ["EB_PROJECT"]
ROOT = os.path.join(BUILD, "staged", "root")                # where the event bus is installed
PLUGIN = os.path.join(BUILD, "staged", NAME, "package", ".libs", f"{NAME}.so")
COMMAND = os.path.join(ROOT, "bin", "eventbus")
LINES = os.environ[f"EB_BROKER_{NAME}"]
EXPECTED = ["ada enrolled in course-v1:edX+DemoX+Demo_Course", "ada logged in", "grace logged in"]


def tool(t, *words):
    """A command that finds what is installed, and no sources."""
    ran = subprocess.run(words, cwd=t.folder, env={**os.environ, "PKG_CONFIG_PATH": f"{ROOT}/lib/pkgconfig"}, capture_output=True,
                         text=True, check=False)
    if ran.returncode:
        raise Failed(f"{shlex.join(words)} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout


def variable(t, name):
    return tool(t, "pkg-config", f"--variable={name}", "eventbus").strip()


class Site:
    """Two services, one file that configures both, and the folder in which the site's plugins are."""

    def __init__(self, t):
        self.t, self.plugins = t, variable(t, "plugindir")
        examples = f"{variable(t, 'docdir')}/examples"
        flags = shlex.split(tool(t, "pkg-config", "--cflags", "--libs", "eventbus"))
        for name in ("service-a", "service-b"):
            tool(t, *shlex.split(os.environ.get("CC", "cc")), "-o", name, f"{examples}/{name}/{name}.c", *flags)
        with open(f"{examples}/services.ini", encoding="utf-8") as file:
            self.text = file.read()
        self.ini = t.write("services.ini", self.text)

    def run(self, service):
        done = self.t.run(self.ini, command=self.t.path(service), env={"LD_LIBRARY_PATH": f"{ROOT}/lib"}, timeout=120)
        return sorted(done.out.splitlines())

    def command(self, *words):
        return self.t.run("-c", self.ini, *words, command=COMMAND, timeout=120)

    def talk(self):
        self.run("service-a")
        self.t.equal(self.run("service-b"), EXPECTED, "what Service B did")
        self.t.equal(self.run("service-b"), [], "what comes again")

    def topics(self):
        return sorted((row["topic"], row["events"]) for row in self.command("topics", "--json").json())

    def change_broker(self, lines):
        """Other lines under [broker main]; every other line stays."""
        changed = re.sub(r"(?<=^\[broker main\]\n)(?:.+\n)+", lines, self.text, flags=re.MULTILINE)
        self.t.check(changed != self.text and changed.replace(lines, "") == self.text.replace("plugin = sqlite\n", ""), changed)
        self.ini = self.t.write("services.ini", changed)


@test
def a_plugin_that_is_dropped_in_carries_the_services_of_a_site(t):
    site = Site(t)
    site.talk()
    on_sqlite = site.topics()
    dropped = shutil.copy(PLUGIN, site.plugins)
    try:
        shown = site.command("plugins", NAME).out
        t.contains(shown, dropped, "role: producer", "role: consumer", "role: admin")
        site.change_broker(re.sub(r"^plugin = .*$", f"plugin = {NAME}", LINES.strip() + "\n", flags=re.MULTILINE))
        t.contains(site.command("config", "check").out, "right: ")
        site.talk()
        t.equal(site.topics(), on_sqlite, f"the topics and their events on {NAME}")
    finally:
        os.unlink(dropped)


main()
