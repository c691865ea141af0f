"""bindings/python/tests/test_openedx_settings.py - the settings of today's packages, and what becomes of wrong ones."""
import glob
import os
import re
import subprocess

import django_case
from django_case import run, site
from python_case import PACKAGE, environment, made
import python_service
from harness import TOP, main, test

GUIDE = os.path.join(TOP, "docs", "moving-in.md")
# Says what the settings become.
READ = """
from eventbus.openedx import settings
configuration = settings.read()
say(files=configuration.files, defaults=configuration.defaults, on_commit=configuration.on_commit)
"""
# Loads the producer as openedx-events does.
LOAD = """
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    producer = get_producer()
say(kind=type(producer).__name__, told=[str(one.message) for one in told if "component will be inactive" in str(one.message)])
"""


@test
def each_setting_of_the_two_packages_is_in_the_table(t):
    """By their names in the packages' files, and by nothing else of those."""
    site_packages = subprocess.run([python_service.python(), "-c", "import site; print(site.getsitepackages()[0])"],
                                   capture_output=True, text=True, check=True).stdout.strip()
    named = set()
    for package in ("edx_event_bus_redis", "edx_event_bus_kafka"):
        for path in glob.glob(f"{site_packages}/{package}/**/*.py", recursive=True):
            with open(path, encoding="utf-8") as file:
                named |= set(re.findall(r"\b(EVENT_BUS_(?:REDIS|KAFKA|TOPIC)_[A-Z_]+[A-Z])\b", file.read()))
    t.check(len(named) > 15, f"only {named} are named")
    site(t)
    said, = run(t, "from eventbus.openedx import settings\nsay(names=[one.name for one in settings.TABLE])")
    t.equal(sorted(said["names"]), sorted(named))


@test
def the_table_of_the_guide_is_that_of_the_code(t):
    site(t)
    said = run(t, "from eventbus.openedx import settings\nfor one in settings.TABLE: say(row=f'| {one.name} | ' + "
                  "(f'`{one.key}`' if one.key else f'nothing: {one.why}') + ' |')")
    with open(GUIDE, encoding="utf-8") as file:
        rows = re.findall(r"^\| EVENT_BUS_.*$", file.read(), re.MULTILINE)
    t.equal(rows, [one["row"] for one in said])


