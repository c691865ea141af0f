"""eventbus produce: what is sent, what is refused, and what the exit status says."""
import json
import os

from harness import main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
GOOD = {"user": {"id": 1, "is_active": True, "pii": {"username": "u", "email": "e@x.example", "name": "n"}}}
ROUTE = f"[route login]\nevent = {LOGIN}\ntopic = user-login\nkey_field = user.pii.username\n"


def count(t, topic):
    return sum(row["events"] for row in t.run("topics", "--json").json() if row["topic"] == topic)


@test
def a_broken_line_is_named_and_the_others_are_sent(t):
    lines = "\n".join([json.dumps(GOOD), '{"user": ', json.dumps(GOOD), ""])
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "-", stdin=lines, status=1)
    t.contains(done.err, "standard input:2")
    t.equal(count(t, "a"), 2)


@test
def a_line_may_be_six_times_its_event(t):
    """A control character has six bytes in JSON: the line is longer than any event may be, the event is not."""
    event = {"user": {"id": 1, "is_active": True, "pii": {"username": "u", "email": "e", "name": (11 << 20) * "\x01"}}}
    t.run("-q", "produce", "--signal", LOGIN, "--topic", "a", "-", stdin=json.dumps(event))
    t.equal(count(t, "a"), 1)


@test
def a_file_that_is_not_there_is_named(t):
    done = t.run("produce", "--topic", "a", "--file", t.path("none.jsonl"), status=2)
    t.contains(done.err, "none.jsonl", "No such file")


@test
def wrong_types_are_told_by_path(t):
    bad = json.loads(json.dumps(GOOD))
    bad["user"]["pii"]["email"] = 7
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps(bad), status=4)
    t.contains(done.err, "data.user.pii.email: expected string, found number")
    t.lacks(done.err, "u@x")


@test
def unknown_types_get_the_nearest_name(t):
    done = t.run("produce", "--signal", LOGIN.replace("login", "logn"), "--topic", "a", "--data", json.dumps(GOOD), status=2)
    t.contains(done.err, LOGIN)
    event = t.run("signals", LOGIN, "--sample").json()[0]
    event["type"] = LOGIN.replace("login", "logn")
    done = t.run("produce", "--topic", "a", "-", stdin=json.dumps(event), status=4)
    t.contains(done.err, "standard input:1", LOGIN)


@test
def without_a_route_it_counts_as_not_sent(t):
    sample = t.run("signals", LOGIN, "--sample")
    done = t.run("produce", "-", stdin=sample.bytes, status=1)
    t.contains(done.err, "no route", LOGIN)


@test
def routes_decide_where_no_topic_is_given(t):
    t.configure(ROUTE)
    receipt, = t.run("produce", "--signal", LOGIN, "--data", json.dumps(GOOD), "--json").json()
    t.equal(receipt["topic"], "user-login")
    t.equal(t.run("consume", "-t", "user-login", "-n", "1").json()[0]["partitionkey"], "u")


@test
def a_later_file_switches_a_route_off(t):
    t.configure(ROUTE)
    off = t.write("off.ini", "[route login]\nenabled = no\n")
    t.run("-c", t.ini, "-c", off, "produce", "--signal", LOGIN, "--data", json.dumps(GOOD), status=1)


@test
def routes_are_checked_before_anything_is_sent(t):
    t.configure(ROUTE.replace("user.pii.username", "user.pii.nick"))
    done = t.run("produce", "--signal", LOGIN, "--data", json.dumps(GOOD), status=2)
    t.matches(done.err, r"eventbus\.ini:\d+: .*user\.pii\.nick")


@test
def keys_that_are_personal_are_not_in_the_log(t):
    t.configure(ROUTE)
    secret = json.loads(json.dumps(GOOD))
    secret["user"]["pii"]["username"] = "very-private-name"
    done = t.run("produce", "--signal", LOGIN, "--data", json.dumps(secret))
    t.contains(done.err, "delivered")
    t.lacks(done.err, "very-private-name", "e@x.example")
    t.matches(done.err, r"key=[0-9a-f]{8}\b")


@test
def no_broker_to_be_reached_is_told_and_nothing_is_lost(t):
    t.configure("[eventbus]\nproducer = main\n[broker main]\nplugin = sqlite\npath = /proc/nowhere/bus.db\n")
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps(GOOD), status=3)
    t.contains(done.err, "/proc/nowhere")


@test
def what_is_given_up_is_told_in_one_line_with_its_cause(t):
    done = t.run("produce", "--signal", LOGIN, "--topic", "x" * 1000, "--data", json.dumps(GOOD), "-n", "3", status=4)
    kept = [json.loads(line)["id"] for line in t.read("state/undelivered.jsonl").splitlines()]
    t.equal(len(kept), 3)
    lines = done.err.splitlines()
    t.equal([sum(event in line for line in lines) for event in kept], [1, 1, 1], "the lines that name each event")
    t.equal(sum("not delivered: cannot be stored: " in line for line in lines), 3, "the lines with the cause")
    t.contains(lines[-1], "3 event(s) were not delivered and are kept in ")


@test
def a_signal_while_waiting_for_input_drains_and_ends(t):
    reader, writer = os.pipe()
    worker = t.start("produce", "--signal", LOGIN, "--topic", "a", "--json", "-", stdin=reader)
    os.write(writer, (json.dumps(GOOD) + "\n").encode())
    worker.until(lambda w: len(w.json()) == 1)
    worker.send(15)
    worker.wait(0)
    os.close(writer)
    os.close(reader)


@test
def misuse_is_told(t):
    for words in (("produce", "--data", "{}"), ("produce", "-n", "3"), ("produce", "--key-field", "x"),
                  ("produce", "--data", "{}", "--file", "x"), ("produce", "what")):
        t.contains(t.run(*words, status=2).err, "eventbus")


main()
