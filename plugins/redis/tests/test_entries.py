"""Entries that others wrote: each fault is that entry's alone, and its dead letter holds what the broker held."""
import os
import sys
import uuid

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path.insert(0, os.path.join(TESTS, "brokers"))
from redis_case import LOGIN, LOGIN_BODY, add, entry, redis_test, resident  # noqa: E402
from harness import SCHEMAS, main                           # noqa: E402

MIB = 1 << 20
BAD = [
    ("no type", entry(type=None), "type"),
    ("an empty type", entry(type=""), "type"),
    ("an unknown type", entry(type="org.example.nothing.v1"), "org.example.nothing.v1"),
    ("a type of bytes that are no text", entry(type=b"\xff\xfe\x00"), "type"),
    ("no body", entry(body=None), "event_data"),
    ("an empty body", entry(body=b""), ""),
    ("half a body", entry(body=LOGIN_BODY[:9]), ""),
    ("a body with something behind it", entry(body=LOGIN_BODY + b"\x00"), ""),
    ("a body that promises 2^62 bytes", entry(body=b"\xf6\x01\x01\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), ""),
    ("text in the body that is not UTF-8", entry(body=LOGIN_BODY.replace(b"foobob", b"foo\xff\xfeb")), ""),
    ("an id that is none", entry(id="seventeen"), "id"),
    ("a time without a zone", entry(time="2026-11-23T20:00:00"), "time"),
    ("a minorversion that is a word", entry(minorversion="one"), "minorversion"),
    ("a sourcelib that is a word", entry(sourcelib="eleven"), "sourcelib"),
    ("a source that is not UTF-8", entry(source=b"openedx/\xff/web"), "source"),
    ("type twice", [*entry(), "type", LOGIN], "type"),
    ("event_data twice", [*entry(), "event_data", LOGIN_BODY], "event_data"),
    ("id twice", ["id", str(uuid.uuid1()), *entry()], "id"),
    ("a body of 1 MiB of zeros", entry(body=b"\x00" * MIB), ""),
    ("a type of 1 MiB", entry(type="t" * MIB), "type"),
    ("one field, without a name or a value", ["", ""], ""),
]


def flat(fields):
    return [part if isinstance(part, bytes) else str(part).encode() for part in fields]


@redis_test()
def each_fault_is_that_entrys_alone(t, redis):
    good = []
    for what, fields, _ in BAD:
        add(redis, "a", *fields)
        good.append(add(redis, "a", *entry(sourcehost=f"after {what}")))
    done = t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", status=1)
    t.equal([event["position"] for event in done.json()], good, "the good ones")
    letters, bad = redis.entries("a.dlq"), [one for one in redis.entries("a") if one[0] not in good]
    t.equal(len(letters), len(BAD), "dead letters")
    for (what, fields, reason), (entry_id, original), (_, letter) in zip(BAD, bad, letters):
        t.equal(flat(fields), [part for pair in original for part in pair])
        t.check(letter[:len(original)] == original, f"{what}: the letter begins as the original, in its order")
        more = dict(letter[len(original):])
        t.equal(more[b"dlq_position"].decode(), entry_id, what)
        t.contains(more[b"dlq_reason"].decode(), reason)
    t.equal(redis.group("a", "g")["pending"], 0)
    t.lacks(done.err, "foobob", "bob@foo.example")


@redis_test()
def good_entries_of_odd_looks_pass(t, redis):
    shuffled = entry()
    pairs = list(zip(shuffled[::2], shuffled[1::2]))
    add(redis, "a", *[part for pair in reversed(pairs) for part in pair])
    add(redis, "a", *entry(), "shoe_size", "43", "shoe_size", b"\xff\x00", "", "")
    add(redis, "a", *entry(source="x" * MIB))
    add(redis, "a", "padding", b"\xff" * MIB, *entry())
    got = t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()
    t.equal([event["data"]["user"]["id"] for event in got], [123] * 4)
    t.equal(len(got[2]["source"]), MIB)


@redis_test()
def an_event_of_a_mebibyte_goes_both_ways(t, redis):
    import json
    event = json.dumps({"tracking_log": {"name": "big", "timestamp": "2024-02-29T12:00:00+00:00", "data": "d" * MIB,
                                         "context": "c"}})
    t.run("produce", "--signal", "org.openedx.analytics.tracking.event.emitted.v1", "--topic", "big", "-",
          stdin="\n".join([event] * 5))
    got = t.run("consume", "-t", "big", "-g", "g", "--exit-at-end").json()
    t.equal([len(one["data"]["tracking_log"]["data"]) for one in got], [MIB] * 5)


@redis_test()
def an_unknown_field_lives_on_in_the_dead_letter(t, redis):
    add(redis, "a", *entry(), "shoe_size", "43", "shoe_size", "44")
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "exit 65", status=1)
    (_, letter), = redis.entries("a.dlq")
    t.equal([value for name, value in letter if name == b"shoe_size"], [b"43", b"44"])


@redis_test()
def a_body_of_an_older_schema(t, redis):
    """Redis tells no writer's schema. What a reader whose schema grew makes of an old body depends on what was added: a
    body that ends before the new fields is read with their defaults; never may a field be silently wrong."""
    import json
    path = os.path.join(SCHEMAS, f"{LOGIN}.avsc")
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    schema["fields"].append({"name": "reason", "type": ["null", "string"], "default": None})
    t.write(f"newer/{LOGIN}.avsc", json.dumps(schema))
    newer = ("-o", f"eventbus.schema_path={t.path('newer')}:{SCHEMAS}")
    add(redis, "old", *entry())
    done = t.run(*newer, "consume", "-t", "old", "-g", "g", "--exit-at-end", status=None)
    if done.status == 0:
        event, = done.json()
        t.equal((event["data"]["user"]["id"], event["data"]["reason"]), (123, None))
    else:
        t.equal((done.status, len(redis.entries("old.dlq"))), (1, 1), "kept whole as a dead letter")
    add(redis, "new", *entry(body=LOGIN_BODY + b"\x02\x06why"))
    event, = t.run(*newer, "consume", "-t", "new", "-g", "g", "--exit-at-end").json()
    t.equal(event["data"]["reason"], "why")
    done = t.run("consume", "-t", "new", "-g", "h", "--exit-at-end", status=1)
    t.equal(len(redis.entries("new.dlq")), 1, "a new body in an old reader: not cut silently")


@redis_test()
def two_thousand_bad_entries_cost_bounded_memory(t, redis):
    body = entry(body=b"\x01" * 20_000)
    for _ in range(20):
        redis.client().pipeline([("XADD", "a", "*", *body)] * 100)
    worker = t.start("-o", "eventbus.audit_received=no", "consume", "-t", "a", "-g", "g", "--exit-at-end")
    peak = 0
    while worker.running():
        try:
            peak = max(peak, resident(worker.pid))
        except (FileNotFoundError, IndexError, ProcessLookupError):
            break
    worker.wait(1, 300)
    t.equal(redis.call("XLEN", "a.dlq"), 2000)
    t.check(peak < 96 * MIB, f"resident {peak // MIB} MiB")
    print(f"# 2000 bad entries of 20 KB, resident at most {peak // MIB} MiB")


main()
