"""Events that could not be delivered: none is lost on its way into undelivered.jsonl, there, and out of it again, whoever is
killed and whoever else reads or writes the file."""
import base64
import collections
import fcntl
import json
import os
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import main, size, test                        # noqa: E402

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
DATA = {"user": {"id": 1, "is_active": True, "pii": {"username": "u", "email": "e@x.example", "name": "n"}}}
REFUSED = "x" * 1000                                        # a topic that sqlite refuses for good
FILE = "state/undelivered.jsonl"


def event(topic="a", key=None, **more):
    whole = {"specversion": "1.0", "type": LOGIN, "id": str(uuid.uuid1()), "source": "openedx/lms/web",
             "time": "2026-11-23T20:00:00+00:00", "minorversion": 0, "sourcehost": "h", "sourcelib": "11.2.0",
             "datacontenttype": "application/json", "topic": topic, "partitionkey": key, "data": DATA, **more}
    return {name: value for name, value in whole.items() if value is not None}


def keep(t, *lines, name=FILE):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return t.write(name, text)


def kept(t, name=FILE):
    return [json.loads(line) for line in t.read(name).splitlines()]


def refuse(t, count=1):
    return ("produce", "--signal", LOGIN, "--topic", REFUSED, "--data", json.dumps(DATA), "-n", count)


def stored(t, topic):
    return t.run("consume", "-t", topic, "--exit-at-end", "-o", "eventbus.audit_received=no").json()


def left(t):
    """What is beside the file, but for the lock."""
    return sorted(name for name in os.listdir(t.state) if name.startswith("undelivered") and not name.endswith(".lock"))


# ---- Out of the file ----

@test
def each_line_goes_to_the_topic_that_it_names_with_its_key(t):
    first, second = event("a", "k1"), event("b")
    keep(t, first, second)
    done = t.run("produce", "--undelivered", "--json")
    t.equal([(row["id"], row["topic"]) for row in done.json()], [(first["id"], "a"), (second["id"], "b")])
    t.contains(done.err, "2 sent again, 0 kept")
    t.equal([(row["id"], row["partitionkey"], row["time"]) for row in stored(t, "a")],
            [(first["id"], "k1", "2026-11-23T20:00:00.000000+00:00")])
    t.equal([row.get("partitionkey") for row in stored(t, "b")], [None])
    t.equal(left(t), [])
    t.contains(t.run("produce", "--undelivered").err, "nothing to send")


@test
def what_fails_stays_in_the_file_with_its_reason_in_the_log(t):
    lines = [event(REFUSED), event("a"), event("a", type=LOGIN.replace("login", "logn")), event(None)]
    keep(t, *lines)
    done = t.run("produce", "--undelivered", status=1)
    t.contains(done.err, f"event_id={lines[0]['id']}", "not delivered", "jsonl:3: ", "jsonl:4: ", "names no topic",
               "1 sent again, 3 kept")
    t.equal(kept(t), [lines[0], *lines[2:]], "the lines that are kept, as they were")
    t.equal([row["id"] for row in stored(t, "a")], [lines[1]["id"]])


@test
def each_line_is_sent_with_its_send_id_and_keeps_it(t):
    """The broker may have stored what a line holds: it can tell by the send id. Lines of earlier versions have none."""
    plugin = t.compile_fake_broker()
    t.configure(f"[eventbus]\nproducer = m\n[broker m]\nplugin = {plugin}\ntalks = yes\n")
    lines = [event(sendid="before-1"), event()]
    for report, status in (("permanent", 3), ("retriable", 3), ("works", 0)):
        keep(t, *lines)
        given_up = ("-o", "eventbus.delivery_timeout=100ms") if report == "retriable" else ()
        done = t.run("produce", "--undelivered", *given_up, "-o", f"broker.m.report={report}", status=status)
        t.contains(done.err, f"submitted {lines[0]['id']} as send before-1")
        if report != "retriable":                           # the first one shows that the broker is away
            t.matches(done.err, f"submitted {lines[1]['id']} as send [0-9a-f]{{24}}-[0-9a-f]+")
        if report != "works":
            t.equal(kept(t), lines)
    done = t.run("produce", "-", stdin="".join(json.dumps(line) + "\n" for line in lines), status=1)
    t.contains(done.err, "no route")
    done = t.run("produce", "--topic", "a", "-", stdin=json.dumps(lines[0]))
    t.contains(done.err, f"submitted {lines[0]['id']} as send ")
    t.lacks(done.err, "before-1", "a copy that is sent without --undelivered is another send")


@test
def a_send_id_that_cannot_be_one_is_refused_and_the_line_stays(t):
    lines = [event(sendid="with blank"), event(sendid="x" * 65), event(sendid="\u00e9"), event(sendid="")]
    keep(t, *lines, event("b", sendid=7))
    done = t.run("produce", "--undelivered", status=1)
    t.contains(done.err, "jsonl:1: sendid: expected 1 to 64 printable characters", "jsonl:4: ", "1 sent again, 4 kept")
    t.equal(kept(t), lines)


