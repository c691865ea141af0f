"""tests/process/test_config.py - eventbus config: check, show, explain."""
import os

from harness import SAMPLE_PLUGIN, PLUGINS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def broker(t, more=""):
    """A [broker main] of a plugin with a secret."""
    file = t.compile_plugin("sample")
    return t.configure(f"plugin_trust = any\n[broker main]\nplugin = {file}\nurl = here\n{more}")


def shown(t, *words):
    return {(row["section"], row["key"]): (row["value"], row["where"]) for row in
            t.run("config", "show", "--json", *words).json()}


@test
def show_tells_values_and_where_they_came_from(t):
    ini = t.configure("service = lms\n[route login]\n"
                      f"event = {LOGIN}\n"
                      "key_field = user.pii.username\ntopic = user-login\n")
    rows = shown(t, "-o", "route.login.enabled=no")
    line = len(t.read("eventbus.ini").splitlines())
    t.equal(rows["eventbus", "service"], ("lms", f"{ini}:{line - 4}"))
    t.equal(rows["route login", "topic"], ("user-login", f"{ini}:{line}"))
    t.equal(rows["route login", "enabled"], ("no", "-o"))
    t.equal(rows["eventbus", "consumers_enabled"], ("yes", "default"))


@test
def show_without_json_is_an_ini_file(t):
    t.configure("service = lms\n")
    text = t.run("config", "show").out
    t.matches(text, r"^\[eventbus\]$")
    t.matches(text, r"^service = lms +; .*eventbus\.ini:4$")
    t.contains(text, f"; state folder: {t.state}")


@test
def secrets_are_hidden(t):
    broker(t, "token = hunter2\n")
    for words in (["show"], ["show", "--json"], ["explain", "broker.main.token"]):
        done = t.run("config", *words)
        t.lacks(done.out + done.err, "hunter2")
        t.contains(done.out, "***")


@test
def what_logs_in_at_a_web_address_is_hidden(t):
    t.configure("[consume a]\ntopic = x\ngroup = g\nwebhook = https://me:hunter2@example.org/in?token=s3cret\n")
    for words in (["show"], ["show", "--json"], ["explain", "consume.a.webhook"]):
        done = t.run("config", *words)
        t.lacks(done.out + done.err, "hunter2", "s3cret")
        t.contains(done.out, "***")


@test
def of_a_url_only_the_password_is_hidden(t):
    t.configure("[consume a]\ntopic = x\ngroup = g\nwebhook = https://me:hunter2@example.org/in?token=s3cret\n"
                "[consume b]\ntopic = x\ngroup = g\nexec = curl http://me:hunter2@example.org/b\n"
                "[broker r]\nplugin = redis\nurl = redis://me:${file:password}@redis.example:6380/2\n")
    t.write("password", "hunter2\n")
    done = t.run("config", "show", status=None)
    t.lacks(done.out + done.err, "hunter2", "s3cret")
    t.contains(done.out, "webhook = https://me:***@example.org/in?***", "exec = curl http://me:***@example.org/b")
    if os.path.exists(os.path.join(PLUGINS, "redis.so")):
        t.contains(done.out, "url = redis://me:***@redis.example:6380/2")


@test
def explain_tells_what_a_key_means(t):
    broker(t, "wait = 2s\n")
    text = t.run("config", "explain", "broker.main.wait").out
    t.contains(text, "broker.main.wait = 2s", "eventbus.ini:", "how long to wait", "duration", "default: 5s")
    row = t.run("config", "explain", "--json", "broker.main.wait").json()[0]
    t.equal((row["name"], row["value"], row["type"], row["default"]), ("broker.main.wait", "2s", "duration", "5s"))


@test
def explain_tells_no_default_of_what_has_to_be_given(t):
    t.contains(t.run("config", "explain", "route.key_field").out, "\n      text; required\n")


@test
def explain_finds_keys_without_a_section(t):
    for key in ("consume.NAME.retry.attempts", "consume.retry.attempts", "retry.attempts"):
        text = t.run("config", "explain", key).out
        t.contains(text, "consume.NAME.retry.attempts = 5 ; default")
    t.contains(t.run("config", "explain", "service").out, "eventbus.service")


@test
def explain_tells_of_a_key_in_several_sections_once(t):
    t.configure("[consume a]\ntopic = x\ngroup = g\n[consume b]\ntopic = y\ngroup = g\nretry.max = 2m\n")
    text = t.run("config", "explain", "retry.max").out
    t.matches(text, r"^consume\.a\.retry\.max = 1m ; default\nconsume\.b\.retry\.max = 2m ; \S+:\d+\n  retry\.max\n")
    t.equal(text.count("Longest time between two attempts"), 1)
    t.equal(t.run("config", "explain", "topic").out.count("Topics to receive from"), 1)


