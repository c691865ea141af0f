"""Redis dies, hangs, hangs up and comes back under both sides: what has a receipt is consumed, in order by key."""
import os
import random
import sys
import threading
import time

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path[:0] = [os.path.join(TESTS, "brokers"), os.path.join(TESTS, "faults")]
from redis_case import (login_lines, number, open_producer, position, produce, proxy_test, redis_test, start_producer,  # noqa: E402
                        start_worker)
from harness import main, size                              # noqa: E402
from checker import Checker                                 # noqa: E402

PATIENT = 300


def ids_of(redis, stream):
    """The event ids of the stream in its order."""
    return [dict(fields)[b"id"].decode() for _, fields in redis.entries(stream)]


def first_places(ids):
    places = {}
    for place, event_id in enumerate(ids):
        places.setdefault(event_id, place)
    return places


def stored(t, redis, stream, receipts, keys=20):
    """Each receipt's event is in the stream, where the receipt says; by key in the order sent. Answers the repeats."""
    entries = redis.entries(stream)
    by_position = {entry_id: dict(fields)[b"id"].decode() for entry_id, fields in entries}
    t.equal([r for r in receipts if by_position.get(r["position"]) != r["id"]], [], "receipts of what is not there")
    places = first_places(by_position.values())
    for key in range(keys):                                 # event n, whose receipt is the nth, has key n modulo keys
        of_key = [places[receipt["id"]] for receipt in receipts[key::keys]]
        t.check(of_key == sorted(of_key), f"key{key} is out of order in the stream")
    return len(entries) - len(places)


def handled(t, workers, receipts):
    """What workers printed, in turn: nothing lost, nothing out of order. Answers the number of repeats."""
    checker = Checker(resent={receipt["id"] for receipt in receipts})
    checker.add_receipts(receipts)
    for name, worker in enumerate(workers):
        for line in worker.lines():
            checker.take(f"J w{name} {line}")
    checker.finish()
    for kind in ("lost", "out of order"):
        t.equal(checker.violations[kind][:5], [], kind)
    return checker.counts["repeats"]


def settled(redis, topic, group="g"):
    row = redis.group(topic, group)
    last = redis.call("XREVRANGE", topic, "+", "-", "COUNT", 1)     # its own lag is not kept right over a restart
    return bool(row) and row["pending"] == 0 and bool(last) and row["last-delivered-id"] == last[0][0]


# ---- kill -9 of the server ----