@test
def what_could_not_be_delivered_is_kept_with_its_send_id(t):
    plugin = t.compile_fake_broker()
    t.configure(f"[eventbus]\nproducer = m\n[broker m]\nplugin = {plugin}\ntalks = yes\nreport = permanent\n")
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps(DATA), "-n", "2", status=3)
    for line in kept(t):
        t.contains(done.err, f"submitted {line['id']} as send {line['sendid']}")


@test
def what_is_no_whole_event_is_put_aside_and_named(t):
    good, glued, last = event(), event(), event()
    half = json.dumps(event())[:-40]
    keep(t, half, good, half + json.dumps(glued), json.dumps(last), "\0\0\0")
    done = t.run("produce", "--undelivered", status=1)
    t.contains(done.err, "jsonl:1: ", "jsonl:3: ", "jsonl:5: ", f"{len(half)} bytes that are no whole event",
               "3 sent again, 0 kept, 3 put aside")
    t.equal({row["id"] for row in stored(t, "a")}, {good["id"], glued["id"], last["id"]})
    t.equal(t.read(FILE + ".torn").splitlines(), [half, half, "\0\0\0"])
    t.equal(left(t), ["undelivered.jsonl.torn"])


@test
def a_file_can_be_named_and_one_that_is_not_there_is_refused(t):
    line = event()
    path = keep(t, line, name="again.jsonl")
    t.run("produce", "--undelivered", path)
    t.equal([row["id"] for row in stored(t, "a")], [line["id"]])
    t.check(not os.path.exists(path), "the file is gone when all of it was sent")
    t.contains(t.run("produce", "--undelivered", t.path("none.jsonl"), status=2).err, "none.jsonl")
    for words in (("--topic", "a"), ("--signal", LOGIN), ("-n", "2"), ("-",)):
        t.run("produce", "--undelivered", *words, status=2)


@test
def behind_a_link_the_file_itself_is_taken(t):
    keep(t, event(), name="far/real.jsonl")
    os.symlink(t.path("far/real.jsonl"), t.path("link.jsonl"))
    t.run("produce", "--undelivered", t.path("link.jsonl"))
    t.equal(len(stored(t, "a")), 1)
    t.check(os.path.islink(t.path("link.jsonl")) and not os.path.exists(t.path("far/real.jsonl")), "the file behind the link")


@test
def a_broker_that_is_away_changes_nothing(t):
    lines = [event(), event()]
    keep(t, *lines)
    t.configure("[eventbus]\nproducer = main\n[broker main]\nplugin = sqlite\npath = /proc/nowhere/bus.db\n")
    t.contains(t.run("produce", "--undelivered", "-o", "broker.main.connect_timeout=200ms", status=3).err, "/proc/nowhere")
    t.equal(kept(t), lines)
    t.equal(left(t), ["undelivered.jsonl"])


@test
def a_killed_run_loses_nothing_and_the_next_one_goes_on(t):
    count = size(3000, 100000)
    lines = [event("a", f"k{n % 7}") for n in range(count)]
    keep(t, *lines)
    run = t.start("produce", "--undelivered", "--json", "-o", "eventbus.audit_delivered=no")
    run.until(lambda w: len(w.lines()) > 0)
    run.kill9()
    delivered = len(run.lines())
    late = event("a", "late")
    with open(t.path(FILE), "a", encoding="utf-8") as file:     # a service that goes on
        file.write(json.dumps(late) + "\n")
    again = t.run("produce", "--undelivered", "-o", "eventbus.audit_delivered=no")
    got = collections.Counter(row["id"] for row in stored(t, "a"))
    t.equal(set(got), {line["id"] for line in lines} | {late["id"]}, "the events that were stored")
    repeats = sum(got.values()) - len(got)
    t.check(repeats <= count - delivered, f"{repeats} repeats of {count} events, of which {delivered} had a receipt")
    t.equal(left(t), [])
    sent = int(t.matches(again.err, r"(\d+) sent again").group(1))
    t.check(sent <= count + 1 - delivered, f"{sent} were sent again, though {delivered} had a receipt")


