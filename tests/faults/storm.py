"""tests/faults/storm.py - producers and workers of one topic that are killed and started again, until everything was
sent, killed and consumed; then what they wrote down is judged.

    storm = Storm(t, events=20000, kills=2)
    storm.run()                 # fails the test where the checker finds a violation

For another broker: plugin = "redis", broker = "url = redis://...\\n", and what differs in `section`; moving: see
checker.py.

Each life of a process gets a kind of death out of a plan, which is done when each kind has happened `kills` times:
"random" is a SIGKILL by this program at a random moment, STEP.before and STEP.after are the steps of killer.c (and
receiver.* of worker.c), "letter STEP" is a step of the worker's dead letters, "stop" is a SIGTERM and an orderly end. A
producer sends again what it has no receipt for, under the same ids, as one that must not lose anything does.
"""
import json
import os
import random
import signal
import time

import harness
from checker import Checker

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
TOPIC, GROUP = "a", "g"
WORKER = os.path.join(harness.BUILD, "tests", "faults", "worker")
KILLER = os.path.join(harness.BUILD, "tests", "faults", "killer.so")

BOTH_SIDES = ("before", "after")
PRODUCER_KINDS = ["random"] + [f"{step}.{side}" for step in ("submit", "delivered") for side in BOTH_SIDES]
WORKER_KINDS = (["random", "stop"] +
                [f"{step}.{side}" for step in ("receive", "received", "receiver", "settle", "settled")
                 for side in BOTH_SIDES] +
                [f"letter {step}.{side}" for step in ("submit", "delivered") for side in BOTH_SIDES])


def event_id(number):
    """A UUID that begins with the number, which worker.c reads."""
    return f"{number:08x}-0000-1000-8000-00000000face"


def number_of(id_):
    return int(id_[:8], 16)


def event_line(number, key):
    return ('{"specversion":"1.0","id":"%s","type":"%s","source":"openedx/storm/web",'
            '"time":"2026-01-01T00:00:00+00:00","data":{"user":{"id":%d,"is_active":true,'
            '"pii":{"username":"%s","email":"e","name":"n"}}}}\n'
            % (event_id(number), LOGIN, number, key))


class Plan:
    """Kinds of death that are still to come, in random order."""

    def __init__(self, kinds, times, chance):
        self.chance = chance
        self.left = [kind for kind in kinds for _ in range(times)]
        self.done = dict.fromkeys(kinds, 0)
        self.out = 0
        chance.shuffle(self.left)

    def take(self):
        if not self.left:
            return None
        self.out += 1
        return self.left.pop()

    def happened(self, kind):
        self.out -= 1
        self.done[kind] += 1

    def missed(self, kind):
        """The life ended before it came to that."""
        self.out -= 1
        self.left.insert(self.chance.randrange(len(self.left) + 1), kind)

    def over(self):
        return not self.left and not self.out


class Life:
    """One process, and how it is to end."""

    def __init__(self, process, name, kind, delay):
        self.process, self.name, self.kind = process, name, kind
        self.at = time.monotonic() + delay if kind in ("random", "stop") else None
        self.told = False
        self.sent = []

    def tell(self):
        """Kills or stops it, when its moment has come."""
        if self.at is None or self.told or time.monotonic() < self.at or not self.process.running():
            return
        self.told = True
        self.process.send(signal.SIGKILL if self.kind == "random" else signal.SIGTERM)


