"""tests/process/test_config_import.py - eventbus config import: what a Django service has set becomes an INI."""
import json
import os
import stat

from harness import PLUGINS, SCHEMAS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
CATALOG = "org.openedx.content_authoring.course.catalog_info.changed.v1"
KAFKA = {"EVENT_BUS_PRODUCER": "edx_event_bus_kafka.create_producer", "EVENTS_SERVICE_NAME": "cms", "EVENT_BUS_TOPIC_PREFIX": "stage",
         "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": ["a:9092", "b:9092"], "EVENT_BUS_KAFKA_API_KEY": "k", "EVENT_BUS_KAFKA_API_SECRET": "s${x} ;t",
         "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "http://r:8081", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY": "rk",
         "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET": "rs", "EVENT_BUS_KAFKA_CONSUMERS_ENABLED": False,
         "EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT": 7, "EVENT_BUS_KAFKA_AUDIT_LOGGING_ENABLED": True}
REDIS = {"EVENT_BUS_REDIS_CONNECTION_URL": "redis://:p${x}w@redis:6379/1", "EVENT_BUS_REDIS_STREAM_MAX_LEN": "500",
         "EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED": False, "SERVICE_VARIANT": "lms"}


def imported(t, settings, *words, status=0):
    done = t.run("config", "import", "--django", "-", *words, stdin=json.dumps(settings), status=status)
    t.write("imported.ini", done.out)
    return done


def values(t):
    """What the written file says, each key by its section; what it hides is ***."""
    t.write("more.ini", f"[eventbus]\nplugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\n")
    rows = t.run("config", "show", "--json", "-c", t.path("imported.ini"), "-c", t.path("more.ini")).json()
    return {f"{row['section']}.{row['key']}": row["value"] for row in rows if row["where"].startswith(t.path("imported.ini"))}


@test
def the_settings_of_a_kafka_service(t):
    done = imported(t, {**KAFKA, "DEBUG": True, "DATABASES": {"default": {}}, "EVENT_BUS_REDIS_CONNECTION_URL": "redis://:hunter2@h"})
    t.equal(values(t), {
        "eventbus.service": "cms", "eventbus.producer": "kafka", "eventbus.consumer": "kafka", "eventbus.topic_prefix": "stage",
        "eventbus.consumers_enabled": "no", "eventbus.consecutive_errors_limit": "7", "eventbus.audit": "brief",
        "broker kafka.plugin": "kafka", "broker kafka.assignment": "eager", "broker kafka.bootstrap_servers": "a:9092,b:9092",
        "broker kafka.api_key": "k", "broker kafka.api_secret": "***", "broker kafka.schema_registry": "http://r:8081",
        "broker kafka.schema_registry_key": "rk", "broker kafka.schema_registry_secret": "***"})
    t.lacks(done.out + done.err, "s${x}", "rs\n", "hunter2")
    t.equal(t.read("eventbus-secrets/EVENT_BUS_KAFKA_API_SECRET"), "s${x} ;t")
    t.run("config", "check", "-c", t.path("imported.ini"), "-c", t.path("more.ini"))


@test
def a_secret_is_in_a_file_of_its_own(t):
    imported(t, REDIS, "--secrets", "etc/secrets")
    path = t.path("etc/secrets/EVENT_BUS_REDIS_CONNECTION_URL")
    t.equal((t.read(path), stat.S_IMODE(os.stat(path).st_mode), stat.S_IMODE(os.stat(t.path("etc/secrets")).st_mode)),
            (REDIS["EVENT_BUS_REDIS_CONNECTION_URL"], 0o600, 0o700))
    t.contains(t.read("imported.ini"), f"url = ${{file:{path}}}\n")
    said = values(t)
    t.equal((said["eventbus.service"], said["eventbus.audit"], said["broker redis.stream_max_len"]), ("lms", "off", "500"))
    t.run("config", "check", "-c", t.path("imported.ini"), "-c", t.path("more.ini"))
    t.equal(imported(t, REDIS, "--secrets", "etc/secrets").status, 0)       # the same again
    done = imported(t, {**REDIS, "EVENT_BUS_REDIS_CONNECTION_URL": "redis://:new@h"}, "--secrets", "etc/secrets", status=2)
    t.contains(done.err, path, "holds another secret")
    t.equal((done.out, t.read(path)), ("", REDIS["EVENT_BUS_REDIS_CONNECTION_URL"]))


