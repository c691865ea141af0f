"""Names of consumers on Redis: two workers that do not know each other never use one, and topics are waited for."""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(TESTS, "brokers")]
from redis_case import configure, number, produce, redis_test  # noqa: E402
from hostile import HostileServer                           # noqa: E402
from harness import main                                    # noqa: E402

SOON = {"claim_after": "2s"}


def state(t, name):
    """A state folder of its own, as another container or user has it."""
    return {"STATE_DIRECTORY": t.path(name)}


def worker_in(t, folder, *more, topic="a"):
    return t.start("-o", "eventbus.audit_received=no", "-o", "eventbus.audit_processed=no", "consume", "-t", topic, "-g", "g",
                   *more, env=state(t, folder))


def names(redis):
    """Of the consumers that wait at the server for entries."""
    clients = [dict(word.split("=", 1) for word in line.split()) for line in redis.call("CLIENT", "LIST").decode().splitlines()]
    return sorted(client["name"].split(":")[1] for client in clients if ":" in client["name"] and client["cmd"] == "xreadgroup")


def end(worker, status=0):
    worker.send(15)
    return worker.wait(status)


def all_handled_once(t, workers, n):
    t.until(lambda: sum(len(worker.lines()) for worker in workers) >= n, what="all events")
    got = [number(event) for worker in workers for event in worker.json()]
    t.equal(sorted(got), list(range(n)), "each event once")


@redis_test()
def workers_of_two_state_folders_are_two_consumers(t, redis):
    produce(t, "a", 0, 1)
    one, two = worker_in(t, "one"), worker_in(t, "two")
    t.until(lambda: len(names(redis)) == 2, what="two consumers")
    produce(t, "a", 1, 40)
    all_handled_once(t, (one, two), 40)
    end(one)
    end(two)


@redis_test()
def a_default_name_is_the_same_after_a_restart(t, redis):
    produce(t, "a", 0, 1)
    seen = []
    for _ in range(2):
        worker = worker_in(t, "one")
        t.until(lambda: names(redis), what="a consumer")
        seen += names(redis)
        end(worker)
    t.equal(seen[0], seen[1])


@redis_test(keys=SOON)
def a_given_name_that_is_in_use_elsewhere_is_refused(t, redis):
    produce(t, "a", 0, 5)
    one = worker_in(t, "one", "--name", "x")
    one.until(lambda w: len(w.lines()) == 5)
    two = worker_in(t, "two", "--name", "x")
    t.contains(two.wait(2).err, "the consumer's name x is in use by another worker of group g")
    produce(t, "a", 5, 10)
    all_handled_once(t, (one, two), 10)
    end(one)


@redis_test(keys=SOON)
def the_same_name_in_another_topic_or_after_an_end_is_nobody_elses(t, redis):
    produce(t, "a", 0, 1)
    produce(t, "b", 0, 1)
    one = worker_in(t, "one", "--name", "x")
    one.until(lambda w: len(w.lines()) == 1)
    other = worker_in(t, "two", "--name", "x", topic="b")
    other.until(lambda w: len(w.lines()) == 1)
    one.kill9()
    again = worker_in(t, "three", "--name", "x")
    produce(t, "a", 1, 2)
    again.until(lambda w: len(w.lines()) >= 1)
    end(again)
    end(other)


@redis_test(keys=SOON)
def one_that_stands_still_is_not_alive(t, redis):
    """Its connections are there, as those of a machine that has lost its power."""
    produce(t, "a", 0, 1)
    one = worker_in(t, "one", "--name", "x")
    one.until(lambda w: len(w.lines()) == 1)
    one.send(19)
    heir = worker_in(t, "two", "--name", "x")
    produce(t, "a", 1, 2)
    heir.until(lambda w: len(w.lines()) >= 1)
    end(heir)
    one.kill9()


@redis_test(keys=SOON)
def a_default_name_that_a_clone_has_is_left_for_the_next_one(t, redis):
    """A machine that was copied while it ran has the boot id, the folder and so the names of the other one; here the first
    worker is given the name that the second one has by default."""
    produce(t, "a", 0, 1)
    probe = worker_in(t, "two")
    probe.until(lambda w: len(w.lines()) == 1)
    t.until(lambda: names(redis), what="a consumer")
    name, = names(redis)
    end(probe)
    one = worker_in(t, "one", "--name", name)
    t.until(lambda: names(redis) == [name], what="the first one")
    two = worker_in(t, "two")
    t.until(lambda: names(redis) == [name, name[:-1] + "2"], what="the second one under another name")
    produce(t, "a", 1, 20)
    t.until(lambda: sum(len(worker.lines()) for worker in (one, two)) == 19, what="all events")
    end(one)
    t.contains(end(two).err, "in use by another worker", "takes the name " + name[:-1] + "2")


@redis_test()
def where_clients_may_not_be_listed_that_is_said(t, redis):
    produce(t, "a", 0, 1)
    redis.call("ACL", "SETUSER", "default", "-client|list")
    worker = worker_in(t, "one")
    worker.until(lambda w: len(w.lines()) == 1)
    t.contains(end(worker).err, "whether another worker has the name", "+client|list")


