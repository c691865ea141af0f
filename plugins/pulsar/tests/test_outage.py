"""tests/test_outage.py - the broker and workers are killed while events flow: none is lost, each key's come in order.

With EB_SOAK=1: 100,000 events of 1,000 keys over 4 partitions, the broker killed twice and workers five times."""
import json
import os
import subprocess

from harness import FULL, SIGNAL, Workers, bus_of, check, equal, event, events, test, wait_until

EVENTS, KEYS, BROKER_KILLS, WORKER_KILLS, PATIENCE = (100000, 1000, 2, 5, 1800) if FULL else (6000, 200, 1, 2, 900)


@test
def nothing_is_lost_when_the_broker_is_killed_without_work(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "rest")
    bus.produce("rest", events(50, 10))
    server.kill9()
    server.start()
    equal(len(bus.consume("rest", "g")), 50, "the events")
    equal(bus.groups("rest", "g")[0]["lag"], 0, "the lag")


@test
def a_producer_that_has_no_topic_tells_that_the_broker_is_away(server):
    bus = bus_of(server, connect_timeout="5s")
    producer = bus.start("-o", "eventbus.log_level=debug", "produce", "--signal", SIGNAL, "--topic", "idle-partition-3", "--key-field",
                         "item.key", "-", name="idle", stdin=subprocess.PIPE)
    producer.stdin.write((json.dumps(event("k", 0)) + "\n").encode())          # Pulsar has no topic of that name
    producer.stdin.flush()
    wait_until(lambda: "the producer is connected" in text_of(bus.path("idle.log")), "the producer is connected")
    server.kill9()
    wait_until(lambda: "the producer waits for the broker: cannot reach Pulsar" in text_of(bus.path("idle.log")), "it tells that the "
               "broker is away")
    server.start()
    wait_until(lambda: "the producer is connected again" in text_of(bus.path("idle.log")), "it tells that the broker is there again")
    producer.communicate(timeout=PATIENCE)
    check("stand for a partition" in text_of(bus.path("idle.log")), "the event was not refused")


@test
def a_topic_that_moves_takes_its_events_back_each_time(server):
    """The broker closes the consumers of a topic that moves, over a connection that stays: they are back within 0.1 s."""
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "moving")
    script = bus.write("receiver", f"touch '{bus.path('begun')}'; while [ ! -e '{bus.path('go')}' ]; do sleep 0.1; done; cat >>'{bus.path('out')}'\n")
    worker = bus.start("-o", "eventbus.log_level=debug", "consume", "-t", "moving", "-g", "g", "--exec", f"sh '{script}'", name="worker")
    bus.produce("moving", events(20, 2))
    wait_until(lambda: os.path.exists(bus.path("begun")), "the worker has an event")
    for n in range(1, 6):
        server.topic("moving", "/unload", "PUT")
        wait_until(lambda n=n: text_of(bus.path("worker.log")).count("Created consumer on broker") > n, f"the worker is back {n} times")
        wait_until(lambda n=n: text_of(bus.path("worker.log")).count("a connection has ended") >= n, f"it has noticed that {n} times")
    check("are revoked" in text_of(bus.path("worker.log")), "the event at work was not revoked")
    bus.write("go", "")
    wait_until(lambda: bus.groups("moving", "g")[0]["lag"] == 0, "all is settled")
    worker.terminate()
    equal(worker.wait(PATIENCE), 0, "the worker's status")
    done = {}
    for line in text_of(bus.path("out")).splitlines():
        item = json.loads(line)["data"]["item"]
        if item["n"] not in done.setdefault(item["key"], []):
            done[item["key"]].append(item["n"])
    equal(done, {f"key-{n}": list(range(10)) for n in range(2)}, "the events of each key, in the order in which they were first done")


def feed(bus, sent):
    """Sends, in a process of its own; its receipts are in the file receipts."""
    path = bus.write("sent", "".join(json.dumps(one) + "\n" for one in sent))
    with open(path, "rb") as source, open(bus.path("receipts"), "wb") as receipts:
        return bus.start("-o", "eventbus.delivery_timeout=30m", "produce", "--signal", SIGNAL, "--topic", "soak", "--key-field",
                         "item.key", "--json", "-", name="producer", stdin=source, stdout=receipts)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@test
def kills_lose_nothing_and_keep_the_order_of_keys(server):
    bus = bus_of(server)
    sent = [event(f"key-{n % KEYS}", n // KEYS, "x" * 50) for n in range(EVENTS)]
    # A broker that was killed before answers 500 while it still recovers the ledgers of other topics.
    wait_until(lambda: bus.run("topics", "create", "-t", "soak", "--partitions", 4, status=None).status == 0, "the topic is made")
    workers = Workers(bus, "soak", "g", 2)
    producer = feed(bus, sent)
    kills = sorted([("broker", (i + 1) / (BROKER_KILLS + 1)) for i in range(BROKER_KILLS)] +
                   [("worker", (i + 1) / (WORKER_KILLS + 1)) for i in range(WORKER_KILLS)], key=lambda kill: kill[1])
    for n, (what, share) in enumerate(kills):
        wait_until(lambda share=share: len(workers.seen()) >= share * EVENTS * 0.9, f"{share:.0%} of the events are done", PATIENCE)
        if what == "broker":
            server.kill9()
            server.start()
        else:
            workers.kill9(n % 2)
    equal(producer.wait(PATIENCE), 0, f"the producer's status: {text_of(bus.path('producer.log'))[-500:]}")
    equal(text_of(bus.path("receipts")).count("\n"), EVENTS, "the receipts")
    repeats = workers.await_all(sent, PATIENCE)
    # What the broker forgot of acknowledgements when it was killed comes again, and needs a worker.
    wait_until(lambda: [row["lag"] for row in bus.groups("soak", "g")] == [0] * 4, "all is settled", PATIENCE)
    workers.stop()
    print(f"  {EVENTS} events of {KEYS} keys over 4 partitions, the broker killed {BROKER_KILLS} times and workers {WORKER_KILLS}: "
          f"none lost, in order by key, {repeats} repeats", flush=True)