@test
def what_stands_at_the_place_of_a_secret_is_not_taken_for_one(t):
    path = t.path("eventbus-secrets/EVENT_BUS_REDIS_CONNECTION_URL")
    os.mkdir(t.path("eventbus-secrets"))
    secret = t.write("elsewhere", REDIS["EVENT_BUS_REDIS_CONNECTION_URL"])
    os.chmod(secret, 0o600)
    for make in (lambda: os.symlink(secret, path), lambda: os.symlink("nowhere", path), lambda: os.mkfifo(path),
                 lambda: os.chmod(t.write(path, t.read(secret)), 0o644)):
        make()
        t.contains(imported(t, REDIS, status=2).err, f"{path} exists and is no file that only this user may read")
        os.remove(path)
    os.chmod(t.write(path, t.read(secret) + "\n"), 0o600)        # as an editor leaves it: ${file:} reads the same
    imported(t, REDIS)


@test
def an_address_that_may_have_a_password_is_a_secret(t):
    for address in ("redis://:hunt#er2@h", "redis://:hun/ter2@h", "user:hunter2@h", "redis://h:6379/0?password=hunter2"):
        done = imported(t, {"EVENT_BUS_REDIS_CONNECTION_URL": address})
        t.lacks(done.out + done.err, "ter2", "hunt")
        os.remove(t.path("eventbus-secrets/EVENT_BUS_REDIS_CONNECTION_URL"))
    t.lacks(imported(t, {**KAFKA, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "http://key:se/cr?et@r:8081"}).out, "et@r")


@test
def an_address_without_a_password_is_no_secret(t):
    imported(t, {"EVENT_BUS_REDIS_CONNECTION_URL": "redis://redis:6379/${1}?x=a"})
    t.contains(t.read("imported.ini"), "url = redis://redis:6379/$${1}?x=a\n")
    t.check(not os.path.exists(t.path("eventbus-secrets")), "expected no folder for secrets")


