"""bindings/python/tests/test_openedx.py - a Django site by two settings, over SQLite: its events out and in."""
import json

from django_case import LOGIN, consume, run, site, sqlite_site, start_consumer
from events import exact, goldens
from harness import main, test

AT_END = '{"exit_at_end": true}'


# ---- Out ----

@test
def a_sent_event_goes_out_with_its_metadata(t):
    sqlite_site(t)
    said, = run(t, """
from datetime import datetime, timezone
responses = send(1, time=datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc))
say(responses=[str(answer) for _, answer in responses if answer is not None])
""")
    t.equal(said["responses"], [])
    event, = t.run("consume", "-t", "logins", "--exit-at-end").json()
    t.equal({name: event[name] for name in ("type", "source", "sourcelib", "time", "partitionkey", "minorversion")},
            {"type": LOGIN, "source": "openedx/lms/web", "sourcelib": "11.2.0", "time": "2026-01-02T03:04:05.678901+00:00",
             "partitionkey": "ada", "minorversion": 0})
    t.equal(event["data"], {"user": {"id": 1, "is_active": True, "pii": {"username": "ada", "email": "ada@example.org", "name": "Ada"}}})
    t.contains(t.last.err, "INFO eventbus: delivered topic=logins")


@test
def what_cannot_be_sent_is_logged_without_its_data_and_raises_nothing(t):
    wrong = {LOGIN: {"logins": {"event_key_field": "user.nick", "enabled": True}}}
    sqlite_site(t, EVENT_BUS_PRODUCER_CONFIG=wrong)
    run(t, "send(1)")
    t.contains(t.last.err, "ERROR eventbus.openedx: event ", f"of {LOGIN} was not sent to topic logins", "user.nick")
    t.lacks(t.last.err, "ada@example.org")


