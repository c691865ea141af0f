"""bindings/python/tests/test_openedx_guide.py - each line of docs/moving-in.md that somebody types, run on a site with Redis."""
import json
import os
import re
import shlex

from django_case import LOGIN, consume, run, site
from python_case import environment, made
from harness import BUILD, COMMAND, SCHEMAS, TOP, main, test
from python_service import redis_service
from redis_case import redis_test

GUIDE = os.path.join(TOP, "docs", "moving-in.md")
TYPED = ("eventbus ", "manage.py ", "python manage.py ", "--extra ", "'{", "EVENT_BUS_SEND_ON_COMMIT =", "EVENT_BUS_PRODUCER =",
         "EVENT_BUS_CONSUMER =")
OLD = {"EVENT_BUS_PRODUCER": "edx_event_bus_redis.create_producer", "EVENT_BUS_CONSUMER": "edx_event_bus_redis.RedisEventConsumer",
       "INSTALLED_APPS": ["openedx_events", "edx_event_bus_redis", "site_app.SiteConfig"]}
DATA = json.dumps({"user": {"id": 7, "is_active": True, "pii": {"username": "ada", "email": "ada@example.org", "name": "Ada"}}})
RUNS = {}                               # a line: the function that runs it


def typed():
    """The lines of the guide that are typed, as they stand there: those with an indent, and those between ` and `."""
    with open(GUIDE, encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE) + re.findall(r"`([^`]+)`", text)
    return {line for line in (" ".join(one.split()) for one in found) if line.startswith(TYPED)}


def line(text):
    """Runs a line of the guide: a function of (t, redis, text), on a site that is on Redis and has one event, of user 1."""
    def keep(function):
        assert text not in RUNS, text
        RUNS[text] = function
        return function
    return keep


def redis_site(t, redis, **settings):
    site(t, **{"EVENT_BUS_REDIS_CONNECTION_URL": redis.url, **settings})


def users(events):
    return [event["data"]["user"]["id"] for event in events]


def extra_of(text, **more):
    """The JSON that stands behind --extra, with `more` in it."""
    return json.dumps({**json.loads(text[text.index("'") + 1:text.rindex("'")]), "exit_at_end": True, **more})


def settings_of(*lines):
    """What lines of a settings file set."""
    found = {}
    exec("\n".join(lines), found)       # pylint: disable=exec-used
    return {name: value for name, value in found.items() if name.startswith("EVENT_BUS_")}


def words_of(text, **places):
    """The words of a command of the guide behind its name, each place such as TOPIC filled in."""
    return [places.get(word, word) for word in shlex.split(text)[1:]]


@test
def each_line_that_is_typed_is_run(t):
    t.equal(sorted(typed() ^ set(RUNS)), [], "lines that only the guide has, or only this test")


@redis_test()
def each_line_does_what_the_guide_says(t, redis):
    for text, function in RUNS.items():
        redis.call("FLUSHALL")
        redis_site(t, redis)
        run(t, "send(1)")
        print(f"# {text}", flush=True)
        function(t, redis, text)


@line('EVENT_BUS_PRODUCER = "eventbus.openedx.create_producer"')
def the_producer_is_ours(t, redis, text):
    redis_site(t, redis, **{**OLD, **settings_of(text)})
    said, = run(t, "send(2)\nsay(kind=type(get_producer()).__name__)")
    t.equal(said["kind"], "EventBusProducer")
    t.equal(users(redis_service(t, redis).consume("logins", "python", 2)), [1, 2])


@line('EVENT_BUS_CONSUMER = "eventbus.openedx.EventBusConsumer"')
def the_consumer_is_ours(t, redis, text):
    redis_site(t, redis, **{**OLD, **settings_of(text)})
    t.equal(users(consume(t, "logins", "crm", '{"exit_at_end": true}')), [1])


@line("eventbus groups")
def a_group_shows_its_lag(t, _, text):
    consume(t, "logins", "crm", '{"exit_at_end": true}')
    run(t, "send(2)")
    group, = t.run(*words_of(text), "--json").json()
    t.equal((group["topic"], group["group"], group["lag"]), ("logins", "crm", 1))


@line("""--extra '{"claim_msgs_older_than": 60000}'""")
def the_wait_for_others_events(t, _, text):
    t.equal(users(consume(t, "logins", "crm", extra_of(text))), [1])


@line("""--extra '{"start": "latest"}'""")
def a_new_group_at_what_comes(t, _, text):
    t.equal(consume(t, "logins", "crm", extra_of(text)), [])
    run(t, "send(2)")
    t.equal(users(consume(t, "logins", "crm", '{"exit_at_end": true}')), [2])


@line("""--extra '{"options": {"key_field": "user.pii.username"}}'""")
def events_of_other_keys_go_on(t, redis, text):
    redis_site(t, redis, EVENT_BUS_INI=None)
    t.equal(users(consume(t, "logins", "crm", extra_of(text))), [1])


