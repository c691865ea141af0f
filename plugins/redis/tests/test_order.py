"""The key is not on the wire: where a worker takes it from, and what order it then keeps with several hands."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "..", "tests")
sys.path[:0] = [HERE, os.path.join(TESTS, "brokers")]
from hostile import HostileServer                           # noqa: E402
from redis_case import KEY_FIELD, LOGIN, QUIET, configure, number, produce, redis_test, start_worker  # noqa: E402
from harness import main                                    # noqa: E402

EVENTS, KEYS = 60, 6
RECEIVER = """n=$(sed 's/.*"user":{"id":\\([0-9]*\\).*/\\1/'); echo begin $n >> runs; sleep 0.03; echo end $n >> runs"""


def runs(t, *words):
    """[(begin or end, event)...] of a worker with six hands, as its receivers wrote them down."""
    task = {"topic": "a", "group": "g", "concurrency": "6", "exec": RECEIVER}
    t.run(*QUIET, *(word for key, value in task.items() for word in ("-o", f"consume.x.{key}={value}")), *words, "consume",
          "x", "--exit-at-end")
    return [(what, int(event)) for what, event in (line.split() for line in t.read("runs").splitlines())]


def most_at_a_time(told):
    most = now = 0
    for what, _ in told:
        now += 1 if what == "begin" else -1
        most = max(most, now)
    return most


def in_order_by_key(t, told):
    for key in range(KEYS):
        mine = [one for one in told if one[1] % KEYS == key]
        wanted = [(what, event) for event in range(key, EVENTS, KEYS) for what in ("begin", "end")]
        t.equal(mine, wanted, f"runs of key{key}")


@redis_test()
def the_key_of_the_section_lets_other_keys_run_at_the_same_time(t, redis):
    produce(t, "a", 0, EVENTS, keys=KEYS)
    told = runs(t, "-o", f"consume.x.key_field={KEY_FIELD}")
    in_order_by_key(t, told)
    t.check(most_at_a_time(told) > 1, "two keys at the same time")
    print(f"# up to {most_at_a_time(told)} at the same time")


@redis_test()
def so_does_the_key_of_the_route(t, redis):
    t.configure(f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = {KEY_FIELD}\n")
    produce(t, "a", 0, EVENTS, keys=KEYS)
    told = runs(t)
    in_order_by_key(t, told)
    t.check(most_at_a_time(told) > 1, "two keys at the same time")


@redis_test()
def with_neither_the_whole_stream_is_one_key(t, redis):
    produce(t, "a", 0, EVENTS, keys=KEYS)
    t.equal(runs(t), [(what, event) for event in range(EVENTS) for what in ("begin", "end")])


@redis_test()
def a_full_worker_takes_no_entry_with_its_signs_of_life(t, redis):
    """Such an entry would be pending under its name, and come after those that were added later."""
    signs = []
    with HostileServer({"XREADGROUP": lambda words: signs.append(words) if words[-1] != b">" else None},
                       real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}")
        task = {"topic": "a", "group": "g", "max_in_flight": "2", "exec": "cat >> runs; while [ ! -e go ]; do sleep 0.05; done"}
        produce(t, "a", 0, 10, keys=1)
        t.start(*QUIET, *(word for key, value in task.items() for word in ("-o", f"consume.x.{key}={value}")), "consume", "x")
        t.until(lambda: len(signs) > 3, what="its signs of life")
        t.equal(redis.group("a", "g")["pending"], 2)
        t.write("go", "")
        t.until(lambda: t.read("runs").count("\n") == 10, what="ten runs")
        t.equal([number(json.loads(line)) for line in t.read("runs").splitlines()], list(range(10)))


# ---- A worker that starts again ----

RETURNED = "eventbus-returned"


def printed(t, *words):
    """The events that worker w prints up to the end, in the order in which it does."""
    return [number(event) for event in t.run(*QUIET, "-o", "consume.x.topic=a", "-o", "consume.x.group=g", *words, "consume",
                                             "x", "--name", "w", "--exit-at-end", timeout=120).json()]


def return_unsettled(t, redis, events):
    """Worker w takes all events, works on the first and ends: the others go back. Answers how many did."""
    produce(t, "a", 0, events, keys=1)
    first = start_worker(t, "a", "g", ("--exec", "cat > begun; while [ ! -e go ]; do sleep 0.05; done"), name="w")
    t.until(lambda: os.path.exists(t.path("begun")) and redis.group("a", "g")["pending"] == events, what="all events")
    first.send(15)
    t.write("go", "")
    first.wait(0)
    return redis.group("a", "g")["pending"]


@redis_test()
def a_worker_that_starts_again_does_first_what_was_returned(t, redis):
    """More than one page of it, which takes more round trips than a read of what is new."""
    returned = return_unsettled(t, redis, 330)
    t.check(returned > 300, f"what was returned: {returned}")
    produce(t, "a", 330, 350, keys=1)
    t.equal(printed(t), list(range(330 - returned, 350)))


@redis_test()
def so_does_one_that_may_hold_less_than_was_returned(t, redis):
    returned = return_unsettled(t, redis, 30)
    produce(t, "a", 30, 35, keys=1)
    t.equal(printed(t, "-o", "consume.x.max_in_flight=2"), list(range(30 - returned, 35)))


@redis_test()
def what_a_killed_worker_had_and_what_it_had_returned_come_in_their_order(t, redis):
    """It was killed while it returned one after the other."""
    produce(t, "a", 0, 250, keys=1)
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "w", "COUNT", 240, "STREAMS", "a", ">")
    ids = [entry_id for entry_id, _ in redis.entries("a")]
    redis.call("XCLAIM", "a", "g", RETURNED, 0, *ids[:130], *ids[135:140], *ids[230:240], "IDLE", 2592000000, "JUSTID")
    t.equal(printed(t), list(range(250)))


main()
