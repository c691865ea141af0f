"""Who gets what in a consumer group on Redis: the dead's entries are claimed, the living's never; nothing is lost."""
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "..", "tests")
sys.path[:0] = [HERE, os.path.join(TESTS, "brokers")]
from redis_case import (LOGIN, add, configure, entry, login_lines, number, produce, proxy_test, redis_test,  # noqa: E402
                        start_producer, start_worker)
from hostile import HostileServer                           # noqa: E402
from harness import PATIENCE, main                          # noqa: E402

SOON = {"claim_after": "600ms"}              # where no living member has entries to lose, or may lose them
ALIVE = {"claim_after": "5s"}                # where a living one must keep it: a stall of the machine may be seconds long
CLAIMED = max(PATIENCE, 30)                  # seconds within which what was left under ALIVE is taken over
BRIEF = ("-o", "eventbus.delivery_timeout=2s")


def consumers(redis, topic, group="g"):
    """XINFO CONSUMERS: {name: pending}."""
    rows = [dict(zip(flat[::2], flat[1::2])) for flat in redis.call("XINFO", "CONSUMERS", topic, group)]
    return {row[b"name"].decode(): row[b"pending"] for row in rows}


def pending(redis, topic, group="g"):
    """[(entry id, consumer, deliveries)...]"""
    rows = redis.call("XPENDING", topic, group, "-", "+", 1000)
    return [(entry_id.decode(), name.decode(), count) for entry_id, name, _, count in rows]


def at_work(t, name):
    """A receiver that tells that it began, works until a file `go-NAME` is there, and tells that it is done."""
    wait = f"while [ ! -e {t.path('go-' + name)} ] && [ -d {t.folder} ]; do sleep 0.05; done"
    return ("--exec", f"cat >> begun-{name}; {wait}; : > done-{name}")


def begun(t, name):
    """How many receiver runs of at_work(name) have begun."""
    path = t.path(f"begun-{name}")
    return t.read(f"begun-{name}").count("\n") if os.path.exists(path) else 0


def end(worker):
    worker.send(15)
    return worker.wait(0)


def numbers(worker):
    return sorted(number(event) for event in worker.json())


# ---- The dead and the living ----

@redis_test(keys=SOON)
def a_dead_consumers_entries_are_claimed(t, redis):
    produce(t, "a", 0, 20)
    dead = start_worker(t, "a", "g", at_work(t, "dead"), name="dead")
    t.until(lambda: begun(t, "dead") and pending(redis, "a"))
    dead.kill9()
    held = len(pending(redis, "a"))
    heir = start_worker(t, "a", "g", name="heir")
    heir.until(lambda w: len(w.lines()) == 20)
    end(heir)
    t.equal(numbers(heir), list(range(20)))
    t.equal([event["attempt"] for event in heir.json()], [1] * 20, "a crash spends no attempt")
    t.equal(redis.group("a", "g")["pending"], 0)
    print(f"# {held} entries claimed")


@redis_test(keys=SOON)
def the_name_of_a_dead_consumer_goes_when_nothing_is_pending_for_it(t, redis):
    produce(t, "a", 0, 5)
    dead = start_worker(t, "a", "g", at_work(t, "dead"), name="dead")
    t.until(lambda: begun(t, "dead") and pending(redis, "a"))
    dead.kill9()
    heir = start_worker(t, "a", "g", name="heir")
    heir.until(lambda w: len(w.lines()) == 5)
    t.until(lambda: "dead" not in consumers(redis, "a"), what="the end of its name")
    t.equal(list(consumers(redis, "a")), ["heir"])
    end(heir)


@redis_test()
def a_name_is_removed_by_a_script_that_finds_nothing_pending_for_it(t, redis):
    """The dead one has got its entries since its name was looked at, which showed none."""
    produce(t, "a", 0, 5)
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "dead", "COUNT", "2", "STREAMS", "a", ">")
    row = [b"$4\r\nname\r\n", b"$4\r\ndead\r\n", b"$7\r\npending\r\n", b":0\r\n", b"$4\r\nidle\r\n", b":9999999\r\n"]
    with HostileServer({"XINFO": b"*1\r\n*6\r\n" + b"".join(row)}, real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}")
        worker = start_worker(t, "a", "g", name="w")
        worker.until(lambda w: len(w.lines()) == 3)
        t.until(lambda: b"cmdstat_eval:" in redis.call("INFO", "commandstats"), what="the script")
        t.equal(consumers(redis, "a").get("dead"), 2, "pending for the name")
        end(worker)


