"""tests/process/test_command_line.py - the command does what it was told, or refuses: no word, option or -o is passed over."""
import base64
import http.server
import os
import threading

from harness import PLUGINS, SCHEMAS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
CONFIG = """
[eventbus]
producer = main
consumer = main

[broker main]
plugin = sqlite

[consume certs]
topic = certificates
group = credentials
exec = cat >>certs.seen

[consume crm]
topic = contacts
group = crm
"""


def begin(t, *topics):
    t.configure(CONFIG)
    sample = t.run("signals", LOGIN, "--sample").bytes
    for topic in topics:
        t.run("produce", "--topic", topic, "-", stdin=sample * 2)


def seen(t, name):
    if not os.path.exists(t.path(name)):
        return 0
    count = t.read(name).count("\n")
    os.remove(t.path(name))
    return count


def groups(t):
    return sorted((row["topic"], row["group"], row["lag"]) for row in t.run("groups", "--json").json())


def refused(t, words, *told):
    done = t.run(*words, status=2, timeout=20)
    t.equal((done.out, len(done.err.splitlines())), ("", 1), f"what {words} said: {done.err}")
    t.contains(done.err, *told)


@test
def a_name_is_the_section_and_t_and_g_override_it(t):
    begin(t, "certificates", "logins")
    for words, topic, group in ((["certs", "-t", "logins", "-g", "crm"], "logins", "crm"),
                                (["-t", "logins", "-g", "crm2", "certs"], "logins", "crm2"),
                                (["certs", "-t", "logins"], "logins", "credentials"),
                                (["certs", "-g", "other"], "certificates", "other"),
                                (["certs"], "certificates", "credentials")):
        done = t.run("consume", *words, "--exit-at-end")
        t.equal((done.out, seen(t, "certs.seen")), ("", 2), f"output of {words}, and what the section's exec saw")
        t.check((topic, group, 0) in groups(t), f"{topic} and {group} in {groups(t)}")
    done = t.run("consume", "certs", "-t", "certificates", "-t", "logins", "-g", "both", "--exit-at-end", "--exec", "cat >>mine")
    t.equal((seen(t, "mine"), seen(t, "certs.seen")), (4, 0))


@test
def a_bare_word_that_is_no_section_is_refused(t):
    begin(t, "logins")
    for words in (["nosuch"], ["nosuch", "-t", "logins"], ["nosuch", "-t", "logins", "-g", "crm"], ["-t", "logins", "nosuch", "-g", "crm"],
                  ["-t", "logins", "nosuch"], ["-t", "a", "nosuch", "b", "-g", "crm"], ["certs", "crm"], ["certs", "certs"]):
        refused(t, ["consume", *words, "--exit-at-end"])
    refused(t, ["consume", "-t", "logins", "contacts", "-g", "crm", "--exit-at-end"], "there is no section [consume contacts]",
            "each topic has a -t of its own")
    t.equal(groups(t), [], "groups")
    t.equal([row["topic"] for row in t.run("topics", "--json").json()], ["logins"])


@test
def an_o_for_a_worker_is_obeyed_or_refused(t):
    begin(t, "logins", "certificates", "contacts")
    worker = ["consume", "-t", "logins", "-g", "new", "--exit-at-end"]
    for words in (["consume", "-o", "consume.certs.exec=false", *worker[1:]],                 # another section's
                  ["-o", "consume.certs.concurrency=2", *worker],
                  ["-o", "consume.certs.concurrency=2", "consume", "crm", "--exit-at-end"],
                  ["-o", "consume.x.concurrency=2", "-o", "consume.y.concurrency=2", *worker],
                  ["-o", "consume.x.concurrency=2", "consume", "-t", "contacts", "-g", "crm", "--exit-at-end"],
                  ["-o", "consume.x.concurrency=2", "consume", "-t", "logins", "--exit-at-end"],        # who only looks
                  ["-o", "consume.crm.concurrency=2", "consume", "-t", "contacts", "--exit-at-end"],
                  ["-o", "consume.crn.concurrency=2", "consume", "crm", "--exit-at-end"]):
        refused(t, words, "-o consume.")
    t.equal(groups(t), [], "groups")
    t.run("-o", "consume.x.exec=cat >>seen", *worker)               # a section that only -o makes is this worker's
    t.equal(seen(t, "seen"), 2)
    t.run("-o", "consume.crm.exec=cat >>seen", "consume", "-t", "contacts", "-g", "crm", "--exit-at-end")     # it matches
    t.equal(seen(t, "seen"), 2)
    t.run("-o", "consume.certs.exec=cat >>seen", "consume", "certs", "-t", "logins", "-g", "newer", "--exit-at-end")
    t.equal(seen(t, "seen"), 2)
    t.run("-o", "consume.x.topic=logins", "-o", "consume.x.group=x", "-o", "consume.x.exec=cat >>seen", "consume", "x", "--exit-at-end")
    t.equal(seen(t, "seen"), 2)


