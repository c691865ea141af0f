"""A server whose clock is set while members are at work, or dead: idle times are counted by it."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "..", "tests")
sys.path[:0] = [HERE, os.path.join(TESTS, "brokers")]
from redis_case import configure, number, produce, server_for, start_worker  # noqa: E402
from clocks import Clock                                    # noqa: E402
from harness import PATIENCE, main, test                    # noqa: E402

DAY = 86400
CLAIMED = max(PATIENCE, 30)                                 # seconds within which what a dead member had is taken over


def pending(redis):
    """{entry id: (consumer, deliveries)}"""
    return {row[0].decode(): (row[1].decode(), row[3]) for row in redis.call("XPENDING", "a", "g", "-", "+", 1000)}


def at_work(t, name):
    """A receiver that tells that it began, and works until a file `go` is there."""
    return ("--exec", f"cat >> begun-{name}; until [ -e {t.path('go')} ] || [ ! -d {t.folder} ]; do sleep 0.05; done")


def begun(t, name):
    """How many receiver runs of at_work(name) have begun."""
    path = t.path(f"begun-{name}")
    return t.read(f"begun-{name}").count("\n") if os.path.exists(path) else 0


def end(worker):
    worker.send(15)
    return worker.wait(0)


def set_server(t, function, claim_after="1500ms"):
    """function(redis, clock) with a server that goes by the clock."""
    clock = Clock(t)
    os.environ.update(clock.environment)
    try:
        server = server_for(t).start()
    finally:
        for name in clock.environment:
            del os.environ[name]
    try:
        configure(t, server.url, claim_after=claim_after)
        function(server, clock)
    finally:
        server.close()


@test
def a_servers_clock_that_is_set_back_keeps_no_event_of_a_dead_member(t):
    def run(redis, clock):
        produce(t, "a", 0, 20)
        dead = start_worker(t, "a", "g", at_work(t, "dead"), name="dead")
        t.until(lambda: begun(t, "dead") and pending(redis))
        heir = start_worker(t, "a", "g", name="heir")
        heir.until("dead is at work")                   # it has looked
        dead.kill9()
        clock.set(-DAY)
        heir.until("the server's clock was set 8", CLAIMED)
        heir.until(lambda w: len(w.lines()) == 20, CLAIMED)
        t.equal(sorted(number(event) for event in heir.json()), list(range(20)))
        end(heir)
    set_server(t, run)


@test
def nor_does_one_that_was_set_back_before_anybody_looked(t):
    def run(redis, clock):
        produce(t, "a", 0, 20)
        dead = start_worker(t, "a", "g", at_work(t, "dead"), name="dead")
        t.until(lambda: begun(t, "dead") and pending(redis))
        dead.kill9()
        clock.set(-DAY)
        heir = start_worker(t, "a", "g", name="heir")
        heir.until(lambda w: len(w.lines()) == 20, CLAIMED)
        end(heir)
    set_server(t, run)


@test
def a_servers_clock_that_is_set_ahead_takes_nothing_from_the_living(t):
    def run(redis, clock):
        produce(t, "a", 0, 5, keys=1)
        busy = start_worker(t, "a", "g", at_work(t, "busy"), name="busy")
        t.until(lambda: begun(t, "busy") and pending(redis))
        other = start_worker(t, "a", "g", at_work(t, "other"), name="other")
        other.until("busy is at work")
        for seconds in (DAY, 2 * DAY):
            before = pending(redis)
            clock.set(seconds)
            other.until(lambda w, want=seconds // DAY: w.err.count("the server's clock was set") == want)
            time.sleep(6)                       # longer than claim_after, in which nothing must be taken
            t.equal(pending(redis), before, "who has what")
        t.write("go", "")
        t.until(lambda: redis.group("a", "g")["pending"] == 0)
        t.equal(begun(t, "busy") + begun(t, "other"), 5, "runs")
        for worker in (busy, other):
            end(worker)
    set_server(t, run, claim_after="5s")        # the machine may keep a living member from its claims for some seconds


main()
