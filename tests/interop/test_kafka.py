"""The Python event bus and ours on one Kafka with one schema registry: neither can tell the other from its own."""
import json
import os
import subprocess
import sys
from datetime import datetime

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "brokers"))
from kafka_case import HEADERS, KEY_FIELD, LOGIN, by_position, kafka_test, login, number, position, produce, \
    start_worker, take_all                                                # noqa: E402
from harness import PATIENCE, main                          # noqa: E402
from events import as_peer_metadata, at_path, cloud_event, data_of, exact, goldens, key_field_of  # noqa: E402
from python_service import PythonService, received          # noqa: E402
from registry_server import RegistryServer                  # noqa: E402

REFUSED = "org.openedx.enterprise.subsidy.redemption-reversed.v1"     # "-" in a namespace: no registry takes it


RECORDED_KEYS = {
    "org.openedx.learning.auth.session.login.completed.v1": "user.pii.username",
    "org.openedx.content_authoring.course.catalog_info.changed.v1": "catalog_info.course_key",
    "org.openedx.content_authoring.xblock.published.v1": "xblock_info.usage_key",
    "org.openedx.content_authoring.xblock.duplicated.v1": "xblock_info.usage_key",
    "org.openedx.learning.certificate.created.v1": "certificate.course.course_key",
    "org.openedx.learning.program.certificate.awarded.v1": "program_certificate.program.uuid",
    "org.openedx.learning.exam.attempt.submitted.v1": "exam_attempt.student_user.id",
    "org.openedx.authz.role_assignment.created": "role_assignment.operation",
    "org.openedx.learning.user.notification.requested.v1": "notification_data.course_key",
    "org.openedx.learning.course.unenrollment.completed.v1": "enrollment.user.id",
    "org.openedx.learning.idv_attempt.approved.v1": "idv_attempt.attempt_id",
}


def python(t, site, **more):
    return PythonService(t, "kafka", {"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": site.kafka.bootstrap,
                                      "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": site.registry.url,
                                      "EVENT_BUS_TOPIC_PREFIX": site.prefix, **more})


def keyed(events):
    for event in events:
        event["key_field"] = key_field_of(event["schema"])
    return events


def allowed(events):
    return [event for event in events if event["event_type"] != REFUSED]


def route_all(t, topic, events):
    """A route for each type, which tells its key field."""
    fields = {event["event_type"]: event["key_field"] for event in events}
    for n, (event_type, key_field) in enumerate(sorted(fields.items())):
        t.configure(f"[route r{n}]\nevent = {event_type}\ntopic = {topic}\nkey_field = {key_field}\nenabled = yes\n")


def send_by_routes(t, events, status=0):
    return t.run("produce", "--json", "-", stdin="".join(cloud_event(event) + "\n" for event in events), status=status,
                 timeout=300)


def place(message):
    return f"{message['partition']}:{message['offset']}"


def in_order_of(positions, messages):
    """The messages of a dump in the order of these receipts."""
    by_place = {place(message): message for message in messages}
    return [by_place[one] for one in positions]


# ---- All types ----

@kafka_test()
def what_python_sends_we_receive(t, site):
    events = allowed(keyed(goldens()))
    python(t, site).produce("all", events)
    got = by_position(take_all(t, "all", site.group()))
    t.equal([event["position"] for event in got], [f"0:{n}" for n in range(len(events))], "the positions")
    # Their producer is not idempotent: while a topic is made on a slow machine, what it sends again may come to stand
    # behind what it sent later. So it is matched by id.
    by_id = {event["id"]: event for event in got}
    t.equal(sorted(by_id), sorted(golden["metadata"]["id"] for golden in events))
    got = [by_id[golden["metadata"]["id"]] for golden in events]
    t.equal([event["type"] for event in got], [golden["event_type"] for golden in events])
    for event, golden in zip(got, events):
        t.equal(exact(event["data"]), exact(golden["data"]), f"{golden['event_type']} {golden['variant']}")
        t.equal(as_peer_metadata(event), golden["metadata"], golden["event_type"])
        key = at_path(golden["data"], golden["key_field"])
        t.equal(event["partitionkey"], key if isinstance(key, str) else json.dumps(key), golden["event_type"])
    print(f"# {len(got)} events of {len({event['type'] for event in got})} types from Python to ours")


@kafka_test()
def what_we_send_python_receives(t, site):
    events = allowed(keyed(goldens()))
    route_all(t, "all", events)
    receipts = send_by_routes(t, events).json()
    t.equal([receipt["position"] for receipt in receipts], [f"0:{n}" for n in range(len(events))])
    got = python(t, site).consume("all", site.group(), len(events))
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


