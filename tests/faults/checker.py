"""tests/faults/checker.py - reads what producers and workers wrote down, and decides what was lost, repeated, out of
order.

A history is one file, in the order in which things happened, each line ending in " ;" (record.h):

    B WORKER ID TOPIC POSITION KEY ATTEMPT   a receiver run began (only where asked for)
    S ...the same                            it succeeded: the event is completed
    F ...the same                            it failed, and is to be tried again
    P ...the same                            it failed for good, and is to become a dead letter
    J WORKER JSON                            a command was handed this CloudEvent, and succeeded
    R WORKER ID TOPIC POSITION               the broker has said that this event is stored there: as good as a receipt
    D WORKER TOPIC POSITION                  the dead letter of that event is stored: the event is completed
    C WORKER TOPIC POSITION [TOPIC POSITION] these acknowledgements were confirmed by the broker
    K WORKER STEP                            this worker was killed, at that step (written when it was noticed)

What the words mean (docs/delivery.md):

    lost          an event with a receipt that was never completed; or whose place holds another one
    nowhere       a receipt that names no position
    out of order  a first completion that came after one at a later position of the same topic and key
    repeat        a run that completes an event completed before. Allowed: when a worker that ran it was killed, and the
                  acknowledgement had not been confirmed; or when its id was sent again, at another position. Where
                  members lose events to others (`moving`), also when nobody was killed
    attempt       is the failed runs so far plus 1: a kill spends none. Failed runs of killed workers may be missing;
                  where members lose events to others, who do not know of them, all may. Of an id that was sent again, a
                  worker that does not know yet whether its broker counts may count the failed runs at another position
    too early     an acknowledgement confirmed before the event was completed
    not given up  a dead letter of an event that no receiver had given up

The module knows no broker; positions are compared by the numbers in them.
"""
import json
import re

SHOWN = 5                   # violations of a kind that are told one by one


def order_of(position):
    """What a position is compared by: its numbers, in turn ("17", "1700000000000-3", "4:1022")."""
    return int(position) if position.isdigit() else tuple(int(part) for part in re.findall(r"\d+", position))


def lines_of(history):
    """The whole lines of a history. What a killed process left half is none; nor is it an error."""
    for line in history:
        line = line.rstrip("\n")
        if line.endswith(" ;"):
            yield line[:-2]


class Event:
    """What is known of one event at one position."""
    __slots__ = ("id", "completed", "confirmed", "given_up", "near_a_kill", "failures", "unsure")

    def __init__(self):
        self.id = None                  # as it was when it was run
        self.completed = self.confirmed = self.given_up = False
        self.near_a_kill = False        # a worker that ran it was killed
        self.failures = 0               # runs that failed and are to be tried again;
        self.unsure = 0                 # of them, by workers that were killed, perhaps before the broker knew


