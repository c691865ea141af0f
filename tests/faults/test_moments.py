"""Deaths at moments that are chosen, not drawn: one producer or one worker, few events, so that each step of an event's
way has a test that takes a second and finds each time what a storm finds by chance."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import Failed, main, test
from storm import Storm, event_line

PATIENCE = int(os.environ.get("FAULTS_PATIENCE", 60))


class Moments(Storm):
    """A storm's folder and its judge, without its weather. Events are numbered from 1; key(number) is the key."""

    def __init__(self, t, **more):
        super().__init__(t, events=0, kills=0, **more)

    def produce(self, numbers, name, key, step=None, count=1):
        """Sends them by one process, and answers its receipts; step, count: where it dies."""
        env = {**self.env, "FAULTS_HISTORY": self.history, "FAULTS_WORKER": name}
        if step:
            env["FAULTS_KILL"] = f"{step}:{count}"
        self.next_number = max(self.next_number, max(numbers) + 1)
        sent = self.t.run("produce", "--topic", "a", "--key-field", "user.pii.username", "--json", "-", env=env,
                          stdin="".join(event_line(number, key(number)) for number in numbers),
                          status=-signal.SIGKILL if step else 0)
        self.checker.add_receipts(sent.json())
        self.t.history.clear()
        return sent.json()

    def work(self, name, step=None, count=1, **env):
        """Starts a worker; step, count: where it dies, which is waited for."""
        env = {**self.worker_env, "FAULTS_WORKER": name, **env}
        if step:
            env["FAULTS_KILL"] = f"{step}:{count}"
        worker = self.t.start("w", env=env, command=self.WORKER)
        if step:
            self.until(lambda: not worker.running(), f"the death of {name} at {step}:{count}")
            worker.wait(-signal.SIGKILL)
            self.write_killed(name, f"{step}:{count}")
        return worker

    def stop(self, worker):
        worker.send(signal.SIGTERM)
        self.until(lambda: not worker.running(), "the end of a worker that was told to stop")
        ended = worker.wait(None).status                # by the signal, where it came before the worker could catch it
        self.t.check(ended in (0, -signal.SIGTERM), f"a worker that was told to stop ended with {ended}")

    def finish(self, *workers):
        """Waits until nothing is left for these workers to do, stops them, and judges."""
        self.until(lambda: self.lag() == 0, "a lag of 0")
        for worker in workers:
            self.stop(worker)
        self.check_history()
        return self.checker

    def until(self, condition, what):
        """What does not come has a reason: the judge may name it."""
        try:
            self.t.until(condition, PATIENCE, what)
        except Failed as stuck:
            self.fail(f"stuck: {stuck}")


@test
def what_the_broker_reported_is_stored_whenever_the_producer_dies(t):
    """Within the report of the first of a batch, of one amid it, of the last; before it; before and after submit."""
    moments, first, each = Moments(t, retriable=0, permanent=0), 1, 250
    for step, count in (("delivered.after", 1), ("delivered.after", 100), ("delivered.after", each),
                        ("delivered.before", 1), ("submit.after", each), ("submit.before", 1), (None, 1)):
        moments.produce(range(first, first + each), f"p{first}", lambda number: f"k{number % 9}", step, count)
        first += each
    checker = moments.finish(moments.work("w1"))
    t.check(checker.counts["reports"] >= 1 + 100 + each + 1 + each, "hardly any reports")
    t.check(checker.receipts >= each, "no receipts of the one that was left alive")


@test
def what_a_dead_worker_had_out_comes_to_another(t):
    """In order, with no attempt spent, wherever that one died: in a run, before and after its verdicts went out, as it
    was handed an event."""
    moments = Moments(t, retriable=0, permanent=0)
    moments.produce(range(1, 41), "p1", lambda number: f"k{number % 3}")
    for life, (step, count) in enumerate((("receiver.before", 3), ("settle.before", 1), ("settle.after", 1),
                                          ("received.after", 1), ("receive.after", 2)), 1):
        moments.work(f"w{life}", step, count)
    # Its first verdicts are stored while the others of what it was handed are not begun.
    moments.produce(range(41, 81), "p2", lambda number: f"k{number % 3}")
    moments.work("w6", "settled.after", 1, FAULTS_SLOW="20")
    checker = moments.finish(moments.work("last"))
    t.equal(len(checker.events), 80, "events that came")


