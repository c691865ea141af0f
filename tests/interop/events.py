"""tests/interop/events.py - the goldens as both sides take them, and what makes two events the same."""
import json
import os
from datetime import datetime

from harness import TOP

TIMES = ("2026-11-23T20:00:00.123456+00:00", "2026-11-23T20:00:00+00:00", "2026-01-01T00:00:00.000001+00:00",
         "1999-12-31T23:59:59.999999+00:00", "2026-11-23T20:00:00.500000+00:00")


def data_of(name):
    with open(os.path.join(TOP, "tests", "data", name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def goldens():
    """Each golden with metadata of its own, as peer.py takes it."""
    events = []
    for n, golden in enumerate(data_of("goldens.jsonl")):
        golden["metadata"] = {"id": f"{n:08x}-e77e-11f1-aaa2-02fc00000001", "time": TIMES[n % len(TIMES)],
                              "source": f"openedx/сервис{n % 3}/web", "sourcehost": f"host-{n}",
                              "sourcelib": [11, 2, n], "minorversion": n % 2}
        events.append(golden)
    return events


def cloud_event(golden):
    """The same event as `eventbus produce` takes it."""
    metadata = golden["metadata"]
    return json.dumps({"specversion": "1.0", "type": golden["event_type"], **metadata,
                       "sourcelib": ".".join(map(str, metadata["sourcelib"])), "data": golden["data"]})


def exact(value):
    """Tells 1 from 1.0 from true, and -0.0 from 0.0; the order of an object's members is nobody's promise."""
    return json.dumps(value, sort_keys=True)


def as_peer_metadata(event):
    """A CloudEvent of ours with the names and forms of the Python side."""
    return {**{name: event[name] for name in ("id", "source", "sourcehost", "minorversion")},
            "time": datetime.fromisoformat(event["time"]).isoformat(),      # without microseconds where they are 0
            "sourcelib": [int(part) for part in event["sourcelib"].split(".")]}


def key_field_of(schema):
    """A key field that both sides accept: the first text or number that is there in every event."""
    def first(fields, path):
        for field in fields:
            kind, here = field["type"], [*path, field["name"]]
            if kind in ("string", "long"):
                return here
            found = first(kind["fields"], here) if isinstance(kind, dict) and kind["type"] == "record" else None
            if found:
                return found
        return None

    return ".".join(first(json.loads(schema)["fields"], []))


def at_path(data, path):
    for name in path.split("."):
        data = data[name]
    return data
