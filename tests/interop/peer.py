"""tests/interop/peer.py - a Python service on the event bus, for tests: runs the real packages, see venv.sh.

    peer.py produce --bus redis --topic T            sends the lines of standard input: {"event_type", "data"}, and if
                                                     wanted "metadata" (id, time, source, sourcehost, sourcelib,
                                                     minorversion) and "key_field"
    peer.py consume --bus redis --topic T --group G  prints a line for each event its receiver gets, {"event_type",
                                                     "metadata", "data"}; ends after --count or --timeout
    peer.py bench --bus redis --count N              prints {"produce_per_s", "consume_per_s"} of the packages

The broker comes from the environment: any EVENT_BUS_* setting of the packages, as JSON or as text. What the packages
only log as errors is printed as {"error"}, and makes the end 1. Fewer events than --count make it 3.
"""
import argparse
import io
import json
import logging
import os
import sys
import threading
import time
import typing
from datetime import datetime
from uuid import UUID

PACKAGES = {"redis": ("edx_event_bus_redis", "RedisEventConsumer"),
            "kafka": ("edx_event_bus_kafka", "KafkaEventConsumer")}
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def say(record):
    print(json.dumps(record, ensure_ascii=False), flush=True)


class Errors(logging.Handler):
    """What the packages swallow."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.seen = 0

    def emit(self, record):
        self.seen += 1
        say({"error": record.getMessage()[:1000]})


def become_a_service(bus):
    """Sets Django up with nothing but the event bus in it; the packages can be imported only after this."""
    from django.conf import settings
    package, consumer = PACKAGES[bus]
    chosen = {"SECRET_KEY": "no secret", "USE_TZ": True, "INSTALLED_APPS": ["openedx_events"],
              "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
              "EVENTS_SERVICE_NAME": os.environ.get("EVENTS_SERVICE_NAME", "peer"),
              "EVENT_BUS_PRODUCER": f"{package}.create_producer", "EVENT_BUS_CONSUMER": f"{package}.{consumer}",
              "EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT": 1}
    for name, text in os.environ.items():
        if name.startswith("EVENT_BUS_"):
            try:
                chosen[name] = json.loads(text)
            except ValueError:
                chosen[name] = text
    settings.configure(**chosen)
    import django
    django.setup()
    errors = Errors()
    logging.getLogger(package).addHandler(errors)
    return errors


# ---- JSON and what the signals carry ----

def of_json(kind, value):
    """A value of the annotated type; false, 0 and "" stay what they are, unlike in the package's own reading."""
    import attr
    inner = typing.get_args(kind)
    if value is None:
        return None
    if attr.has(kind):
        return kind(**{field.name: of_json(field.type, value[field.name])
                       for field in attr.fields(kind) if field.name in value})
    if typing.get_origin(kind) is dict:
        return {name: of_json(inner[1], one) for name, one in value.items()}
    if typing.get_origin(kind) is list:
        return [of_json(inner[0], one) for one in value]
    reader = {datetime: datetime.fromisoformat, UUID: UUID}.get(kind) or getattr(kind, "from_string", None)
    return reader(value) if reader else value


def as_json(signal, data):
    """What a receiver was given: through the package's writer, so that times and keys are texts as on the wire."""
    import fastavro
    from openedx_events.event_bus.avro.serializer import AvroSignalSerializer, serialize_event_data_to_bytes
    body = serialize_event_data_to_bytes(data, signal)
    return fastavro.schemaless_reader(io.BytesIO(body), AvroSignalSerializer(signal).schema)


def as_json_or_error(signal, data):
    """An empty map of an optional field arrives as the class dict, which the package cannot write."""
    try:
        return {"data": as_json(signal, data)}
    except Exception as error:  # pylint: disable=broad-except
        return {"unwritable": repr(error)[:300], "seen": repr(data)[:2000]}


def metadata_of(signal, given):
    from openedx_events.data import EventsMetadata
    read = {"id": UUID, "time": datetime.fromisoformat, "sourcelib": tuple}
    return EventsMetadata(event_type=signal.event_type, minorversion=given.pop("minorversion", 0),
                          **{name: read.get(name, str)(value) for name, value in given.items()})


def key_field_of(signal):
    """The packages insist on one: the first text or number of the schema."""
    from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

    def first(fields, path):
        for field in fields:
            here = [*path, field["name"]]
            if field["type"] in ("string", "long"):
                return ".".join(here)
            found = first(field["type"]["fields"], here) if isinstance(field["type"], dict) and \
                field["type"]["type"] == "record" else None
            if found:
                return found
        return None
    return first(AvroSignalSerializer(signal).schema["fields"], [])


# ---- Commands ----

def producer_of():
    from openedx_events.event_bus import get_producer
    from openedx_events.tooling import load_all_signals
    load_all_signals()
    return get_producer()


def send(producer, topic, signal, event):
    producer.send(signal=signal, topic=topic, event_key_field=event.get("key_field") or key_field_of(signal),
                  event_data={name: of_json(kind, event["data"][name]) for name, kind in signal.init_data.items()},
                  event_metadata=metadata_of(signal, event.get("metadata", {})))