class Checker:
    """Takes receipts and a history; `violations` is what is wrong, by kind, and `summary()` tells it all."""
    KINDS = ("lost", "nowhere", "out of order", "repeated", "attempts", "too early", "not given up",
             "sent out of order", "never sent")

    def __init__(self, resent=(), known=None, moving=False):
        """resent: the ids that were sent more than once (a set that may grow until it is read); known(id): whether it
        was ever sent; moving: the broker takes partitions from members that live, and need not know where an event is
        that it had already."""
        self.resent, self.known, self.moving = resent, known or (lambda id_: True), moving
        self.forgetful = False          # the broker holds no count of failures: another worker begins it anew
        self.unplaced = []              # ids of receipts without a position, where that is allowed
        self.events, self.receipts, self.ids = {}, 0, {}
        self.failures = {}              # id: its failed runs at all positions
        self.promised = {}              # place: the id of the event that is said to be stored there
        self.last = {}                  # (topic, key): the place of its latest first completion
        self.keys = {}                  # of events that were given up, by place
        self.buried = set()             # places of events whose dead letter is stored
        self.killed = {}                # worker: the step
        self.counts = dict.fromkeys(("reports", "runs", "failed runs", "repeats", "confirmed"), 0)
        self.violations = {kind: [] for kind in self.KINDS}
        self.begun = {}                 # worker: ids of the runs at work
        self.beginnings = {}            # id: for each run that was begun, the worker, and how many it then had at work

    def wrong(self, kind, text):
        self.violations[kind].append(text)

    # ---- Reading ----

    def add_receipts(self, receipts, sent=()):
        """What one process has sent: receipts are objects as `eventbus produce --json` prints them; sent: (id, key) in
        the order of sending, so that the positions of a key can be held against it."""
        positions, last = {}, {}
        for each in receipts:
            self.receipts += 1
            if each.get("position"):
                self.promise(each["id"], (each["topic"], each["position"]))
                positions[each["id"]] = each["position"]
            elif self.moving:
                self.unplaced.append(each["id"])
            else:
                self.wrong("nowhere", f"{each['id']} has a receipt that does not say where it is stored")
        for id_, key in sent:
            if id_ in positions:
                now = order_of(positions[id_])
                if key in last and now < last[key]:
                    self.wrong("sent out of order", f"{id_} of key {key} stands at {now}, before one sent earlier")
                last[key] = now

    def promise(self, id_, place):
        before = self.promised.setdefault(place, id_)
        if before != id_:
            self.wrong("lost", f"{before}, or else {id_}: both are said to be stored at {place}")

    def read(self, history):
        """A whole history: a file, or a list of lines. Who was killed is looked up first: it is noticed later than it
        happens."""
        for line in lines_of(history):
            if line.startswith("K "):
                worker, step = line[2:].split(" ", 1)
                self.killed[worker] = step
        if hasattr(history, "seek"):
            history.seek(0)
        for line in lines_of(history):
            self.take(line)
        return self

    def take(self, line):
        what, rest = line[0], line[2:]
        if what in "SFPB":
            worker, id_, topic, position, key, attempt = rest.split(" ")
            if what == "B":
                self.begin(worker, id_, (topic, position), int(attempt))
            else:
                self.run(what, worker, id_, (topic, position), key, int(attempt))
        elif what == "J":
            worker, text = rest.split(" ", 1)
            event = json.loads(text)
            self.run(what, worker, event["id"], (event["topic"], event["position"]), event.get("partitionkey", "-"),
                     event.get("attempt", 1))
        elif what == "D":
            worker, topic, position = rest.split(" ")
            self.bury(worker, (topic, position))
        elif what == "R":
            worker, id_, topic, position = rest.split(" ")
            self.counts["reports"] += 1
            self.promise(id_, (topic, position))
        elif what == "C":
            words = rest.split(" ")
            for place in zip(words[1::2], words[2::2]):
                self.confirm(words[0], place)
        elif what != "K":
            raise ValueError(f"no line of a history: {line}")

    def event(self, place):
        if place not in self.events:
            self.events[place] = Event()
        return self.events[place]

    # ---- Judging, as it happens ----

    def begin(self, worker, id_, place, attempt):
        at_work = self.begun.setdefault(worker, set())
        at_work.add(id_)
        self.beginnings.setdefault(id_, []).append((worker, len(at_work)))
        self.check_attempt(id_, self.event(place), place, attempt)

    def run(self, what, worker, id_, place, key, attempt):
        event, killed = self.event(place), worker in self.killed
        event.id = id_
        self.begun.get(worker, set()).discard(id_)
        self.counts["runs"] += 1
        if not self.known(id_):
            self.wrong("never sent", f"{id_} at {place}")
        self.check_attempt(id_, event, place, attempt)
        event.near_a_kill |= killed
        if event.completed:
            self.repeat(event, worker, place, what == "J" and killed)
        self.check_other_places(id_, place)
        if what in "SJ":
            self.complete(event, place, key)
            return
        self.counts["failed runs"] += 1
        if what == "F":
            event.failures += 1
            event.unsure += killed
            self.failures[id_] = self.failures.get(id_, 0) + 1
        else:
            event.given_up = True
            self.keys[place] = key                      # for bury(), which is not told it

    def check_attempt(self, id_, event, place, attempt):
        most = self.failures.get(id_, 0) if id_ in self.resent else event.failures
        if not (self.moving or self.forgetful or event.failures - event.unsure < attempt) or attempt > most + 1:
            self.wrong("attempts", f"attempt {attempt} of {id_} at {place} after {event.failures} failed runs, "
                                   f"{event.unsure} of them by workers that were killed")

    def repeat(self, event, worker, place, orphan):
        """orphan: a command, which may go on when its worker is dead."""
        self.counts["repeats"] += 1
        if event.confirmed and not orphan:
            self.wrong("repeated", f"{place} was run again by {worker}, after its acknowledgement was confirmed")
        elif not event.near_a_kill and not self.moving:
            self.wrong("repeated", f"{place} was run again by {worker}, and nobody who ran it was killed")

    def check_other_places(self, id_, place):
        first = self.ids.setdefault(id_, place)
        if first != place and id_ not in self.resent:
            self.wrong("repeated", f"{id_} stands at {first} and at {place}, and was sent once")

    def complete(self, event, place, key):
        if event.completed:
            return
        event.completed = True
        if key == "-":
            return
        topic, position = place
        now, before = order_of(position), self.last.get((topic, key))
        if before is not None and now < before:
            self.wrong("out of order", f"key {key} of {topic}: {position} was completed after {before}")
        else:
            self.last[topic, key] = now

    def bury(self, worker, place):
        event = self.event(place)
        if not event.given_up:
            self.wrong("not given up", f"{place} became a dead letter by {worker}, and no receiver had given it up")
        self.buried.add(place)
        self.complete(event, place, self.keys.get(place, "-"))

    def confirm(self, worker, place):
        event = self.event(place)
        self.counts["confirmed"] += 1
        if not event.completed:
            self.wrong("too early", f"{place} was acknowledged by {worker} before it was completed")
        event.confirmed = True

    # ---- Judging, at the end ----

    def finish(self):
        """After all is read: whether every receipt was kept."""
        for id_ in self.unplaced:
            event = self.events.get(self.ids.get(id_))
            if not event or not event.completed:
                self.wrong("lost", f"{id_}, which has a receipt without a position")
        for place, id_ in self.promised.items():
            event = self.events.get(place)
            if not event or not event.completed:
                self.wrong("lost", f"{id_}, which has a receipt for {' '.join(place)}")
            elif event.id != id_:
                self.wrong("lost", f"{id_}: where it is said to be stored, at {' '.join(place)}, is {event.id}")
        return self

    def good(self):
        return not any(self.violations.values())

    def summary(self):
        """Lines for people: what was counted, then what is wrong."""
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        found = ", ".join(f"{kind} {len(texts)}" for kind, texts in self.violations.items())
        by_step = {}
        for step in sorted(self.killed.values()):
            by_step[step] = by_step.get(step, 0) + 1
        lines = [f"{self.receipts} receipts, {counts}, {len(self.buried)} dead letters",
                 f"{len(self.killed)} workers killed: " + ", ".join(f"{n} {step}" for step, n in by_step.items()),
                 found]
        for kind, texts in self.violations.items():
            lines += [f"{kind}: {text}" for text in texts[:SHOWN]]
            if len(texts) > SHOWN:
                lines.append(f"{kind}: and {len(texts) - SHOWN} more")
        return lines