@line("eventbus consume -t TOPIC.dlq")
def dead_letters_are_shown(t, redis, text):
    redis_site(t, redis, EVENT_BUS_INI=None)
    t.write("fail", "ValueError")
    consume(t, "logins", "crm", json.dumps({"exit_at_end": True, "options": {"retry.attempts": 1}}))
    os.remove(t.path("fail"))
    dead, = t.run(*words_of(text, **{"TOPIC.dlq": "logins.dlq"}), "--exit-at-end").json()
    t.equal(users([dead]), [1])


@line("eventbus produce --undelivered")
def undelivered_events_are_sent(t, _, text):
    t.run("produce", "--signal", LOGIN, "-t", "logins", "--data", DATA, "-o", "broker.main.url=redis://127.0.0.1:1",
          "-o", "eventbus.delivery_timeout=1s", status=3)
    t.run(*words_of(text))
    t.equal(users(t.run("consume", "-t", "logins", "--exit-at-end").json()), [1, 7])


@line("manage.py consume_events -t T -g G")
def the_command_of_the_service(t, _, text):
    words = words_of(text, T="logins", G="crm")
    done = t.run("manage.py", *words, "--extra", '{"exit_at_end": true}', command=made().python, env=environment())
    t.contains(done.out, '"id": 1')


@line("""--extra '{"last_read_msg_id": "1679676448892-0"}'""")
def a_new_group_behind_a_position(t, redis, text):
    t.equal(users(consume(t, "logins", "crm", extra_of(text))), [1])
    last = redis.entries("logins")[-1][0]
    run(t, "send(2)")
    t.equal(users(consume(t, "logins", "other", extra_of(text, last_read_msg_id=last))), [2])


@line("""'{"offset_time": "2026-01-01T00:00:00"}'""")
def a_new_group_at_a_time(t, _, text):
    t.equal(users(consume(t, "logins", "crm", extra_of(text))), [1])


@line("eventbus seek -t T -g G --to POSITION")
def a_group_is_moved(t, redis, text):
    consume(t, "logins", "crm", '{"exit_at_end": true}')
    first = redis.entries("logins")[0][0]
    t.run(*words_of(text, T="logins", G="crm", POSITION=first))
    t.equal(users(consume(t, "logins", "crm", '{"exit_at_end": true}')), [1])


@line("""--extra '{"check_backlog": true}'""")
def what_was_not_finished_comes_anyway(t, _, text):
    t.equal(users(consume(t, "logins", "crm", extra_of(text))), [1])


@line("manage.py produce_event")
def the_command_that_sends_today(t, redis, text):
    redis_site(t, redis, **OLD)
    t.contains(t.run(*shlex.split(text), "--help", command=made().python, env=environment()).out, "--signal", "--topic", "--key-field", "--data")


@line("eventbus produce --signal TYPE --topic T --key-field F --data JSON")
def the_command_that_sends_here(t, _, text):
    t.run(*words_of(text, TYPE=LOGIN, T="logins", F="user.pii.username", JSON=DATA))
    t.equal(users(consume(t, "logins", "crm", '{"exit_at_end": true}')), [1, 7])


@line("EVENT_BUS_SEND_ON_COMMIT = True")
def an_event_waits_for_its_transaction(t, redis, text):
    redis_site(t, redis, **settings_of(text))
    run(t, """
from django.db import transaction
try:
    with transaction.atomic():
        send(2)
        raise ValueError
except ValueError:
    pass
with transaction.atomic():
    send(3)
""")
    t.equal(users(consume(t, "logins", "crm", '{"exit_at_end": true}')), [1, 3])


@line("python manage.py eventbus_settings | eventbus config import --django - --secrets /etc/eventbus/secrets >eventbus.ini")
def the_settings_become_an_ini(t, redis, text):
    redis_site(t, redis, INSTALLED_APPS=["openedx_events", "eventbus.openedx", "site_app.SiteConfig"])
    typed_here = text.replace("python manage.py", f"{made().python} manage.py").replace("| eventbus", f"| {COMMAND}").replace(
        "/etc/eventbus/secrets", t.path("secrets")).replace(">eventbus.ini", ">of-django.ini")
    t.run("-c", typed_here, command="/bin/sh", env=environment())
    t.write("here.ini", f"[eventbus]\nplugin_path = {BUILD}/.libs\nschema_path = {SCHEMAS}\n")
    files = ("-c", t.path("of-django.ini"), "-c", t.path("here.ini"))
    t.run(*files, "produce", "--signal", LOGIN, "--data", DATA)     # by the route that the settings have
    t.equal(users(t.run(*files, "consume", "-t", "logins", "--exit-at-end").json()), [1, 7])


main()
