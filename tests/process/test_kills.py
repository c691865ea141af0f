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


def consumer(t):
    return t.start("consume", "-t", "a", "-g", "g", "--exit-at-end", "-o", "eventbus.audit_received=no", "-o",
                   "eventbus.audit_processed=no", "--concurrency", "3")


def check(t, receipts, prints):
    """prints: the events of each worker in turn. Repeats are allowed; first completions must be in order of position."""
    seen, last = set(), {}
    for event in prints:
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        key, position = event["partitionkey"], int(event["position"])
        t.check(position > last.get(key, 0), f"key {key}: position {position} came after {last.get(key)}")
        last[key] = position
    lost = [receipt["id"] for receipt in receipts if receipt["id"] not in seen]
    t.equal(lost, [], "events with a receipt that were never consumed")
    return len(prints) - len(seen)


@test
def workers_killed_three_times_and_a_producer_once(t):
    n = size(3000, 10000)
    first = producer(t, 0, n)
    first.until(lambda w: len(w.lines()) > n // 10)
    first.kill9()
    second = producer(t, n, 2 * n)
    second.wait(0)
    receipts = first.json() + second.json()
    t.check(len(first.json()) >= n // 10, "the first producer was killed in the middle")
    prints = []
    for _ in range(3):
        worker = consumer(t)
        worker.until(lambda w: len(w.lines()) >= n // 5)
        worker.kill9()
        prints += worker.json()
    last = consumer(t)
    last.wait(0, timeout=120)
    prints += last.json()
    repeats = check(t, receipts, prints)
    print(f"# {len(receipts)} with a receipt, {len(prints)} printed, {repeats} repeats around 3 kills")
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
        worker.wait(0)
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
    return t.run("groups", "--json").json()[0]["lag"]


main()