@test
def an_o_that_no_verb_has_a_use_for_is_refused_by_every_verb(t):
    begin(t, "logins")
    sample = t.write("sample", t.run("signals", LOGIN, "--sample").bytes)
    for option, told in (("broker.man.path=x", "there is no section [broker man]; did you mean main?"),
                         ("broker.other.url=x", "there is no section [broker other]; add it, or take one of: main"),
                         ("broker.main.pth=x", '[broker main] has no key "pth"; did you mean "path"?'),
                         ("broker.main.lease=soon", '"soon" is not a duration'),
                         ("route.login.enabled=yes", "there is no section [route login]"),
                         ("consume.cert.exec=x", "there is no section [consume cert]; did you mean certs?"),
                         ("consume.certs.exce=x", '[consume certs] has no key "exce"; did you mean "exec"?'),
                         ("consume.certs.concurrency=0", '"0" is out of range'),
                         ("eventbus.servce=x", '[eventbus] has no key "servce"'),
                         ("evntbus.service=x", 'expected KIND.NAME.KEY=VALUE'),
                         ("rout.login.enabled=yes", 'no section is of the kind "rout"')):
        more = [] if option.startswith("broker.main") or option.startswith(("consume.cert.", "rout.", "eventbus.")) else [["plugins"], ["config", "show"]]
        for verb in (["topics"], ["groups"], ["signals"], ["produce", "-t", "x", "--file", sample], ["consume", "crm", "--exit-at-end"],
                     ["seek", "-t", "logins", "-g", "g", "--to", "latest"], ["config", "check"], *more):
            done = t.run("-o", option, *verb, status=2)
            t.contains(done.err, told)
            t.equal(done.out, "", f"output of {verb}")
    t.equal(groups(t), [], "groups")


@test
def concurrency_has_one_range(t):
    begin(t, "logins")
    key, = [json for json in t.run("config", "explain", "consume.concurrency", "--json").json() if json["name"] == "consume.crm.concurrency"]
    for number, status in ((key["min"] - 1, 2), (key["min"], 0), (key["max"], 0), (key["max"] + 1, 2), ("many", 2), ("1.5", 2), ("-1", 2)):
        done = t.run("consume", "crm", "--exit-at-end", "--concurrency", number, status=status)
        given = t.run("consume", "crm", "--exit-at-end", "-o", f"consume.crm.concurrency={number}", status=status)
        if status:
            t.contains(done.err, f'--concurrency: "{number}"')
            t.contains(given.err, done.err.split("--concurrency: ")[1].split("; see")[0].strip())


@test
def options_that_exclude_each_other_are_refused(t):
    begin(t, "logins")
    look, work = ["consume", "-t", "logins", "--exit-at-end"], ["consume", "crm", "--exit-at-end"]
    for words, told in (
        (look + ["--exec", "cat"], "--exec"), (look + ["--webhook", "http://x"], "--webhook"), (look + ["--name", "w"], "--name"),
        (look + ["--concurrency", "2"], "--concurrency"),
        (work + ["--exec", "cat", "--webhook", "http://x"], "--webhook"),
        (work + ["--exec", "cat", "--format", "pretty"], "--format"),
        (work + ["--webhook", "http://x", "--format", "cloudevents"], "--format"),
        (["consume", "certs", "--exit-at-end", "--format", "pretty"], "--format"),
        (["conform", "--list", "sqlite"], "--list"), (["conform", "--list", "--seed", "1"], "--list"),
        (["conform", "--list", "--junit", "x"], "--list"), (["conform", "--list", "--tap"], "--list"),
        (["conform", "--list", "--in-process"], "--list"), (["conform", "--list", "--output", "x"], "--list"),
        (["conform", "--list", "--down", "x", "--up", "y"], "--list"), (["conform", "--list", "--unreachable", "a=b"], "--list"),
        (["conform", "sqlite", "--up", "true"], "--down and --up belong together"),
        (["conform", "--list", "--pace", "2"], "--list"), (["conform", "--list", "-o", "a=b"], "--list"),
        (["signals", LOGIN, "--sample", "--schema"], "--schema"),
        (["consume", "crm", "--exec", "a", "--exec", "b"], "--exec is given twice"), (look + ["-n", "1", "-n", "2"], "--count is given twice"),
        (["groups", "-g", "a", "-g", "b"], "--group is given twice"),
        (work + ["-o", "consume.crm.retry.backoff=2m", "-o", "consume.crm.retry.max=1m"], "retry.backoff is longer than retry.max"),
    ):
        refused(t, words, told)
    t.equal(groups(t), [], "groups")