@test
def long_values_go_on_in_further_lines(t):
    servers = [f"b-{number}.demo-cluster-1.ab12cd.c2.kafka.us-east-1.amazonaws.com:9096" for number in range(1, 8)]
    service = "\u00e9" * 150 + "#;=[x] " + "y" * 250
    folder = t.path("s" * 180)
    imported(t, {**KAFKA, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": servers, "EVENTS_SERVICE_NAME": service}, "--secrets", folder)
    t.check(max(len(line.encode()) for line in t.read("imported.ini").splitlines()) < 200, t.read("imported.ini"))
    said = values(t)
    t.equal((said["broker kafka.bootstrap_servers"], said["eventbus.service"]), (",".join(servers), service))


@test
def the_file_that_overrides_may_say_which_broker_counts(t):
    both = {"EVENT_BUS_REDIS_CONNECTION_URL": "redis://h", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": "k"}
    t.lacks(imported(t, {**both, "EVENT_BUS_INI": "/etc/x.ini"}).out, "producer")
    t.contains(imported(t, {**both, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": []}).out, "producer = redis")


@test
def each_topic_of_an_event_is_a_route(t):
    config = {LOGIN: {"logins": {"event_key_field": "user.pii.username", "enabled": True},
                      "more": {"event_key_field": "user.id", "enabled": False}},
              CATALOG: {"courses": {"event_key_field": "catalog_info.course_key", "enabled": True}}}
    imported(t, {"EVENTS_SERVICE_NAME": "lms", "EVENT_BUS_PRODUCER_CONFIG": config})
    said = values(t)
    routes = {}
    for name, value in said.items():
        section, key = name.split(".", 1)
        if section.startswith("route "):
            routes.setdefault(section, {})[key] = value
    t.equal(sorted(routes), ["route auth-session-login-completed", "route auth-session-login-completed-2", "route course-catalog_info-changed"])
    t.equal({(one["event"], one["topic"]): {"event_key_field": one["key_field"], "enabled": one["enabled"] == "yes"} for one in routes.values()},
            {(event, topic): about for event, topics in config.items() for topic, about in topics.items()})
    t.run("config", "check", "-c", t.path("imported.ini"), "-c", t.path("more.ini"))


@test
def a_file_with_a_byte_order_mark_is_read(t):
    t.write("settings.json", b"\xef\xbb\xbf" + json.dumps(REDIS).encode())
    t.contains(t.run("config", "import", "--django", t.path("settings.json")).out, "stream_max_len = 500")


@test
def what_has_no_counterpart_is_told(t):
    done = imported(t, {**REDIS, "EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT": 60, "EVENT_BUS_SURPRISE": 1, "EVENT_BUS_KAFKA_POLL_INTERVAL_SEC": 1,
                        "EVENT_BUS_INI": "/etc/x.ini", "EVENT_BUS_SEND_ON_COMMIT": True})
    t.contains(done.err, "EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT has no counterpart and is not used: a worker is woken",
               "the setting EVENT_BUS_SURPRISE is not known", "EVENT_BUS_INI names a file")
    t.lacks(done.err, "KAFKA_POLL_INTERVAL", "SEND_ON_COMMIT")


WRONG = [
    ({"EVENT_BUS_REDIS_CONNECTION_URL": 6379}, "the setting EVENT_BUS_REDIS_CONNECTION_URL is a number; it must be a text"),
    ({**REDIS, "EVENT_BUS_REDIS_STREAM_MAX_LEN": "many"}, "EVENT_BUS_REDIS_STREAM_MAX_LEN is a text; it must be a whole number from 0"),
    ({**REDIS, "EVENT_BUS_REDIS_STREAM_MAX_LEN": -1}, "EVENT_BUS_REDIS_STREAM_MAX_LEN is a number; it must be a whole number from 0"),
    ({**REDIS, "EVENT_BUS_REDIS_CONSUMERS_ENABLED": "yes"}, "EVENT_BUS_REDIS_CONSUMERS_ENABLED is a text; it must be true or false"),
    ({**KAFKA, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": [1]}, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS has something in its list that is no text"),
    ({"EVENT_BUS_TOPIC_PREFIX": "a\nb"}, "EVENT_BUS_TOPIC_PREFIX: the value for topic_prefix has a control character in it"),
    ({"EVENT_BUS_TOPIC_PREFIX": "a\u0085b"}, "EVENT_BUS_TOPIC_PREFIX: the value for topic_prefix has a control character in it"),
    ({"EVENT_BUS_TOPIC_PREFIX": "a ;b"}, "EVENT_BUS_TOPIC_PREFIX: the value for topic_prefix is empty, has a blank at an end, or"),
    ({"EVENT_BUS_TOPIC_PREFIX": " " + "x" + " " * 250 + "y"}, "EVENT_BUS_TOPIC_PREFIX: the value for topic_prefix is empty, has a blank"),
    ({"EVENT_BUS_TOPIC_PREFIX": "x" + " " * 250 + "y"}, "EVENT_BUS_TOPIC_PREFIX: the value for topic_prefix is longer than a line"),
    ({**KAFKA, "EVENT_BUS_KAFKA_API_SECRET": "a\u0001"}, "EVENT_BUS_KAFKA_API_SECRET: the value for api_secret has a control character"),
    ({**KAFKA, "EVENT_BUS_KAFKA_API_SECRET": "a" * 65537}, "EVENT_BUS_KAFKA_API_SECRET is longer than 64 KiB"),
    ({**REDIS, "EVENT_BUS_REDIS_STREAM_MAX_LEN": "9" * 23}, "EVENT_BUS_REDIS_STREAM_MAX_LEN is a text; it must be a whole number from 0"),
    ({**REDIS, "EVENT_BUS_REDIS_STREAM_MAX_LEN": 1.5}, "EVENT_BUS_REDIS_STREAM_MAX_LEN is a number with a fraction"),
    ({"EVENT_BUS_BROKER": ""}, "the setting EVENT_BUS_BROKER is a text; it must be redis, kafka or sqlite"),
    ({"EVENT_BUS_REDIS_CONNECTION_URL": "redis://h", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": "k"}, "are both set; say which broker counts by EVENT_BUS_BROKER"),
    ({"EVENT_BUS_BROKER": "rabbit"}, "the setting EVENT_BUS_BROKER is a text; it must be redis, kafka or sqlite"),
    ({"EVENTS_SERVICE_NAME": 5}, "the setting EVENTS_SERVICE_NAME is a number; it must be a text"),
    ({"EVENT_BUS_PRODUCER_CONFIG": []}, "the setting EVENT_BUS_PRODUCER_CONFIG is a list; it must be an object"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: "x"}}, f"EVENT_BUS_PRODUCER_CONFIG of {LOGIN} must be an object"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: {"x": 1}}}, f"EVENT_BUS_PRODUCER_CONFIG of {LOGIN} to x is a number; it must be an object"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: {"x": {"enabled": True}}}}, "event_key_field must be a text"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: {"x": {"event_key_field": "a", "enabled": "yes"}}}}, "enabled must be true or false"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: {"x": {"event_key_field": "", "enabled": True}}}}, "to x: the value for key_field is empty"),
    ({"EVENT_BUS_PRODUCER_CONFIG": {LOGIN: {"x\n[broker y]": {"event_key_field": "a", "enabled": True}}}}, "the value for topic has a control"),
]


