"""Entries that others wrote: each fault is that entry's alone, and its dead letter holds what the broker held."""
import json
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
    ("a body of 1 MiB of ones", entry(body=b"\xff" * MIB), ""),
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
def an_entry_with_many_fields_fits_as_a_dead_letter(t, redis):
    counts = (121, 1000, 1500)
    for count in counts:
        add(redis, "a", *entry(), *(part for n in range(count) for part in (f"f{n}", str(n))))
    add(redis, "a", *entry())
    done = t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "exit 65", status=1)
    letters = [dict(letter) for _, letter in redis.entries("a.dlq")]
    t.equal([sum(name.startswith(b"f") for name in letter) for letter in letters], [121, 1000, 1000, 0])
    t.equal([letter[b"event_data"] for letter in letters], [LOGIN_BODY] * 4)
    t.contains(letters[2][b"dlq_reason"].decode(), "more than 1000 fields")
    t.equal(["dlq_truncated" in str(letter) for letter in letters], [False] * 4, "nothing is left out")
    t.lacks(done.err, "handed back")
    again = t.run("consume", "-t", "a.dlq", "-g", "again", "--exit-at-end", "--exec", "exit 65", status=1)
    t.equal(redis.call("XLEN", "a.dlq.dlq"), 4, "a dead letter is given up as well")
    t.lacks(again.err, "is refused")


def login_schema(*more):
    """The schema of login events with more fields: name and Avro type, null by default."""
    with open(os.path.join(SCHEMAS, f"{LOGIN}.avsc"), encoding="utf-8") as file:
        schema = json.load(file)
    schema["fields"] += [{"name": name, "type": ["null", kind], "default": None} for name, kind in more]
    return json.dumps(schema)


def all_data(t, topic, group, *words):
    done = t.run(*words, "consume", "-t", topic, "-g", group, "--exit-at-end")
    return [event["data"] for event in done.json()], done.err


@redis_test()
def earlier_versions_of_a_schema_read_what_they_wrote(t, redis):
    """Redis tells no writer's schema: bodies of three versions stand in one stream."""
    t.write(f"mine/{LOGIN}.avsc", login_schema(("reason", "string"), ("tries", "long")))
    t.write(f"mine/history/{LOGIN}.1.avsc", login_schema())
    t.write(f"mine/history/{LOGIN}.2.avsc", "\ufeff" + login_schema(("reason", "string")))
    mine = ("-o", f"eventbus.schema_path={t.path('mine')}:{SCHEMAS}")
    for more in (b"", b"\x02\x06why", b"\x02\x06why\x02\x0e"):
        add(redis, "old", *entry(body=LOGIN_BODY + more))
    got, err = all_data(t, "old", "g", *mine)
    t.equal([(one["user"]["id"], one["reason"], one["tries"]) for one in got], [(123, None, None), (123, "why", None), (123, "why", 7)])
    t.lacks(err, "schema")
    t.equal(len(t.run(*mine, "consume", "-t", "old", "--exit-at-end").json()), 3, "looking is the same")
    t.run(*mine, "config", "check")


@redis_test()
def without_the_earlier_version_its_body_is_a_dead_letter(t, redis):
    t.write(f"mine/{LOGIN}.avsc", login_schema(("reason", "string")))
    add(redis, "old", *entry())
    t.run("-o", f"eventbus.schema_path={t.path('mine')}:{SCHEMAS}", "consume", "-t", "old", "-g", "g", "--exit-at-end", status=1)
    (_, letter), = redis.entries("old.dlq")
    t.contains(dict(letter)[b"dlq_reason"].decode(), "ends inside a number")


@redis_test()
def a_newer_body_is_read_by_what_an_older_worker_knows_of_it(t, redis):
    for _ in range(3):
        add(redis, "new", *entry(body=LOGIN_BODY + b"\x02\x06why"))
    got, err = all_data(t, "new", "g")
    t.equal([one["user"]["id"] for one in got], [123] * 3)
    t.equal(err.count(f"events of {LOGIN} hold more than the schema here knows"), 1)


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