class Hook(http.server.BaseHTTPRequestHandler):
    """Notes who logs in."""
    seen = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@test
def a_secret_need_not_stand_on_the_command_line(t):
    begin(t, "logins")
    secret = t.write("secret", "s3cret\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hook = f"http://u:${{file:{secret}}}@127.0.0.1:{server.server_port}/${{WHERE}}"
        worker = t.start("consume", "-t", "logins", "-g", "new", "--webhook", hook, env={"WHERE": "x"})
        worker.until(lambda w: len(Hook.seen) == 2)
        with open(f"/proc/{worker.process.pid}/cmdline", encoding="utf-8") as file:
            t.lacks(file.read(), "s3cret")
        worker.end()
        t.lacks(worker.err, "s3cret")
        server.shutdown()
    t.equal(set(Hook.seen), {"Basic " + base64.b64encode(b"u:s3cret").decode()})
    for hook, told in (("http://${file:/none/x}/", "cannot open /none/x"), ("${UNSET_VARIABLE:-}", "is empty"), ("http://${UNSET_VARIABLE}/", "not set")):
        refused(t, ["consume", "crm", "--exit-at-end", "--webhook", hook], "--webhook: ", told)
    shown = t.run("-o", f"eventbus.service=${{file:{secret}}}", "config", "show").out
    t.contains(shown, "service = ***")
    t.run("-o", f"broker.main.path=${{file:{t.write('path', t.path('from-file.db'))}}}", "produce", "-t", "x", "-", stdin=t.run("signals", LOGIN, "--sample").bytes)
    t.check(os.path.exists(t.path("from-file.db")), "a value of -o is replaced")
    done = t.run("conform", "sqlite", "--only", "admin", "-o", "path=${file:/none/x}", status=None)
    t.contains(done.out + done.err, "${file:/none/x}: No such file")
    for page in (["--help"], ["consume", "--help"]):
        t.contains(t.run(*page).out, "${file:PATH}")


@test
def config_check_sees_what_a_worker_would_find_out(t):
    begin(t)
    command = t.write("sync", "#!/bin/sh\ncat\n")
    os.chmod(command, 0o755)
    for lines, told in (
        ("exec = nosuchcommand -x", "exec: command nosuchcommand is not found; install it, or give its whole path (PATH is "),
        ("exec = ./nosuch", f"exec: command ./nosuch cannot be run from the folder {t.folder}: No such file"),
        ("exec = /nosuch/sync | cat", "exec: command /nosuch/sync cannot be run: No such file"),
        (f"exec = {t.ini}", f"exec: command {t.ini} cannot be run: Permission denied"),
        ("webhook = localhost:8080", "webhook: is not an http:// or https:// URL"),
        ("webhook = http://[x", "webhook: is not a URL"),
        ("key_field = user.pii.usrname", "key_field: no event type has a field user.pii.usrname that can be a key"),
        ("key_field = user.pii", "key_field: no event type has a field user.pii that can be a key"),
        ("dead_letter_broker = letters", "dead_letter_broker: there is no section [broker letters]"),
        (f"exec = {command}", None), ("exec = ./sync", None), ("exec = A=b exec ./sync -x", None), ("exec = cd /nosuch && sync", None),
        ("exec = e=$(cat); nosuch", None), ("exec = $SHELL -c x", None), ("webhook = https://u:p@host:80/x", None),
        ("key_field = user.pii.username", None),
    ):
        file = t.write("more.ini", f"[consume w]\ntopic = t\ngroup = g\n{lines}\n")
        done = t.run("-c", t.ini, "-c", file, "config", "check", status=2 if told else 0)
        t.contains(done.err, *([f"{file}:4: [consume w] {told}"] if told else []))
    none = t.path("none")
    for key in ("plugin_path", "schema_path"):
        t.contains(t.run("config", "check", "-o", f"eventbus.{key}={PLUGINS}:{none}:{SCHEMAS}", status=2).err, none)
    if os.path.exists(f"{PLUGINS}/redis.so"):
        pattern = t.write("pattern.ini", "[broker main]\nplugin = redis\n[consume w]\ntopic = t-*\ngroup = g\n")
        done = t.run("-c", t.ini, "-c", pattern, "config", "check", status=2)
        t.contains(done.err, f"{pattern}:4: [consume w] topic: topic t-*: plugin redis supports no patterns")


main()