@redis_test(keys={"claim_after": "7s"})
def a_slow_consumer_that_lives_keeps_its_entries(t, redis):
    """Its receiver works twice as long as claim_after; another member waits for work. A machine that keeps a worker from its
    claims for four seconds would be another matter."""
    produce(t, "a", 0, 3)
    slow = start_worker(t, "a", "g", at_work(t, "slow"), name="slow")
    t.until(lambda: begun(t, "slow"))
    idle = start_worker(t, "a", "g", name="idle")
    t.until(lambda: b"blocked_clients:2" in redis.call("INFO", "clients"), what="both at the server, waiting")
    produce(t, "a", 3, 4)
    time.sleep(14)                                          # what happens in twice claim_after is the question
    held = {name for _, name, _ in pending(redis, "a")}
    t.equal(held, {"slow"}, "who holds what is pending")
    t.write("go-slow", "")
    t.until(lambda: redis.group("a", "g")["pending"] == 0)
    end(slow)
    end(idle)
    t.equal(begun(t, "slow") + len(idle.lines()), 4, "receiver runs: each event once")


@redis_test(keys=ALIVE)
def one_that_slept_through_its_claims_settles_nothing_of_others(t, redis):
    """Its receiver is done by then: the verdict is the first thing that it has to say."""
    produce(t, "a", 0, 1)
    sleeper = start_worker(t, "a", "g", at_work(t, "sleeper"), name="sleeper")
    t.until(lambda: begun(t, "sleeper"))
    sleeper.send(signal.SIGSTOP)
    heir = start_worker(t, "a", "g", at_work(t, "heir"), name="heir")
    t.until(lambda: begun(t, "heir"), CLAIMED, "the heir's run")
    t.write("go-sleeper", "")
    t.until(lambda: os.path.exists(t.path("done-sleeper")), what="the end of the sleeper's receiver")
    sleeper.send(signal.SIGCONT)
    time.sleep(1.5)                                         # time enough to do the wrong thing
    t.equal([name for _, name, _ in pending(redis, "a")], ["heir"], "who holds it, after the sleeper woke and was done")
    t.write("go-heir", "")
    t.until(lambda: redis.group("a", "g")["pending"] == 0)
    end(heir)
    end(sleeper)


@proxy_test(keys=ALIVE)
def an_acknowledgement_that_did_not_arrive_settles_nothing_of_others(t, redis, proxy):
    """It is sent again once there is a connection, when another consumer has taken the entry over."""
    produce(t, "a", 0, 1)
    cut_off = start_worker(t, "a", "g", at_work(t, "cut-off"), name="cut-off")
    t.until(lambda: begun(t, "cut-off"))
    proxy.hold("up")
    t.write("go-cut-off", "")
    t.until(lambda: os.path.exists(t.path("done-cut-off")), what="the end of its receiver")
    configure(t, redis.url, **ALIVE)
    heir = start_worker(t, "a", "g", at_work(t, "heir"), name="heir")
    t.until(lambda: begun(t, "heir"), CLAIMED, "the heir's run")
    connections = proxy.connections
    proxy.cut()
    proxy.release()
    t.until(lambda: proxy.connections > connections + 1, what="its new connections")
    time.sleep(1.5)                                         # time enough to do the wrong thing
    t.equal([name for _, name, _ in pending(redis, "a")], ["heir"], "who holds it, after the other one was connected again")
    t.write("go-heir", "")
    t.until(lambda: redis.group("a", "g")["pending"] == 0)
    end(heir)
    end(cut_off)


@redis_test()
def the_same_name_goes_on_with_its_own_at_once(t, redis):
    """claim_after is a minute here."""
    produce(t, "a", 0, 20)
    first = start_worker(t, "a", "g", at_work(t, "first"), name="w")
    t.until(lambda: begun(t, "first") and pending(redis, "a"))
    first.kill9()
    second = start_worker(t, "a", "g", name="w")
    second.until(lambda w: len(w.lines()) == 20, 30)
    t.equal([number(event) for event in end(second).json()], list(range(20)), "in the stream's order")


