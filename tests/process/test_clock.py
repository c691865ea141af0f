"""A wall clock that is wrong, or is set while the bus runs: nothing waits by it, goes by it, or is lost by it.

EB_BROKERS names brokers beside the embedded ones ("redis"): make check-redis sets it.
"""
import json
import os
import sys
import time

from clocks import Clock
from harness import TOP, main, test

BROKERS = os.environ.get("EB_BROKERS", "").split()
sys.path.insert(0, os.path.join(TOP, "tests", "brokers"))

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
DAY, YEAR = 86400, 365 * 86400


def data(number):
    return {"user": {"id": number, "is_active": True, "pii": {"username": f"u{number}", "email": "e", "name": "n"}}}


def send(t, *ids, topic="a", clock=None, more=()):
    lines = "".join(json.dumps(data(i)) + "\n" for i in ids)
    return t.run("produce", "-s", LOGIN, "-t", topic, "--json", "-", *more, stdin=lines,
                 env=clock.environment if clock else None).json()


def numbers(events):
    return [event["data"]["user"]["id"] for event in events]


def messages(t, topic):
    return sum(row["events"] for row in t.run("topics", "--json").json() if row["topic"] == topic)


def producing(t, topic, clock, *more):
    """A producer that stays: it waits for lines."""
    read, write = os.pipe()
    worker = t.start("produce", "-s", LOGIN, "-t", topic, "--json", "-", *more, stdin=read, env=clock.environment)
    os.close(read)
    worker.pipe = os.fdopen(write, "w", buffering=1)
    return worker


def told_of(worker):
    """How often it told that the clock was set by a day."""
    return worker.err.count("the wall clock was set 86400") + worker.err.count("the wall clock was set 86399")


MAIN = "producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n"
FAILING = "[consume w]\ntopic = a\ngroup = g\nexec = exit 1\nretry.backoff = 300ms\nretry.max = 300ms\nretry.attempts = 1000\n"


@test
def a_retry_stored_under_a_clock_that_is_ahead_comes_in_its_due_wait(t):
    t.configure(FAILING)
    for seconds in (DAY, -DAY):
        send(t, 1)
        wrong = t.start("consume", "w", env=Clock(t, seconds).environment)
        wrong.until(lambda worker: worker.err.count("failed") > 1)
        wrong.kill9()
        done = t.run("consume", "w", "--exec", "true", "-n", "1")
        t.equal(t.run("groups", "-t", "a", "-g", "g", "--json").json()[0]["lag"], 0)
        t.contains(done.err, "the wall clock is", "when this file was last used")


@test
def a_clock_that_is_set_under_a_worker_holds_nothing_up_and_is_told_once(t):
    t.configure(FAILING)
    clock = Clock(t)
    worker = t.start("consume", "w", env=clock.environment)
    send(t, 1)
    for seconds in (DAY, 0, -DAY, 0):
        failed = worker.err.count("failed")
        told = told_of(worker)
        worker.until(lambda worker: worker.err.count("failed") > failed)
        clock.set(seconds)
        worker.until(lambda worker: told_of(worker) == told + 1, what="the line about the clock")
        failed = worker.err.count("failed")
        worker.until(lambda worker: worker.err.count("failed") > failed + 3, what="more retries")
        t.equal(told_of(worker), told + 1, "lines about the clock")


@test
def a_process_a_year_ahead_removes_nothing_that_others_have_not_read(t):
    t.configure(MAIN + "retain_hard_age = 30d\n")
    send(t, 1, 2, 3)
    send(t, 1, 2, 3, topic="hard")
    t.run("consume", "-t", "hard", "-g", "g", "-n", "1")
    ahead = producing(t, "b", Clock(t, YEAR))
    ahead.pipe.write("".join(json.dumps(data(i)) + "\n" for i in range(50)))
    ahead.until(lambda worker: len(worker.lines()) == 50)
    time.sleep(2.5)                                     # more than two looks of retention, of which nothing must come
    for topic in ("a", "hard", "b"):
        t.equal(messages(t, topic), 50 if topic == "b" else 3, f"the messages of {topic}")
    ahead.pipe.close()
    ahead.wait()


@test
def a_time_of_the_future_in_a_topic_does_not_keep_it_for_ever(t):
    t.configure(MAIN + "retain_age = 1s\n")
    send(t, 1, clock=Clock(t, YEAR))
    worker = producing(t, "a", Clock(t))
    worker.pipe.write(json.dumps(data(2)) + "\n")
    t.until(lambda: messages(t, "a") == 1, what="the newest one to be what is left")
    worker.pipe.close()
    worker.wait()


@test
def what_is_stored_while_the_clock_runs_back_keeps_its_order(t):
    clock = Clock(t)
    worker = producing(t, "a", clock)
    for i in range(8):
        clock.set(-i * 3600)
        worker.pipe.write(json.dumps(data(i)) + "\n")
        t.until(lambda: messages(t, "a") == i + 1)
    worker.pipe.close()
    ids = [receipt["id"] for receipt in worker.wait().json()]
    t.equal(len(set(ids)), 8, "ids")
    for i in range(8, 12):
        send(t, i, clock=Clock(t, -i * DAY))
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), list(range(12)))
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "h", "--from", "-30d", "--exit-at-end").json()), list(range(12)))


@test
def a_lease_ends_by_no_clock_that_can_be_set(t):
    t.configure(MAIN + "lease = 10s\n[consume w]\ntopic = a\ngroup = g\n"
                "exec = echo ran >>ran; until [ -e go ]; do sleep 0.05; done\n")
    clocks = [Clock(t, seconds) for seconds in (0, 0, YEAR)]
    send(t, 1)
    first = t.start("consume", "w", env=clocks[0].environment)
    t.until(lambda: os.path.exists(t.path("ran")))
    others = [t.start("consume", "w", env=clock.environment) for clock in clocks[1:]]
    t.until(lambda: t.run("groups", "-t", "a", "-g", "g", "--json").json()[0]["members"] == 3)
    for seconds in (DAY, -DAY, 0):
        for clock in clocks:
            clock.set(seconds)
        time.sleep(4)                                   # longer than the wait between two looks for leases that ended
        t.equal(t.read("ran"), "ran\n", "runs of the event")
    t.write("go", "")
    t.until(lambda: t.run("groups", "-t", "a", "-g", "g", "--json").json()[0]["lag"] == 0)
    t.check(first.running() and t.read("ran") == "ran\n", "it ran once")


@test
def looking_at_what_comes_needs_no_clock(t):
    send(t, 1)
    for seconds in (DAY, -DAY):
        looking = t.start("consume", "-t", "a", "--from", "latest", env=Clock(t, seconds).environment)
        found = []
        number = 10

        def sees():
            nonlocal number
            number += 1
            send(t, number)
            found[:] = numbers(looking.json())
            return found
        t.until(sees, what="an event that came in meanwhile")
        t.check(1 not in found, "it saw what was there before")
        looking.end()


main()