class Storm:
    WORKER = WORKER

    def __init__(self, t, *, events, kills, plugin="sqlite", broker=None, section="", producers=4, workers=4, keys=200,
                 producer_kinds=None, worker_kinds=None, retriable=97, permanent=307, seed=None, patience=None,
                 log_level="error", moving=False, backoff=("10ms", "50ms")):
        self.t, self.events = t, events
        self.patience = patience or int(os.environ.get("FAULTS_PATIENCE", 120))
        self.seed = int(os.environ.get("FAULTS_SEED", 0)) or seed or random.SystemRandom().randrange(1, 10**9)
        self.chance = random.Random(self.seed)
        self.producer_plan = Plan(PRODUCER_KINDS if producer_kinds is None else producer_kinds, kills, self.chance)
        self.worker_plan = Plan(WORKER_KINDS if worker_kinds is None else worker_kinds, kills, self.chance)
        self.keys_each = max(1, keys // producers)
        # So that the plans are done after about half of the events.
        self.chunk = max(50, events // max(1, len(self.producer_plan.left)))
        self.budget = max(20, events // max(1, len(self.worker_plan.left)))
        self.producers, self.workers = [None] * producers, [None] * workers
        self.unsent = [[] for _ in range(producers)]    # numbers without a receipt, to be sent first
        self.next_number, self.lives = 1, 0
        self.resent = set()
        self.looked_at, self.completed = 0, 0           # bytes of the history, and the completions in them
        self.history = t.path("history")
        self.checker = Checker(self.resent, lambda id_: number_of(id_) < self.next_number, moving)
        self.set_up(plugin, f"path = {t.path('bus.db')}\n" if broker is None else broker,
                    f"retry.backoff = {backoff[0]}\nretry.max = {backoff[1]}\n{section}", log_level)
        self.env = {"FAULTS_PLUGIN": os.path.join(harness.PLUGINS, f"{plugin}.so")}
        self.worker_env = {**self.env, "FAULTS_HISTORY": self.history, "FAULTS_RETRIABLE": str(retriable),
                           "FAULTS_PERMANENT": str(permanent)}

    def set_up(self, plugin, broker, section, log_level):
        killing = self.t.path("killing")
        os.mkdir(killing)
        os.symlink(KILLER, os.path.join(killing, f"{plugin}.so"))
        self.t.write("eventbus.ini", f"[eventbus]\nplugin_path = {killing}\nschema_path = {harness.SCHEMAS}\n"
                     f"producer = main\nconsumer = main\nlog_level = {log_level}\naudit_delivered = no\n"
                     f"audit_received = no\naudit_processed = no\n[broker main]\nplugin = {plugin}\n{broker}"
                     f"[consume w]\ntopic = {TOPIC}\ngroup = {GROUP}\nconcurrency = 4\n{section}")

    # ---- Producers ----

    def start_producer(self, slot):
        kind = self.producer_plan.take()
        numbers, self.unsent[slot] = self.unsent[slot], []
        self.resent.update(event_id(number) for number in numbers)
        fresh = max(0, self.chunk - len(numbers)) if self.wants_more(kind) else 0
        numbers += range(self.next_number, self.next_number + fresh)
        self.next_number += fresh
        if not numbers:
            if kind:
                self.producer_plan.missed(kind)
            return None
        self.lives += 1
        name = f"p{self.lives}"
        path = self.t.write(name, "".join(event_line(number, self.key(slot, number)) for number in numbers))
        env = {**self.env, "FAULTS_HISTORY": self.history, "FAULTS_WORKER": name}
        if kind and kind != "random":
            self.kill_at(env, kind, self.chance.randint(1, len(numbers)))
        process = self.t.start("produce", "--topic", TOPIC, "--key-field", "user.pii.username", "--json",
                               "--file", path, env=env)
        life = Life(process, name, kind, self.chance.uniform(0.02, 0.3))
        life.sent = numbers
        return life

    def wants_more(self, kind):
        """Whether new events are to be sent: there are some left, or deaths left that need some."""
        backlog = self.checker.receipts - self.completions()
        workers_want = not self.worker_plan.over() and backlog < self.chunk
        return backlog < max(10000, 5 * self.chunk) and (
            kind is not None or self.next_number <= self.events or workers_want)

    def completions(self):
        """About how many events have been completed: lines of the history, repeats too."""
        if os.path.exists(self.history):
            with open(self.history, "rb") as file:
                file.seek(self.looked_at)
                new = file.read()
            self.looked_at += len(new)
            self.completed += sum(new.count(mark) for mark in (b"\nS ", b"\nJ ", b"\nD "))
        return self.completed

    def key(self, slot, number):
        """A key has one producer, so that its events have one order of sending. Others come with time, so that no worker
        is without work for good, whatever keys fall to it."""
        return f"k{slot}.{number % self.keys_each}.{number // 1000}"

    def kill_at(self, env, step, count):
        env["FAULTS_KILL"] = f"{step}:{count}"
        env["FAULTS_WAIT"] = str(self.chance.choice((0, 0, 20, 100)))

    def end_producer(self, slot, life):
        self.bury_process(life, self.producer_plan, None)
        receipts = life.process.json()
        self.checker.add_receipts(receipts, [(event_id(number), self.key(slot, number)) for number in life.sent])
        have = {receipt["id"] for receipt in receipts}
        self.unsent[slot] = [number for number in life.sent if event_id(number) not in have]
        if life.kind is None and self.unsent[slot]:
            raise harness.Failed(f"{life.name} left {len(self.unsent[slot])} events without a receipt")
        for path in (life.process.out_file, life.process.err_file, self.t.path(life.name)):
            os.unlink(path)

    # ---- Workers ----

    def start_worker(self):
        kind = self.worker_plan.take()
        self.lives += 1
        return self.worker_life(kind, f"w{self.lives}", self.chance.uniform(0.02, 0.3))

    def worker_life(self, kind, name, delay):
        env = {**self.worker_env, "FAULTS_WORKER": name}
        if kind and kind.startswith("letter "):
            self.kill_at(env, kind.removeprefix("letter "), 1)
        elif kind and kind not in ("random", "stop"):
            most = max(2, self.budget // 20) if kind.startswith("receive.") else self.budget
            self.kill_at(env, kind, self.chance.randint(1, most))
        return Life(self.t.start("w", env=env, command=WORKER), name, kind, delay)

    def end_worker(self, life):
        self.bury_process(life, self.worker_plan, life.name)

    # ---- Both ----

    def bury_process(self, life, plan, worker):
        """Looks at how a life has ended, and takes the process off the test's books."""
        status = life.process.process.returncode
        in_order = (0, -signal.SIGTERM)                 # the latter where it came before the worker could catch it
        if life.kind == "stop" and life.told and status in in_order:
            plan.happened(life.kind)
        elif status == -signal.SIGKILL and life.kind not in (None, "stop"):
            plan.happened(life.kind)
            if worker:
                self.write_killed(worker, life.kind)
        elif status == 0 and not worker:
            if life.kind:
                plan.missed(life.kind)
        else:
            raise harness.Failed(f"{life.name} was to end by {life.kind}, and ended with {status}:\n"
                                 f"{life.process.err[-2000:]}")
        self.t.workers.remove(life.process)

    def write_killed(self, worker, kind):
        with open(self.history, "ab", buffering=0) as file:
            file.write(f"\nK {worker} {kind.replace(' ', '-')} ;".encode())

    def sending_is_over(self):
        return (self.producer_plan.over() and self.worker_plan.over() and self.next_number > self.events
                and not any(self.producers) and not any(self.unsent))

    def turn(self):
        """Looks after every process once."""
        for slot, life in enumerate(self.producers):
            if life and not life.process.running():
                self.end_producer(slot, life)
                life = None
            if not life and not self.sending_is_over():
                life = self.start_producer(slot)
            self.producers[slot] = life
        for slot, life in enumerate(self.workers):
            if life and not life.process.running():
                self.end_worker(life)
                life = None
            self.workers[slot] = life or self.start_worker()
        for life in self.producers + self.workers:
            if life:
                life.tell()

    def lag(self):
        rows = self.t.run("groups", "--json", env=self.env).json()
        self.t.history.clear()
        return sum(row["lag"] for row in rows if row["topic"] == TOPIC) if rows else None

    def progress(self, lowest):
        """What changes as long as it goes on: when all is sent and all have died, only the lag that is left."""
        if lowest is not None:
            return lowest
        written = os.path.getsize(self.history) if os.path.exists(self.history) else 0
        return (written, self.checker.receipts, self.lives)

    def fail(self, why):
        """It does not come to its end: says so, and what is wrong so far. What is called lost there may still come."""
        with open(self.history, encoding="utf-8") as file:
            self.checker.read(file).finish()
        raise harness.Failed(f"{why} (seed {self.seed})\n" + "\n".join(self.checker.summary()))

    def deaths(self):
        return sum(self.producer_plan.done.values()) + sum(self.worker_plan.done.values())

    def run(self):
        """All of it. Fails the test where something is wrong."""
        try:
            self.rage()
        except harness.Failed:
            for life in filter(None, self.producers):   # their receipts would be the longest part of the report
                life.process.end()
                self.t.workers.remove(life.process)
            raise

    def rage(self):
        began, seen, lowest, looked, died = time.monotonic(), None, None, 0, 0
        moved = died_at = began
        while True:
            self.turn()
            now = time.monotonic()
            if self.progress(lowest) != seen:
                seen, moved = self.progress(lowest), now
            if now - moved > self.patience:
                self.fail(f"stuck: nothing moved for {self.patience} s, lag {self.lag()}")
            if self.deaths() != died:
                died, died_at = self.deaths(), now
            if now - died_at > 2 * self.patience and not (self.producer_plan.over() and self.worker_plan.over()):
                self.fail(f"deaths that do not come: {self.producer_plan.left + self.worker_plan.left}")
            if self.sending_is_over() and now - looked > 0.3:
                lag = self.lag()
                if lag == 0:
                    break
                lowest, looked = lag if lowest is None else min(lag, lowest), now
            time.sleep(0.005)
        self.stop_workers()
        self.judge(time.monotonic() - began)

    def stop_workers(self):
        for life in self.workers:
            life.process.send(signal.SIGTERM)
        for life in self.workers:
            life.process.wait(None)     # by the signal, where it came before the worker could catch it

    # ---- The end ----

    def judge(self, seconds):
        print(f"# {self.next_number - 1} events in {seconds:.0f} s, seed {self.seed}")
        producers = ", ".join(f"{n} {kind}" for kind, n in self.producer_plan.done.items())
        print(f"# producers killed: {producers}; {len(self.resent)} events sent again")
        print(f"# workers stopped in order: {self.worker_plan.done.get('stop', 0)}")
        self.check_history()

    def check_history(self):
        with open(self.history, encoding="utf-8") as file:
            self.checker.read(file).finish()
        self.check_letters()
        for line in self.checker.summary():
            print(f"# {line}", flush=True)
        if not self.checker.good():
            raise harness.Failed("the checker has found violations (seed "
                                 f"{self.seed}):\n" + "\n".join(self.checker.summary()))

    def check_letters(self):
        """Each event that the history calls buried lies in the dead-letter topic, with its story."""
        done = self.t.run("consume", "-t", f"{TOPIC}.dlq", "--exit-at-end", env=self.env, status=None, timeout=600)
        self.t.history.clear()
        letters = {(letter["dlqtopic"], letter["dlqposition"]) for letter in map(json.loads, done.lines())}
        for place in self.checker.buried - letters:
            self.checker.wrong("lost", f"the dead letter of {place} is said to be stored, and is not there")
