"""tests/process/test_schema.py - eventbus schema: may a schema follow another; data to Avro bytes and back."""
import json
import os

from harness import COMMAND, SCHEMAS, main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
DATA = '{"user":{"id":123,"is_active":true,"pii":{"username":"foobob","email":"bob@foo.example","name":"Bob Foo"}}}'
BYTES = "f601010c666f6f626f621e626f6240666f6f2e6578616d706c650e426f6220466f6f"


def schema(*fields):
    return json.dumps({"name": "CloudEvent", "type": "record", "namespace": "org.example.thing.changed.v1",
                       "fields": [{"name": name, "type": kind} for name, kind in fields]})


def user(*fields):
    return {"name": "User", "type": "record", "fields": [{"name": name, "type": kind} for name, kind in fields]}


@test
def encode_and_decode_one_event_in_hex(t):
    t.equal(t.run("schema", "encode", "--signal", LOGIN, "--hex", stdin=DATA + "\n").out, BYTES + "\n")
    t.equal(t.run("schema", "decode", "--signal", LOGIN, "--hex", stdin=BYTES + "\n").out, DATA + "\n")


@test
def bytes_stand_one_behind_the_other_on_a_pipe(t):
    count = size(3000, 100000)
    given = "".join(DATA.replace("foobob", f"user{i}").replace("Bob Foo", "ö" * (i % 500)) + "\n"
                    for i in range(count))
    avro = t.run("schema", "encode", "--signal", LOGIN, stdin=given).bytes
    t.check(avro.startswith(bytes.fromhex("f60101")), avro[:20])
    back = t.run("schema", "decode", "--signal", LOGIN, stdin=avro)
    t.check(back.out == given, "what came back differs")


@test
def a_pipe_gets_each_event_as_soon_as_it_is_whole(t):
    given, taken = os.pipe(), os.pipe()
    worker = t.start("-c", f'exec "{COMMAND}" schema decode --signal {LOGIN} >&{taken[1]}', command="/bin/sh",
                     stdin=given[0], pass_fds=[taken[1]])
    os.close(taken[1])
    body = bytes.fromhex(BYTES)
    os.write(given[1], body + body[:5])             # the second one is not whole yet
    t.equal(os.read(taken[0], 4096).decode(), DATA + "\n")
    os.write(given[1], body[5:])
    t.equal(os.read(taken[0], 4096).decode(), DATA + "\n")
    os.close(given[1])
    worker.wait()


@test
def a_wrong_line_is_named_and_the_others_go_on(t):
    lines = [DATA, "{", "", DATA.replace("123", "true"), DATA.replace('"pii"', '"ppi"'), DATA]
    done = t.run("schema", "encode", "--hex", "--signal", LOGIN, stdin="\n".join(lines), status=1)
    t.equal(done.lines(), [BYTES, BYTES])
    told = done.err.splitlines()
    t.equal(len(told), 3, "lines told")
    for line, parts in zip(told, (["input:2: "], ["input:4: data.user.id: expected", "found"], ["input:5: ", "ppi"])):
        t.contains(line, *parts)


@test
def nothing_right_is_4(t):
    t.run("schema", "encode", "--signal", LOGIN, stdin="{}\n[]\n", status=4)
    t.run("schema", "decode", "--hex", "--signal", LOGIN, stdin="f6\nxy\nabc\n", status=4)


@test
def wrong_hex_is_told_by_place(t):
    done = t.run("schema", "decode", "--hex", "--signal", LOGIN, stdin=f"{BYTES}\nf60z\nf60\n", status=1)
    t.contains(done.err, "input:2: character 4 is not a hex digit", "input:3: an odd number of hex digits")
    t.equal(done.out, DATA + "\n")


@test
def torn_bytes_are_told_by_place(t):
    body = bytes.fromhex(BYTES)
    done = t.run("schema", "decode", "--signal", LOGIN, stdin=body + body[:20], status=1)
    t.equal(done.out, DATA + "\n")
    t.contains(done.err, f"event 2, at byte {len(body)}")
    t.run("schema", "decode", "--signal", LOGIN, stdin=b"\xff" * 200, status=4)


@test
def errors_show_no_personal_data(t):
    done = t.run("schema", "encode", "--signal", LOGIN, stdin=DATA.replace('"foobob"', "17"), status=4)
    t.contains(done.err, "data.user.pii.username: expected string, found number")
    t.lacks(done.err, "bob@foo", "Bob Foo")


@test
def no_input_is_no_event(t):
    for verb in ("encode", "decode"):
        t.equal(t.run("schema", verb, "--signal", LOGIN).bytes, b"")


@test
def an_unknown_signal_is_2_with_the_nearest(t):
    done = t.run("schema", "encode", "--signal", LOGIN.replace("login", "logn"), status=2)
    t.contains(done.err, LOGIN)
    t.contains(t.run("schema", "decode", status=2).err, "--signal TYPE is missing")


@test
def a_new_top_level_field_may_come(t):
    old = t.write("old.avsc", schema(("a", "string")))
    new = t.write("new.avsc", schema(("a", "string"), ("b", {"type": "array", "items": "long"})))
    t.equal(t.run("schema", "check", old, old).out, "")
    t.run("schema", "check", old, new, status=None)


@test
def what_breaks_the_rules_is_named_and_4(t):
    old = t.write("old.avsc", schema(("a", "string"), ("user", user(("id", "long")))))
    for name, fields in (
        ("a", [("user", user(("id", "long")))]),
        ("a", [("a", "long"), ("user", user(("id", "long")))]),
        ("email", [("a", "string"), ("user", user(("id", "long"), ("email", "string")))]),
    ):
        done = t.run("schema", "check", old, t.write("new.avsc", schema(*fields)), status=4)
        t.contains(done.out, name)


@test
def schema_files_that_cannot_be_read(t):
    old = t.write("old.avsc", schema(("a", "string")))
    t.contains(t.run("schema", "check", old, t.write("new.avsc", "{"), status=4).err, "new.avsc")
    done = t.run("schema", "check", old, "nowhere.avsc", status=None)
    t.check(done.status != 0, "a file that is not there")
    t.contains(done.err, "nowhere.avsc", "No such file")


@test
def every_schema_may_follow_itself(t):
    names = sorted(os.listdir(SCHEMAS))
    t.check(len([name for name in names if name.endswith(".avsc")]) >= 72, "hardly any schemas")
    for name in names[:size(10, 1000)]:
        if name.endswith(".avsc"):
            file = os.path.join(SCHEMAS, name)
            t.run("schema", "check", file, file)


main()
