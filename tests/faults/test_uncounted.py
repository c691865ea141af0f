"""A plugin that claims EB_T_DELAY and counts no failed attempts: each event gets its attempts all the same, with growing
waits between them, and becomes a dead letter; with one worker, with two, and where the retry comes to another worker."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import harness                                              # noqa: E402
from harness import main, test                              # noqa: E402

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
KILLER = os.path.join(harness.BUILD, "tests", "faults", "killer.so")
ATTEMPTS = 3


def set_up(t, order):
    """A worker's section on sqlite, which counts, behind a plugin that delivers each message with 0 failures."""
    os.mkdir(t.path("uncounting"))
    os.symlink(KILLER, t.path("uncounting/sqlite.so"))
    t.write("eventbus.ini", f"[eventbus]\nplugin_path = {t.path('uncounting')}\nschema_path = {harness.SCHEMAS}\n"
            f"producer = main\nconsumer = main\naudit_received = no\naudit_processed = no\n"
            f"[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\n"
            f"[consume w]\ntopic = a\ngroup = g\norder = {order}\nretry.attempts = {ATTEMPTS}\nretry.backoff = 100ms\n"
            f"exec = {t.write('fail.sh', FAIL)}\n")
    os.chmod(t.path("fail.sh"), 0o755)
    return {"FAULTS_PLUGIN": os.path.join(harness.PLUGINS, "sqlite.so"), "FAULTS_COUNT": "none"}


FAIL = """#!/bin/sh
sed -n 's/.*"user":{"id":\\([0-9]*\\).*/\\1/p' >>runs
exit 1
"""


def send(t, env, n):
    lines = "".join(f'{{"user":{{"id":{i},"is_active":true,"pii":{{"username":"k{i}","email":"e","name":"n"}}}}}}\n'
                    for i in range(n))
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username", "--json", "-", stdin=lines,
          env=env)


def runs(t):
    return t.read("runs").split() if os.path.exists(t.path("runs")) else []


def letters(t, env):
    done = t.run("consume", "-t", "a.dlq", "--exit-at-end", env=env)
    return sorted(letter["data"]["user"]["id"] for letter in done.json())


def members(t, env):
    groups = t.run("groups", "-t", "a", "-g", "g", "--json", env=env).json()
    return groups[0]["members"] if groups else 0


def waits(worker, event=None):
    """(seconds, attempt) of each retry that a worker's log tells of."""
    lines = [line for line in worker.err.splitlines() if event is None or event in line]
    found = (re.search(r"retrying in ([\d.]+) s \(attempt (\d+) of", line) for line in lines)
    return [(float(one[1]), int(one[2])) for one in found if one]


def one_worker(t, order):
    env = set_up(t, order)
    send(t, env, 1)
    worker = t.start("consume", "w", "--exit-at-end", env=env)
    worker.wait(1)
    t.equal(runs(t), ["0"] * ATTEMPTS, "the runs of the event")
    t.equal(letters(t, env), [0], "the dead letters")
    (first, second), (third, fourth) = waits(worker)
    t.equal((second, fourth), (2, 3), "the attempts")
    t.check(third > first, f"expected growing waits; came {first} s and {third} s")


@test
def one_worker_in_no_order(t):
    one_worker(t, "none")


@test
def one_worker_by_key(t):
    one_worker(t, "key")


@test
def two_workers_in_no_order(t):
    env = set_up(t, "none")
    t.run("topics", "create", "-t", "a", env=env)
    workers = [t.start("consume", "w", env=env) for _ in range(2)]
    t.until(lambda: members(t, env) == 2, what="both workers")
    send(t, env, 8)
    t.until(lambda: len(runs(t)) >= ATTEMPTS * 8, what="the attempts")
    t.until(lambda: sum(worker.err.count("becomes a dead letter") for worker in workers) == 8, what="the dead letters")
    for worker in workers:
        worker.send(signal.SIGTERM)
    for worker in workers:
        worker.wait(0)
    t.equal(letters(t, env), list(range(8)), "the dead letters")
    for event in range(8): # each worker may have failed once before the last one counted by itself
        n = runs(t).count(str(event))
        t.check(ATTEMPTS <= n <= ATTEMPTS + 1, f"event {event}: expected {ATTEMPTS} runs or one more; came {n}")


@test
def a_retry_that_comes_to_another_worker(t):
    env = set_up(t, "none")
    send(t, env, 1)
    t.start("consume", "w", env={**env, "FAULTS_KILL": "settled.after:1"}).wait(-9)
    last = t.start("consume", "w", "--exit-at-end", env=env)
    last.wait(1)
    t.check(len(runs(t)) <= ATTEMPTS + 1, f"expected up to {ATTEMPTS + 1} runs; came {len(runs(t))}")
    t.equal(letters(t, env), [0], "the dead letters")


main()
