"""bindings/python/tests/test_bus.py - sending and receiving from Python, over SQLite; the `eventbus` command on the other side."""
import json

from python_case import LOGIN, run, sqlite
from harness import main, test

ROUTE = f"\n[route login]\nevent = {LOGIN}\ntopic = logins\nkey_field = user.pii.username\n"


# ---- Sending ----

@test
def what_is_sent_goes_by_the_routes(t):
    sqlite(t)
    t.configure(ROUTE)
    said, = run(t, """
with eventbus.Bus() as bus:
    say(id=bus.send(LOGIN, login(1)))
""")
    event, = t.run("consume", "-t", "logins", "--exit-at-end").json()
    t.equal((event["id"], event["type"], event["partitionkey"], event["data"]["user"]["id"]), (said["id"], LOGIN, "ada", 1))


@test
def what_is_produced_goes_to_its_topic_with_its_metadata(t):
    sqlite(t)
    said, = run(t, """
from datetime import datetime, timezone
with eventbus.Bus() as bus:
    say(id=bus.produce(LOGIN, login(7), "elsewhere", "user.pii.username", id="6e1bbbe2-3eb7-11f0-8f24-acde48001122", source="openedx/cms/web",
        sourcehost="cms-1", sourcelib="9.1.0", minorversion=3, time=datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc)))
""")
    event, = t.run("consume", "-t", "elsewhere", "--exit-at-end").json()
    wanted = {"id": "6e1bbbe2-3eb7-11f0-8f24-acde48001122", "source": "openedx/cms/web", "sourcehost": "cms-1", "sourcelib": "9.1.0",
              "minorversion": 3, "time": "2026-01-02T03:04:05.678901+00:00", "partitionkey": "ada"}
    t.equal({name: event[name] for name in wanted}, wanted)
    t.equal(said["id"], wanted["id"])