@redis_test()
def an_odd_list_of_clients_holds_nobody_up(t, redis):
    produce(t, "a", 0, 1)
    lines = ("\n\n", "id=1", " name=", "id=x name=eventbus-s:w: idle=-1 x", "id=1 name=eventbus-s:w:1:zz idle=0\n", "=" * 100000,
             "id=1 name=eventbus-:w:0123456789abcdef: idle=0\n", "id=1 name=eventbus-:w:0123456789abcdef:0 idle=99999999999999999999\n")
    for answer in (b":1\r\n", b"$-1\r\n", b"*1\r\n:1\r\n", b"+OK\r\n", *(b"$%d\r\n%s\r\n" % (len(line), line.encode()) for line in lines)):
        lie = lambda words, answer=answer: answer if words[1:] == [b"LIST"] else None
        with HostileServer({"CLIENT": lie}, real=redis.port) as server:
            configure(t, f"redis://127.0.0.1:{server.port}")
            worker = worker_in(t, "one", "--name", "w", "--from", "earliest", "-n", "1")
            t.equal(len(worker.wait(0).lines()), 1, f"events beside {answer[:60]}")
            t.check(server.told > 0, "it was told")
        redis.call("XGROUP", "DESTROY", "a", "g")


@redis_test()
def a_worker_waits_for_a_topic_that_does_not_exist_and_makes_none(t, redis):
    worker = worker_in(t, "one", "--from", "latest", topic="nosuch")
    worker.until("topic nosuch does not exist; waiting for it")
    t.equal(redis.call("EXISTS", "nosuch"), 0)
    produce(t, "nosuch", 0, 5)
    worker.until(lambda w: len(w.lines()) == 5)             # from its beginning, whatever --from says: all is new
    told = end(worker).err
    t.equal(told.count("does not exist"), 1)
    t.contains(told, "topic nosuch is there now")


@redis_test()
def a_place_that_is_to_come_is_the_end(t, redis):
    """A group that began behind it would never be given what comes before."""
    produce(t, "a", 0, 2)
    for n, place in enumerate(("99999999999999-0", "2999-01-01T00:00:00Z")):
        worker = t.start("consume", "-t", "a", "-g", f"g{n}", "--from", place)
        t.until(lambda: redis.group("a", f"g{n}"), what="the group")
        sent = produce(t, "a", 2, 3)
        worker.until(lambda w: len(w.lines()) == 1)
        t.equal(end(worker).json()[0]["position"], sent[0]["position"])


@redis_test()
def at_its_end_a_topic_that_does_not_exist_has_nothing(t, redis):
    done = t.run("consume", "-t", "nosuch", "-g", "g", "--exit-at-end")
    t.contains(done.err, "topic nosuch does not exist")
    t.equal(redis.call("EXISTS", "nosuch"), 0)


@redis_test()
def dead_letters_have_no_stream_before_the_first_one(t, redis):
    produce(t, "a", 0, 1)
    worker = worker_in(t, "one", "--exec", "exit 65", "-n", "1")
    worker.wait(1)
    t.equal(redis.call("XLEN", "a.dlq"), 1)
    redis.call("DEL", "a.dlq")
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end")
    t.equal(redis.call("EXISTS", "a.dlq"), 0, "a worker that has none makes none")


@redis_test()
def seek_tells_where_from_and_where_to(t, redis):
    at = [receipt["position"] for receipt in produce(t, "a", 0, 5)]
    following = at[4].split("-")[0] + "-" + str(int(at[4].split("-")[1]) + 1)
    def seek(to, *more, status=0, topic="a", group="g"):
        return t.run("seek", "-t", topic, "-g", group, "--to", to, *more, status=status)
    for topic, group, why in (("nosuch", "g", "topic nosuch does not exist"), ("a", "typo", "topic a has no group typo")):
        for more in ((), ("--dry-run",)):
            t.contains(seek("earliest", *more, topic=topic, group=group, status=2).err, why, "--create")
    t.equal((redis.call("EXISTS", "nosuch"), redis.call("XINFO", "GROUPS", "a")), (0, []), "nothing was made")
    t.equal(seek(at[1], "--create", "--dry-run").out, f"topic a, group g: would be made at {at[1]}\n")
    t.equal(redis.call("XINFO", "GROUPS", "a"), [])
    t.equal(seek(at[1], "--create").out, f"topic a, group g: made at {at[1]}\n")
    t.equal(seek(at[3], "--dry-run").out, f"topic a, group g: would be moved from {at[1]} to {at[3]}\n")
    t.equal(len(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), 4)
    t.equal(seek(at[3]).out, f"topic a, group g: moved from {following} to {at[3]}\n")
    t.contains(seek("99999999999999-0", status=2).err, "is behind the end of topic a, which is " + following)
    t.equal(seek("2999-01-01T00:00:00Z").out, f"topic a, group g: moved from {at[3]} to {following}\n")
    t.equal(seek("latest").out, f"topic a, group g: moved from {following} to {following}\n")
    produce(t, "a", 5, 6)
    t.equal(len(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), 1)
    t.contains(seek("earliest", "--create", topic="fresh").out, "topic fresh, group g: made at ")
    t.equal(redis.call("EXISTS", "fresh"), 1)


@redis_test()
def looking_at_nothing_says_so(t, redis):
    t.contains(t.run("consume", "-t", "nosuch", "--exit-at-end").err, "topic nosuch does not exist")
    redis.call("XGROUP", "CREATE", "empty", "g", "0", "MKSTREAM")
    t.equal(t.run("consume", "-t", "empty", "--exit-at-end").err, "")
    t.contains(t.run("groups", "-t", "nosuch").err, "topic nosuch does not exist")
    t.contains(t.run("groups", "-t", "empty", "-g", "h").err, "topic empty has no group h")


if __name__ == "__main__":
    main()
