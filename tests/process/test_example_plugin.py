"""tests/process/test_example_plugin.py - the example of a plugin, as a stranger makes it: from what is installed alone."""
import glob
import json
import os
import shutil

from harness import main, test
from installed import Installed, call


class Stranger(Installed):
    """Somebody with an installed event bus, and a copy of the example."""

    def __init__(self, t):
        super().__init__(t)
        self.folder = t.path("spool")
        shutil.copytree(f"{self.docs}/examples/plugin", self.folder)

    def make(self, *words):
        return call(["make", f"CC={os.environ.get('CC', 'cc')}", "CFLAGS=-O2 -Wall -Wextra -Werror",
                     f"EVENTBUS={self.command}", *words], self.folder, self.tools)


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
def its_man_page_is_made_from_its_table(t):
    stranger = Stranger(t)
    stranger.make("eventbus-spool.5")
    t.contains(t.read("spool/eventbus-spool.5"), '.TH "EVENTBUS-SPOOL" 5 ', "plugin = spool", ".TP\n\\fBfolder\\fR\n")


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


LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def use(t):
    """Configures the example as the only broker."""
    Stranger(t).make("spool.so")
    t.configure(f"plugin_trust = any\n[broker main]\nplugin = {t.path('spool')}/spool.so\nconnect_timeout = 2s\n")
    t.configure("[eventbus]\nproducer = main\nconsumer = main\n")


def ids(t, name):
    return [json.loads(line)["id"] for line in t.read(name).splitlines()]


@test
def events_go_through_it_and_a_killed_worker_loses_none(t):
    use(t)
    sample = t.run("signals", LOGIN, "--sample").json()[0]["data"]
    sent = [row["id"] for row in t.run("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username",
                                       "--data", json.dumps(sample), "-n", "60", "--json").json()]
    t.write("first", "")
    worker = t.start("consume", "-t", "a", "-g", "g", "--exec", "cat >> first")
    worker.until(lambda _: len(t.read("first").splitlines()) >= 10)
    worker.kill9()
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "cat >> second")
    seen = list(dict.fromkeys(ids(t, "first") + ids(t, "second")))      # without the one that was at work at the kill
    t.equal(seen, sent, "the events in the order of their first runs")
    t.equal(t.run("consume", "-t", "a", "-g", "other", "--exit-at-end").json()[-1]["id"], sent[-1])


@test
def it_works_with_its_defaults_where_there_is_no_state_folder_yet(t):
    use(t)
    sample = t.run("signals", LOGIN, "--sample").out
    t.run("produce", "--topic", "a", "-", stdin=sample, env={"STATE_DIRECTORY": t.path("new/state")})
    t.equal(os.listdir(t.path("new/state/spool/a")), ["0000000001"])


@test
def a_damaged_file_becomes_a_dead_letter(t):
    use(t)
    sample = json.dumps(t.run("signals", LOGIN, "--sample").json()[0]["data"])
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", sample, "-n", "3")
    os.truncate(f"{t.state}/spool/a/0000000002", 40)
    done = t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", status=1)
    t.equal([row["position"] for row in done.json()], ["0000000001", "0000000003"])
    t.contains(done.err, "becomes a dead letter", "does not hold a whole event")
    t.equal(os.listdir(f"{t.state}/spool/a.dlq"), ["0000000001"])


@test
def a_folder_that_is_away_is_said_and_waited_for(t):
    use(t)
    away = ["-o", f"broker.main.folder={t.path('disk')}/spool"]
    t.contains(t.run("produce", "--topic", "a", "-", *away, stdin=t.run("signals", LOGIN, "--sample").out, status=3).err,
               "cannot use folder", "No such file or directory")
    worker = t.start("consume", "-t", "a", "-g", "g", "-n", "1", *away, "-o", "broker.main.connect_timeout=1m")
    os.mkdir(t.path("disk"))
    t.run("produce", "--topic", "a", "-", *away, stdin=t.run("signals", LOGIN, "--sample").out)
    worker.wait(0)


main()