@test
def receipts_name_where_an_event_is(t):
    sqlite(t)
    t.configure(ROUTE)
    said = run(t, """
got, own = [], []
bus = eventbus.Bus(on_delivery=got.append)
first, second = bus.send(LOGIN, login(1)), bus.produce(LOGIN, login(2), "logins")
third = bus.produce(LOGIN, login(3), "logins", on_delivery=own.append)
bus.flush(60)
for receipt in sorted(got, key=lambda one: int(one.position)):
    say(id=receipt.id, topic=receipt.topic, position=receipt.position, error=receipt.error, maybe=receipt.maybe_stored)
say(ids=[first, second, third], all=len(got), own=[one.id for one in own])
bus.close()
""")
    t.equal([one["id"] for one in said[:3]], said[3]["ids"])
    t.equal([(one["topic"], one["error"], one["maybe"]) for one in said[:3]], [("logins", None, False)] * 3)
    t.equal((said[3]["all"], said[3]["own"]), (3, said[3]["ids"][2:]))
    t.equal([event["position"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()], [one["position"] for one in said[:3]])


@test
def errors_have_code_kind_and_text(t):
    sqlite(t)
    said = run(t, """
def tell(call, *words, **more):
    try:
        call(*words, **more)
        say(raised=None)
    except eventbus.Error as error:
        say(raised=type(error).__name__, code=error.code.name, kind=error.kind.name, text=error.text, same=str(error) == error.text)
bus = eventbus.Bus()
tell(bus.send, "org.openedx.learning.auth.session.login.complete.v1", {})
tell(bus.send, LOGIN, {})
tell(bus.send, LOGIN, {"user": {"id": "x"}})
tell(bus.send, LOGIN, {"user": {"id": {1, 2}}})
tell(bus.produce, LOGIN, login(1), "topic", "user.pii.nick")
tell(bus.produce, LOGIN, login(1), "topic", id="17")
tell(eventbus.Bus, "nowhere.ini")
tell(eventbus.Bus, overrides={"broker.main.pth": "x"})
bus.close()
bus.close()
tell(bus.send, LOGIN, login(1))
""")
    t.equal([(one["raised"], one["kind"]) for one in said],
            [("PermanentError", kind) for kind in ("DATA", "DATA", "DATA", "DATA", "DATA", "DATA", "CONFIG", "CONFIG", "CONFIG")])
    t.check(all(one["same"] for one in said), "str(error) is the text")
    t.contains(said[0]["text"], "did you mean org.openedx.learning.auth.session.login.completed.v1?")
    t.contains(said[1]["text"], "user")
    t.contains(said[3]["text"], "set")
    t.contains(said[6]["text"], "nowhere.ini")
    t.contains(said[7]["text"], "pth")
    t.contains(said[8]["text"], "closed")


@test
def a_full_queue_is_an_error_and_holds_no_callback(t):
    sqlite(t, "queue_messages = 1\n")
    said, = run(t, """
import sqlite3
bus = eventbus.Bus(queue_wait=0)
bus.produce(LOGIN, login(0), "t")
bus.flush(60)
locked = sqlite3.connect("bus.db", isolation_level=None)
locked.execute("begin exclusive")               # nothing can be stored meanwhile
taken, full = 0, None
while full is None:
    try:
        bus.produce(LOGIN, login(1), "t", on_delivery=print)
        taken += 1
    except eventbus.QueueFullError as error:
        full = error
say(code=int(full.code), waiting=len(bus._deliveries), taken=taken)
locked.execute("rollback")
""".replace("print)", "lambda receipt: None)"))
    t.equal((said["code"], said["waiting"]), (3, said["taken"]))


@test
def a_second_thread_runs_while_one_waits_in_c(t):
    """Each wait in C leaves the GIL to others: a flush that cannot end, and a worker without events."""
    sqlite(t)
    said, = run(t, """
import sqlite3
bus = eventbus.Bus()
bus.produce(LOGIN, login(0), "t")
bus.flush(60)
locked = sqlite3.connect("bus.db", isolation_level=None)
locked.execute("begin exclusive")
bus.produce(LOGIN, login(1), "t")
waiting = threading.Thread(target=bus.flush)
waiting.start()
steps = 0
while steps < 100000:
    steps += 1
alive = waiting.is_alive()
locked.execute("rollback")
waiting.join()
say(steps=steps, alive=alive)
bus.close()
""")
    t.equal(said, {"steps": 100000, "alive": True})


@test
def the_log_goes_to_logging(t):
    sqlite(t, "audit = full\nlog_level = debug\n")
    t.configure(ROUTE)
    said = run(t, """
class Saying(logging.Handler):
    def emit(self, record):
        say(level=record.levelname, logger=record.name, text=record.getMessage(), thread=threading.current_thread().name)
logging.getLogger("eventbus").addHandler(Saying())
logging.getLogger("eventbus").setLevel(logging.INFO)
with eventbus.Bus() as bus:
    say(id=bus.send(LOGIN, login(1)))
""")
    ident, = [one["id"] for one in said if "id" in one]
    delivered, = [one for one in said if "delivered" in one.get("text", "")]
    t.equal((delivered["level"], delivered["logger"], delivered["thread"]), ("INFO", "eventbus", "eventbus-log"))
    t.contains(delivered["text"], ident, "topic=logins")
    t.equal(t.last.err, "", "standard error")


@test
def a_handler_of_logging_may_send(t):
    sqlite(t, "audit = full\n")
    run(t, """
class Sending(logging.Handler):
    sent = 0
    def emit(self, record):
        if Sending.sent < 3:
            Sending.sent += 1
            bus.produce(LOGIN, login(Sending.sent), "from-log")
logging.getLogger("eventbus").addHandler(Sending())
logging.getLogger("eventbus").setLevel(logging.INFO)
bus = eventbus.Bus()
bus.produce(LOGIN, login(0), "t")
while Sending.sent < 3:
    time.sleep(0.01)
bus.close()
""")
    t.equal(len(t.run("consume", "-t", "from-log", "--exit-at-end").json()), 3)


# ---- Receiving ----

@test
def a_consumer_calls_its_function_with_each_event(t):
    sqlite(t)
    t.run("produce", "--signal", LOGIN, "--topic", "logins", "--key-field", "user.pii.username", "--data",
          json.dumps({"user": {"id": 5, "is_active": False, "pii": {"username": "zoë", "email": "z@example.org", "name": ""}}}))
    said = run(t, """
def seen(event):
    say(type=event.type, id=event.id, topic=event.topic, position=event.position, key=event.key.decode(), attempt=event.attempt,
        from_bus=event.from_event_bus, zone=str(event.time.tzinfo), source=event.source, sourcelib=event.sourcelib, data=event.data)
    print(json.dumps({"repr": repr(event)}))
with eventbus.Bus() as bus, eventbus.Consumer(bus, seen, topics="logins", group="crm", exit_at_end=True) as consumer:
    consumer.run()
say(**consumer.counts._asdict())
""")
    event, shown, counts = said
    t.equal({name: event[name] for name in ("type", "topic", "position", "key", "attempt", "from_bus", "zone", "sourcelib")},
            {"type": LOGIN, "topic": "logins", "position": "1", "key": "zoë", "attempt": 1, "from_bus": True, "zone": "UTC", "sourcelib": "11.2.0"})
    t.equal(event["data"], {"user": {"id": 5, "is_active": False, "pii": {"username": "zoë", "email": "z@example.org", "name": ""}}})
    t.lacks(shown["repr"], "zoë")
    t.equal((counts["received"], counts["succeeded"]), (1, 1))
    t.equal(t.run("consume", "-t", "logins", "-g", "crm", "--exit-at-end").out, "", "it is acknowledged")


@test
def what_raises_is_tried_again_and_kept_as_a_dead_letter(t):
    sqlite(t)
    t.configure("[consume crm]\ntopic = logins\ngroup = crm\nretry.attempts = 3\nretry.backoff = 1ms\n")
    t.run("produce", "--signal", LOGIN, "--topic", "logins", "-", stdin="".join(
        json.dumps({"user": {"id": number, "is_active": True, "pii": {"username": "a", "email": "b", "name": "c"}}}) + "\n" for number in (1, 2, 3)))
    said = run(t, """
logging.basicConfig(level=logging.ERROR)
def seen(event):
    number = event.data["user"]["id"]
    say(number=number, attempt=event.attempt)
    if number == 1:
        raise ValueError("not this one\\nsecond line")
    if number == 2:
        raise eventbus.PermanentError("never")
with eventbus.Bus() as bus, eventbus.Consumer(bus, seen, "crm", exit_at_end=True) as consumer:
    consumer.run()
say(dead=consumer.counts.dead_lettered)
""")
    t.equal(sorted((one["number"], one["attempt"]) for one in said[:-1]), [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)])
    t.equal(said[-1]["dead"], 2)
    t.contains(t.last.err, "ValueError: not this one", "Traceback", "receiver seen raised an exception")
    letters = t.run("consume", "-t", "logins.dlq", "--exit-at-end").json()
    t.equal(sorted((one["dlqreason"], one["dlqattempts"], one["dlqreceiver"]) for one in letters),
            [("ValueError: not this one", 3, "seen"), ("never", 1, "seen")])


