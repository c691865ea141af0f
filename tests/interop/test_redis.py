"""The Python event bus and ours on one Redis: neither can tell the other from its own."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "brokers"))
from redis_case import LOGIN, LOGIN_BODY, add, entry, login, number, produce, redis_test, start_worker  # noqa: E402
from events import as_peer_metadata, cloud_event, data_of, exact, goldens   # noqa: E402
from harness import main                                    # noqa: E402
from python_service import received, redis_service          # noqa: E402

FIELDS = [b"type", b"id", b"source", b"time", b"minorversion", b"sourcehost", b"sourcelib", b"event_data"]


def take_all(t, topic, group="ours", status=0):
    return t.run("consume", "-t", topic, "-g", group, "--exit-at-end", status=status).json()


def send_goldens(t, topic, events):
    return t.run("produce", "--topic", topic, "--json", "-",
                 stdin="".join(cloud_event(golden) + "\n" for golden in events)).json()


# ---- All types ----

@redis_test()
def what_python_sends_we_receive(t, redis):
    events = goldens()
    redis_service(t, redis).produce("all", events)
    got = take_all(t, "all")
    t.equal([event["type"] for event in got], [golden["event_type"] for golden in events])
    for event, golden in zip(got, events):
        t.equal(exact(event["data"]), exact(golden["data"]), f"{golden['event_type']} {golden['variant']}")
        t.equal(as_peer_metadata(event), golden["metadata"], golden["event_type"])
    t.equal([event["position"] for event in got], [entry_id for entry_id, _ in redis.entries("all")], "the positions")
    print(f"# {len(got)} events of {len({event['type'] for event in got})} types from Python to ours")


@redis_test()
def what_we_send_python_receives(t, redis):
    events = goldens()
    receipts = send_goldens(t, "all", events)
    t.equal([receipt["position"] for receipt in receipts], [entry_id for entry_id, _ in redis.entries("all")])
    got = redis_service(t, redis).consume("all", "python", len(events))
    t.equal([event["event_type"] for event in got], [golden["event_type"] for golden in events])
    unwritable = 0
    for event, golden in zip(got, events):
        metadata = dict(event["metadata"])
        t.equal(metadata.pop("event_type"), golden["event_type"])
        t.equal(metadata, golden["metadata"], golden["event_type"])
        wanted = golden.get("peer_sees", golden["data"])
        if "unwritable" in event:                           # it reads an empty map of a setting as the class dict
            t.contains(exact(wanted), "<class 'dict'>")
            unwritable += 1
        else:
            t.equal(exact(event["data"]), exact(wanted), f"{golden['event_type']} {golden['variant']}")
    t.equal(unwritable, sum("<class 'dict'>" in exact(golden.get("peer_sees", "")) for golden in events))
    print(f"# {len(got)} events of {len({event['event_type'] for event in got})} types from ours to Python")


@redis_test()
def both_write_the_same_bytes(t, redis):
    events = goldens()
    redis_service(t, redis).produce("theirs", events)
    send_goldens(t, "ours", events)
    theirs, ours = redis.entries("theirs"), redis.entries("ours")
    t.equal(len(ours), len(events))
    for golden, (_, wanted), (_, fields) in zip(events, theirs, ours):
        t.equal([name for name, _ in fields], FIELDS, "the order of the fields")
        t.equal(fields, wanted, f"{golden['event_type']} {golden['variant']}")
        t.equal(fields[-1][1].hex(), golden["avro_hex"], "event_data")


@redis_test()
def entries_recorded_from_the_python_producer(t, redis):
    recorded = data_of("redis-entries.jsonl")
    for one in recorded:
        add(redis, "recorded", *(bytes.fromhex(part) for field in one["fields"] for part in field), entry_id=one["id"])
    got = take_all(t, "recorded")
    t.equal([event["position"] for event in got], [one["id"] for one in recorded])
    for event, one in zip(got, recorded):
        t.equal({**{name: str(event[name]) for name in one["text"]}, "time": as_peer_metadata(event)["time"]}, one["text"], one["id"])
    again = "".join(json.dumps(event) + "\n" for event in got)
    t.run("produce", "--topic", "again", "-", stdin=again)
    t.equal([fields for _, fields in redis.entries("again")], [fields for _, fields in redis.entries("recorded")],
            "read and sent again")


@redis_test()
def the_topic_prefix_is_the_same(t, redis):
    python, prefixed = redis_service(t, redis, prefix="stage"), ("-o", "eventbus.topic_prefix=stage")
    python.produce("logins", [{"event_type": LOGIN, "data": login(1)}])
    t.run(*prefixed, "produce", "--signal", LOGIN, "--topic", "logins", "--data", json.dumps(login(2)))
    t.equal(len(redis.entries("stage-logins")), 2)
    got = t.run(*prefixed, "consume", "-t", "logins", "-g", "g", "--exit-at-end").json()
    t.equal([(event["topic"], number(event)) for event in got], [("logins", 1), ("logins", 2)])
    t.equal([event["data"] for event in python.consume("logins", "p", 2)], [login(1), login(2)])


# ---- Entries as others may write them: what Python accepts, we accept, with the same outcome ----

ODD = [
    ("time with Z", {"time": "2026-11-23T20:00:00.5Z"}), ("time with -00:00", {"time": "2026-11-23T20:00:00-00:00"}),
    ("time with +0000", {"time": "2026-11-23T20:00:00.123456+0000"}),
    ("basic format", {"time": "20261123T200000+0000"}),
    ("a space for the T", {"time": "2026-11-23 20:00:00+00:00"}),
    ("nanoseconds", {"time": "2026-11-23T20:00:00.123456789+00:00"}),
    ("milliseconds", {"time": "2026-11-23T20:00:00.123+00:00"}),
    ("no zone", {"time": "2026-11-23T20:00:00"}), ("another zone", {"time": "2026-11-23T22:00:00+02:00"}),
    ("no time at all", {"time": "yesterday"}), ("an impossible day", {"time": "2026-02-30T20:00:00+00:00"}),
    ("minorversion 7", {"minorversion": "7"}), ("minorversion is a word", {"minorversion": "x"}),
    ("sourcelib of two", {"sourcelib": "1.2"}), ("sourcelib is a word", {"sourcelib": "x.y"}),
    ("no type", {"type": None}), ("an empty type", {"type": ""}),
    ("an unknown type", {"type": "org.example.nothing.v1"}),
    ("no id", {"id": None}), ("an id that is none", {"id": "17"}), ("no source", {"source": None}),
    ("no sourcehost", {"sourcehost": None}), ("no time field", {"time": None}), ("no sourcelib", {"sourcelib": None}),
    ("no minorversion", {"minorversion": None}), ("empty source", {"source": ""}), ("empty time", {"time": ""}),
    ("empty sourcelib", {"sourcelib": ""}), ("empty sourcehost", {"sourcehost": ""}), ("empty id", {"id": ""}),
    ("no body", {"body": None}), ("an empty body", {"body": b""}), ("half a body", {"body": LOGIN_BODY[:9]}),
    ("a field that nobody knows", {"shoe_size": "43"}),
]


@redis_test()
def odd_entries_fare_as_with_python(t, redis):
    for what, changes in ODD:
        add(redis, "odd", *entry(**{**changes, "sourcehost": changes.get("sourcehost", what)}))
    positions = [entry_id for entry_id, _ in redis.entries("odd")]
    peer = redis_service(t, redis).run("consume", "--topic", "odd", "--group", "python", "--timeout", 5, status=None)
    theirs, mine = received(peer), t.run("consume", "-t", "odd", "-g", "ours", "--exit-at-end", status=None).json()
    accepted = {event["position"]: event for event in mine}
    t.equal(len([line for line in peer if "error" in line]) + len(theirs), len(ODD), "what Python made of the entries")
    t.check(theirs, "Python accepts some")
    by_host = {event["metadata"]["sourcehost"]: event for event in theirs}
    told = []
    for (what, changes), entry_id in zip(ODD, positions):
        peer_event, event = by_host.get(what), accepted.get(entry_id)
        if "sourcehost" in changes:                         # both put their own host name
            t.check(event, f"{what}: ours refused it")
            continue
        if bool(peer_event) != bool(event):
            told.append(f"{what}: accepted by {'Python' if peer_event else 'ours'} only")
            continue
        if event:
            same = ["minorversion"] + [name for name in ("id", "time") if changes.get(name, "x")]
            for name in same:
                t.equal(as_peer_metadata(event)[name], peer_event["metadata"][name], f"{what}: {name}")
            t.equal(event["data"], peer_event["data"], what)
    t.equal(told, [], "entries that fare differently")


# ---- One group, two kinds of members ----

@redis_test()
def a_group_of_both_shares_the_work(t, redis):
    python = redis_service(t, redis)
    theirs = python.start("consume", "--topic", "shared", "--group", "g", "--timeout", 60, "--pause", 0.01)
    theirs.until(lambda _: redis.group("shared", "g"), what="the group")
    ours = start_worker(t, "shared", "g")
    total = 0
    for batch in range(10):
        produce(t, "shared", batch * 20, batch * 20 + 20)
        total += 20
        t.until(lambda: len(received(theirs.json())) + len(ours.json()) >= total, what="the batch")
    ours.send(15)
    ours.wait(0)
    got = sorted([event["data"]["user"]["id"] for event in received(theirs.json())] + [number(e) for e in ours.json()])
    t.equal(got, list(range(total)), "each event at one of the two, once")
    t.check(received(theirs.json()) and ours.json(), "both had some")
    t.until(lambda: redis.group("shared", "g")["pending"] == 0, what="Python, which shows an event before it acknowledges it")
    print(f"# {len(received(theirs.json()))} by Python, {len(ours.json())} by ours")


@redis_test()
def a_site_moves_from_the_python_consumer_to_ours_and_back(t, redis):
    python = redis_service(t, redis)
    produce(t, "move", 0, 10)
    first = [event["data"]["user"]["id"] for event in python.consume("move", "g", 10)]
    produce(t, "move", 10, 20)
    second = [number(event) for event in take_all(t, "move", "g")]
    produce(t, "move", 20, 30)
    third = [event["data"]["user"]["id"] for event in python.consume("move", "g", 10)]
    t.equal((first, second, third), (list(range(10)), list(range(10, 20)), list(range(20, 30))))


@redis_test()
def what_a_worker_gives_back_goes_to_the_python_consumer_that_claims(t, redis):
    """As operations.md tells it, without waiting for lag 0: check_backlog keeps the group where it is."""
    produce(t, "back", 0, 10)
    hang = f"cat >> begun; while [ ! -e {t.path('go')} ] && [ -d {t.folder} ]; do sleep 0.05; done"
    ours = start_worker(t, "back", "g", ("--exec", hang))
    t.until(lambda: os.path.exists(t.path("begun")) and t.read("begun") and redis.group("back", "g")["pending"] > 1,
            what="more than the one at work")
    ours.send(15)
    t.until(lambda: redis.call("XPENDING", "back", "g", "-", "+", 10, "eventbus-returned"), what="what is given back")
    t.write("go", "")
    ours.wait(0)
    produce(t, "back", 10, 15)
    extra = json.dumps({"check_backlog": True, "claim_msgs_older_than": 60000})
    theirs = redis_service(t, redis).consume("back", "g", 14, "--extra", extra)
    t.equal(sorted(event["data"]["user"]["id"] for event in theirs), list(range(1, 15)))
    t.equal(redis.group("back", "g")["pending"], 0)


@redis_test()
def what_a_dead_python_consumer_left_is_ours(t, redis):
    """It acknowledges after its receiver: killed in the receiver, it leaves the entry pending."""
    produce(t, "left", 0, 5)
    python = redis_service(t, redis)
    theirs = python.start("consume", "--topic", "left", "--group", "g", "--pause", 600)
    theirs.until(lambda worker: received(worker.json()))
    theirs.kill9()
    t.equal(redis.group("left", "g")["pending"], 1)
    worker = t.start("-o", "broker.main.claim_after=500ms", "consume", "-t", "left", "-g", "g")
    worker.until(lambda w: len(w.json()) == 5)
    worker.send(15)
    t.equal(sorted(number(event) for event in worker.wait(0).json()), list(range(5)))


main()
