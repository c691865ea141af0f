"""How long a stream gets: what a group has not acknowledged stays, up to a limit that is said."""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path.insert(0, os.path.join(TESTS, "brokers"))
from redis_case import each_version_test, login_lines, number, open_producer, produce, redis_test, \
    start_worker                                            # noqa: E402
from harness import main                                    # noqa: E402

SHORT = {"stream_max_len": "100"}


def take(t, topic, group, *words):
    return [number(event) for event in t.run("consume", "-t", topic, "-g", group, "--exit-at-end", *words).json()]


def length(redis, stream="a"):
    return redis.call("XLEN", stream)


def looks(redis):
    """How often producers have looked what may go: the scripts that the server has run."""
    stats = redis.call("INFO", "commandstats").decode()
    return int(stats.partition("cmdstat_eval:calls=")[2].partition(",")[0] or 0)


class Sender:
    """A producer that lives on, and is given events when the test wants."""

    def __init__(self, t, topic):
        self.worker, self.pipe = open_producer(t, topic)
        self.sent = 0

    def send(self, count):
        self.pipe.write(login_lines(self.sent, self.sent + count))
        self.pipe.flush()
        self.sent += count
        self.worker.until(lambda w: len(w.lines()) >= self.sent)

    def end(self):
        self.pipe.close()
        return self.worker.wait(0)


@redis_test(keys=SHORT)
def what_every_group_has_acknowledged_goes(t, redis):
    sender = Sender(t, "a")
    sender.send(2000)
    t.equal(length(redis), 2000, "no group has read: all stay")
    take(t, "a", "one")
    redis.call("XGROUP", "CREATE", "a", "slow", "0")
    sender.send(2000)
    t.equal(length(redis), 4000, "the second group has read nothing")
    take(t, "a", "one")
    take(t, "a", "slow")

    def trimmed():
        sender.send(10)
        take(t, "a", "one")
        take(t, "a", "slow")
        return length(redis) < 500
    t.until(trimmed, what="trimming towards 100")
    sender.end()


def behind_a_pending_one(t, redis):
    """A worker holds the first entry; 2000 later ones are acknowledged by another. Answers the sender and that entry's id."""
    sender = Sender(t, "a")
    sender.send(1)
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "holder", "COUNT", 1, "STREAMS", "a", ">")
    first = redis.entries("a")[0][0]
    sender.send(2000)
    take(t, "a", "g", "--name", "other", "-n", "2000")
    return sender, first


@redis_test(keys=SHORT)
def what_is_pending_stays(t, redis):
    """A worker holds the first entry; later ones are acknowledged by another."""
    sender, first = behind_a_pending_one(t, redis)
    seen = looks(redis)

    def looked_again():
        sender.send(50)
        return looks(redis) > seen + 2
    t.until(looked_again, what="the producer to look what may go")
    t.equal(redis.entries("a")[0][0], first, "the pending entry")
    sender.end()


@each_version_test("8.2", keys=SHORT)
def what_is_acknowledged_behind_a_pending_entry_goes(t, redis):
    """Where the server can tell (ACKED): one slow event holds back itself alone."""
    sender, first = behind_a_pending_one(t, redis)

    def trimmed():
        sender.send(1)
        return length(redis) < sender.sent - 1900
    t.until(trimmed, what="trimming behind the pending entry")
    t.equal(redis.entries("a")[0][0], first, "the pending entry")
    unread = list(range(2001, sender.sent))
    t.equal(take(t, "a", "g", "--name", "other", "-n", len(unread)), unread, "what was unread")
    sender.end()


@redis_test(keys={"stream_max_len": "100", "stream_hard_len": "1000"})
def above_the_hard_limit_unread_entries_go_and_that_is_said(t, redis):
    redis.call("XGROUP", "CREATE", "a", "g", "0", "MKSTREAM")
    sender = Sender(t, "a")

    def cut():
        sender.send(500)
        return length(redis) < sender.sent
    t.until(cut, what="the hard limit")
    t.until(lambda: length(redis) <= 2000, what="its keeping")
    done = sender.end()
    t.contains(done.err, "stream_hard_len")
    worker = start_worker(t, "a", "g", ("--exit-at-end",))
    worker.wait(0)
    t.equal([number(event) for event in worker.json()][-1], sender.sent - 1, "the newest is there")


@redis_test(keys={"stream_max_len": "100", "stream_trim": "peer"})
def as_the_python_producer_on_request(t, redis):
    produce(t, "a", 0, 2000)
    t.check(100 <= length(redis) <= 300, f"about 100, not {length(redis)}")
    t.equal([number(e) for e in t.run("consume", "-t", "a", "--exit-at-end").json()][-1], 1999)


@redis_test(keys={"stream_max_len": "0", "stream_hard_len": "0"})
def no_limit_is_none(t, redis):
    produce(t, "a", 0, 3000)
    take(t, "a", "g")
    produce(t, "a", 3000, 6000)
    t.equal(length(redis), 6000)


@redis_test(keys={"stream_max_len": "10", "stream_hard_len": "20", "stream_trim": "peer"})
def dead_letters_are_never_trimmed(t, redis):
    t.run("produce", "--signal", "org.openedx.learning.auth.session.login.completed.v1", "--topic", "a.dlq", "-",
          "--key-field", "user.pii.username", stdin=login_lines(0, 500))
    t.equal(length(redis, "a.dlq"), 500)


@redis_test(keys=SHORT)
def a_stream_of_the_python_producer_keeps_its_unread_entries_from_us(t, redis):
    """A group of Python's counts as every other."""
    redis.call("XGROUP", "CREATE", "a", "python", "0", "MKSTREAM")
    sender = Sender(t, "a")
    for _ in range(4):
        sender.send(500)
        take(t, "a", "ours")
    t.equal(length(redis), 2000, "what group python has not read")
    sender.end()


