"""bindings/python/tests/test_openedx_kafka.py - a Django site on Kafka with a schema registry, and the Python event bus on the other
side: one event of each signal."""
import json

from django_case import SEND, consume, run, site, wire
from events import exact, goldens, key_field_of
from harness import TOP, main
from kafka_case import kafka_test
from python_service import PythonService

REFUSED = "org.openedx.enterprise.subsidy.redemption-reversed.v1"     # "-" in a namespace: no registry takes it


def settings(kafka):
    return {"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": kafka.kafka.bootstrap, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": kafka.registry.url,
            "EVENT_BUS_TOPIC_PREFIX": kafka.prefix}


def events_of_each_type():
    return [golden for golden in goldens() if golden["variant"] == "full" and golden["event_type"] != REFUSED]


@kafka_test()
def our_producer_writes_what_theirs_writes(t, kafka):
    """The same headers, keys and values, but for the ids of schemas of keys, which each topic has its own of."""
    events = events_of_each_type()
    lines = "".join(json.dumps(wire(golden)) + "\n" for golden in events)
    site(t, **settings(kafka))
    run(t, SEND, f"{TOP}/tests/interop", "ours", stdin=lines)
    PythonService(t, "kafka", settings(kafka)).produce("theirs", [wire(golden) for golden in events])
    ours, theirs = (by_id(kafka.dump(topic)) for topic in ("ours", "theirs"))
    t.equal(len(ours), len(events))
    for golden in events:
        mine, wanted = (messages[golden["metadata"]["id"]] for messages in (ours, theirs))
        t.equal(mine["headers"], wanted["headers"], golden["event_type"])
        t.equal((mine["value"][:2], mine["value"][10:]), (wanted["value"][:2], wanted["value"][10:]), golden["event_type"])
        t.equal((mine["key"][:2], mine["key"][10:]), (wanted["key"][:2], wanted["key"][10:]), golden["event_type"])


def by_id(messages):
    return {bytes.fromhex(value).decode(): message for message in messages for name, value in message["headers"] if name == "ce_id"}


@kafka_test()
def what_they_send_we_receive_and_what_we_send_they_receive(t, kafka):
    events = events_of_each_type()
    python = PythonService(t, "kafka", settings(kafka))
    for golden in events:
        golden["key_field"] = key_field_of(golden["schema"])
    python.produce("all", [{**wire(golden), "key_field": golden["key_field"]} for golden in events])
    site(t, **settings(kafka))
    got = {one["metadata"]["id"]: one for one in consume(t, "all", kafka.group(), '{"exit_at_end": true}')}
    for golden in events:
        t.equal(exact(got[golden["metadata"]["id"]]["data"]), exact(golden["data"]), golden["event_type"])
    run(t, "send(1); send(2)")
    back = python.consume("logins", kafka.group("python"), 2)
    t.equal([one["data"]["user"]["id"] for one in back], [1, 2])


main()
