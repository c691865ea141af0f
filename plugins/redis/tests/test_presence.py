"""A worker shows the others that it lives, whether it waits for events or works on them."""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path.insert(0, os.path.join(TESTS, "brokers"))
from redis_case import each_version_test, produce, redis_test, start_worker  # noqa: E402
from harness import main                                    # noqa: E402


def idle(redis, name):
    """How long ago, in ms, the server last saw this member of the group."""
    for flat in redis.call("XINFO", "CONSUMERS", "a", "g"):
        row = dict(zip(flat[::2], flat[1::2]))
        if row[b"name"] == name.encode():
            return row[b"idle"]
    return None


def is_seen_again_and_again(t, redis):
    """One that waits for events, which no server takes for dead. Before Redis 7.2 its read alone does not show that it lives."""
    produce(t, "a", 0, 3)
    worker = start_worker(t, "a", "g", name="w")
    worker.until(lambda w: len(w.lines()) == 3)
    seen = [idle(redis, "w")]

    def seen_again():
        seen.append(idle(redis, "w"))
        return sum(later < earlier for earlier, later in zip(seen, seen[1:])) > 3
    t.until(seen_again, what="signs of its life")
    worker.send(15)
    worker.wait(0)


@redis_test(keys={"claim_after": "1500ms"})
def an_idle_worker_is_seen_again_and_again(t, redis):
    is_seen_again_and_again(t, redis)


@each_version_test("6.2", "8.2", "valkey", keys={"claim_after": "1500ms"})
def so_it_is_on(t, redis):
    is_seen_again_and_again(t, redis)


@redis_test(keys={"claim_after": "10m"})
def one_that_stops_at_the_end_does_not_wait_for_what_a_living_one_holds(t, redis):
    """Which has room for more, and waits for it."""
    produce(t, "a", 0, 1)
    holder = start_worker(t, "a", "g", ("--exec", "cat > begun; while [ ! -e go ]; do sleep 0.05; done"), name="holder")
    t.until(lambda: os.path.exists(t.path("begun")), what="the holder at work")
    other = start_worker(t, "a", "g", ("--exit-at-end",), name="other")
    t.equal(other.wait(0).lines(), [])
    t.check(not os.path.exists(t.path("go")) and redis.group("a", "g")["pending"] == 1, "the holder is still at work")
    t.write("go", "")
    t.until(lambda: redis.group("a", "g")["pending"] == 0, what="the holder's verdict")
    holder.send(15)
    holder.wait(0)


main()