@kafka_test()
def both_write_the_same_bytes_to_the_same_partitions(t, site):
    events = allowed(keyed(goldens()))
    for topic in ("theirs", "ours"):
        site.kafka.create(site.full(topic), 8)
    python(t, site).produce("theirs", events)
    route_all(t, "ours", events)
    receipts = send_by_routes(t, events).json()
    t.equal(sorted(receipt["id"] for receipt in receipts), [golden["metadata"]["id"] for golden in events])

    def by_id(topic):
        return {bytes.fromhex(dict(one["headers"])["ce_id"]).decode(): one for one in site.dump(topic)}

    theirs, ours = by_id("theirs"), by_id("ours")
    t.equal(len(ours), len(events))
    schemas = {"theirs": {}, "ours": {}}
    for topic, found in schemas.items():
        for subject, texts in site.registry.schemas(site.full(topic) + "-").items():
            found[subject.removeprefix(site.full(topic))] = texts
    t.equal(schemas["ours"], schemas["theirs"], "subjects and their schemas")
    t.check(len(schemas["ours"]) > 70, f"only {len(schemas['ours'])} subjects")
    for golden in events:
        wanted, got = theirs[golden["metadata"]["id"]], ours[golden["metadata"]["id"]]
        what = f"{golden['event_type']} {golden['variant']}"
        t.equal([name for name, _ in got["headers"]], list(HEADERS), f"{what}: the order of the headers")
        for part in ("headers", "key", "value", "partition"):
            t.equal(got[part], wanted[part], f"{what}: {part}")
        t.equal(got["value"][10:], golden["avro_hex"], f"{what}: the value behind its frame")
    print(f"# {len(events)} messages the same in headers, key, value and partition; {len(schemas['ours'])} subjects too")


@kafka_test()
def what_the_registry_refuses_is_a_clear_error_on_both_sides(t, site):
    refused = [event for event in keyed(goldens()) if event["event_type"] == REFUSED]
    good = {"event_type": LOGIN, "data": login(1), "metadata": goldens()[0]["metadata"], "key_field": KEY_FIELD}
    told = python(t, site).produce("theirs", [refused[0], good], status=1)
    t.check(any("error" in line for line in told), "Python says nothing")
    route_all(t, "ours", [*refused, good])
    done = send_by_routes(t, [*refused, good], status=1)
    t.equal([receipt["id"] for receipt in done.json()], [good["metadata"]["id"]], "the others are sent")
    t.contains(done.err, "422", "42201", REFUSED, "schema registry")


@kafka_test()
def messages_recorded_from_the_python_producer(t, site):
    recorded = data_of("kafka-messages.jsonl")
    messages = [one for one in recorded if "subject" not in one]
    messages = [one for one in messages if one["text"]["ce_type"] != REFUSED]
    known = {one["id"]: one for one in recorded if "subject" in one}

    def framed_anew(hexed):
        """Under the id that this registry gives to the recorded one's schema."""
        schema = known[int(hexed[2:10], 16)]
        number = site.register(schema["subject"].replace(messages[0]["topic"], site.full("recorded")), schema["schema"])
        return f"00{number:08x}{hexed[10:]}"

    sent = [{"partition": 0, "key": framed_anew(one["key"]), "value": framed_anew(one["value"]),
             "headers": one["headers"]} for one in messages]
    places = site.send("recorded", *sent)
    got = by_position(take_all(t, "recorded", site.group()))
    t.equal([event["position"] for event in got], places)
    for event, one in zip(got, messages):
        for name, header in (("id", "ce_id"), ("source", "ce_source"), ("type", "ce_type"),
                             ("sourcehost", "sourcehost"), ("sourcelib", "sourcelib")):
            t.equal(event[name], one["text"][header], f"{one['offset']}: {name}")
        t.equal(datetime.fromisoformat(event["time"]), datetime.fromisoformat(one["text"]["ce_time"]))
    route_all(t, "again", [{"event_type": kind, "key_field": field} for kind, field in RECORDED_KEYS.items()])
    t.run("produce", "-", stdin="".join(json.dumps(event) + "\n" for event in got))
    for one, wanted in zip(site.dump("again"), sent):
        t.equal({name: one[name] for name in wanted}, wanted, "read and sent again")


@kafka_test()
def kcat_shows_the_same_for_both(t, site):
    event = {"event_type": LOGIN, "data": login(7, "zoë"), "metadata": goldens()[0]["metadata"],
             "key_field": KEY_FIELD}
    python(t, site).produce("theirs", [event])
    t.run("produce", "--topic", "ours", "--key-field", KEY_FIELD, "-", stdin=cloud_event(event))

    def shown(topic):
        form = r"%h|%K|%k|%S|%s\n"
        ran = subprocess.run(["kcat", "-C", "-e", "-q", "-b", site.kafka.bootstrap, "-t", site.full(topic), "-o",
                              "beginning", "-f", form], capture_output=True, timeout=PATIENCE, check=True)
        return ran.stdout

    t.equal(shown("ours"), shown("theirs"))
    t.contains(shown("ours").decode("utf-8", "replace"), "ce_specversion=1.0,content-type=application/avro,", "zoë")


