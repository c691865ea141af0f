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


def with_bad_schema(t):
    """Options with a folder of schemas before the others that holds one good and one bad file."""
    t.write("mine/org.example.thing.changed.v1.avsc", THING)
    t.write(f"mine/{LOGIN}.avsc", "{")
    return "-o", f"eventbus.schema_path={t.path('mine')}:{SCHEMAS}"


@test
def a_bad_schema_file_leaves_out_its_type_alone(t):
    words = with_bad_schema(t)
    for verb in (["signals"], ["topics"], ["groups"], ["consume", "-t", "a", "--exit-at-end"],
                 ["produce", "--topic", "a", "--signal", "org.example.thing.changed.v1", "--data", '{"what":"x"}']):
        done = t.run(*words, *verb)
        t.equal(done.err.count(f"{LOGIN}.avsc"), 1, f"{verb}: {done.err}")
    listed = t.run(*words, "signals").lines()
    t.check("org.example.thing.changed.v1" in listed and LOGIN not in listed, "what is listed")
    t.contains(t.run(*words, "signals", LOGIN, status=4).err, "cannot be used", f"{LOGIN}.avsc")
    t.contains(t.run(*words, "config", "check", status=4).err, f"{LOGIN}.avsc")


@test
def a_route_of_a_type_whose_schema_is_bad_stops_no_other(t):
    words = with_bad_schema(t)
    t.write("routes.ini", f"[route one]\nevent = {LOGIN}\ntopic = logins\nkey_field =\n"
            "[route two]\nevent = org.example.thing.changed.v1\ntopic = things\nkey_field =\n")
    done = t.run(*words, "-c", t.ini, "-c", t.path("routes.ini"), "produce", "--json", "--signal",
                 "org.example.thing.changed.v1", "--data", '{"what":"x"}')
    t.equal(done.json()[0]["topic"], "things")
    t.contains(done.err, "routes.ini:2: [route one] sends nothing")
    t.run(*words, "-c", t.ini, "-c", t.path("routes.ini"), "config", "check", status=4)


@test
def an_event_whose_schema_is_bad_is_a_dead_letter_whatever_on_unknown_says(t):
    t.run("produce", "--topic", "a", "-", stdin=t.run("signals", LOGIN, "--sample").out)
    words = with_bad_schema(t)
    t.run(*words, "-o", "consume.w.topic=a", "-o", "consume.w.group=g", "-o", "consume.w.on_unknown=skip", "consume", "w",
          "--exit-at-end", status=1)
    letter, = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    t.contains(letter["dlqreason"], f"{LOGIN}.avsc")


@test
def a_byte_order_mark_before_the_first_event_is_no_part_of_it(t):
    sample = t.run("signals", LOGIN, "--sample").out
    t.run("produce", "--topic", "a", "-", stdin="\ufeff" + sample)
    t.run("produce", "--topic", "a", "--file", t.write("events", "\ufeff" + sample))
    t.equal(len(t.run("consume", "-t", "a", "--exit-at-end").json()), 2)


@test
def an_unknown_type_is_2_with_the_nearest(t):
    t.contains(t.run("signals", LOGIN.replace("login", "lgin"), status=2).err, LOGIN)


@test
def what_excludes_each_other(t):
    t.contains(t.run("signals", "--sample", "--schema", status=2).err, "exclude each other")


main()
