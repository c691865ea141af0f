"""tests/brokers/kafka_case.py - what the tests of the kafka plugin share: a case with a broker and a registry, events, raw
messages. Both servers are started once for all tests of a file, unless a test wants its own to be unkind to."""
import atexit
import functools
import itertools
import json
import os
import subprocess
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
from harness import BUILD, PATIENCE, Failed, json_lines, test   # noqa: E402
import java_program                                         # noqa: E402
from kafka_server import KafkaServer                        # noqa: E402
from registry_server import RegistryServer                  # noqa: E402

RAW = os.path.join(BUILD, "tests", "brokers", "kafka_raw")
MOCK = os.path.join(BUILD, "tests", "brokers", "kafka_mock")
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
KEY_FIELD = "user.pii.username"
LOGIN_BODY = bytes.fromhex("f601010c666f6f626f621e626f6240666f6f2e6578616d706c650e426f6220466f6f")
HEADERS = ("ce_specversion", "content-type", "ce_datacontenttype", "ce_type", "ce_id", "ce_source", "ce_time",
           "ce_minorversion", "sourcehost", "sourcelib")
QUIET = ("-o", "eventbus.audit_delivered=no", "-o", "eventbus.audit_received=no", "-o", "eventbus.audit_processed=no")

_started, _numbers = {}, itertools.count(1)


def _shared(kind):
    if kind not in _started:
        _started[kind] = kind().start()
        atexit.register(_started[kind].close)
    return _started[kind]


class Site:
    """A broker, a registry, and names in them that no other test uses: `prefix` is the topic prefix of the test."""

    def __init__(self, t, kafka, registry):
        self.t, self.kafka, self.registry = t, kafka, registry
        self.prefix = f"t{next(_numbers)}"

    def configure(self, **keys):
        """The configuration's broker main is kafka; keys are the plugin's own, with _ for the . of rdkafka_NAME."""
        self.t.configure(f"[eventbus]\nproducer = main\nconsumer = main\ntopic_prefix = {self.prefix}\n"
                         "[broker main]\nplugin = kafka\n" + self.options(**keys))

    def options(self, **keys):
        """Lines of a [broker] section that lead here, where keys say nothing else. On a loaded machine a JVM answers later
        than the default of connect_timeout."""
        return options({"bootstrap_servers": self.kafka.bootstrap, "schema_registry": self.registry.url,
                        "connect_timeout": "60s", **keys})

    def full(self, topic):
        return f"{self.prefix}-{topic}"

    def group(self, name="g"):
        return f"{self.prefix}-{name}"

    # ---- Raw messages ----

    def dump(self, topic):
        """All messages of the topic, by partition: objects with hexadecimal bytes, see kafka_raw.c."""
        return raw("dump", self.kafka.bootstrap, self.full(topic))

    def send(self, topic, *messages, how="send"):
        """Messages as kafka_raw.c takes them, without the topic; answers their positions. how="commit": in a transaction."""
        lines = [json.dumps({"topic": self.full(topic), **message}) for message in messages]
        told = raw(how, self.kafka.bootstrap, stdin="\n".join(lines) + "\n")
        return [f"{one['partition']}:{one['offset']}" for one in told]

    def register(self, subject, schema):
        return self.registry.ask("POST", f"/subjects/{subject}/versions", {"schema": schema})["id"]

    # ---- Looking ----

    def groups(self, group):
        """The rows of `eventbus groups --json` for a group, by (full topic, partition)."""
        rows = self.t.run("groups", "-g", group, "--json").json()
        return {(self.full(row["topic"]), int(row["partition"])): row for row in rows}

    def lag(self, group):
        rows = self.t.run("groups", "-g", group, "--json").json()
        self.t.history.clear()
        return sum(row["lag"] for row in rows) if rows else None


def options(keys):
    """Lines of a [broker] section; rdkafka_linger_ms is rdkafka.linger.ms."""
    lines = ""
    for name, value in keys.items():
        name = "rdkafka." + name[8:].replace("_", ".") if name.startswith("rdkafka_") else name
        lines += f"{name} = {value}\n" if value is not None else ""
    return lines