@test
def the_log_lines_of_the_guide_are_in_the_code(t):
    with open(GUIDE, encoding="utf-8") as file:
        lines = re.findall(r"^\| `([^`]+)` \|[^|]*\| (?:no|yes|when [^|]*) \|$", file.read(), re.MULTILINE)
    t.check(len(lines) >= 8, f"only {lines} are told")
    code = ""
    for path in glob.glob(f"{TOP}/core/**/*.c", recursive=True) + glob.glob(f"{PACKAGE}/src/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            code += file.read()
    t.equal([line for line in lines if line not in code], [], "lines that nothing logs")


@test
def each_setting_becomes_an_option_that_the_plugin_has(t):
    site(t)
    said = run(t, """
from eventbus.openedx import settings
for one in settings.TABLE:
    say(name=one.name, key=one.key, why=one.why)
""")
    for one in said:
        if one["key"] is None:
            t.check(one["why"], f"{one['name']}: why has it no counterpart?")
            continue
        kind, _, rest = one["key"].partition(".")
        if kind == "broker":
            plugin, key = rest.split(".")
            t.contains("\n".join(line.strip() for line in t.run("plugins", plugin).lines()), f"\n{key}\n")
        else:
            t.contains(t.run("config", "explain", one["key"]).out, rest)


@test
def the_settings_of_a_redis_site(t):
    site(t, EVENT_BUS_REDIS_CONNECTION_URL="redis://:p${x}w@redis:6379/1", EVENT_BUS_TOPIC_PREFIX="stage", EVENT_BUS_REDIS_STREAM_MAX_LEN="500",
         EVENT_BUS_REDIS_CONSUMERS_ENABLED=True, EVENT_BUS_REDIS_CONSUMER_CONSECUTIVE_ERRORS_LIMIT=7, EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED=False,
         EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT=60, EVENT_BUS_KAFKA_API_KEY="of another broker", EVENT_BUS_INI=None)
    said, = run(t, READ)
    t.equal(said, {"files": ["/dev/null"], "on_commit": None, "defaults": {
        "eventbus.service": "lms", "eventbus.topic_prefix": "stage", "eventbus.producer": "redis", "eventbus.consumer": "redis",
        "eventbus.consumers_enabled": "yes", "eventbus.consecutive_errors_limit": "7", "eventbus.audit": "off",
        "broker.redis.plugin": "redis", "broker.redis.url": "redis://:p$${x}w@redis:6379/1", "broker.redis.stream_max_len": "500"}})
    t.equal(t.last.err.count("the setting EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT has no counterpart and is not used: "), 1, t.last.err)


@test
def the_settings_of_a_kafka_site(t):
    site(t, EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=["a:9092", "b:9092"], EVENT_BUS_KAFKA_API_KEY="k", EVENT_BUS_KAFKA_API_SECRET="s",
         EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL="http://r:8081", EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY="rk",
         EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET="rs", EVENT_BUS_KAFKA_POLL_INTERVAL_SEC=1.0, EVENTS_SERVICE_NAME=None,
         SERVICE_VARIANT="cms", EVENT_BUS_SEND_ON_COMMIT=True, EVENT_BUS_SURPRISE=1)
    said, = run(t, READ)
    t.equal((said["on_commit"], said["defaults"]), ("default", {
        "eventbus.service": "cms", "eventbus.producer": "kafka", "eventbus.consumer": "kafka", "broker.kafka.plugin": "kafka",
        "broker.kafka.bootstrap_servers": "a:9092,b:9092", "broker.kafka.api_key": "k", "broker.kafka.api_secret": "s",
        "broker.kafka.schema_registry": "http://r:8081", "broker.kafka.schema_registry_key": "rk",
        "broker.kafka.schema_registry_secret": "rs", "broker.kafka.assignment": "eager"}))
    t.contains(t.last.err, "EVENT_BUS_KAFKA_POLL_INTERVAL_SEC has no counterpart", "the setting EVENT_BUS_SURPRISE is not known and is not used")


WRONG = [
    ({"EVENT_BUS_REDIS_CONNECTION_URL": 6379}, "the setting EVENT_BUS_REDIS_CONNECTION_URL is a int; it must be a text"),
    ({"EVENT_BUS_REDIS_CONNECTION_URL": "http://x"}, "the setting EVENT_BUS_REDIS_CONNECTION_URL: it begins with none of redis://"),
    ({"EVENT_BUS_REDIS_CONNECTION_URL": "redis://h", "EVENT_BUS_REDIS_STREAM_MAX_LEN": "many"},
     "the setting EVENT_BUS_REDIS_STREAM_MAX_LEN is 'many', a str; it must be a whole number from 0"),
    ({"EVENT_BUS_REDIS_CONNECTION_URL": "redis://h", "EVENT_BUS_REDIS_CONSUMERS_ENABLED": "yes"},
     "the setting EVENT_BUS_REDIS_CONSUMERS_ENABLED is 'yes', a str; it must be True or False"),
    ({"EVENT_BUS_TOPIC_PREFIX": ["stage"]}, "the setting EVENT_BUS_TOPIC_PREFIX is ['stage'], a list; it must be a text"),
    ({"EVENT_BUS_TOPIC_PREFIX": "a\nb"}, "the setting EVENT_BUS_TOPIC_PREFIX has a control character"),
    ({"EVENT_BUS_REDIS_CONNECTION_URL": "redis://h", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": "k:9092", "EVENT_BUS_INI": None},
     "EVENT_BUS_REDIS_CONNECTION_URL and EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS are both set; say which broker counts by EVENT_BUS_BROKER"),
    ({"EVENT_BUS_BROKER": "rabbit"}, "the setting EVENT_BUS_BROKER is 'rabbit'; it must be one of redis, kafka, sqlite"),
    ({"EVENT_BUS_INI": 7}, "the setting EVENT_BUS_INI is 7, a int; it must be the path of an INI file"),
    ({"EVENT_BUS_INI": "/nowhere.ini"}, "/nowhere.ini"),
    ({"EVENT_BUS_SEND_ON_COMMIT": "other"}, "the setting EVENT_BUS_SEND_ON_COMMIT is 'other'; it must be True, False, or an alias of DATABASES: default"),
    ({"EVENT_BUS_SERIALIZER": "nowhere.Class"}, "the setting EVENT_BUS_SERIALIZER names 'nowhere.Class', which cannot be imported"),
    ({"EVENT_BUS_SERIALIZER": "json.JSONEncoder"}, "the setting EVENT_BUS_SERIALIZER names 'json.JSONEncoder', which is no subclass of"),
]


@test
def a_wrong_setting_is_one_exception_and_one_error_in_the_log(t):
    for settings, text in WRONG:
        site(t, **settings)
        said, = run(t, LOAD)
        t.equal((said["kind"], len(said["told"])), ("NoEventBusProducer", 1), str(settings))
        t.contains(said["told"][0], "ImproperlyConfigured")
        t.contains(t.last.err, "ERROR eventbus.openedx: the event bus is inactive: ", text)
        t.equal(t.last.err.count("the event bus is inactive"), 1, t.last.err)


def exported(t, *more, status=0):
    """What manage.py eventbus_settings prints; `more`: further arguments."""
    return t.run("manage.py", "eventbus_settings", *more, command=made().python, env=environment(), status=status)


SITES = [
    {"EVENT_BUS_REDIS_CONNECTION_URL": "redis://:p${x}w@redis:6379/1", "EVENT_BUS_TOPIC_PREFIX": "stage", "EVENT_BUS_REDIS_STREAM_MAX_LEN": "500",
     "EVENT_BUS_REDIS_CONSUMERS_ENABLED": True, "EVENT_BUS_REDIS_CONSUMER_CONSECUTIVE_ERRORS_LIMIT": 7,
     "EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED": False, "EVENT_BUS_KAFKA_API_KEY": "of another broker"},
    {"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": ["a:9092", "b:9092"], "EVENT_BUS_KAFKA_API_KEY": "k", "EVENT_BUS_KAFKA_API_SECRET": "s",
     "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "http://r:8081", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY": "rk",
     "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET": "rs", "EVENT_BUS_KAFKA_CONSUMERS_ENABLED": False,
     "EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT": 0, "EVENT_BUS_KAFKA_AUDIT_LOGGING_ENABLED": True, "EVENTS_SERVICE_NAME": None,
     "SERVICE_VARIANT": "cms"},
    {"EVENT_BUS_BROKER": "sqlite", "EVENTS_SERVICE_NAME": None},
]


@test
def the_imported_settings_say_what_the_package_makes_of_them(t):
    """Each through the command eventbus_settings and `eventbus config import`, and through the package: the same values."""
    site(t)
    named = {name for settings in SITES for name in settings}
    for one in run(t, "from eventbus.openedx import settings\nfor one in settings.TABLE: say(name=one.name, key=one.key)"):
        t.check(one["key"] is None or one["name"] in named, f"no site has {one['name']}")
    for number, settings in enumerate(SITES):
        site(t, INSTALLED_APPS=["openedx_events", "eventbus.openedx", "site_app.SiteConfig"], EVENT_BUS_INI=None, **settings)
        said, = run(t, READ)
        done = t.run("config", "import", "--django", "-", "--secrets", t.path(f"secrets{number}"), stdin=exported(t).out)
        written, section = {}, None
        for line in done.lines():
            if line.startswith("["):
                section = line.strip("[]").replace(" ", ".")
            elif " = " in line and not section.startswith("route."):
                key, value = line.split(" = ", 1)
                file = re.fullmatch(r"\$\{file:(.*)\}", value)
                written[f"{section}.{key}"] = t.read(file.group(1)).replace("${", "$${") if file else value
        t.equal(written, said["defaults"])
        t.contains(done.out, f"event = {django_case.LOGIN}\ntopic = logins\nkey_field = user.pii.username\nenabled = yes\n")


@test
def a_setting_that_json_cannot_hold_is_named(t):
    apps = ["openedx_events", "eventbus.openedx", "site_app.SiteConfig"]
    site(t, INSTALLED_APPS=apps, EVENT_BUS_TOPIC_PREFIX={1j})
    t.contains(exported(t, status=1).err, "the setting EVENT_BUS_TOPIC_PREFIX holds what JSON cannot hold: set")
    site(t, INSTALLED_APPS=apps, EVENT_BUS_SURPRISE={1j})
    done = exported(t)
    t.contains(done.err, "the setting EVENT_BUS_SURPRISE is not known and is left out")
    t.lacks(done.out, "SURPRISE")


@test
def a_laptop_needs_no_setting_of_a_broker(t):
    """Its topics are in a SQLite file in the state folder, whether the settings say so or nothing."""
    t.configure(f"producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {t.state}/bus.db\n")
    for number, broker in enumerate(("sqlite", None), 1):
        site(t, EVENT_BUS_INI=None, EVENT_BUS_BROKER=broker)
        run(t, f"send({number})")
        t.equal(len(t.run("consume", "-t", "logins", "--exit-at-end").json()), number, str(broker))
    t.contains(t.last.err, "the embedded broker is used, a SQLite file in")


@test
def a_file_overrides_the_settings(t):
    site(t, EVENT_BUS_REDIS_CONNECTION_URL="redis://h", EVENT_BUS_TOPIC_PREFIX="of-django")
    t.write("site.ini", t.read("site.ini") + f"topic_prefix = of-the-file\nproducer = file\n[broker file]\nplugin = sqlite\npath = {t.path('bus.db')}\n")
    run(t, "send(1)")
    t.configure(f"topic_prefix = of-the-file\nproducer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\n")
    t.equal(len(t.run("consume", "-t", "logins", "--exit-at-end").json()), 1)


@test
def an_argument_of_extra_that_nobody_knows_is_refused(t):
    site(t)
    for extra, text in (({"chek_backlog": True}, "--extra has chek_backlog, which a consumer of the event bus does not know"),
                        ({"options": {"concurrency": 4}}, "set them there"), ({"start": "latest", "last_read_msg_id": "1-0"}, "give one of them")):
        run(t, f"""
try:
    make_single_consumer(topic="t", group_id="g", **{extra!r}).consume_indefinitely()
except Exception as error:
    say(error=str(error))
""")
        t.contains(t.last.err, "the event bus is inactive: ", text)


@test
def without_libeventbus_there_is_one_error_that_says_what_to_do(t):
    site(t)
    hidden = t.write("lib/libeventbus.so.0", "not a library")
    run(t, LOAD)                                            # as it is with the library
    done = t.run(t.path("script1.py"), command=made().python, env=environment({"LD_LIBRARY_PATH": os.path.dirname(hidden)}))
    t.contains(done.out, '"kind": "NoEventBusProducer"', "ImproperlyConfigured")
    t.contains(done.err, "ERROR eventbus.openedx: the event bus is inactive: libeventbus cannot be loaded", "install libeventbus")


main()
