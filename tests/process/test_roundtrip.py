"""What is produced is consumed: data, ids and times of every event type."""
import json

from harness import main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
KEPT = ("id", "type", "source", "time", "minorversion", "sourcehost", "sourcelib", "data")


def login(number, name="foobob"):
    return {"user": {"id": number, "is_active": True,
                     "pii": {"username": name, "email": "bob@foo.example", "name": "Bob Foo"}}}


@test
def all_types_come_back_as_they_were_sent(t):
    samples = t.run("signals", "--sample")
    sent = samples.json()
    t.equal(len(sent), 72, "the number of samples")
    receipts = t.run("produce", "--topic", "samples", "--json", "-", stdin=samples.bytes).json()
    t.equal([receipt["id"] for receipt in receipts], [event["id"] for event in sent], "the receipts' ids")
    got = t.run("consume", "-t", "samples", "-g", "g", "--exit-at-end").json()
    t.equal([{name: event[name] for name in KEPT} for event in got],
            [{name: event[name] for name in KEPT} for event in sent], "the events")
    t.equal([event["position"] for event in got], [receipt["position"] for receipt in receipts], "the positions")


@test
def each_type_alone_as_in_the_manual(t):
    for event_type in t.run("signals").lines()[:size(6, 72)]:
        sample = t.run("signals", event_type, "--sample")
        topic = f"samples-{event_type}"
        t.run("produce", "--topic", topic, "-", stdin=sample.bytes)
        got = t.run("consume", "-t", topic, "-g", "g", "--exit-at-end").json()
        t.equal([got[0][name] for name in KEPT], [sample.json()[0][name] for name in KEPT], event_type)


@test
def bare_data_gets_metadata_of_its_own(t):
    t.run("-o", "eventbus.service=lms", "produce", "--signal", LOGIN, "--topic", "logins", "--key-field",
          "user.pii.username", "--data", json.dumps(login(7)))
    event, = t.run("consume", "-t", "logins", "-g", "g", "-n", "1").json()
    t.equal(event["source"], "openedx/lms/web")
    t.equal(event["sourcelib"], "11.2.0")
    t.equal(event["partitionkey"], "foobob")
    t.equal(event["attempt"], 1)
    t.equal(event["topic"], "logins")
    t.equal(event["data"], login(7))
    t.matches(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")
    t.matches(event["id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


@test
def what_consume_prints_produce_takes(t):
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username", "-n", "5",
          "--data", json.dumps(login(7)))
    recording = t.run("consume", "-t", "a", "--exit-at-end")
    t.run("produce", "--topic", "b", "-", stdin=recording.bytes)
    copy = t.run("consume", "-t", "b", "--exit-at-end").json()
    t.equal([event["id"] for event in copy], [event["id"] for event in recording.json()])
    t.equal({event["partitionkey"] for event in copy}, {"foobob"}, "the key of the first sending")


@test
def repeated_events_have_ids_of_their_own(t):
    receipts = t.run("produce", "--signal", LOGIN, "--topic", "a", "-n", "100", "--data", json.dumps(login(7)), "--json")
    t.equal(len({receipt["id"] for receipt in receipts.json()}), 100)
    t.equal([int(receipt["position"]) for receipt in receipts.json()], list(range(1, 101)))


@test
def looking_leaves_no_trace(t):
    t.run("produce", "--signal", LOGIN, "--topic", "a", "-n", "10", "--data", json.dumps(login(7)))
    for _ in range(2):
        t.equal(len(t.run("consume", "-t", "a", "--exit-at-end").json()), 10)
    t.equal(len(t.run("consume", "-t", "a", "--from", "4", "-n", "3").json()), 3)
    t.equal(t.run("consume", "-t", "a", "--from", "4", "-n", "1").json()[0]["position"], "4")
    t.equal(t.run("groups", "--json").json(), [])


@test
def looking_follows_what_is_added(t):
    looker = t.start("consume", "-t", "a")
    looker.until("waiting for it")
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps(login(1)))
    looker.until(lambda worker: len(worker.json()) == 1)
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps(login(2)))
    looker.until(lambda worker: len(worker.json()) == 2)
    looker.send(15)
    looker.wait(0)


@test
def a_prefix_is_of_the_broker_only(t):
    prefixed = ("-o", "eventbus.topic_prefix=prod")
    t.run(*prefixed, "produce", "--signal", LOGIN, "--topic", "logins", "--data", json.dumps(login(7)))
    t.equal(t.run(*prefixed, "topics", "--json").json()[0]["topic"], "logins")
    t.equal(t.run("topics", "--json").json()[0]["topic"], "prod-logins")
    t.equal(t.run(*prefixed, "consume", "-t", "logins", "-g", "g", "-n", "1").json()[0]["topic"], "logins")


main()