@test
def nor_is_it_acknowledged_while_it_runs(t):
    """The worker stays alive for a while after its second run began, and everything else goes on."""
    moments = Moments(t, retriable=0, permanent=0)
    moments.produce(range(1, 6), "p1", lambda number: f"k{number}")
    moments.work("w1", "receiver.before", 2, FAULTS_WAIT="300")
    moments.work("w2", "receiver.before", 1, FAULTS_WAIT="300")
    moments.finish(moments.work("w3"))


@test
def what_the_broker_confirmed_never_comes_again(t):
    """Each worker dies in the very call that confirms its first verdicts."""
    moments = Moments(t, retriable=0, permanent=0)
    for life in range(1, 4):
        moments.produce(range(20 * life - 19, 20 * life + 1), f"p{life}", lambda number: f"k{number}")
        moments.work(f"w{life}", "settled.after", 1)
    checker = moments.finish(moments.work("last"))
    t.equal(checker.counts["confirmed"], 60)


@test
def what_a_dead_worker_tried_once_more_comes_to_another(t):
    """Event 2 of 5 fails the first time. The sixth run is its second try: there the worker dies, and then another."""
    moments = Moments(t, retriable=10, permanent=0)
    moments.produce(range(1, 6), "p1", lambda number: f"k{number}")
    moments.work("w1", "receiver.before", 6, FAULTS_BEGUN="yes")
    moments.work("w2", "receiver.before", 1, FAULTS_BEGUN="yes")
    checker = moments.finish(moments.work("w3", FAULTS_BEGUN="yes"))
    t.equal(checker.counts["failed runs"], 1)
    t.equal(sum(event.completed for event in checker.events.values()), 5, "events completed")


@test
def what_stands_behind_a_failure_is_handed_back_and_comes_again(t):
    """One key; the second fails the first time, so the others of it go back to the broker, and come in order; those
    that were not handed out yet wait there."""
    moments = Moments(t, retriable=5000, permanent=0, backoff=("300ms", "1s"))      # time enough to be handed the others
    moments.produce(range(1, 2001), "p1", lambda number: "k")
    checker = moments.finish(moments.work("w1"))
    t.equal((checker.counts["runs"], checker.counts["failed runs"], checker.counts["repeats"]), (2001, 1, 0))


@test
def what_a_worker_that_stops_had_not_begun_comes_to_another(t):
    """Each run that is begun is ended; the others of what the worker was handed go back, and it ends in order."""
    moments = Moments(t, retriable=0, permanent=0)
    moments.produce(range(1, 2001), "p1", lambda number: f"k{number % 50}")
    first = moments.work("w1", FAULTS_SLOW="20")
    moments.until(lambda: moments.completions() > 0, "a first run")
    moments.stop(first)
    left = 2000 - moments.completions()
    checker = moments.finish(moments.work("w2"))
    print(f"# {left} were left for the second worker")
    t.check(left > 0, "nothing was left for the second worker")
    t.equal((checker.counts["runs"], checker.counts["repeats"]), (2000, 0))


@test
def a_dead_letter_is_stored_before_its_event_is_acknowledged(t):
    """Event 1 fails for good; its worker dies before and after the dead letter is submitted, and as it is reported."""
    moments = Moments(t, retriable=0, permanent=1000)
    moments.produce(range(1, 5), "p1", lambda number: "k")
    for life, step in enumerate(("submit.before", "submit.after", "delivered.before", "delivered.after"), 1):
        moments.work(f"w{life}", step, 1)
    checker = moments.finish(moments.work("w5"))
    t.equal(len(checker.buried), 1, "dead letters")


main()
