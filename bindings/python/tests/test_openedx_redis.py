"""bindings/python/tests/test_openedx_redis.py - a Django site on Redis, with the Python event bus on the other side.

EB_SOAK=1: 10,000 events go across the change from one to the other."""
import json

from django_case import SEND, consume, run, site, start, start_consumer, wire
from events import exact, goldens
from harness import TOP, json_lines, main, size
from python_service import received, redis_service
from redis_case import redis_test

AT_END = '{"exit_at_end": true}'
# What a site on event-bus-redis has, and what it changes.
OLD = {"EVENT_BUS_PRODUCER": "edx_event_bus_redis.create_producer", "EVENT_BUS_CONSUMER": "edx_event_bus_redis.RedisEventConsumer"}
NEW = {"EVENT_BUS_PRODUCER": "eventbus.openedx.create_producer", "EVENT_BUS_CONSUMER": "eventbus.openedx.EventBusConsumer"}


def redis_site(t, redis, **settings):
    site(t, **{"EVENT_BUS_REDIS_CONNECTION_URL": redis.url, **settings})


@redis_test()
def our_producer_writes_what_theirs_writes(t, redis):
    """All signals through both producers, with the same metadata: the same fields, byte for byte."""
    events = goldens()
    lines = "".join(json.dumps(wire(golden)) + "\n" for golden in events)
    redis_site(t, redis)
    run(t, SEND, f"{TOP}/tests/interop", "all", stdin=lines)
    redis_service(t, redis).produce("theirs", [wire(golden) for golden in events])
    ours, theirs = redis.entries("all"), redis.entries("theirs")
    t.equal(len(ours), len(events))
    for golden, (_, mine), (_, wanted) in zip(events, ours, theirs):
        t.equal(mine, wanted, f"{golden['event_type']} {golden['variant']}")
    print(f"# {len(ours)} events of {len({golden['event_type'] for golden in events})} types")


@redis_test()
def what_we_send_they_receive_and_what_they_send_we_receive(t, redis):
    events, python = goldens(), redis_service(t, redis)
    redis_site(t, redis)
    python.produce("all", [wire(golden) for golden in events])
    got = {one["metadata"]["id"]: one for one in consume(t, "all", "ours", AT_END)}
    for golden in events:
        one = got[golden["metadata"]["id"]]
        t.equal(exact(one["data"]), exact(golden["data"]), f"{golden['event_type']} {golden['variant']}")
        t.equal({name: one["metadata"][name] for name in golden["metadata"]}, golden["metadata"], golden["event_type"])
    run(t, "send(1); send(2)")
    back = python.consume("logins", "python", 2)
    t.equal([one["data"]["user"]["id"] for one in back], [1, 2])
    t.equal([one["metadata"]["source"] for one in back], ["openedx/lms/web"] * 2)