def produce(given):
    from openedx_events.tooling import OpenEdxPublicSignal
    producer = producer_of()
    for line in sys.stdin:
        event = json.loads(line)
        send(producer, given.topic, OpenEdxPublicSignal.get_signal_by_type(event["event_type"]), event)
    getattr(producer, "prepare_for_shutdown", lambda: None)()
    return 0


def begin_at_the_beginning(topic, group):
    """The Kafka package begins a new group at the end, and has no option for it: commits a beginning where there is no
    commit, before the group has members."""
    from confluent_kafka import Consumer, TopicPartition
    from edx_event_bus_kafka.internal.config import get_full_topic, load_common_settings
    full = get_full_topic(topic)
    consumer = Consumer({**load_common_settings(), "group.id": group, "enable.auto.commit": False})
    partitions = consumer.list_topics(full, timeout=30).topics[full].partitions
    places = consumer.committed([TopicPartition(full, number) for number in partitions], timeout=30)
    new = [TopicPartition(full, place.partition, 0) for place in places if place.offset < 0]
    if new:
        consumer.commit(offsets=new, asynchronous=False)
    consumer.close()


def consumer_of(given):
    """By default one that starts a new group at the beginning; --new: as the packages do, only what comes later."""
    from openedx_events.event_bus import make_single_consumer
    more = {"consumer_name": given.name, "check_backlog": not given.new} if given.bus == "redis" else {}
    if given.bus == "kafka" and not given.new:
        begin_at_the_beginning(given.topic, given.group)
    return make_single_consumer(topic=given.topic, group_id=given.group, **{**more, **json.loads(given.extra)})


def stop(consumer):
    consumer._shut_down()                                   # pylint: disable=protected-access


def consume(given):
    from openedx_events.tooling import OpenEdxPublicSignal, load_all_signals
    load_all_signals()
    consumer, got = consumer_of(given), []

    def receiver(signal, metadata, from_event_bus, **rest):
        rest.pop("sender", None)
        got.append(1)
        say({"event_type": signal.event_type, "metadata": metadata.to_json_data(), "from_event_bus": from_event_bus,
             **as_json_or_error(signal, rest)})
        if given.count and len(got) >= given.count:
            stop(consumer)
        if given.pause:
            time.sleep(given.pause)
        if given.fail:
            raise RuntimeError("this receiver always fails")

    for signal in OpenEdxPublicSignal.all_events():
        signal.connect(receiver, weak=False)
    deadline = threading.Timer(given.timeout, stop, (consumer,))
    deadline.daemon = True
    deadline.start()
    say({"ready": given.group})
    consumer.consume_indefinitely()                         # in the main thread: it sets SIGALRM
    return 0 if len(got) >= given.count else 3


def bench(given):
    from openedx_events.tooling import OpenEdxPublicSignal
    producer = producer_of()
    signal = OpenEdxPublicSignal.get_signal_by_type(LOGIN)
    event = {"key_field": "user.pii.username", "data": {"user": {"id": 123, "is_active": True, "pii": {
        "username": "foobob", "email": "bob@foo.example", "name": "Bob Foo"}}}}
    data = {name: of_json(kind, event["data"][name]) for name, kind in signal.init_data.items()}

    def send_all(count):
        for _ in range(count):
            producer.send(signal=signal, topic=given.topic, event_key_field=event["key_field"], event_data=data,
                          event_metadata=signal.generate_signal_metadata())
        getattr(producer, "prepare_for_shutdown", lambda: None)()

    send_all(20)                                            # connections, schemas, the topic itself
    begin = time.perf_counter()
    send_all(given.count)
    produced = time.perf_counter() - begin
    consumer, times = consumer_of(given), []

    def receiver(**_):
        times.append(time.perf_counter())
        if len(times) >= given.count + 20:
            stop(consumer)

    signal.connect(receiver, weak=False)
    consumer.consume_indefinitely()
    say({"produce_per_s": round(given.count / produced),
         "consume_per_s": round((len(times) - 1) / (times[-1] - times[0]))})
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("verb", choices=("produce", "consume", "bench"))
    options.add_argument("--bus", choices=tuple(PACKAGES), required=True)
    options.add_argument("--topic", default="bench", help="without the prefix")
    options.add_argument("--group", default="bench")
    options.add_argument("--name", default="peer", help="the consumer's name in its group (Redis)")
    options.add_argument("--new", action="store_true", help="only events newer than the start, the packages' default")
    options.add_argument("--extra", default="{}", help="more arguments of the consumer class, JSON")
    options.add_argument("--count", type=int, default=0)
    options.add_argument("--timeout", type=float, default=120)
    options.add_argument("--pause", type=float, default=0, help="seconds a receiver works")
    options.add_argument("--fail", action="store_true", help="the receiver raises")
    given = options.parse_args()
    errors = become_a_service(given.bus)
    ended = {"produce": produce, "consume": consume, "bench": bench}[given.verb](given)
    return ended or (1 if errors.seen else 0)


if __name__ == "__main__":
    sys.exit(main())
