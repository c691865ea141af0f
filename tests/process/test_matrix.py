"""The same events through every broker that services may share, with the same output: sent, received, retried, kept as dead
letters, sent again, sought. What a broker alone does is for its plugin's tests.

EB_BROKERS names the brokers ("redis"), which make check-NAME sets; without it the test runs on the embedded one. A plugin that is a
project of its own is given by EB_BROKER_NAME, the lines of its [broker] section. The memory plugin is not among them: its
events stay within one process, and each step here is a command.
"""
import contextlib
import functools
import itertools
import json
import os
import sys
import uuid

from harness import COMMAND, PLUGINS, SCHEMAS, TOP, main, test

sys.path.insert(0, os.path.join(TOP, "tests", "brokers"))

BROKERS = os.environ.get("EB_BROKERS", "").split() or ["sqlite"]
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
# A schema registry refuses its namespace, so Kafka cannot carry it.
NOT_EVERYWHERE = "org.openedx.enterprise.subsidy.redemption-reversed.v1"
KEPT = ("id", "type", "source", "time", "minorversion", "sourcehost", "sourcelib", "data")
LETTER = ("dlqreason", "dlqclass", "dlqtopic", "dlqgroup", "dlqreceiver", "dlqattempts", "dlqposition")
KEYS = 3

_open, _numbers = contextlib.ExitStack(), itertools.count(1)


# ---- The brokers: each is started once, and answers with the lines of its [broker] section ----

def sqlite():
    return "plugin = sqlite\n"


def redis():
    from redis_server import RedisServer
    return f"plugin = redis\nurl = {_open.enter_context(RedisServer()).url}\n"


def kafka():
    from kafka_server import KafkaServer
    from registry_server import RegistryServer
    servers = [_open.enter_context(kind()) for kind in (KafkaServer, RegistryServer)]
    return (f"plugin = kafka\nbootstrap_servers = {servers[0].bootstrap}\nschema_registry = {servers[1].url}\n"
            "connect_timeout = 60s\n")                      # on a loaded machine a JVM answers later than the default


@functools.lru_cache
def lines_of(broker):
    given = os.environ.get(f"EB_BROKER_{broker}")
    return f"{given}\n" if given else globals()[broker]()


class Site:
    """A service's configuration for one broker, with names that no other test uses."""

    def __init__(self, t, broker):
        number = next(_numbers)
        self.t, self.broker, self.group = t, broker, f"g{number}"
        t.write("eventbus.ini", f"[eventbus]\nplugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\nproducer = main\nconsumer = main\n"
                f"topic_prefix = m{os.getpid()}-{number}\naudit = off\n[broker main]\n{lines_of(broker)}"
                f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = user.pii.username\n"
                f"[consume a]\ntopic = a\ngroup = {self.group}\nretry.backoff = 20ms\nretry.max = 50ms\n")

    def run(self, *words, **more):
        return self.t.run(*words, **more)

    def send(self, first, last, keys=KEYS):
        """Logins by the route; number n has the key of n modulo `keys`. Returns the receipts by number: brokers with a batch for
        each key confirm in another order."""
        sample = json.loads(self.t.run("signals", LOGIN, "--sample").out)
        ids = {str(uuid.uuid1()): n for n in range(first, last)}
        lines = [json.dumps({**sample, "id": event_id, "data": login(n, keys)}) for event_id, n in ids.items()]
        receipts = self.run("produce", "--json", "-", stdin="\n".join(lines) + "\n").json()
        self.t.equal(sorted(ids[row["id"]] for row in receipts), list(range(first, last)), "the receipts")
        return {ids[row["id"]]: row for row in receipts}

    def consume(self, *words, status=0, topic="a"):
        return self.run("consume", "-t", topic, "--exit-at-end", *words, status=status).json()

    def work(self, script, status=0):
        """The worker of the section: each event runs this script, where $n is its number and $try its attempt."""
        path = self.t.write("receive", "#!/bin/sh\ne=$(cat)\nn=${e##*'\"user\":{\"id\":'}\nn=${n%%,*}\ntry=${e##*'\"attempt\":'}\n"
                            f"try=${{try%%,*}}\n{script}\nprintf '%s\\n' \"$e\" >>{self.t.path('ran')}\n")
        os.chmod(path, 0o755)
        self.t.write("ran", "")
        self.run("consume", "a", "--exit-at-end", "--exec", path, status=status)
        return [json.loads(line) for line in self.t.read("ran").splitlines()]

    def key_of(self, event):
        """What the event came with. Redis has no key on the wire: it is that of the data, and not shown."""
        return f"key{numbers([event])[0] % KEYS}" if self.broker == "redis" else event["partitionkey"]

    def lag_is(self, group, lag):
        """Expects this lag of a group without members; None: there is no such group. NATS does not tell members, and Pulsar no
        lag while a batch is settled in part."""
        rows = self.run("groups", "-t", "a", "-g", group, "--json").json()
        self.t.equal([row["members"] for row in rows if row["members"]], [], "members")
        if self.broker == "pulsar" and lag and rows[0]["lag"] is None:
            return
        self.t.equal(sum(row["lag"] for row in rows) if rows else None, lag, f"the lag of {group}")

    def seek(self, *words, group, status=0):
        return self.run("seek", "-t", "a", "-g", group, *words, status=status)