@redis_test()
def a_site_changes_two_settings(t, redis):
    """A service that sends all the time, and its consumer, move from event-bus-redis: nothing is lost, and nothing comes twice but
    what the old consumer had begun. Group, topic, prefix and code are the same."""
    n = size(200, 10000)
    sending = "for number in range(int(sys.argv[1]), int(sys.argv[2])): send(number)\nget_producer().flush(60) if hasattr(get_producer(), 'flush') else None\n"
    more = {"EVENT_BUS_TOPIC_PREFIX": "stage", "EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT": 1, "EVENT_BUS_REDIS_STREAM_MAX_LEN": 2 * n, "LOGGING": None}
    extra = json.dumps({"consumer_name": "worker-1", "check_backlog": True})
    redis_site(t, redis, **OLD, **more)
    run(t, sending, 0, n // 2)
    old = start_consumer(t, "logins", "crm", extra)
    old.until(lambda worker: worker.out.count("\n") >= n // 4, what="a quarter of the events")
    old.kill9()
    redis_site(t, redis, **NEW, **more)
    run(t, sending, n // 2, n)
    new = start_consumer(t, "logins", "crm", json.dumps({"consumer_name": "worker-1", "exit_at_end": True}))
    done = new.wait(0, timeout=600)
    before, after = ([one["data"]["user"]["id"] for one in json_lines("\n".join(worker.lines()))] for worker in (old, new))
    t.equal(sorted(set(before) | set(after)), list(range(n)), "what has come")
    t.check(len(before) + len(after) - n <= 1, f"{len(before) + len(after) - n} events came twice; one was at work at the kill")
    t.equal(len(set(after)), len(after), "what the new consumer got twice")
    old_again = redis_service(t, redis, prefix="stage").consume("logins", "another", n)
    t.equal(len(received(old_again)), n, "the old consumer reads all of it")
    print(f"# {n} events: {len(before)} to the old consumer, {len(after)} to the new one, {done.status}")


@redis_test()
def the_old_consumer_goes_on_after_the_new_one(t, redis):
    redis_site(t, redis)
    run(t, "for number in range(4): send(number)")
    got = consume(t, "logins", "crm", '{"count": 2}')
    t.equal([one["data"]["user"]["id"] for one in got], [0, 1])
    back = redis_service(t, redis).consume("logins", "crm", 2)
    t.equal([one["data"]["user"]["id"] for one in back], [2, 3])


@redis_test()
def a_fork_while_events_are_sent(t, redis):
    redis_site(t, redis, EVENT_BUS_INI=None, LOGGING=None)
    n = size(10, 200)
    said, = run(t, """
import faulthandler, signal
stop, sent = threading.Event(), 0
def put(number):                # not by the signal: Django's Signal has a lock of its own, which the child would wait for
    get_producer().send(signal=SESSION_LOGIN_COMPLETED, topic="logins", event_key_field="user.pii.username",
                        event_data={"user": login(number)}, event_metadata=SESSION_LOGIN_COMPLETED.generate_signal_metadata())
def work():
    global sent
    while not stop.is_set():
        put(1000000 + sent)
        sent += 1
threading.Thread(target=work).start()
codes = []
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        faulthandler.register(signal.SIGALRM, chain=True)
        signal.alarm(60)
        put(number)
        get_producer().prepare_for_shutdown()
        os._exit(0)
    codes.append(os.waitpid(pid, 0)[1])
stop.set()
get_producer().flush(60)
say(bad=[code for code in codes if code], sent=sent)
""", n)
    t.equal(said["bad"], [], "children that did not end well")
    sent = [event["data"]["user"]["id"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()]
    t.equal(sorted(one for one in sent if one < 1000000), list(range(n)))
    t.check(len(sent) >= said["sent"], f"{said['sent']} were sent, {len(sent)} came")


@redis_test()
def options_of_a_worker_come_by_extra(t, redis):
    redis_site(t, redis, EVENT_BUS_INI=None)
    t.write("fail", "ValueError")
    run(t, "send(1)")
    extra = json.dumps({"exit_at_end": True, "options": {"retry.attempts": 2, "retry.backoff": "1ms", "key_field": "user.pii.username"}})
    t.equal(len(consume(t, "logins", "g", extra)), 2, "attempts")
    consume(t, "logins", "g", '{"options": {"retry.atempts": 2}}', status=None)
    t.contains(t.last.err, "retry.atempts", "retry.attempts")


@redis_test()
def events_of_an_outage_arrive_when_it_ends(t, redis):
    """The peer loses them. The service does not wait either."""
    redis_site(t, redis)
    redis.kill9()
    worker = start(t, """
for number in range(5): send(number)
say(sent=5)
get_producer().flush(60)
""")
    worker.until('"sent"')
    redis.start()
    worker.wait(0, timeout=120)
    t.equal(len(redis.entries("logins")), 5)


@redis_test()
def speed_beside_the_python_packages(t, redis):
    """Printed, not judged: events a second through the producer and to a receiver, in one process each, on this machine."""
    n = size(500, 20000)
    redis_site(t, redis, LOGGING=None, EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED=False, EVENT_BUS_REDIS_STREAM_MAX_LEN=2 * n)
    theirs, = redis_service(t, redis).run("bench", "--count", n)
    ours, = run(t, """
count, producer, data, times = int(sys.argv[1]), get_producer(), {"user": login(1)}, []
SESSION_LOGIN_COMPLETED.receivers.clear()
SESSION_LOGIN_COMPLETED.sender_receivers_cache.clear()
SESSION_LOGIN_COMPLETED.connect(lambda **_: times.append(time.perf_counter()), weak=False)
def send_all(count):
    for _ in range(count):
        producer.send(signal=SESSION_LOGIN_COMPLETED, topic="ours", event_key_field="user.pii.username", event_data=data,
                      event_metadata=SESSION_LOGIN_COMPLETED.generate_signal_metadata())
    producer.flush(60)
send_all(20)
begin = time.perf_counter()
send_all(count)
produced = time.perf_counter() - begin
make_single_consumer(topic="ours", group_id="g", exit_at_end=True).consume_indefinitely()
say(n=len(times), produce_per_s=round(count / produced), consume_per_s=round((len(times) - 1) / (times[-1] - times[0])))
""", n)
    t.equal(ours["n"], n + 20)
    print(f"# produced a second: {ours['produce_per_s']} here, {theirs['produce_per_s']} there; "
          f"received: {ours['consume_per_s']} here, {theirs['consume_per_s']} there")


main()