@redis_test(appendonly=True)
def redis_killed_while_producing(t, redis):
    """The second half of the events is there for it only after the kill, however fast it was with the first."""
    count, killed = size(50_000, 200_000), threading.Event()
    producer, pipe = open_producer(t, "a")

    def feed_halves():
        with pipe:
            pipe.write(login_lines(0, count // 2))
            pipe.flush()
            killed.wait()
            pipe.write(login_lines(count // 2, count))
    threading.Thread(target=feed_halves, daemon=True).start()
    producer.until(lambda _: redis.call("XLEN", "a") > 1000)
    redis.kill9()
    redis.start()
    before = redis.call("XLEN", "a")
    killed.set()
    receipts = producer.wait(0, PATIENT).json()
    t.equal(len(receipts), count)
    repeats = stored(t, redis, "a", receipts)
    print(f"# {before} stored at the kill, {len(receipts)} receipts, {repeats} repeats in the stream")


@redis_test(appendonly=True)
def redis_killed_while_consuming(t, redis):
    count = size(5000, 50_000)
    receipts = produce(t, "a", 0, count)
    worker = start_worker(t, "a", "g")
    worker.until(lambda w: len(w.lines()) > count // 20)
    redis.kill9()
    redis.start()
    worker.until(lambda _: settled(redis, "a"), PATIENT)
    worker.send(15)
    worker.wait(0)
    repeats = handled(t, [worker], receipts)
    print(f"# {len(receipts)} events, {repeats} repeats around the kill")


@redis_test(appendonly=True)
def redis_away_when_a_producer_sends_comes_in_time(t, redis):
    """Outages after the start are waited out."""
    producer, pipe = open_producer(t, "a")
    with pipe:
        pipe.write(login_lines(0, 10))
        pipe.flush()
        producer.until(lambda w: len(w.lines()) == 10)
        redis.kill9()
        pipe.write(login_lines(10, 1000))
        pipe.flush()
        redis.start()
    t.equal(len(producer.wait(0).json()), 1000)
    t.equal(len(set(ids_of(redis, "a"))), 1000)


# ---- kill -9 of the consumer ----

@redis_test()
def ten_thousand_sent_while_nobody_listens_and_the_consumer_killed_three_times(t, redis):
    receipts = produce(t, "a", 0, 10_000, more=("-o", "broker.main.stream_max_len=100"))
    t.equal(redis.call("XLEN", "a"), 10_000, "nothing unread is trimmed while no group exists: entries")
    workers = []
    for _ in range(3):
        worker = start_worker(t, "a", "g")
        workers.append(worker)
        worker.until(lambda w: len(w.lines()) > 500)
        worker.kill9()
    last = start_worker(t, "a", "g", ("--exit-at-end",))
    last.wait(0, PATIENT)
    repeats = handled(t, [*workers, last], receipts)
    t.check(settled(redis, "a"), f"all is acknowledged: {redis.group('a', 'g')}")
    shares = [len(worker.lines()) for worker in (*workers, last)]
    print(f"# 10000 of 10000 processed, by the four in turn: {shares}; {repeats} repeats around the kills")


# ---- Both sides at work, the server killed again and again ----

def feed(pipe, count, progress, over):
    """Writes events as the consumer gets on, so that both sides are at work at each kill."""
    chunk = max(1, count // 50)
    gate = threading.Event()
    with pipe as out:
        for first in range(0, count, chunk):
            while first > progress() + 4 * chunk and not over.is_set():
                gate.wait(0.01)
            out.write(login_lines(first, min(count, first + chunk)))
            out.flush()


@redis_test(appendonly=True)
def redis_killed_five_times_under_both_sides(t, redis):
    count, chance, over = size(10_000, 200_000), random.Random(5), threading.Event()
    worker = start_worker(t, "a", "g")
    producer, pipe = open_producer(t, "a")
    feeder = threading.Thread(target=feed, args=(pipe, count, lambda: worker.out.count("\n"), over), daemon=True)
    feeder.start()
    for kill in range(1, 6):
        worker.until(lambda w, kill=kill: len(w.lines()) > kill * count // 7 + chance.randrange(count // 20), PATIENT)
        redis.kill9()
        redis.start()
    receipts = producer.wait(0, PATIENT).json()
    over.set()
    feeder.join()
    t.equal(len(receipts), count, "receipts")
    worker.until(lambda _: settled(redis, "a"), PATIENT)
    worker.send(15)
    worker.wait(0)
    handled(t, [worker], receipts)
    runs = len(worker.lines())
    print(f"# {count} events, redis-server killed 5 times, {runs} runs, {runs - count} repeats, lost 0, out of order 0")


# ---- Hanging, hanging up ----

@redis_test()
def client_pause_delays_and_loses_nothing(t, redis):
    worker = start_worker(t, "a", "g")
    produce(t, "a", 0, 1)
    worker.until(lambda w: len(w.lines()) == 1)
    redis.call("CLIENT", "PAUSE", 1500, "ALL")
    receipts = produce(t, "a", 1, 500)
    worker.until(lambda w: len(w.lines()) == 500)
    t.equal(handled(t, [worker], receipts), 0, "repeats")


@redis_test(keys={"command_timeout": "1s"})
def a_server_that_hangs_is_left_and_found_again(t, redis):
    worker = start_worker(t, "a", "g")
    produce(t, "a", 0, 1)
    worker.until(lambda w: len(w.lines()) == 1)
    producer, pipe = open_producer(t, "a")
    with pipe:
        pipe.write(login_lines(1, 2))
        pipe.flush()
        producer.until(lambda w: len(w.lines()) == 1)
        redis.freeze()
        pipe.write(login_lines(2, 500))
        pipe.flush()
        producer.until("no answer")
        redis.thaw()
    receipts = producer.wait(0).json()
    worker.until(lambda w: {number(event) for event in w.json()} == set(range(500)))
    handled(t, [worker], receipts)


@redis_test(keys={"keepalive": "300ms", "command_timeout": "500ms"})
def a_server_that_hangs_is_noticed_though_nothing_is_sent(t, redis):
    """A producer that has nothing to send asks whether the server is there."""
    producer, pipe = open_producer(t, "a")
    with pipe:
        pipe.write(login_lines(0, 1))
        pipe.flush()
        producer.until(lambda w: len(w.lines()) == 1)
        redis.freeze()
        producer.until("no answer")
        redis.thaw()
        producer.until("connected again")
        pipe.write(login_lines(1, 2))
    t.equal(len(producer.wait(0).json()), 2)


@redis_test(keys={"stream_max_len": "0"})
def client_kill_again_and_again(t, redis):
    count = size(20_000, 200_000)
    worker = start_worker(t, "a", "g")
    producer = start_producer(t, "a", 0, count)
    kills = 0
    while producer.running():
        kills += redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
        t.until(lambda: not producer.running() or redis.call("CLIENT", "LIST", "TYPE", "normal").count(b"\n") > 2)
    receipts = producer.wait(0, PATIENT).json()
    repeats_stored = stored(t, redis, "a", receipts)
    worker.until(lambda _: settled(redis, "a"), PATIENT)
    worker.send(15)
    worker.wait(0)
    repeats = handled(t, [worker], receipts)
    t.check(kills > 0, "some connection was killed")
    print(f"# {kills} kills, {repeats_stored} repeats in the stream, {repeats} repeated runs")


@proxy_test()
def client_kill_between_write_and_reply(t, redis, proxy):
    """The server has stored them, the producer never hears of it: it must send them again, in order."""
    producer, out = open_producer(t, "a")
    with out:
        out.write(login_lines(0, 1))
        out.flush()
        producer.until(lambda w: len(w.lines()) == 1)
        proxy.hold("down")
        out.write(login_lines(1, 200))
        out.flush()
        t.until(lambda: redis.call("XLEN", "a") > 1, what="the write")
        redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        proxy.cut()
        proxy.release()
    receipts = producer.wait(0).json()
    t.equal(len(receipts), 200)
    repeats = stored(t, redis, "a", receipts)
    t.check(repeats > 0, "what had no answer was sent again")
    print(f"# {repeats} sent again")


@proxy_test()
def connections_cut_at_any_byte(t, redis, proxy):
    chance, cuts = random.Random(11), size(12, 200)
    for cut in range(cuts):
        way = ("up", "down")[cut % 2]
        topic, after = f"cut{cut}", chance.choice((1, 2, 3, 7, 30, 133, 400, 1000, 5000, 12000))
        proxy.cut_after(way, after)
        receipts = produce(t, topic, 0, 100)
        stored(t, redis, topic, receipts)
        proxy.cut_after(("down", "up")[cut % 4 // 2], after)
        worker = start_worker(t, topic, "g", ("--exit-at-end",))
        worker.wait(0)
        handled(t, [worker], receipts)
    print(f"# {proxy.cuts} cuts in {proxy.connections} connections")
    t.check(proxy.cuts > cuts, "connections were cut")


@proxy_test()
def a_slow_and_a_trickling_network(t, redis, proxy):
    proxy.delay = 0.02
    receipts = produce(t, "slow", 0, 300)
    worker = start_worker(t, "slow", "g", ("--exit-at-end",))
    worker.wait(0)
    t.equal(handled(t, [worker], receipts), 0, "repeats")
    proxy.delay, proxy.trickle = 0, True
    receipts = produce(t, "bytes", 0, 50)
    worker = start_worker(t, "bytes", "g", ("--exit-at-end",))
    worker.wait(0)
    t.equal(handled(t, [worker], receipts), 0, "repeats")
    t.equal([position(r["position"]) for r in receipts], sorted(position(r["position"]) for r in receipts))


@proxy_test()
def an_outage_is_said_once_and_costs_no_work(t, redis, proxy):
    """Refused again and again for a while: a line when it goes, one when it is back, and no busy loop."""
    worker = t.start("-o", "eventbus.log_level=debug", "consume", "-t", "a", "-g", "g")
    produce(t, "a", 0, 1)
    worker.until(lambda w: len(w.lines()) == 1)
    for side in ("consumer", "producer"):                   # one that was never there is missed by nobody
        worker.until(f"main: the {side} is connected")
    before = len(worker.err.splitlines())
    proxy.refuse, connections = True, proxy.connections
    proxy.cut()

    def lost():
        return [line for line in worker.err.splitlines()[before:] if " main: " in line and ": debug: " not in line]
    worker.until(lambda _: len(lost()) >= 2, what="both to be said")
    time.sleep(2)                                           # what it does in that time is what is measured
    said = sorted(line.partition("main: ")[2].partition(" waits")[0] for line in lost())
    proxy.refuse = False
    produce(t, "a", 1, 2)
    worker.until(lambda w: len(w.lines()) == 2)
    t.equal(said, ["the consumer", "the producer"], "who says that it waits; the producer is that of the dead letters")
    t.check(proxy.connections - connections < 20, "it came back with few connections")


main()