def login(number, keys=KEYS):
    return {"user": {"id": number, "is_active": True,
                     "pii": {"username": f"key{number % keys}", "email": "ada@example.com", "name": "Ada"}}}


def numbers(events):
    return [event["data"]["user"]["id"] for event in events]


def by_key(events):
    """The numbers of each key in the order in which they came."""
    return {f"key{key}": [n for n in numbers(events) if n % KEYS == key] for key in range(KEYS)}


def in_order(first, last):
    return {f"key{key}": [n for n in range(first, last) if n % KEYS == key] for key in range(KEYS)}


def matrix(function):
    """A test of (t, site) for each broker."""
    for broker in BROKERS:
        def run(t, broker=broker):
            function(t, Site(t, broker))
        run.__name__ = f"{broker}_{function.__name__}"
        test(run)
    return function


# ---- The ways of an event ----

@matrix
def brings_every_type_as_it_was_sent_and_looking_leaves_no_trace(t, site):
    samples = [line for line in site.run("signals", "--sample").lines() if f'"type":"{NOT_EVERYWHERE}"' not in line]
    sent = [json.loads(line) for line in samples]
    t.equal(len(sent), 71, "the number of samples")
    receipts = site.run("produce", "--topic", "all", "--json", "-", stdin="\n".join(samples) + "\n").json()
    t.equal([(row["id"], row["type"], row["topic"]) for row in receipts], [(e["id"], e["type"], "all") for e in sent])
    positions = {row["id"]: row["position"] for row in receipts}
    for words in ((), ("-g", site.group), ()):
        got = {event["id"]: event for event in site.consume(*words, topic="all")}
        t.equal([[got[event["id"]][name] for name in KEPT] for event in sent], [[e[name] for name in KEPT] for e in sent],
                "the events")
        t.equal({event["id"]: event["position"] for event in got.values()}, positions, "the positions")
    t.equal(site.consume("-g", site.group, topic="all"), [], "what comes again")
    rows = site.run("groups", "-t", "all", "--json").json()
    t.equal({(row["group"], row["lag"]) for row in rows}, {(site.group, 0)}, "the groups")


@matrix
def keeps_a_groups_place_and_each_keys_order(t, site):
    site.send(0, 12)
    first = site.run("consume", "-t", "a", "-g", site.group, "-n", "5").json()
    t.equal(len(first), 5)
    site.lag_is(site.group, 7)
    rest = site.consume("-g", site.group)
    t.equal((by_key(first + rest), len(rest)), (in_order(0, 12), 7), "what came, by key")
    t.equal({site.key_of(event) for event in first + rest}, {"key0", "key1", "key2"}, "the keys")
    t.equal({event["attempt"] for event in first + rest}, {1}, "the attempts")
    site.lag_is(site.group, 0)
    t.equal(by_key(site.consume("-g", f"{site.group}-other")), in_order(0, 12), "what another group gets")
    row, = [row for row in site.run("topics", "--json").json() if row["topic"] == "a"]
    t.equal((row["events"], row["partitions"]), (12, 1), "the topic")


@matrix
def lets_new_groups_begin_where_they_are_told(t, site):
    receipts = site.send(0, 5, keys=1)                     # of one key, so that the broker has them in this order
    for number, (place, expected) in enumerate((("earliest", [0, 1, 2, 3, 4]), (receipts[3]["position"], [3, 4]),
                                                ("-1h", [0, 1, 2, 3, 4]), ("latest", []))):
        t.equal(sorted(numbers(site.consume("-g", f"{site.group}-{number}", "--from", place))), expected, f"from {place}")
    t.equal(sorted(numbers(site.consume("--from", receipts[3]["position"]))), [3, 4], "without a group")