@test
def on_commit_nothing_goes_out_that_is_rolled_back(t):
    sqlite_site(t, EVENT_BUS_SEND_ON_COMMIT=True)
    run(t, """
from django.db import transaction
send(1)
with transaction.atomic():
    send(2)
    get_producer().flush(60)
try:
    with transaction.atomic():
        send(3)
        raise KeyError
except KeyError:
    pass
with transaction.atomic():
    send(4)
    sys.exit(0) if False else None
""")
    t.equal([event["data"]["user"]["id"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()], [1, 2, 4])


@test
def a_fork_has_a_bus_of_its_own(t):
    """As gunicorn does with preload_app: the producer is made before the workers."""
    sqlite_site(t)
    run(t, """
send(0)
children = []
for number in range(1, 4):
    pid = os.fork()
    if pid == 0:
        send(number)
        sys.exit(0)
    children.append(pid)
say(statuses=[os.waitpid(pid, 0)[1] for pid in children])
send(4)
""")
    t.equal(sorted(event["data"]["user"]["id"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()), [0, 1, 2, 3, 4])


@test
def a_full_queue_loses_nothing(t):
    sqlite_site(t)
    t.write("site.ini", t.read("site.ini").replace("[eventbus]\n", "[eventbus]\nqueue_messages = 1\n"))
    said, = run(t, """
import sqlite3
send(0)
get_producer().flush(60)
locked = sqlite3.connect("bus.db", isolation_level=None)
locked.execute("begin exclusive")
for number in range(1, 6):
    send(number)
locked.execute("rollback")
get_producer().flush(60)
say(done=True)
""")
    t.contains(t.last.err, "is kept in undelivered.jsonl")
    t.run("produce", "--undelivered")
    t.equal(sorted(event["data"]["user"]["id"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()), [0, 1, 2, 3, 4, 5])


# ---- In ----

@test
def each_signal_goes_out_and_comes_in(t):
    """All types and variants of the goldens, which the peers' own serializers made; also what their reading changes."""
    sqlite_site(t)
    events = goldens()
    t.run("produce", "--topic", "all", "-", stdin="".join(
        json.dumps({"specversion": "1.0", "type": golden["event_type"], **golden["metadata"],
                    "sourcelib": ".".join(map(str, golden["metadata"]["sourcelib"])), "data": golden["data"]}) + "\n" for golden in events))
    got = {one["metadata"]["id"]: one for one in consume(t, "all", "g", AT_END)}
    failed = []
    for golden in events:
        one = got.get(golden["metadata"]["id"])
        if one is None or exact(one["data"]) != exact(golden["data"]):
            failed.append((golden["event_type"], golden["variant"], one and one["seen"][:300]))
    t.equal(failed, [], "events that did not come in as they are")
    print(f"# {len(got)} events of {len({one['type'] for one in got.values()})} types came in")


@test
def a_receiver_gets_objects_and_metadata(t):
    sqlite_site(t)
    run(t, "send(1)")
    sent, = t.run("consume", "-t", "logins", "--exit-at-end").json()
    got, = consume(t, "logins", "g", AT_END)
    t.contains(got["seen"], "UserData(id=1, is_active=True, pii=UserPersonalData(username='ada'")
    t.equal((got["metadata"]["id"], got["metadata"]["sourcelib"], got["metadata"]["source"]), (sent["id"], [11, 2, 0], "openedx/lms/web"))
    t.equal(consume(t, "logins", "g", AT_END), [], "it is acknowledged, and not sent again")


@test
def a_failing_receiver_is_a_failed_attempt(t):
    sqlite_site(t)
    t.write("site.ini", t.read("site.ini") + "[consume w]\ntopic = logins\ngroup = g\nretry.attempts = 3\nretry.backoff = 1ms\n")
    t.write("fail", "ValueError")
    run(t, "send(1)")
    got = consume(t, "logins", "g", AT_END)
    t.equal(len(got), 3, "attempts")
    letter, = t.run("consume", "-t", "logins.dlq", "--exit-at-end").json()
    t.equal((letter["dlqreason"], letter["dlqattempts"], letter["dlqreceiver"]),
            ("site_app.receiver: ValueError", 3, "receivers of the service"))
    t.contains(t.last.err, "ERROR eventbus.openedx: receiver site_app.receiver failed on event", "Traceback")


@test
def sigterm_ends_the_command_after_what_is_at_work(t):
    sqlite_site(t)
    run(t, "send(1)")
    worker = start_consumer(t, "logins", "g")
    worker.until('"seen"')
    worker.send(15)
    worker.wait(0)


@test
def the_kill_switch_ends_a_consumer_at_once(t):
    sqlite_site(t, EVENT_BUS_BROKER="redis", EVENT_BUS_REDIS_CONSUMERS_ENABLED=False)
    t.write("site.ini", t.read("site.ini"))
    t.equal(consume(t, "logins", "g"), [])
    t.contains(t.last.err, "nothing is consumed", "consumers_enabled")


@test
def an_error_of_a_worker_is_the_exit_status_of_the_command(t):
    site(t, EVENT_BUS_REDIS_CONNECTION_URL="redis://127.0.0.1:1/0")
    t.write("site.ini", t.read("site.ini") + "[broker redis]\nconnect_timeout = 100ms\n")
    consume(t, "logins", "g", status=3)
    t.contains(t.last.err, "ERROR eventbus.openedx: topic logins, group g:", "127.0.0.1:1")


@test
def database_connections_are_closed_around_each_event(t):
    sqlite_site(t)
    run(t, "send(1); send(2)")
    said = run(t, """
from django.db import connection
def using(signal, **rest):
    before = connection.connection is None
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    say(closed_before=before, open_now=connection.connection is not None)
SESSION_LOGIN_COMPLETED.connect(using, weak=False)
make_single_consumer(topic="logins", group_id="g", exit_at_end=True).consume_indefinitely()
""")
    t.equal([one for one in said if "open_now" in one], [{"closed_before": True, "open_now": True}] * 2)


@test
def monitoring_is_told_of_each_event_and_of_what_fails(t):
    sqlite_site(t)
    t.write("site.ini", t.read("site.ini") + "[consume w]\ntopic = logins\ngroup = g\nretry.attempts = 1\n")
    t.write("fail", "KeyError")
    said = run(t, """
import edx_django_utils.monitoring as told
told.set_custom_attribute = lambda name, value: say(name=name, value=value)
told.record_exception = lambda: say(recorded=type(sys.exc_info()[1]).__name__)
send(1)
get_producer().flush(60)
make_single_consumer(topic="logins", group_id="g", exit_at_end=True).consume_indefinitely()
""")
    attributes = {one["name"]: one["value"] for one in said if "name" in one}
    t.equal({name: attributes[name] for name in ("eventbus_topic", "eventbus_group", "eventbus_type", "eventbus_attempt")},
            {"eventbus_topic": "logins", "eventbus_group": "g", "eventbus_type": LOGIN, "eventbus_attempt": 1})
    t.equal([one["recorded"] for one in said if "recorded" in one], ["KeyError"])


@test
def an_event_that_nobody_hears_is_logged_once(t):
    sqlite_site(t)
    run(t, "send(1); send(2)")
    run(t, """
SESSION_LOGIN_COMPLETED.receivers.clear()
SESSION_LOGIN_COMPLETED.sender_receivers_cache.clear()
make_single_consumer(topic="logins", group_id="g", exit_at_end=True).consume_indefinitely()
""")
    t.equal(t.last.err.count(f"no receiver is connected for {LOGIN}, or the signal is disabled"), 1, t.last.err)


@test
def what_this_site_cannot_read_is_a_dead_letter_at_once(t):
    sqlite_site(t)
    of_a_course = "org.openedx.learning.course.enrollment.created.v1"
    data = {"enrollment": {"user": {"id": 1, "is_active": True, "pii": {"username": "a", "email": "b", "name": "c"}}, "course": {
        "course_key": "not a key", "display_name": "", "start": None, "end": None}, "mode": "audit", "is_active": True,
        "creation_date": "2026-01-01T00:00:00", "created_by": None}}
    t.run("produce", "--signal", of_a_course, "--topic", "courses", "--data", json.dumps(data))
    t.equal(consume(t, "courses", "g", AT_END), [])
    letter, = t.run("consume", "-t", "courses.dlq", "--exit-at-end").json()
    t.equal((letter["dlqclass"], letter["dlqattempts"]), ("permanent", 1))
    t.contains(letter["dlqreason"], "the data does not make the objects of this service: InvalidKeyError")


# ---- A site's own signals and types ----

@test
def a_sites_own_signal_goes_over_the_bus(t):
    t_type = "org.example.site.order.placed.v1"
    sqlite_site(t, EVENT_BUS_PRODUCER_CONFIG=None)
    said = run(t, f"""
import attr
from openedx_events.tooling import OpenEdxPublicSignal
@attr.s(frozen=True)
class Order:
    number = attr.ib(type=int)
    note = attr.ib(type=str, default=None)
PLACED = OpenEdxPublicSignal(event_type={t_type!r}, data={{"order": Order}})
PLACED.connect(lambda order, from_event_bus, **rest: say(order=repr(order), bus=from_event_bus), weak=False)
get_producer().send(signal=PLACED, topic="orders", event_key_field="order.number", event_data={{"order": Order(7, "")}},
                    event_metadata=PLACED.generate_signal_metadata())
get_producer().flush(60)
make_single_consumer(topic="orders", group_id="g", exit_at_end=True).consume_indefinitely()
""")
    t.equal(said, [{"order": "Order(number=7, note='')", "bus": True}])


@test
def a_sites_own_serializers_are_used(t):
    sqlite_site(t, EVENT_BUS_PRODUCER_CONFIG=None, EVENT_BUS_SERIALIZER="site_types.Serializer", EVENT_BUS_DESERIALIZER="site_types.Deserializer")
    t.write("site_types.py", """
from decimal import Decimal
from openedx_events.event_bus.avro.custom_serializers import BaseCustomTypeAvroSerializer
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
class Money(BaseCustomTypeAvroSerializer):
    cls, field_type = Decimal, "string"
    @staticmethod
    def serialize(obj): return str(obj)
    @staticmethod
    def deserialize(data): return Decimal(data)
class Serializer(AvroSignalSerializer):
    def custom_type_serializers(self): return [Money]
class Deserializer(AvroSignalDeserializer):
    def custom_type_serializers(self): return [Money]
""")
    said = run(t, """
import attr
from decimal import Decimal
from openedx_events.tooling import OpenEdxPublicSignal
@attr.s(frozen=True)
class Bill:
    sum = attr.ib(type=Decimal)
BILLED = OpenEdxPublicSignal(event_type="org.example.site.billed.v1", data={"bill": Bill})
BILLED.connect(lambda bill, **rest: say(bill=repr(bill)), weak=False)
get_producer().send(signal=BILLED, topic="bills", event_key_field="bill.sum", event_data={"bill": Bill(Decimal("1.50"))},
                    event_metadata=BILLED.generate_signal_metadata())
get_producer().flush(60)
make_single_consumer(topic="bills", group_id="g", exit_at_end=True).consume_indefinitely()
""")
    t.equal(said, [{"bill": "Bill(sum=Decimal('1.50'))"}])


main()
