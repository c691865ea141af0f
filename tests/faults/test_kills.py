"""kill -9 of producers and workers, at random moments and at each step of an event's way: nothing that has a receipt is
lost, each key comes in order, what was acknowledged never comes again, a kill spends no attempt. A storm that failed
says its seed; FAULTS_SEED=SEED deals the same deaths again."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import main, size, test
from storm import Life, Storm, event_id, event_line


@test
def nothing_is_lost_or_out_of_order_whoever_is_killed_at_whatever_step(t):
    Storm(t, events=size(20000, 1000000), kills=size(2, 50)).run()


@test
def nor_where_most_events_fail_first(t):
    Storm(t, events=size(4000, 40000), kills=size(1, 10), keys=8, retriable=3, permanent=50).run()


@test
def nor_with_one_worker_and_one_producer(t):
    Storm(t, events=size(4000, 40000), kills=size(1, 10), producers=1, workers=1).run()


class CommandStorm(Storm):
    """Workers are `eventbus consume --exec`: the command writes the history, and kills its worker where told to."""

    def worker_life(self, kind, name, delay):
        env = {**self.worker_env, "FAULTS_WORKER": name}
        before = after = ""
        if kind in ("receiver.before", "receiver.after"):
            most = self.chance.randint(1, self.budget)
            worker = "p=$(cut -d ' ' -f 4 /proc/$PPID/stat)"        # once it is dead, somebody else has its children
            death = (f"echo >>{name}.runs; [ $(wc -l <{name}.runs) -lt {most} ] || "
                     f"{{ {worker}; [ \"$(cat /proc/$p/comm)\" != eventbus ] || kill -9 $p; }}; ")
            before, after = (death, "") if kind == "receiver.before" else ("", death)
        elif kind and kind not in ("random", "stop"):
            self.kill_at(env, kind, self.chance.randint(1, self.budget))
        command = f"{before}sed 's/^/\\nJ {name} /; s/$/ ;/' >>{self.history}; {after}:"
        process = self.t.start("consume", "-t", "a", "-g", "g", "--name", name, "--concurrency", "4", "--exec", command,
                               env=env)
        return Life(process, name, kind, delay)


@test
def nor_where_the_receiver_is_a_command(t):
    kinds = ["random", "stop", "receiver.before", "receiver.after", "received.after", "settle.before", "settled.after"]
    CommandStorm(t, events=size(600, 6000), kills=size(1, 10), keys=40, producer_kinds=["random", "delivered.before"],
                 worker_kinds=kinds, retriable=0, permanent=0).run()


@test
def an_event_that_kills_its_worker_spends_no_attempt_and_is_run_alone(t):
    storm = Storm(t, events=0, kills=0, log_level="warning")
    poison, env = 20, {**storm.worker_env, "FAULTS_BEGUN": "yes", "FAULTS_RETRIABLE": "0", "FAULTS_PERMANENT": "0"}
    storm.next_number = 61
    lines = "".join(event_line(number, f"k{number % 5}") for number in range(1, 61))
    sent = t.run("produce", "--topic", "a", "--key-field", "user.pii.username", "--json", "-", stdin=lines,
                 env=storm.env)
    storm.checker.add_receipts(sent.json())
    for life in range(1, 7):
        own = {"FAULTS_WORKER": f"w{life}", "FAULTS_POISON": str(poison)}
        worker = t.start("w", env={**env, **own}, command=storm.WORKER)
        worker.wait(-9)
        storm.write_killed(f"w{life}", "poison")
        said = f"event {event_id(poison)} at a {poison} was delivered" in worker.err
        t.equal(said, life > 3, f"whether worker {life} was warned of it")
    last = t.start("w", env={**env, "FAULTS_WORKER": "w7"}, command=storm.WORKER)
    last.until(lambda worker: storm.lag() == 0)
    last.send(15)
    last.wait(0)
    with open(storm.history, encoding="utf-8") as file:
        checker = storm.checker.read(file).finish()
    for line in checker.summary():
        print(f"# {line}")
    t.check(checker.good(), "\n".join(checker.summary()))
    begun = checker.beginnings[event_id(poison)]
    t.equal([worker for worker, _ in begun], [f"w{life}" for life in range(1, 8)], "the workers that began it")
    t.equal([together for _, together in begun[3:]], [1] * 4, "how many ran with it, from its fourth delivery on")
    t.equal(len(checker.buried), 0, "dead letters")


main()