@test
def a_wrong_setting_is_named_and_nothing_is_written(t):
    for settings, text in WRONG:
        done = imported(t, settings, status=2)
        t.contains(done.err, text)
        t.equal(done.out, "")
    t.check(not os.path.exists(t.path("eventbus-secrets")), "expected no folder for secrets")


@test
def what_is_no_json_object_is_refused_without_its_text(t):
    for text, why in (("", "standard input is empty"), ("[]", "standard input holds a list; the settings are expected as a JSON object"),
                      ('{"EVENT_BUS_KAFKA_API_SECRET": "hunter2"', "line 1, column 40: this is no JSON"),
                      ('{"A": "hunter2", "A": 2}', "a name stands here twice"), ("\x00", "this is no JSON"),
                      ('{"hunter2": 99999999999999999999}', "a number here is too large"),
                      ('{"A": "hunter2\\u0000"}', "a text here has the character U+0000 in it"),
                      ('{"hunter2\\u0000": 1}', "a text here has the character U+0000 in it")):
        done = t.run("config", "import", "--django", "-", stdin=text, status=4)
        t.contains(done.err, "standard input", why)
        t.lacks(done.err, "hunter2")
    t.contains(t.run("config", "import", "--django", t.path("nowhere.json"), status=2).err, "nowhere.json")
    t.contains(t.run("config", "import", status=2).err, "--django FILE is missing")


@test
def a_folder_that_an_ini_cannot_name_is_refused(t):
    for name in ("a}b", "a\x01", "a\u0085", b"a\xff"):
        done = t.run("config", "import", "--django", "-", "--secrets", os.fsdecode(name), stdin=json.dumps(REDIS), status=2)
        t.contains(done.err, "name another by --secrets")
    imported(t, {"EVENTS_SERVICE_NAME": "lms"}, "--secrets", "a}b")      # nothing is written there
    t.write("file", "")
    t.contains(imported(t, REDIS, "--secrets", t.path("file"), status=3).err, t.path("file"))


main()
