"""tests/test_messages.py - messages to and from Pulsar's own Python client."""
import json
import os
import subprocess

import pulsar_files
from harness import PATIENCE, SIGNAL, bus_of, check, equal, event, test

HERE = os.path.dirname(os.path.abspath(__file__))
TIME = "2026-11-23T20:00:00.123456+00:00"
SENT = {"specversion": "1.0", "type": SIGNAL, "id": "00000001-e77e-11f1-aaa2-02fc00000001", "source": "openedx/trial/web",
        "time": TIME, "minorversion": 0, "sourcehost": "host-1", "sourcelib": "11.2.0",
        "data": event("ключ", -3, "a\x00ü")}
# The record by Avro's rules: each text with its length before it, numbers in zigzag.
PAYLOAD = "10" + "ключ".encode().hex() + "05" + "08" + "6100c3bc"
PROPERTIES = {"ce-specversion": "1.0", "ce-type": SIGNAL, "ce-id": SENT["id"], "ce-source": SENT["source"], "ce-time": TIME,
              "ce-minorversion": "0", "ce-sourcehost": "host-1", "ce-sourcelib": "11.2.0", "content-type": "application/avro"}
EVENT_TIME = 1795464000123


def peer(server, verb, *words, text=""):
    ran = subprocess.run([pulsar_files.python(), os.path.join(HERE, "python_peer.py"), verb, server.url, *map(str, words)],
                         input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)
    equal(ran.returncode, 0, f"the Python client's status: {ran.stderr}")
    return [json.loads(line) for line in ran.stdout.splitlines()]


@test
def the_python_client_reads_what_was_sent(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "to-python")
    receipt, = bus.run("produce", "--topic", "to-python", "--key-field", "item.key", "--json", "-",
                       text=json.dumps(SENT) + "\n").lines()
    equal(receipt["id"], SENT["id"], "the receipt's id")
    got, = peer(server, "receive", "to-python", "python", 1)
    equal(got["payload"], PAYLOAD, "the payload")
    equal(got["key"], "ключ", "the key")
    equal(got["event_time"], EVENT_TIME, "the event time")
    own = {name: value for name, value in got["properties"].items() if not name.startswith("eb-")}
    equal(own, PROPERTIES, "the properties")


@test
def what_the_python_client_sends_is_read(server):
    bus = bus_of(server)
    message = {"payload": PAYLOAD, "properties": {**PROPERTIES, "x-more": "é"}, "key": "ключ"}
    others = [{**message, "properties": {**PROPERTIES, "ce-id": f"{n:08x}-e77e-11f1-aaa2-02fc00000001"}} for n in range(2, 12)]
    bus.run("topics", "create", "-t", "from-python")
    peer(server, "send", "from-python", text="".join(json.dumps(one) + "\n" for one in [message, *others]))
    got = bus.consume("from-python", "ours")
    equal(len(got), 11, "the number of events")
    for name in ("id", "type", "source", "time", "minorversion", "sourcehost", "sourcelib", "data"):
        equal(got[0][name], SENT[name], name)
    equal(got[0]["partitionkey"], "ключ", "the key")
    equal(bus.groups("from-python", "ours")[0]["lag"], 0, "the lag")
    equal(bus.consume("from-python", "ours"), [], "what comes again")


@test
def a_foreign_message_becomes_a_dead_letter_and_others_pass(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "foreign")
    good = {"payload": PAYLOAD, "properties": PROPERTIES, "key": "k"}
    bad = [{"payload": "ffff", "properties": PROPERTIES, "key": "k"}, {"payload": PAYLOAD, "properties": {}, "key": "k"},
           {"payload": "", "properties": {"ce-type": SIGNAL, "eb-pack": "99"}, "key": "k"}]
    peer(server, "send", "foreign", text="".join(json.dumps(one) + "\n" for one in [bad[0], good, *bad[1:], good]))
    done = bus.run("consume", "-t", "foreign", "-g", "ours", "--exit-at-end", status=1)
    equal(len(done.lines()), 2, "the events that were read")
    topics = {row["topic"]: row for row in bus.run("topics", "--json").lines()}
    check("foreign.dlq" in topics, f"there is no topic for dead letters: {done.err}")
    equal(server.topic("foreign.dlq", "/retention")["retentionTimeInMinutes"], 7 * 24 * 60, "minutes that dead letters are kept")
    equal(bus.groups("foreign", "ours")[0]["lag"], 0, "the lag")
