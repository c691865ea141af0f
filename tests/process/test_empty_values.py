"""tests/process/test_empty_values.py - an empty setting is refused, with the reason: it never means "do nothing, successfully"."""
import os

from harness import main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
BASE = """
[eventbus]
producer = main
consumer = main

[broker main]
plugin = sqlite
"""
EMPTY = ("", "   ", "\t")


def send(t, topic="logins", n=3):
    sample = t.run("signals", LOGIN, "--sample").bytes
    t.run("produce", "--topic", topic, "-", stdin=sample * n)


def nothing_was_acknowledged(t, group="crm"):
    for line in t.run("groups", "--json").json():
        t.check(line["group"] != group or line["lag"] == 3, f"events of {group} were acknowledged: {line}")


def refused(t, words, *told, status=2, env=None):
    done = t.run(*words, status=status, env=env, timeout=20)
    t.equal((done.out, len(done.err.splitlines())), ("", 1), f"what {words} said: {done.err}")
    t.contains(done.err, *told)


@test
def an_empty_value_of_an_option_is_refused_on_each_verb(t):
    t.configure(BASE + "[consume crm]\ntopic = logins\ngroup = crm\n")
    send(t)
    worker = ["consume", "-t", "logins", "-g", "crm", "--exit-at-end"]
    for value in EMPTY:
        for words, option in (
            (worker + ["--exec", value], "--exec"),
            (worker + ["--webhook", value], "--webhook"),
            (worker + ["--broker", value], "--broker"),
            (worker + ["--name", value], "--name"),
            (worker + ["--from", value], "--from"),
            (worker + ["--format", value], "--format"),
            (["consume", "-t", value, "-g", "crm", "--exit-at-end"], "-t"),
            (["consume", "-t", "logins", "-t", value, "-g", "crm", "--exit-at-end"], "-t"),
            (["consume", "-t", value], "-t"),
            (["consume", "-t", "logins", "-g", value, "--exit-at-end"], "-g"),
            (["consume", "crm", "--exec", value, "--exit-at-end"], "--exec"),
            (["produce", "-t", value, "--signal", LOGIN, "--data", "{}"], "-t"),
            (["produce", "-t", "x", "--signal", value, "--data", "{}"], "--signal"),
            (["produce", "-t", "x", "--signal", LOGIN, "--data", value], "--data"),
            (["produce", "-t", "x", "--file", value], "--file"),
            (["produce", "-t", "x", "--broker", value, "-"], "--broker"),
            (["topics", "--broker", value], "--broker"),
            (["groups", "-t", value], "-t"),
            (["groups", "-g", value], "-g"),
            (["groups", "--broker", value], "--broker"),
            (["seek", "-t", value, "-g", "crm", "--to", "latest"], "-t"),
            (["seek", "-t", "logins", "-g", value, "--to", "latest"], "-g"),
            (["seek", "-t", "logins", "-g", "crm", "--to", value], "--to"),
            (["topics", "create", "-t", value], "-t"),
            (["topics", "create", "-t", "x", "--partitions", value], "--partitions"),
            (["topics", "delete", "-t", value], "-t"),
            (["topics", "trim", "-t", "logins", "--before", value], "--before"),
            (["groups", "delete", "-t", "logins", "-g", value], "-g"),
            (["bench", "-n", "1", "--broker", value], "--broker"),
            (["bench", "-n", "1", "--signal", value], "--signal"),
            (["schema", "encode", "--signal", value], "--signal"),
            (["conform", "sqlite", "--only", value], "--only"),
            (["conform", "sqlite", "--junit", value], "--junit"),
            (["conform", "sqlite", "--output", value], "--output"),
            (["conform", "sqlite", "--down", value, "--up", "true"], "--down"),
            (["conform", "sqlite", "--down", "true", "--up", value], "--up"),
            (["-c", value, "topics"], "-c"),
            (["-o", value, "topics"], "-o"),
        ):
            refused(t, words, option, "is empty")
    refused(t, ["consume", ""], 'there is no section [consume ]')
    nothing_was_acknowledged(t)
    t.equal([line["topic"] for line in t.run("topics", "--json").json()], ["logins"], "the topics")


@test
def an_empty_exec_or_webhook_of_a_section_acknowledges_nothing(t):
    t.configure(BASE + "[consume crm]\ntopic = logins\ngroup = crm\n")
    send(t)
    worker = ["consume", "crm", "--exit-at-end"]
    for key in ("exec", "webhook"):
        for value in ("", "${UNSET_VARIABLE:-}", "${file:/dev/null}", "${EMPTY_VARIABLE}"):
            file = t.write("more.ini", f"[consume crm]\n{key} = {value}\n")
            for words in (worker, ["config", "check"]):
                refused(t, ["-c", t.ini, "-c", file, *words], f"{file}:2: [consume crm] {key}", "is empty",
                        env={"EMPTY_VARIABLE": " "})
        for value in EMPTY:
            refused(t, ["-o", f"consume.crm.{key}={value}", *worker], f"-o: [consume crm] {key}", "is empty")
            refused(t, ["-o", f"consume.crm.{key}={value}", "config", "check"], f"-o: [consume crm] {key}", "is empty")
    nothing_was_acknowledged(t)