def _servers(t, own_kafka, own_registry):
    """In CI a machine that cannot run them is a failure, elsewhere a reason to skip."""
    try:
        kafka = own_kafka() if callable(own_kafka) else KafkaServer() if own_kafka else _shared(KafkaServer)
        registry = own_registry() if callable(own_registry) else \
            RegistryServer() if own_registry else _shared(RegistryServer)
    except java_program.Missing as why:
        if os.environ.get("CI") or os.environ.get("EB_CI"):
            raise
        t.skip(str(why))
    return kafka, registry


def kafka_test(keys=None, own_kafka=False, own_registry=False, start=True):
    """A test of (t, site), to which the configuration leads. own_*: true, or a function that makes one; such servers are
    started before (start) and closed after."""
    def wrap(function):
        @functools.wraps(function)
        def run(t):
            kafka, registry = _servers(t, own_kafka, own_registry)
            own = [server for server, is_own in ((kafka, own_kafka), (registry, own_registry)) if is_own]
            try:
                for server in own:
                    if start:
                        server.start()
                site = Site(t, kafka, registry)
                site.configure(**(keys or {}))
                function(t, site)
            finally:
                for server in own:
                    server.close()
        return test(run)
    return wrap


def raw(*words, stdin=""):
    ran = subprocess.run([RAW, *words], input=stdin.encode(), capture_output=True, timeout=300, check=False)
    if ran.returncode:
        raise Failed(f"kafka_raw {' '.join(words)}: {ran.stderr.decode()[-500:]}")
    return json_lines(ran.stdout.decode())


class Mock:
    """kafka_mock.c: with Mock(t, 3) as mock: mock.bootstrap; mock("leader", "a", 0, 2)."""

    def __init__(self, t, brokers=1):
        self.process = subprocess.Popen([MOCK, str(brokers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, cwd=t.folder)
        self.bootstrap = self.process.stdout.readline().decode().strip()

    def __call__(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()
        told = self.process.stdout.readline().decode().strip()
        if told != "ok":
            raise Failed(f"mock: {words}: {told}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


# ---- Events ----

def login(number, name="foobob"):
    return {"user": {"id": number, "is_active": True, "pii": {"username": name, "email": "e", "name": "n"}}}


def login_lines(first, last, keys=20):
    """Events first <= n < last, one a line; the key of event n is keyN, N = n modulo keys."""
    return "".join(json.dumps(login(n, f"key{n % keys}")) + "\n" for n in range(first, last))


def produce(t, topic, first, last, keys=20, status=0, more=(), timeout=300):
    """Sends these events and answers their receipts."""
    return t.run(*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json", "-",
                 *more, stdin=login_lines(first, last, keys), status=status, timeout=timeout).json()


def start_producer(t, topic, first, last, keys=20, more=()):
    """The same in the background."""
    words = [*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json", *more]
    return t.start(*words, "--file", t.write(f"events-{topic}-{first}", login_lines(first, last, keys)))


def start_worker(t, topic, group, more=(), name=None, options=()):
    """A consumer that prints what it settles, in the background."""
    named = ("--name", name) if name else ()
    return t.start(*QUIET, *options, "consume", "-t", topic, "-g", group, *named, *more)


def take_all(t, topic, group, status=0, more=()):
    return t.run(*QUIET, "consume", "-t", topic, "-g", group, "--exit-at-end", *more, status=status).json()


def number(event):
    return event["data"]["user"]["id"]


def position(text):
    """"P:OFFSET" as what can be compared."""
    partition, offset = text.split(":")
    return int(partition), int(offset)


def by_position(events):
    """The events in the order of the broker. A worker promises this order for events of one key only: while an event
    is at work, those of other keys overtake a later one of its key."""
    return sorted(events, key=lambda event: position(event["position"]))


# ---- Raw messages: what others may have written ----

def framed(schema_id, body):
    return (b"\0" + schema_id.to_bytes(4, "big") + body).hex()


def headers(**changes):
    """The headers of a good login event in wire order, as kafka_raw.c takes them, with some replaced (_ for -); None
    leaves one out, a list repeats it."""
    values = {"ce_specversion": "1.0", "content_type": "application/avro", "ce_datacontenttype": "application/avro",
              "ce_type": LOGIN, "ce_id": str(uuid.uuid1()), "ce_source": "openedx/lms/web",
              "ce_time": "2026-11-23T20:00:00.123456+00:00", "ce_minorversion": "0", "sourcehost": "web-1",
              "sourcelib": "11.2.0", **changes}
    found = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                found.append(["content-type" if name == "content_type" else name, one.encode().hex()])
    return found
