"""tests/process/test_signals.py - eventbus signals: the event types, their fields, schemas and samples."""
import datetime
import json
import os
import uuid

from harness import SCHEMAS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
THING = json.dumps({"name": "CloudEvent", "type": "record", "namespace": "org.example.thing.changed.v1",
                    "fields": [{"name": "what", "type": "string"}]})


def installed():
    return sorted(name[:-5] for name in os.listdir(SCHEMAS) if name.endswith(".avsc"))


@test
def all_types_are_listed(t):
    t.equal(t.run("signals").lines(), installed())
    t.equal([row["type"] for row in t.run("signals", "--json").json()], installed())


@test
def the_fields_of_one(t):
    lines = [line.split() for line in t.run("signals", LOGIN).lines()]
    t.check(["user.pii.username", "string"] in lines, lines)
    row = t.run("signals", LOGIN, "--json").json()[0]
    t.equal(row["type"], LOGIN)
    t.check({"path": "user.id", "type": "long", "optional": False} in row["fields"], row)


@test
def its_schema_is_the_files(t):
    with open(os.path.join(SCHEMAS, f"{LOGIN}.avsc"), encoding="utf-8") as file:
        t.equal(t.run("signals", LOGIN, "--schema").json(), [json.load(file)])


@test
def a_sample_of_every_type_is_a_whole_event(t):
    samples = t.run("signals", "--sample").json()
    t.equal([sample["type"] for sample in samples], installed())
    for sample in samples:
        t.equal(sample["specversion"], "1.0")
        t.check(uuid.UUID(sample["id"]).version == 1, sample["id"])
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(sample["time"])
        t.check(abs(age.total_seconds()) < 600, sample["time"])
        t.check(sample["data"], "no data")


@test
def samples_can_be_encoded_and_come_back(t):
    for sample in t.run("signals", "--sample").json():
        data = json.dumps(sample["data"])
        avro = t.run("schema", "encode", "--signal", sample["type"], stdin=data).bytes
        back = t.run("schema", "decode", "--signal", sample["type"], stdin=avro).json()
        t.equal(back, [sample["data"]], sample["type"])


@test
def the_same_sample_data_each_time_but_a_new_id(t):
    first, second = (t.run("signals", LOGIN, "--sample").json()[0] for _ in range(2))
    t.equal(first["data"], second["data"])
    t.check(first["id"] != second["id"], "the same id twice")


@test
def the_source_is_the_configured_service(t):
    sample = t.run("signals", LOGIN, "--sample", "-o", "eventbus.service=lms").json()[0]
    t.equal(sample["source"], "openedx/lms/web")


@test
def a_schema_dropped_into_a_folder_is_a_signal(t):
    folder = os.path.dirname(t.write("mine/org.example.thing.changed.v1.avsc", THING))
    words = ["signals", "-o", f"eventbus.schema_path={folder}:{SCHEMAS}"]
    t.check("org.example.thing.changed.v1" in t.run(*words).lines(), "not listed")
    t.equal(list(t.run(*words, "org.example.thing.changed.v1", "--sample").json()[0]["data"]), ["what"])


@test
def a_broken_schema_file_is_named(t):
    folder = os.path.dirname(t.write("mine/org.example.thing.changed.v1.avsc", "{"))
    done = t.run("signals", "-o", f"eventbus.schema_path={folder}", status=4)
    t.contains(done.err, "org.example.thing.changed.v1.avsc")


@test
def an_unknown_type_is_2_with_the_nearest(t):
    t.contains(t.run("signals", LOGIN.replace("login", "lgin"), status=2).err, LOGIN)


@test
def what_excludes_each_other(t):
    t.contains(t.run("signals", "--sample", "--schema", status=2).err, "exclude each other")


main()