@redis_test()
def what_is_handed_back_is_there_for_others_at_once(t, redis):
    """A worker that is told to end finishes the event at work, and gives back the others that it has."""
    produce(t, "a", 0, 50)
    first = start_worker(t, "a", "g", at_work(t, "first"), name="first")
    t.until(lambda: begun(t, "first") and len(pending(redis, "a")) > 1, what="more than the one at work")
    first.send(15)
    t.until(lambda: "eventbus-returned" in consumers(redis, "a"), what="what is given back")
    t.write("go-first", "")
    first.wait(0)
    t.equal(begun(t, "first"), 1, "events run by the first worker")
    rows = pending(redis, "a")
    t.equal({(name, deliveries) for _, name, deliveries in rows}, {("eventbus-returned", 0)}, "a hand-back spends none")
    second = start_worker(t, "a", "g", ("--exit-at-end",), name="second")
    second.wait(0, 30)
    t.equal(numbers(second), list(range(1, 50)))
    t.equal({event["attempt"] for event in second.json()}, {1}, "attempts")
    print(f"# {len(rows)} given back")


@redis_test()
def a_failure_is_tried_again_and_then_a_dead_letter(t, redis):
    produce(t, "a", 0, 1)
    t.run("-o", "consume.x.topic=a", "-o", "consume.x.group=g", "-o", "consume.x.retry.attempts=3", "-o",
          "consume.x.retry.backoff=50ms", "consume", "x", "--exit-at-end", "--exec", "cat >> runs; exit 1", status=1)
    t.equal(t.read("runs").count("\n"), 3, "runs")
    (entry_id, original), = redis.entries("a")
    (_, letter), = redis.entries("a.dlq")
    t.equal(letter[:len(original)], original, "the original's fields, in their order")
    more = {name.decode(): value.decode() for name, value in letter[len(original):]}
    t.equal([more["dlq_" + name] for name in ("topic", "position", "group", "attempts")], ["a", entry_id, "g", "3"])
    t.equal(sorted(more), sorted("dlq_" + name for name in (
        "reason", "class", "topic", "position", "group", "receiver", "attempts", "first", "last")))
    t.equal(redis.group("a", "g")["pending"], 0)


# ---- Groups ----

