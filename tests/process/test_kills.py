"""kill -9 of workers and producers: what has a receipt is consumed, in order by key."""
import json
import os
import random

from harness import main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
KEYS = 20


def lines(first, last):
    return "".join(json.dumps({"user": {"id": i, "is_active": True, "pii": {
        "username": f"key{i % KEYS}", "email": "e", "name": "n"}}}) + "\n" for i in range(first, last))


def producer(t, first, last):
    path = t.write(f"events-{first}", lines(first, last))
    return t.start("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username", "--json",
                   "--file", path, "-o", "eventbus.audit_delivered=no")


def consumer(t, number):
    """A worker that appends each event to run-NUMBER, a little slower than one that prints."""
    return t.start("consume", "-t", "a", "-g", "g", "--exit-at-end", "--concurrency", "3", "--exec", f"cat >> run-{number}",
                   "-o", "eventbus.audit_received=no", "-o", "eventbus.audit_processed=no")


def ran(t, number):
    """What a worker's receivers have completed; a line that a killed one left half is none."""
    if not exists(t, f"run-{number}"):
        return []
    return [json.loads(line) for line in t.read(f"run-{number}").split("\n")[:-1]]


def check(t, receipts, runs):
    """runs: the events of each worker in turn. Repeats are allowed; first completions must be in order of position."""
    seen, last = set(), {}
    for event in runs:
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        key, position = event["partitionkey"], int(event["position"])
        t.check(position > last.get(key, 0), f"key {key}: position {position} came after {last.get(key)}")
        last[key] = position
    lost = [receipt["id"] for receipt in receipts if receipt["id"] not in seen]
    t.equal(lost, [], "events with a receipt that were never consumed")
    return len(runs) - len(seen)


@test
def workers_killed_three_times_and_a_producer_once(t):
    n = size(1000, 10000)
    first = producer(t, 0, 10 * n)
    first.until(lambda w: len(w.lines()) > n // 10)
    first.kill9()
    second = producer(t, 10 * n, 10 * n + n)
    second.wait(0)
    receipts = first.json() + second.json()
    t.check(n // 10 <= len(first.json()) < 10 * n, "the first producer was killed in the middle")
    for kill in range(3):
        worker = consumer(t, kill)
        worker.until(lambda w, kill=kill: len(ran(t, kill)) >= n // 10)
        worker.kill9()
    consumer(t, 3).wait(0, timeout=600)
    runs = [event for number in range(4) for event in ran(t, number)]
    repeats = check(t, receipts, runs)
    print(f"# {len(receipts)} with a receipt, {len(runs)} runs, {repeats} repeats around 3 kills, lost 0, out of order 0")
    row, = t.run("groups", "--json").json()
    t.equal(row["lag"], 0)


@test
def workers_of_a_group_killed_at_random(t):
    n, kills = size(2000, 20000), size(6, 50)
    chance = random.Random(7)
    receipts = producer(t, 0, n).wait(0).json()
    dead = 0
    workers = [t.start("consume", "-t", "a", "-g", "g", "--name", f"w{i}-0", "--exec", f"cat >> out-{i}") for i in range(2)]
    while dead < kills:
        i = chance.randrange(2)
        total = sum(len(t.read(f"out-{k}").splitlines()) for k in range(2) if (exists(t, f"out-{k}")))
        t.until(lambda: any_more(t, total + 5) or lag(t) == 0, what="progress")
        workers[i].kill9()
        dead += 1
        workers[i] = t.start("consume", "-t", "a", "-g", "g", "--name", f"w{i}-{dead}", "--exec", f"cat >> out-{i}")
    for worker in workers:
        worker.send(15)
    for worker in workers:
        worker.wait(None)                               # by the signal, where it came before the command could catch it
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "cat >> out-2", timeout=600)
    ids = set()
    for k in range(3):
        if exists(t, f"out-{k}"):
            ids |= {json.loads(line)["id"] for line in t.read(f"out-{k}").splitlines()}
    t.equal([r["id"] for r in receipts if r["id"] not in ids], [], "events that were never consumed")


def exists(t, name):
    return os.path.exists(t.path(name))


def any_more(t, wanted):
    return sum(len(t.read(f"out-{k}").splitlines()) for k in range(2) if exists(t, f"out-{k}")) >= wanted


def lag(t):
    rows = t.run("groups", "--json").json()
    return rows[0]["lag"] if rows else None             # the group is made by its first worker


main()