@test
def explain_suggests_the_nearest_key(t):
    t.contains(t.run("config", "explain", "eventbus.servce", status=2).err, "did you mean eventbus.service?")
    t.contains(t.run("config", "explain", "consume.retry.mx", status=2).err, "did you mean consume.retry.max?")


@test
def check_says_that_all_is_right(t):
    broker(t)
    t.configure(f"[route login]\nevent = {LOGIN}\ntopic = user-login\n"
                "key_field = user.pii.username\n[consume x]\ntopic = user-login\ngroup = g\n")
    done = t.run("config", "check")
    t.contains(done.out, "1 broker, 1 route, 1 consumer;")
    t.equal(done.err, "")


@test
def check_names_file_line_and_the_nearest_key(t):
    base = t.read("eventbus.ini")
    for text, told in (
        ("servce = lms\n", ["eventbus.ini:4: ", "servce", "service"]),
        ("consumers_enabled = perhaps\n", ["eventbus.ini:4: ", "consumers_enabled", "perhaps"]),
        ("[rout login]\n", ["eventbus.ini:4: ", "rout", "route"]),
        (f"[route login]\nevent = {LOGIN}\ntopc = x\nkey_field =\n",
         ["eventbus.ini:6: ", "topc", "topic"]),
        ("[consume x]\ntopic = a\ngroup = g\nretry.backoff = 5 parsecs\n",
         ["eventbus.ini:7: ", "retry.backoff", "parsecs"]),
        ("producer = nowhere\n", ["eventbus.ini:4: ", "nowhere"]),
        ("[consume x]\ntopic = a\n", ["eventbus.ini:4: [consume x] has no group"]),
        ("[consume x]\ngroup = a\n", ["eventbus.ini:4: [consume x] has no topic"]),
        (f"[route login]\nevent = {LOGIN[:-3]}.v2\ntopic = x\nkey_field =\n", ["eventbus.ini:5: ", LOGIN]),
        (f"[route login]\nevent = {LOGIN}\ntopic = x\nkey_field = user.nme\n", ["eventbus.ini:7: ", "user.nme"]),
    ):
        t.write("eventbus.ini", base + text)
        done = t.run("config", "check", status=2)
        t.contains(done.err, *told)
        t.equal(done.out, "")


@test
def what_a_plugin_says_of_a_key_names_the_keys_line(t):
    begin = "const struct eb_plugin eventbus_plugin = {\n"
    judge = ('#include <stdio.h>\nstatic int32_t judge(const void *it, struct eb_error *err) {\n'
             '    const struct settings *set = it;\n'
             '    snprintf(err->text, sizeof err->text, "%s", set->token ? "token: too short" : "nothing suits it");\n'
             '    return EB_PERMANENT;\n}\n')
    t.compile_plugin("strict", SAMPLE_PLUGIN.replace(begin, judge + begin + "    .check = judge,\n"))
    base = t.read("eventbus.ini").replace("plugin_path = ", f"plugin_path = {t.path('plugins')}:")
    text = base + "[broker main]\nplugin = strict\nurl = x\n"
    for more, told in (("token = hush\n", "eventbus.ini:7: [broker main]: token: too short"),
                       ("", "eventbus.ini:4: [broker main]: nothing suits it")):
        t.write("eventbus.ini", text + more)
        t.contains(t.run("config", "check", status=2).err, told)
    t.contains(t.run("-o", "broker.main.token=hush", "config", "check", status=2).err, "-o: [broker main]: token: too")


@test
def check_looks_at_every_broker(t):
    broker(t, "wait = 2m\n[broker other]\nplugin = absent\n")
    done = t.run("config", "check", status=2)
    t.contains(done.err, "wait", "absent")
    t.equal(len(done.err.splitlines()), 2, "lines told")


@test
def check_of_a_refused_plugin_is_5(t):
    t.configure("[broker other]\nplugin = absent\n")
    t.contains(t.run("config", "check", status=5).err, "absent")


@test
def a_broken_broker_does_not_hide_the_others(t):
    broker(t, "[broker other]\nplugin = absent\n")
    done = t.run("config", "show", "--json", status=1)
    sections = {row["section"] for row in done.json()}
    t.equal(sections, {"eventbus", "broker main", "broker other"})
    t.contains(done.err, "absent")


@test
def a_configuration_that_is_not_there_is_2(t):
    t.contains(t.run("config", "show", "-c", t.path("nowhere.ini"), status=2).err, "nowhere.ini")
    t.contains(t.run("config", "check", env={"EVENTBUS_CONFIG": t.path("gone.ini")}, status=2).err, "gone.ini")


@test
def without_any_configuration_there_are_defaults(t):
    os.remove(t.ini)
    rows = shown(t, "-c", "/dev/null")
    t.equal(rows["eventbus", "consumers_enabled"], ("yes", "default"))


main()