@kafka_test(own_registry=lambda: RegistryServer(basic=("the-key", "hush-hush")),
            keys={"schema_registry_key": "the-key", "schema_registry_secret": "hush-hush"})
def a_registry_with_a_password(t, site):
    service = python(t, site, EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY="the-key",
                     EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET="hush-hush")
    service.produce("a", [{"event_type": LOGIN, "data": login(1), "key_field": KEY_FIELD}])
    produce(t, "a", 2, 3)
    t.equal([number(event) for event in take_all(t, "a", site.group())], [1, 2])
    t.equal([event["data"]["user"]["id"] for event in service.consume("a", site.group("p"), 2)], [1, 2])
    t.lacks(t.run("config", "show").out, "hush-hush")


# ---- One group, two kinds of members ----

@kafka_test(keys={"assignment": "eager", "rdkafka_session_timeout_ms": "6000"})
def a_group_of_both_shares_the_partitions(t, site):
    site.kafka.create(site.full("shared"), 4)
    service = python(t, site)
    theirs = service.start("consume", "--topic", "shared", "--group", site.group(), "--timeout", 120)
    t.until(lambda: members(site), what="the Python member", timeout=90)
    ours = start_worker(t, "shared", site.group())
    rows = t.until(lambda: shared_by_two(site), what="the group of two", timeout=90)
    t.equal(len(rows), 4)
    produce(t, "shared", 0, 200, keys=40)
    t.until(lambda: len(received(theirs.json())) + len(ours.json()) >= 200, what="the events")
    ours.send(15)
    ours.wait(0)
    got = sorted([event["data"]["user"]["id"] for event in received(theirs.json())] +
                 [number(event) for event in ours.json()])
    t.equal(got, list(range(200)), "each event at one of the two, once")
    t.check(received(theirs.json()) and ours.json(), "both had some")
    print(f"# {len(received(theirs.json()))} by Python, {len(ours.json())} by ours")


def shared_by_two(site):
    """Kafka's own view: {member: partitions} when two members have partitions."""
    members = {}
    for line in site.kafka.tool("groups", "--describe", "--group", site.group()).splitlines():
        columns = line.split()
        if len(columns) >= 7 and columns[0] == site.group() and columns[6] != "-":
            members.setdefault(columns[6], []).append(int(columns[2]))
    return [partition for found in members.values() for partition in found] if len(members) == 2 else None


def members(site):
    """The lines of Kafka's own tool for members that have partitions."""
    lines = site.kafka.tool("groups", "--describe", "--members", "--group", site.group()).splitlines()
    return [line for line in lines if line.startswith(site.group()) and line.split()[-1] != "0"]


@kafka_test(keys={"rdkafka_session_timeout_ms": "6000"})
def a_mixed_group_that_cannot_be_says_why(t, site):
    site.kafka.create(site.full("mixed"), 2)
    theirs = python(t, site).start("consume", "--new", "--topic", "mixed", "--group", site.group(), "--timeout", 120)
    t.until(lambda: members(site), what="the Python member", timeout=90)
    ours = start_worker(t, "mixed", site.group())
    t.until(lambda: "assignment = eager" in ours.err, what="the advice")
    t.check(theirs.running(), "the Python member lives")


@kafka_test(keys={"assignment": "eager"})
def a_site_moves_from_the_python_consumer_to_ours_and_back(t, site):
    service = python(t, site)
    produce(t, "move", 0, 10)
    first = [event["data"]["user"]["id"] for event in service.consume("move", site.group(), 10)]
    produce(t, "move", 10, 20)
    second = [number(event) for event in take_all(t, "move", site.group())]
    produce(t, "move", 20, 30)
    third = [event["data"]["user"]["id"] for event in service.consume("move", site.group(), 10)]
    t.equal((first, second, third), (list(range(10)), list(range(10, 20)), list(range(20, 30))))


@kafka_test(keys={"assignment": "eager", "rdkafka_session_timeout_ms": "6000"})
def what_a_dead_python_consumer_left_is_ours(t, site):
    """It commits after its receiver: killed in the receiver, it leaves the message uncommitted."""
    produce(t, "left", 0, 5)
    theirs = python(t, site).start("consume", "--topic", "left", "--group", site.group(), "--pause", 600)
    theirs.until(lambda worker: received(worker.json()))
    theirs.kill9()
    worker = start_worker(t, "left", site.group())
    worker.until(lambda w: len(w.json()) == 5, timeout=120)
    worker.send(15)
    t.equal(sorted(number(event) for event in worker.wait(0).json()), list(range(5)))
    t.check(position("0:4") > position("0:3"), "positions compare")


main()
