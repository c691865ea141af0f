"""tests/brokers/redis_case.py - what the tests of the redis plugin share: a case with a server, events, raw entries."""
import functools
import json
import os
import sys
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
from harness import PLUGINS, SCHEMAS, test                                    # noqa: E402
from proxy import Proxy                                     # noqa: E402
from redis_server import NoServer, RedisServer              # noqa: E402

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
KEY_FIELD = "user.pii.username"
LOGIN_BODY = bytes.fromhex("f601010c666f6f626f621e626f6240666f6f2e6578616d706c650e426f6220466f6f")
QUIET = ("-o", "eventbus.audit_delivered=no", "-o", "eventbus.audit_received=no", "-o", "eventbus.audit_processed=no")


def configure(t, url, **keys):
    """The configuration, made anew: broker main is redis at this URL; keys are the plugin's own."""
    lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
    t.write(os.path.basename(t.ini), f"[eventbus]\nplugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\nproducer = main\n"
            f"consumer = main\n[broker main]\nplugin = redis\nurl = {url}\n{lines}")


def server_for(t, **server):
    """A RedisServer made with these, or a skipped test where there is none."""
    try:
        return RedisServer(**server)
    except NoServer as error:
        t.skip(str(error))


def redis_test(keys=None, **server):
    """A test of (t, redis): a server of its own, made with **server, to which the configuration leads."""
    def wrap(function):
        @functools.wraps(function)
        def run(t):
            with server_for(t, **server) as redis:
                configure(t, redis.url, **(keys or {}))
                function(t, redis)
        return test(run)
    return wrap


def proxy_test(keys=None, **server):
    """A test of (t, redis, proxy): the configuration leads to the server by the proxy."""
    def wrap(function):
        @functools.wraps(function)
        def run(t):
            with server_for(t, **server) as redis, Proxy(("127.0.0.1", redis.port)) as proxy:
                configure(t, f"redis://127.0.0.1:{proxy.port}", **(keys or {}))
                function(t, redis, proxy)
        return test(run)
    return wrap


def each_version_test(*versions, keys=None, **server):
    """One test of (t, redis) for each of these versions of the server, as redis_versions.sh knows them."""
    def wrap(function):
        for version in versions:
            @functools.wraps(function)
            def run(t, version=version):
                with server_for(t, version=version, **server) as redis:
                    configure(t, redis.url, **(keys or {}))
                    function(t, redis)
            run.__name__ = f"{function.__name__}_{version.replace('.', '_')}"
            test(run)
        return function
    return wrap


# ---- Events ----

def login(number, name="foobob"):
    return {"user": {"id": number, "is_active": True, "pii": {"username": name, "email": "e", "name": "n"}}}


def login_lines(first, last, keys=20):
    """Events first <= n < last, one a line; the key of event n is keyN, N = n modulo keys."""
    return "".join(json.dumps(login(n, f"key{n % keys}")) + "\n" for n in range(first, last))


def produce(t, topic, first, last, keys=20, status=0, more=()):
    """Sends these events and answers their receipts."""
    return t.run(*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json", "-",
                 *more, stdin=login_lines(first, last, keys), status=status, timeout=300).json()


def start_producer(t, topic, first, last, keys=20, more=()):
    """The same in the background."""
    events = t.write(f"events-{topic}-{first}", login_lines(first, last, keys))
    return t.start(*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json",
                   "--file", events, *more)


def open_producer(t, topic):
    """One that lives on: the producer, and the pipe that it reads; to be closed by the caller."""
    read, write = os.pipe()
    producer = t.start(*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json", "-",
                       stdin=read)
    os.close(read)
    return producer, os.fdopen(write, "w")


def start_worker(t, topic, group, more=(), name=None):
    """A consumer that prints what it settles, in the background; the key is taken from the data."""
    named = ("--name", name) if name else ()
    return t.start(*QUIET, "consume", "-t", topic, "-g", group, *named, *more)


def number(event):
    return event["data"]["user"]["id"]


def position(text):
    """An entry id as what can be compared."""
    first, second = text.split("-")
    return int(first), int(second)


# ---- Raw entries: what others may have written ----

def entry(body=LOGIN_BODY, **fields):
    """The fields of a good login event in wire order, with some replaced; None leaves one out."""
    values = {"type": LOGIN, "id": str(uuid.uuid1()), "source": "openedx/lms/web",
              "time": "2026-11-23T20:00:00.123456+00:00", "minorversion": "0", "sourcehost": "web-1",
              "sourcelib": "11.2.0", "event_data": body, **fields}
    return [part for name, value in values.items() if value is not None for part in (name, value)]


def add(redis, stream, *flat, entry_id="*"):
    """XADD; answers the entry id."""
    return redis.call("XADD", stream, entry_id, *flat).decode()


# ---- Looking at the processes ----

def resident(pid):
    """Bytes in memory now."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_while(worker, seconds, done=lambda: False):
    """The highest resident size within the time, or until done()."""
    peak, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and worker.running() and not done():
        peak = max(peak, resident(worker.pid))
        time.sleep(0.02)
    return peak