@test
def receivers_of_a_bus_hear_what_is_sent_and_what_comes(t):
    sqlite(t)
    t.configure(ROUTE)
    said = run(t, """
heard, callback = [], []
with eventbus.Bus() as bus:
    name = bus.connect(lambda event: heard.append(event.from_event_bus), LOGIN, "both")
    bus.send(LOGIN, login(1))
    bus.flush(60)
    with eventbus.Consumer(bus, lambda event: (callback.append(event.from_event_bus), bus.send(LOGIN, login(2))), topics="logins", group="g", count=1) as consumer:
        consumer.run()
        try:
            eventbus.Consumer(bus, print, topics="logins", group="h")
        except eventbus.PermanentError as error:
            say(second=str(error))
    bus.disconnect(name, LOGIN)
    bus.send(LOGIN, login(3))
    try:
        bus.disconnect(name, LOGIN)
    except eventbus.GoneError as error:
        say(gone=str(error))
say(heard=heard, callback=callback)
""")
    t.contains(said[0]["second"], "another Bus")
    t.contains(said[1]["gone"], '"both"')
    t.equal(said[2], {"heard": [False, False, True], "callback": [True]})


@test
def a_consumer_without_receivers_does_not_start(t):
    sqlite(t)
    said, = run(t, """
with eventbus.Bus() as bus, eventbus.Consumer(bus, topics="logins", group="g") as consumer:
    try:
        consumer.run()
    except eventbus.PermanentError as error:
        say(kind=error.kind.name, text=error.text)
""")
    t.equal(said["kind"], "CONFIG")
    t.contains(said["text"], "no receiver is connected")


@test
def receivers_run_at_the_same_time(t):
    sqlite(t)
    t.configure("[consume w]\ntopic = logins\ngroup = g\nconcurrency = 4\norder = none\n")
    said, = run(t, """
together = threading.Barrier(4, timeout=60)
with eventbus.Bus() as bus:
    for number in range(8):
        bus.produce(LOGIN, login(number), "logins")
    bus.flush(60)
    with eventbus.Consumer(bus, lambda event: together.wait(), "w", count=8) as consumer:
        consumer.run()
say(succeeded=consumer.counts.succeeded)
""")
    t.equal(said["succeeded"], 8)


@test
def many_threads_send_while_one_closes(t):
    sqlite(t)
    said, = run(t, """
bus, sent, many = eventbus.Bus(), [], threading.Semaphore(0)
def work():
    n = 0
    while True:
        try:
            bus.produce(LOGIN, login(n), "logins")
            n += 1
            many.release()
        except eventbus.PermanentError as error:
            assert "closed" in str(error)
            sent.append(n)
            return
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(100): many.acquire()
bus.close()
for thread in threads: thread.join()
say(sent=sum(sent))
""")
    t.equal(len(t.run("consume", "-t", "logins", "--exit-at-end").json()), said["sent"], "events that are there, and that were taken")


main()