# ---- A group that was moved back ----

def moved_back(redis, events, to):
    """The group has been given all events and acknowledged all but the newest, and is moved back behind event `to`, which
    leaves it what is pending. Answers the ids."""
    ids = [entry_id for entry_id, _ in redis.entries("a")]
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "holder", "COUNT", events, "STREAMS", "a", ">")
    redis.call("XACK", "a", "g", *ids[:-1])
    redis.call("XGROUP", "SETID", "a", "g", ids[to])
    return ids


@redis_test(keys=SHORT)
def a_producer_keeps_what_a_group_that_was_moved_back_has_not_read(t, redis):
    sender = Sender(t, "a")
    sender.send(1000)
    ids = moved_back(redis, 1000, to=399)
    seen = looks(redis)

    def looked_again():
        sender.send(1)
        return looks(redis) > seen + 2
    t.until(looked_again, what="the producer to look what may go")
    left = [entry_id for entry_id, _ in redis.entries("a")]
    t.equal([entry_id for entry_id in ids[400:] if entry_id not in left], [], "what went unread")
    sender.end()


@redis_test()
def so_does_a_trim_and_its_lag_counts_each_event_once(t, redis):
    produce(t, "a", 0, 50)
    ids = moved_back(redis, 50, to=9)
    t.equal([row["lag"] for row in t.run("groups", "--json").json()], [40], "the lag")
    t.run("topics", "trim", "-t", "a", "--before", "latest", status=None)
    t.equal([entry_id for entry_id, _ in redis.entries("a")], ids[10:], "what is left")
    redis.call("XGROUP", "SETID", "a", "g", ids[20])
    redis.call("XREADGROUP", "GROUP", "g", "reader", "COUNT", 9, "STREAMS", "a", ">")
    t.equal([row["lag"] for row in t.run("groups", "--json").json()], [29], "pending ones on both sides")


# ---- Where a group goes on ----

def position(t):
    return [row["position"] for row in t.run("groups", "-t", "a", "--json").json()]


def following(entry_id):
    ms, seq = entry_id.split("-")
    return f"{ms}-{int(seq) + 1}"


@redis_test(keys={"claim_after": "300ms"})
def a_group_that_was_removed_is_made_again_where_it_stood(t, redis):
    """With the position that is printed: that of the first event that it has not settled, not of the last that was read."""
    produce(t, "a", 0, 10)
    ids = [entry_id for entry_id, _ in redis.entries("a")]
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "dead", "COUNT", 8, "STREAMS", "a", ">")
    redis.call("XACK", "a", "g", ids[0], ids[1], ids[3])
    t.equal(position(t), [ids[2]])
    redis.call("XGROUP", "SETID", "a", "g", ids[0])
    t.equal(position(t), [ids[1]], "the position of a group that was moved back")
    redis.call("XGROUP", "SETID", "a", "g", ids[7])
    t.until(lambda: t.run("groups", "--json").json()[0]["members"] == 0, what="the end of the dead one's time")
    removed = t.run("groups", "delete", "-t", "a", "-g", "g", "--json").json()[0]["position"]
    t.equal(removed, ids[2])
    t.run("seek", "-t", "a", "-g", "g", "--create", "--to", removed)
    t.equal(take(t, "a", "g"), list(range(2, 10)))
    t.equal(position(t), [following(ids[9])], "the end")
    t.run("seek", "-t", "a", "-g", "h", "--create", "--to", following(ids[9]))
    produce(t, "a", 10, 11)
    t.equal(take(t, "a", "h"), [10])


# ---- What is removed before its end ----

@redis_test()
def a_worker_that_stops_at_the_end_ends_though_that_was_removed_unread(t, redis):
    produce(t, "a", 0, 30, keys=1)
    worker = t.start("-o", "consume.x.topic=a", "-o", "consume.x.group=g", "-o", "consume.x.max_in_flight=2", "consume", "x",
                     "--exit-at-end", "--exec", "cat >> runs; while [ ! -e go ]; do sleep 0.05; done")
    t.until(lambda: os.path.exists(t.path("runs")) and redis.group("a", "g")["pending"] == 2, what="two events")
    t.until(lambda: b"cmdstat_xrevrange" in redis.call("INFO", "commandstats"), what="its look for the end")
    t.run("topics", "trim", "-t", "a", "--before", "latest", "--unread-too")
    t.equal(length(redis), 0)
    t.write("go", "")
    worker.wait(0)
    t.equal(t.read("runs").count("\n"), 2)


def done_after_its_event_was_removed(t, redis, removed=lambda: None):
    """A worker that holds an event which an operator removes, with what is pending of it. Answers what it says."""
    produce(t, "a", 0, 1)
    worker = start_worker(t, "a", "g", ("-n", "1", "--exec", "cat > begun; while [ ! -e go ]; do sleep 0.05; done"))
    t.until(lambda: os.path.exists(t.path("begun")), what="the event at work")
    t.run("topics", "trim", "-t", "a", "--before", "latest", "--unread-too")
    t.equal((length(redis), redis.group("a", "g")["pending"]), (0, 0))
    removed()
    t.write("go", "")
    return worker.wait(0).err


@redis_test()
def an_acknowledgement_of_what_was_removed_is_not_too_late(t, redis):
    """For the event does not come again."""
    t.lacks(done_after_its_event_was_removed(t, redis), "too late")


@redis_test(keys={"claim_after": "1500ms"})
def nor_is_one_that_was_extended_after_that(t, redis):
    def extended():
        seen = looks(redis)
        t.until(lambda: looks(redis) > seen, what="a script that extends")
    t.lacks(done_after_its_event_was_removed(t, redis, extended), "too late", "taken over")


main()