@test
def only_one_run_sends_a_file_at_a_time(t):
    keep(t, event())
    with open(t.path(FILE + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        t.contains(t.run("produce", "--undelivered", status=3).err, "another process is sending", FILE)
    t.run("produce", "--undelivered")


@test
def services_that_add_while_it_is_sent_lose_nothing(t):
    adders, each = 3, size(20, 300)
    keep(t, event(REFUSED))
    running = [t.start(*refuse(t, each)) for _ in range(adders)]
    rounds = 0
    while any(adder.running() for adder in running) or rounds == 0:
        t.run("produce", "--undelivered", status=None)
        rounds += 1
    for adder in running:
        adder.wait(None)
    t.run("produce", "--undelivered", status=None)
    ids = [line["id"] for line in kept(t)]
    t.equal(len(ids), len(set(ids)), "no line twice")
    t.equal(len(ids), adders * each + 1, f"the lines after {rounds} rounds")


# ---- Into the file ----

@test
def a_writer_that_waited_while_the_file_was_moved_writes_into_the_new_one(t):
    old = event()
    path = keep(t, old)
    with open(path, "r+", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = t.start(*refuse(t))
        inode = f":{os.stat(path).st_ino} "
        t.until(lambda: any("->" in line and inode in line for line in open("/proc/locks", encoding="ascii")),
                what="the writer to wait for the lock")
        os.rename(path, t.path("moved.jsonl"))
        fcntl.flock(held, fcntl.LOCK_UN)
        writer.wait(4)
    t.equal(kept(t, "moved.jsonl"), [old])
    t.equal([line["topic"] for line in kept(t)], [REFUSED])


@test
def half_a_line_does_not_take_in_the_next_event(t):
    half = json.dumps(event())[:100]
    t.write(FILE, half)
    t.run(*refuse(t, 2), status=4)
    lines = t.read(FILE).splitlines()
    t.equal(lines[0], half)
    t.equal([json.loads(line)["topic"] for line in lines[1:]], [REFUSED, REFUSED])


@test
def produce_reads_the_file_that_it_adds_to_only_once(t):
    lines = [event() for _ in range(300)]                   # far more than is read at once
    for words, given in ((("--file", t.path(FILE)), None), (("-",), FILE)):
        keep(t, *lines)
        with open(t.path(given or FILE), "rb") as stdin:
            run = t.start("produce", "-o", "eventbus.queue_messages=10", "--topic", REFUSED, *words, stdin=stdin)
            run.wait(4)
        t.equal(len(kept(t)), 600, f"the lines that were there, and each as kept again, after {words}")
        t.contains(run.err, "eventbus produce --undelivered also")


AWAY = ("-o", "broker.main.connect_timeout=100ms")


def away(t, more=""):
    t.configure(f"[eventbus]\nproducer = main\n[broker main]\nplugin = sqlite\npath = /proc/nowhere/bus.db\n{more}")


@test
def an_event_for_a_broker_that_is_away_at_the_start_is_kept(t):
    away(t)
    done = t.run(*AWAY, *refuse(t)[:-2], status=3)
    t.contains(done.err, "/proc/nowhere")
    t.equal([(line["topic"], line["data"]) for line in kept(t)], [(REFUSED, DATA)])
    t.equal(len(done.err.splitlines()), 1, f"one line says all of it: {done.err}")
    t.contains(done.err, kept(t)[0]["id"], "kept for `eventbus produce --undelivered`")
    os.remove(t.path(FILE))
    words = ("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username")
    done = t.run(*AWAY, *words, "-", stdin="\n".join([json.dumps(DATA)] * 3), status=3)
    t.contains(done.err, "what follows line 1 was not read", "kept for `eventbus produce --undelivered`")
    t.equal([(line["partitionkey"], line["partitionkeyfield"]) for line in kept(t)], [("u", "user.pii.username")])
    done = t.run(*AWAY, *words, "-", stdin=json.dumps(DATA), status=3)
    t.lacks(done.err, "was not read")
    done = t.run(*AWAY, *words, "--data", json.dumps(DATA), "-n", "5", status=3)
    t.contains(done.err, "4 of 5 events were not made")
    t.equal(len(kept(t)), 3)


@test
def nor_is_one_lost_that_goes_by_routes(t):
    away(t, f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = user.pii.username\n[route b]\nevent = {LOGIN}\ntopic = b\nkey_field =\n")
    t.run(*AWAY, "produce", "--signal", LOGIN, "--data", json.dumps(DATA), status=3)
    t.equal([(line["topic"], line.get("partitionkey")) for line in kept(t)], [("a", "u"), ("b", None)])
    again = t.write("again.ini", f"[broker main]\npath = {t.path('bus.db')}\n")
    t.contains(t.run("-c", t.ini, "-c", again, "produce", "--undelivered").err, "2 sent again, 0 kept")


@test
def one_that_cannot_be_kept_either_is_named(t):
    away(t)
    os.mkdir(t.path(FILE))
    done = t.run(*AWAY, *refuse(t)[:-2], status=3)
    t.contains(done.err, "is not kept in undelivered.jsonl either", "1 event(s) are lost")


@test
def nor_does_it_go_round_through_a_pipe(t):
    keep(t, *(event() for _ in range(300)))
    cat = subprocess.Popen(["cat", t.path(FILE)], stdout=subprocess.PIPE)
    run = t.start("produce", "-o", "eventbus.queue_messages=10", "--topic", REFUSED, "-", stdin=cat.stdout)
    cat.stdout.close()
    run.wait(4)
    cat.wait()
    t.check(600 <= len(kept(t)) < 900, f"{len(kept(t))} lines of 300, each given up once")
    t.contains(run.err, "was given up by this very run")


# ---- As it was ----

@test
def keys_come_back_byte_for_byte(t):
    keys = [b"plain", b"", b"with\0zero", b"\xff\xfe", "d\u00e9j\u00e0".encode(), b"\x1b[31m\x01"]
    lines = [event("a", partitionkeybase64=base64.b64encode(key).decode()) for key in keys]
    keep(t, *lines)
    t.run("produce", "--undelivered")
    recorded = stored(t, "a")
    t.equal([row.get("partitionkeybase64") for row in recorded],
            [None, None, *(base64.b64encode(key).decode() for key in keys[2:4]), None, None])
    t.equal([row.get("partitionkey") for row in recorded], ["plain", "", None, None, "d\u00e9j\u00e0", "\x1b[31m\x01"])
    t.run("produce", "--topic", "b", "-", stdin="\n".join(map(json.dumps, recorded)))
    again = stored(t, "b")
    for name in ("partitionkey", "partitionkeybase64", "id", "time", "data"):
        t.equal([row.get(name) for row in again], [row.get(name) for row in recorded], name)
    t.run("produce", "--topic", REFUSED, "-", stdin="\n".join(map(json.dumps, recorded)), status=4)
    for name in ("partitionkey", "partitionkeybase64"):
        t.equal([row.get(name) for row in kept(t)], [row.get(name) for row in recorded], f"{name} in the file")


GRADES = "org.openedx.learning.course.persistent_grade_summary.changed.v1"


@test
def numbers_that_are_not_finite_are_refused_of_a_sender_and_sent_again_of_a_broker(t):
    sample, = t.run("signals", GRADES, "--sample").json()
    names = [name for name, value in sample["data"]["grade"].items() if isinstance(value, float)]
    t.check(names, f"a double in {sample['data']}")
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = json.dumps({"grade": {**sample["data"]["grade"], names[0]: "HERE"}}).replace('"HERE"', number)
        done = t.run("produce", "--signal", GRADES, "--topic", "a", "--data", text, status=4)
        t.contains(done.err, f"data.grade.{names[0]}: expected double, found")
        whole = json.dumps({**sample, "data": "HERE"}).replace('"HERE"', text)
        t.contains(t.run("produce", "--topic", "a", "-", stdin=whole, status=4).err, f"data.grade.{names[0]}: ")
        text = text.replace(number, f'"{number}"')
        t.run("produce", "--signal", GRADES, "--topic", "a", "--data", text, status=4)
    data = {"grade": {**sample["data"]["grade"], names[0]: "-Infinity"}}
    body = t.run("schema", "encode", "--signal", GRADES, "--hex", stdin=json.dumps(data)).out
    t.equal(t.run("schema", "decode", "--signal", GRADES, "--hex", stdin=body).json(), [data])
    keep(t, {**sample, "topic": "a", "data": data})             # as it is kept of an event that a broker brought
    t.run("produce", "--undelivered")
    recorded = stored(t, "a")
    t.equal([row["data"] for row in recorded], [data])
    t.run("produce", "--topic", "b", "-", stdin=json.dumps(recorded[0]))
    t.equal([row["data"] for row in stored(t, "b")], [data])
    t.contains(t.run("consume", "-t", "b", "--format", "pretty", "--exit-at-end").out, '"-Infinity"')


@test
def a_key_that_is_given_in_both_forms_is_refused(t):
    both = event("a", "k", partitionkeybase64="aw==")
    t.contains(t.run("produce", "--topic", "a", "-", stdin=json.dumps(both), status=4).err, "partitionkeybase64")
    odd = event("a", partitionkeybase64="k")
    t.contains(t.run("produce", "--topic", "a", "-", stdin=json.dumps(odd), status=4).err, "partitionkeybase64", "base64")


@test
def the_field_of_a_key_is_kept_and_found_again(t):
    t.run("produce", "--signal", LOGIN, "--topic", REFUSED, "--key-field", "user.pii.username", "--data", json.dumps(DATA),
          status=4)
    line, = kept(t)
    t.equal((line["partitionkey"], line["partitionkeyfield"]), ("u", "user.pii.username"))
    keep(t, {**line, "topic": "a"}, {**line, "topic": "a", "partitionkeyfield": "user.pii.nick"})
    t.run("produce", "--undelivered")
    t.equal([row["partitionkey"] for row in stored(t, "a")], ["u", "u"])


main()