@matrix
def tries_again_while_the_key_waits(t, site):
    site.send(0, 9)
    log = t.path("log")
    ran = site.work(f'echo "$n $try" >>{log}; [ "$n" != 3 ] || [ "$try" = 3 ] || exit 1')
    tried = [line.split() for line in t.read("log").splitlines()]
    t.equal([(n, attempt) for n, attempt in tried if int(n) % KEYS == 0],
            [("0", "1"), ("3", "1"), ("3", "2"), ("3", "3"), ("6", "1")], "the attempts of the key of event 3")
    t.equal(by_key(ran), in_order(0, 9), "what was done, by key")
    site.lag_is(site.group, 0)


@matrix
def keeps_dead_letters_and_sends_them_again(t, site):
    receipts = site.send(0, 6)
    t.configure("[consume a]\nretry.attempts = 2\n")
    ran = site.work('case $n in 1) exit 65;; 4) echo "no room" >&2; exit 1;; esac', status=1)
    t.equal(sorted(numbers(ran)), [0, 2, 3, 5])
    letters = sorted(site.consume(topic="a.dlq"), key=lambda letter: letter["data"]["user"]["id"])
    t.equal([[letter[name] for name in LETTER] for letter in letters],
            [["exit status 65", "permanent", "a", site.group, "exec", 1, receipts[1]["position"]],
             ["exit status 1", "retriable", "a", site.group, "exec", 2, receipts[4]["position"]]])
    t.equal([(site.key_of(letter), letter["data"], letter["id"]) for letter in letters],
            [("key1", login(n), receipts[n]["id"]) for n in (1, 4)])
    site.lag_is(site.group, 0)
    again = ("-g", f"{site.group}-again", "--exec", f"{COMMAND} produce --topic a -")
    for _ in range(2):                                      # the group remembers which ones were sent
        site.consume(*again, topic="a.dlq")
    site.lag_is(site.group, 2)
    repaired = site.work("true")
    t.equal([(n, site.key_of(event), event["id"]) for n, event in zip(numbers(repaired), repaired)],
            [(n, "key1", receipts[n]["id"]) for n in (1, 4)])


@matrix
def moves_a_group_or_refuses(t, site):
    receipts = site.send(0, 5, keys=1)                     # of one key, so that the broker has them in this order
    group = site.group
    t.equal(len(site.consume("-g", group)), 5)
    for place, lag in ((receipts[3]["position"], 2), ("earliest", 5), ("latest", 0), ("-1h", 5), ("2999-01-01", 0)):
        t.contains(site.seek("--to", place, "--dry-run", group=group).out, f"topic a, group {group}", "would be moved from")
        site.lag_is(group, 0)
        t.contains(site.seek("--to", place, group=group).out, f"topic a, group {group}", "moved from")
        site.lag_is(group, lag)
        t.equal(sorted(numbers(site.consume("-g", group))), list(range(5 - lag, 5)), f"what comes after a seek to {place}")
    for words in (["--to", "earliest"], ["--to", "earliest", "--dry-run"]):
        t.contains(site.seek(*words, group="nobody", status=2).err, "has no group nobody", "nothing was made")
    site.lag_is("nobody", None)
    site.seek("--to", receipts[4]["position"], "--create", group=f"{group}-new")
    t.equal(numbers(site.consume("-g", f"{group}-new")), [4])


@matrix
def makes_and_removes_topics_and_groups(t, site):
    t.contains(site.run("topics", "create", "-t", "a").out, "topic a: made, with 1 partition")
    t.contains(site.run("topics", "create", "-t", "a").out, "topic a: exists already, with 1 partition")
    site.send(0, 3)
    site.consume("-g", site.group)
    site.run("consume", "-t", "a", "-g", f"{site.group}-late", "-n", "1")
    t.contains(site.run("topics", "delete", "-t", "a", status=2).err, f"group {site.group}-late: lag 2", "is not removed")
    t.contains(site.run("groups", "delete", "-t", "a", "-g", f"{site.group}-late").out, "removed at", "lag 2")
    told = site.run("topics", "delete", "-t", "a").out
    t.equal(told.replace("an unknown number of live", "0 live"),
            f"topic a: removed, with 3 events\ntopic a, group {site.group}: removed, lag 0, 0 live members\n")
    t.equal([row for row in site.run("topics", "--json").json() if row["topic"] == "a"], [])


with _open:
    main()