@test
def a_command_that_holds_no_command_acknowledges_nothing(t):
    t.configure(BASE + "[consume crm]\ntopic = logins\ngroup = crm\n")
    send(t)
    for command in ("# ./sync-user", "\n\n", " # a\n# b\n", "$UNSET_VARIABLE", "${UNSET_VARIABLE}", "exec $UNSET_VARIABLE",
                    '"$UNSET_VARIABLE"', 'eval "$UNSET_VARIABLE"', 'sh -c "$UNSET_VARIABLE"', "env $UNSET_VARIABLE"):
        refused(t, ["consume", "crm", "--exit-at-end", "--exec", command], "--exec")
    refused(t, ["consume", "crm", "--exit-at-end", "-o", "consume.crm.exec=# x"], "-o: [consume crm] exec", "is empty")
    nothing_was_acknowledged(t)
    t.run("consume", "crm", "--exit-at-end", "--exec", ":")       # who says so in words is obeyed


@test
def an_exec_that_was_taken_back_for_a_webhook_is_no_mistake(t):
    t.configure(BASE + "[consume crm]\ntopic = logins\ngroup = crm\nexec = cat\n")
    file = t.write("more.ini", "[consume crm]\nexec =\nwebhook = http://127.0.0.1:9/\n")
    t.run("-c", t.ini, "-c", file, "config", "check")


@test
def an_empty_text_whose_default_is_not_empty_is_refused(t):
    t.configure(BASE + "[consume crm]\ntopic = logins\ngroup = crm\n")
    for name, verb in (("broker.main.path", "topics"), ("broker.main.plugin", "topics"), ("eventbus.plugin_path", "topics"),
                       ("consume.crm.dead_letter_topic", "config check"), ("consume.crm.retry.jitter", "config check"),
                       ("consume.crm.group", "config check"), ("consume.crm.topic", "config check")):
        for value in EMPTY:
            done = t.run("-o", f"{name}={value}", *verb.split(), status=2)
            t.equal((done.out, len(done.err.splitlines())), ("", 1), f"what {name}={value!r} said: {done.err}")
            t.contains(done.err, name.split(".", 2 if not name.startswith("eventbus") else 1)[-1])
    t.equal(os.listdir(t.state), [], "what was made in the state folder")


@test
def a_configuration_that_holds_nothing_is_not_the_embedded_broker(t):
    sample = t.run("signals", LOGIN, "--sample").bytes
    empty = t.path("conf.d")
    os.mkdir(empty)
    t.write("conf.d/readme.txt", "[eventbus]\n")
    t.write("conf.d/.hidden.ini", "[eventbus]\n")
    nothing, comments = t.write("nothing.ini", ""), t.write("comments.ini", "; all of it\n\n# is out\n")
    bom = t.write("bom.ini", b"\xef\xbb\xbf\n")
    where = ["-o", f"eventbus.schema_path={t.path('none')}"]
    for words, env, told in (
        (["-c", empty], {}, f"{empty} holds no *.ini file"),
        (["-c", t.ini, "-c", empty], {}, f"{empty} holds no *.ini file"),
        (["-c", nothing], {}, f"{nothing} holds no section"),
        (["-c", comments], {}, f"{comments} holds no section"),
        (["-c", bom], {}, f"{bom} holds no section"),
        ([], {"EVENTBUS_CONFIG": empty}, f"EVENTBUS_CONFIG: {empty} holds no *.ini file"),
        ([], {"EVENTBUS_CONFIG": nothing}, f"EVENTBUS_CONFIG: {nothing} holds no section"),
    ):
        for verb in (["topics"], ["produce", "-t", "x", "-"], ["consume", "-t", "x", "-g", "g", "--exit-at-end"], ["config", "check"],
                     ["config", "show"], ["signals"]):
            done = t.run(*words, *verb, stdin=sample, status=2, env=env)
            t.equal(done.out, "", "output")
            t.contains(done.err, told)
    t.write("eventbus.ini.d/x", "")
    os.rename(t.ini, t.path("real.ini"))
    t.write("eventbus.ini", "")
    done = t.run("topics", status=2, env={"EVENTBUS_CONFIG": None})
    t.contains(done.err, "./eventbus.ini holds no section")
    t.equal(os.listdir(t.state), [], "what was made in the state folder")
    t.run("-c", t.path("real.ini"), "-c", nothing, "topics")     # one of several may hold nothing
    t.run("-c", "/dev/null", *where[:0], "config", "show")        # said in so many words: the defaults


@test
def a_configuration_without_a_broker_says_where_events_go(t):
    t.configure("[consume crm]\ntopic = logins\ngroup = crm\n")
    sample = t.run("signals", LOGIN, "--sample")
    t.equal(sample.err, "", "what a verb without a broker says")
    for verb in (["produce", "-t", "logins", "-"], ["consume", "crm", "--exit-at-end"], ["topics"], ["groups"]):
        done = t.run(*verb, stdin=sample.bytes)
        t.equal(done.err.count("no [broker NAME] section: the embedded broker is used, a SQLite file in " + t.state), 1, f"what {verb} said")


main()
