"""topics create, delete and trim, groups delete on Redis: what they do, say and refuse."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "..", "tests", "brokers")]
from redis_case import configure, produce, redis_test, start_worker    # noqa: E402
from harness import main                                    # noqa: E402


def take(t, topic, group, n):
    t.run("-q", "consume", "-t", topic, "-g", group, "-n", n)


def forget(redis, topic, group):
    """Removes the names of members that have left, which count as live for claim_after."""
    for flat in redis.call("XINFO", "CONSUMERS", topic, group):
        redis.call("XGROUP", "DELCONSUMER", topic, group, flat[1])


def ids(redis, topic):
    return [entry_id.decode() for entry_id, _ in redis.call("XRANGE", topic, "-", "+")]


@redis_test()
def a_topic_is_made_as_an_empty_stream(t, redis):
    t.equal(t.run("topics", "create", "-t", "a", "--dry-run").out, "topic a: would be made\n")
    t.equal(redis.call("EXISTS", "a"), 0)
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: made, with 1 partition\n")
    t.equal((redis.call("XLEN", "a"), redis.call("XINFO", "GROUPS", "a")), (0, []))
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: exists already, with 1 partition\n")
    t.contains(t.run("topics", "create", "-t", "b", "--partitions", 2, status=2).err, "topic b with 2 partitions: a stream has one")
    redis.call("SET", "c", "no stream")
    for more in ([], ["--dry-run"]):
        t.contains(t.run("topics", "create", "-t", "c", *more, status=3).err, "topic c", "not a stream")
    t.equal(redis.call("GET", "c"), b"no stream")


@redis_test()
def a_trim_removes_up_to_the_place_and_not_what_is_unread(t, redis):
    where = [receipt["position"] for receipt in produce(t, "a", 0, 6)]
    t.equal(t.run("topics", "trim", "-t", "a", "--before", where[2], "--dry-run").out, "topic a: 2 of 6 events would be removed\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", where[2]).out, "topic a: removed 2 of 6 events\n")
    t.equal(ids(redis, "a"), where[2:])
    take(t, "a", "g", 1)
    held = t.run("topics", "trim", "-t", "a", "--before", where[5], status=1)
    t.equal(held.out, "topic a: removed 1 of 4 events\n")
    t.contains(held.err, "which a group has not settled: g (lag 3); --unread-too removes them as well")
    t.contains(t.run("topics", "trim", "-t", "a", "--before", where[5], status=2).err, "g (lag 3)")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", where[5], "--unread-too").out, "topic a: removed 2 of 3 events\n")
    t.equal(ids(redis, "a"), where[5:])
    t.equal(t.run("groups", "-t", "a", "--json").json()[0]["lag"], 1)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "1h").out, "topic a: removed 0 of 1 event\n")


@redis_test()
def what_is_pending_is_kept(t, redis):
    where = [receipt["position"] for receipt in produce(t, "a", 0, 3)]
    redis.call("XGROUP", "CREATE", "a", "g", "0")
    redis.call("XREADGROUP", "GROUP", "g", "python", "COUNT", 3, "STREAMS", "a", ">")
    redis.call("XACK", "a", "g", where[0], where[2])
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "latest", status=1).out, "topic a: removed 1 of 3 events\n")
    t.equal(ids(redis, "a"), where[1:])


@redis_test()
def places_that_are_none_empty_no_topic(t, redis):
    where = [receipt["position"] for receipt in produce(t, "a", 0, 3)]
    ms, seq = map(int, where[-1].split("-"))
    for behind in (f"{ms}-{seq + 2}", f"{ms + 1}-0"):
        for more in ([], ["--unread-too"], ["--dry-run"]):
            done = t.run("topics", "trim", "-t", "a", "--before", behind, *more, status=2)
            t.contains(done.err, f"position {behind} is behind the end of topic a, which is {ms}-{seq + 1}; nothing was removed")
    t.contains(t.run("topics", "trim", "-t", "a", "--before", "x", status=2).err, '"x"')
    t.contains(t.run("topics", "trim", "-t", "ab", "--before", "1h", status=2).err, "topic ab does not exist")
    t.equal(ids(redis, "a"), where)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", f"{ms}-{seq + 1}").out, "topic a: removed 3 of 3 events\n")


@redis_test()
def a_group_with_a_live_member_is_not_removed_and_the_member_is_named(t, redis):
    produce(t, "a", 0, 2)
    worker = start_worker(t, "a", "g", name="lms-7")
    worker.until(lambda w: len(w.lines()) == 2)
    t.until(lambda: t.run("groups", "-t", "a", "--json").json()[0]["lag"] == 0)
    t.contains(t.run("groups", "delete", "-t", "a", "-g", "g", status=2).err,
               "group g of topic a cannot be removed: its member lms-7 was at work", "wait for claim_after")
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a, group g: lag 0, 1 live member")
    worker.kill9()
    configure(t, redis.url, claim_after="300ms")            # it was a minute so far: no stall ends a life
    t.until(lambda: t.run("groups", "-t", "a", "--json").json()[0]["members"] == 0)
    t.matches(t.run("groups", "delete", "-t", "a", "-g", "g").out, r"^topic a, group g: removed at [0-9]+-[0-9]+, lag 0$")
    t.equal(redis.call("XINFO", "GROUPS", "a"), [])
    t.contains(t.run("groups", "delete", "-t", "a", "-g", "g", status=2).err, "topic a has no group g; nothing was removed")


@redis_test()
def a_topic_goes_with_its_groups(t, redis):
    produce(t, "a", 0, 3)
    take(t, "a", "g", 1)
    forget(redis, "a", "g")
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a, group g: lag 2, 0 live members")
    t.equal(redis.call("XLEN", "a"), 3)
    t.equal(t.run("topics", "delete", "-t", "a", "--unread-too").out,
            "topic a: removed, with 3 events\ntopic a, group g: removed, lag 2, 0 live members\n")
    t.equal(redis.call("EXISTS", "a"), 0)
    redis.call("SET", "b", "no stream")
    t.contains(t.run("topics", "delete", "-t", "b", "--unread-too", status=2).err, "topic b does not exist")
    t.equal(redis.call("GET", "b"), b"no stream")


@redis_test()
def an_operator_without_the_right_is_told(t, redis):
    produce(t, "a", 0, 3)
    redis.call("ACL", "SETUSER", "looker", "on", ">pw", "~*", "+@read", "+scan", "+xinfo", "+ping", "+client", "-@scripting")
    configure(t, redis.url.replace("redis://", "redis://looker:pw@"))
    for words in (["topics", "delete", "-t", "a"], ["topics", "trim", "-t", "a", "--before", "latest"], ["topics", "create", "-t", "b"]):
        t.contains(t.run(*words, status=3).err, "ACL SETUSER looker", "+eval")
    t.equal(redis.call("XLEN", "a"), 3)


main()