@redis_test()
def a_new_group_starts_at_the_beginning_and_a_restart_does_not_move_it(t, redis):
    produce(t, "a", 0, 10)
    t.equal([number(e) for e in t.run("consume", "-t", "a", "-g", "g", "-n", "4").json()], [0, 1, 2, 3])
    produce(t, "a", 10, 15)
    t.equal([number(e) for e in t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()], list(range(4, 15)))
    t.equal(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").out, "")
    late = t.start("consume", "-t", "a", "-g", "late", "--from", "latest")
    t.until(lambda: redis.group("a", "late"))
    produce(t, "a", 15, 17)
    late.until(lambda w: len(w.lines()) == 2)
    t.equal(numbers(late), [15, 16])
    end(late)


@redis_test()
def from_a_position_and_from_a_time(t, redis):
    for n in range(1, 6):
        add(redis, "a", *entry(sourcehost=f"h{n}"), entry_id=f"{n}0000-1")
    def seen(start):
        return [e["sourcehost"] for e in t.run("consume", "-t", "a", "--from", start, "--exit-at-end").json()]
    t.equal(seen("30000-1"), ["h3", "h4", "h5"], "that one included")
    t.equal(seen("1970-01-01T00:00:25+00:00"), ["h3", "h4", "h5"], "the first stored at or after the time")
    got = t.run("consume", "-t", "a", "-g", "g", "--from", "40000-1", "--exit-at-end").json()
    t.equal([event["sourcehost"] for event in got], ["h4", "h5"])


@redis_test()
def a_group_of_the_python_consumer_is_taken_as_it_stands(t, redis):
    produce(t, "a", 0, 5)
    redis.call("XGROUP", "CREATE", "a", "g", "$")
    produce(t, "a", 5, 8)
    t.equal([number(e) for e in t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()], [5, 6, 7])


# ---- Things that vanish ----

@redis_test()
def entries_trimmed_away_while_pending_are_said_and_removed(t, redis):
    produce(t, "a", 0, 10)
    dead = start_worker(t, "a", "g", at_work(t, "dead"), name="w")
    t.until(lambda: begun(t, "dead") and len(pending(redis, "a")) == 10)
    dead.kill9()
    redis.call("XTRIM", "a", "MAXLEN", 4)
    heir = start_worker(t, "a", "g", ("--exit-at-end",), name="w")
    done = heir.wait(0)
    t.equal(numbers(heir), [6, 7, 8, 9], "what is left")
    t.matches(done.err, r"\b6 .*trim|trim.*\b6 ")
    t.equal(redis.group("a", "g")["pending"], 0)


@redis_test(keys=SOON)
def entries_trimmed_away_from_the_dead_are_said_and_removed(t, redis):
    produce(t, "a", 0, 10)
    dead = start_worker(t, "a", "g", at_work(t, "dead"), name="dead")
    t.until(lambda: begun(t, "dead") and len(pending(redis, "a")) == 10)
    dead.kill9()
    redis.call("XTRIM", "a", "MAXLEN", 4)
    heir = start_worker(t, "a", "g", name="heir")
    heir.until(lambda w: len(w.lines()) == 4)
    t.until(lambda: redis.group("a", "g")["pending"] == 0, what="the end of what is pending")
    t.contains(end(heir).err, "trim")


@redis_test()
def a_stream_deleted_under_its_consumer(t, redis):
    worker = start_worker(t, "a", "g")
    produce(t, "a", 0, 5)
    worker.until(lambda w: len(w.lines()) == 5)
    redis.call("DEL", "a")
    produce(t, "a", 5, 10)
    worker.until(lambda w: set(numbers(w)) == set(range(10)), what="the events after the deletion")
    end(worker)


@redis_test()
def a_stream_that_begins_anew_with_lower_ids_is_read_from_its_beginning(t, redis):
    """As on a primary that came back empty, with a clock that is behind; the worker was to begin at the end."""
    produce(t, "a", 0, 3)
    worker = start_worker(t, "a", "g", ("--from", "latest"), name="w")
    t.until(lambda: redis.group("a", "g"), what="the group")
    produce(t, "a", 3, 5)
    worker.until(lambda w: len(w.lines()) == 2)
    remake = ["redis.call('DEL', KEYS[1])"] + [f"redis.call('XADD', KEYS[1], '7-{i}', unpack(ARGV))" for i in (1, 2, 3)]
    redis.call("EVAL", "\n".join(remake), "1", "a", *entry())
    worker.until(lambda w: len(w.lines()) == 5)
    t.contains(end(worker).err, "the group is created again")
    t.equal([event["position"] for event in worker.json()[2:]], ["7-1", "7-2", "7-3"])


@redis_test()
def a_stream_that_went_away_for_a_while_is_read_from_its_beginning(t, redis):
    produce(t, "a", 0, 3)
    worker = start_worker(t, "a", "g", ("--from", "latest"), name="w")
    t.until(lambda: redis.group("a", "g"), what="the group")
    redis.call("DEL", "a")
    worker.until("was removed while this worker had it; waiting for it")
    t.equal(redis.call("EXISTS", "a"), 0, "the stream, which nobody made")
    add(redis, "a", *entry(), entry_id="7-1")
    worker.until(lambda w: len(w.lines()) == 1)
    end(worker)


@redis_test()
def a_group_destroyed_under_its_consumer(t, redis):
    worker = start_worker(t, "a", "g")
    produce(t, "a", 0, 5)
    worker.until(lambda w: len(w.lines()) == 5)
    redis.call("XGROUP", "DESTROY", "a", "g")
    produce(t, "a", 5, 10)
    worker.until(lambda w: set(numbers(w)) == set(range(10)), what="the events after that")
    t.until(lambda: redis.group("a", "g")["pending"] == 0 and redis.group("a", "g")["lag"] == 0)
    end(worker)


@redis_test(keys=SOON)
def events_held_when_the_group_is_destroyed_come_again_or_are_done(t, redis):
    produce(t, "a", 0, 5)
    worker = start_worker(t, "a", "g", at_work(t, "w"), name="w")
    t.until(lambda: begun(t, "w"))
    redis.call("XGROUP", "DESTROY", "a", "g")
    t.write("go-w", "")
    t.until(lambda: {number(e) for e in read_events(t, "begun-w")} == set(range(5)), what="all five")
    t.until(lambda: redis.group("a", "g") and redis.group("a", "g")["pending"] == 0)
    end(worker)


def read_events(t, name):
    import json
    return [json.loads(line) for line in t.read(name).splitlines()]


@redis_test()
def flushall_under_both_sides(t, redis):
    worker = start_worker(t, "a", "g")
    produce(t, "a", 0, 5)
    worker.until(lambda w: len(w.lines()) == 5)
    redis.call("FLUSHALL")
    produce(t, "a", 5, 10)
    worker.until(lambda w: set(numbers(w)) == set(range(10)))
    end(worker)


# ---- Another kind of value under the topic's key ----

@redis_test()
def a_value_of_another_type_is_refused_by_its_name(t, redis):
    redis.call("SET", "taken", "a string")
    done = t.run(*BRIEF, "produce", "--signal", LOGIN, "--topic", "taken", "-", stdin=login_lines(0, 1), status=None)
    t.check(done.status in (1, 3), f"exit {done.status}")
    t.contains(done.err, "taken", "WRONGTYPE")
    t.equal(redis.call("GET", "taken"), b"a string", "the value")
    produce(t, "free", 0, 3)
    t.contains(start_worker(t, "taken", "g").wait(3).err, "WRONGTYPE", "rename the key taken")
    redis.call("DEL", "taken")
    produce(t, "taken", 0, 3)
    t.equal(len(t.run("consume", "-t", "taken", "-g", "g", "--exit-at-end").json()), 3)


@redis_test()
def one_topic_of_another_type_does_not_stop_the_others(t, redis):
    redis.call("SET", "taken", "a string")
    t.configure("".join(f"[route {name}]\nevent = {LOGIN}\ntopic = {name}\nkey_field = user.pii.username\n"
                        for name in ("free", "taken")))
    done = t.run(*BRIEF, "produce", "--signal", LOGIN, "-", stdin=login_lines(0, 50), status=None)
    t.equal(done.status, 1, "some done and some not")
    t.equal(len(redis.entries("free")), 50)


# ---- Several workers ----

@redis_test()
def a_second_worker_of_a_group_in_order_is_warned_about(t, redis):
    first = t.start("consume", "-t", "a", "-g", "g", "--name", "one")
    produce(t, "a", 0, 1)
    first.until(lambda w: len(w.lines()) == 1)
    second = t.start("consume", "-t", "a", "-g", "g", "--name", "two")
    second.until("order")
    t.matches(second.err, r"(?i)order.*\bone\b|\bone\b.*order")
    end(first)
    end(second)


def catches_sigterm(worker):
    with open(f"/proc/{worker.process.pid}/status", encoding="ascii") as status:
        caught = next(line for line in status if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1


@redis_test(keys=SOON)
def members_that_come_and_go_lose_nothing(t, redis):
    producer = start_producer(t, "a", 0, 3000)
    workers = []
    for turn in range(8):
        workers.append(start_worker(t, "a", "g", ("--concurrency", "4"), name=f"w{turn}"))
        t.until(lambda: workers[-1].lines() or redis.group("a", "g") and redis.group("a", "g")["lag"] == 0)
        t.until(lambda: catches_sigterm(workers[-1]), what="the worker to be one that can be told to end")
        if turn % 2:
            workers[turn - 1].kill9()
        elif turn:
            end(workers[turn - 1])
    producer.wait(0)
    t.until(lambda: (redis.group("a", "g")["lag"], redis.group("a", "g")["pending"]) == (0, 0), what="the end")
    seen = {n for worker in workers for n in numbers(worker)}
    t.equal(seen, set(range(3000)))


@redis_test()
def the_servers_own_count_is_not_believed_at_the_end(t, redis):
    """A restart from its log can leave it far too high."""
    produce(t, "a", 0, 10)
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end")
    redis.call("XGROUP", "SETID", "a", "g", redis.entries("a")[-1][0], "ENTRIESREAD", 3)
    t.equal(redis.group("a", "g")["lag"], 7, "the server's own")
    t.equal([row["lag"] for row in t.run("groups", "--json").json()], [0])
    redis.call("XGROUP", "SETID", "a", "g", redis.entries("a")[5][0], "ENTRIESREAD", -1)
    t.equal([row["lag"] for row in t.run("groups", "--json").json()], [4])


main()
