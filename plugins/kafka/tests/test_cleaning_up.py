"""topics create, delete and trim, groups delete on Kafka: what they do, say and refuse, with several partitions."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import kafka_test, produce, start_worker, take_all     # noqa: E402
from harness import main                                    # noqa: E402


def made(t, topic, partitions=2):
    t.run("topics", "create", "-t", topic, "--partitions", partitions)


def sent(t, topic, n):
    """Sends n events and returns how many each partition has."""
    receipts = produce(t, topic, 0, n)
    return [sum(receipt["position"].startswith(f"{p}:") for receipt in receipts) for p in (0, 1)]


def events(t, topic):
    return {row["topic"]: row["events"] for row in t.run("topics", "--json").json()}[topic]


@kafka_test()
def a_topic_has_the_partitions_that_were_asked_for(t, site):
    t.equal(t.run("topics", "create", "-t", "a", "--partitions", 3, "--dry-run").out, "topic a: would be made, with 3 partitions\n")
    t.equal(t.run("topics", "create", "-t", "a", "--partitions", 3).out, "topic a: made, with 3 partitions\n")
    t.equal(t.run("topics", "create", "-t", "a", "--partitions", 3).out, "topic a: exists already, with 3 partitions\n")
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: exists already, with 3 partitions\n")
    t.contains(t.run("topics", "create", "-t", "a", "--partitions", 6, status=2).err,
               "topic a exists already, with 3 partitions, not 6; nothing was changed")
    t.equal([row["partitions"] for row in t.run("topics", "--json").json()], [3])
    t.contains(t.run("topics", "create", "-t", "a!", status=3).err, "a! cannot be created")


@kafka_test()
def a_trim_removes_up_to_the_place_in_each_partition(t, site):
    made(t, "a")
    has = sent(t, "a", 40)
    place = f"0:{has[0] - 1},1:2"
    words = ("topics", "trim", "-t", "a", "--before", place)
    goes = has[0] - 1 + 2
    t.equal(t.run(*words, "--dry-run").out, f"topic a: {goes} of 40 events would be removed\n")
    t.equal(t.run(*words).out, f"topic a: removed {goes} of 40 events\n")
    t.equal(events(t, "a"), 40 - goes)
    t.equal(t.run(*words).out, f"topic a: removed 0 of {40 - goes} events\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "1:3", "--dry-run").out, f"topic a: 1 of {40 - goes} events would be removed\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "1h").out, f"topic a: removed 0 of {40 - goes} events\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "2999-01-01").out, f"topic a: removed {40 - goes} of {40 - goes} events\n")


@kafka_test()
def what_a_group_has_not_settled_is_kept(t, site):
    made(t, "a")
    has = sent(t, "a", 20)
    g, done = site.group(), site.group("done")
    take_all(t, "a", done)
    t.run("seek", "-t", "a", "-g", g, "--to", f"0:{has[0]},1:3", "--create")      # partition 1 is where it is behind
    lag = has[1] - 3
    t.contains(t.run("topics", "trim", "-t", "a", "--before", "latest", "--dry-run").out, "topic a: at most 20 of 20 events")
    some = t.run("topics", "trim", "-t", "a", "--before", "latest", status=1)
    t.equal(some.out, f"topic a: removed {20 - lag} of 20 events\n")
    t.contains(some.err, f"which a group has not settled: {g} (lag {lag}); --unread-too removes them as well")
    t.lacks(some.err, done)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "1:3").out, f"topic a: removed 0 of {lag} events\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "latest", "--unread-too").out, f"topic a: removed {lag} of {lag} events\n")


@kafka_test()
def what_a_live_group_reads_is_kept_though_it_has_committed_nothing(t, site):
    made(t, "a")
    sent(t, "a", 10)
    g, done = site.group(), site.group("done")
    take_all(t, "a", done)
    worker = start_worker(t, "a", g, more=("--exec", "until [ -e go ]; do sleep 0.02; done; cat"))
    t.until(lambda: site.lag(g) == 10, what="the group's partitions")
    some = t.run("topics", "trim", "-t", "a", "--before", "latest", status=2)
    t.equal(some.out, "topic a: removed 0 of 10 events\n")
    t.contains(some.err, f"which a group has not settled: {g} (lag 10)")
    t.write("go", "")
    worker.until(lambda w: len(w.lines()) == 10, what="its events")
    t.until(lambda: site.lag(g) == 0)
    worker.send(15)
    worker.wait(0)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "latest").out, "topic a: removed 10 of 10 events\n")


@kafka_test(keys={"assignment": "eager", "revoke_timeout": "2m"})
def what_a_group_reads_is_kept_while_its_members_change(t, site):
    """The group has committed nothing, and its first member is still at work when the second one joins. Some versions of Kafka
    tell meanwhile what its members had, others tell nothing: then the trim is refused."""
    made(t, "a")
    sent(t, "a", 10)
    g = site.group()
    debug = ("-o", "eventbus.log_level=debug")
    one = start_worker(t, "a", g, name="one", options=debug, more=("--exec", "until [ -e go ]; do sleep 0.02; done; cat"))
    t.until(lambda: site.lag(g) == 10, what="the group's partitions")
    two = start_worker(t, "a", g, name="two")
    one.until("event(s) are revoked")
    kept = t.run("topics", "trim", "-t", "a", "--before", "latest", status=None)
    t.check(kept.status in (2, 3), f"the trim ended with {kept.status}")
    t.contains(kept.err, g)
    t.equal(events(t, "a"), 10)
    t.write("go", "")
    t.until(lambda: len(one.lines()) + len(two.lines()) >= 10, what="all events")
    for worker in (one, two):
        worker.send(15)
        worker.wait(0)


@kafka_test()
def offsets_that_are_none_empty_no_topic(t, site):
    made(t, "a")
    has = sent(t, "a", 10)
    for more in ([], ["--unread-too"], ["--dry-run"]):
        t.contains(t.run("topics", "trim", "-t", "a", "--before", f"0:0,1:{has[1] + 1}", *more, status=2).err,
                   f"position 1:{has[1] + 1} is behind the end of topic {site.full('a')}, which is 1:{has[1]}; nothing was removed")
    for place, told in (("2:0", "none of the partitions that 2:0 names"), ("7", '"7" is not a position'), ("0:1,0:2", "twice")):
        t.contains(t.run("topics", "trim", "-t", "a", "--before", place, status=2).err, told)
    t.contains(t.run("topics", "trim", "-t", "aa", "--before", "1h", status=2).err, "topic aa does not exist")
    t.equal(events(t, "a"), 10)


@kafka_test()
def a_group_that_has_live_members_stays(t, site):
    made(t, "a")
    sent(t, "a", 10)
    g = site.group()
    worker = start_worker(t, "a", g)
    worker.until(lambda w: len(w.lines()) == 10)
    t.until(lambda: site.lag(g) == 0)
    t.contains(t.run("groups", "delete", "-t", "a", "-g", g, "--dry-run", status=2).err, "would not be removed: it has 1 live member")
    t.contains(t.run("groups", "delete", "-t", "a", "-g", g, status=2).err, f"group {g} cannot be removed while 1 member(s) live: ", " at 127.0.0.1; stop them first")
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, f"topic a, group {g}: lag 0, 1 live member")
    worker.send(15)
    worker.wait()
    place = ",".join(row["position"] for row in t.run("groups", "-t", "a", "-g", g, "--json").json())
    t.equal(t.run("groups", "delete", "-t", "a", "-g", g).out, f"topic a, group {g}: removed at {place}, lag 0\n")
    t.contains(t.run("groups", "delete", "-t", "a", "-g", g, status=2).err, f"topic a has no group {g}; nothing was removed")
    t.run("seek", "-t", "a", "-g", g, "--to", place, "--create")
    t.equal(site.lag(g), 0)


@kafka_test()
def a_topic_goes_and_its_groups_of_other_topics_stay(t, site):
    g = site.group()
    for topic in ("a", "b"):
        made(t, topic, 1)
        produce(t, topic, 0, 4)
        take_all(t, topic, g)
    produce(t, "b", 4, 6)
    t.contains(t.run("topics", "delete", "-t", "b", status=2).err, f"topic b, group {g}: lag 2, 0 live members")
    t.equal(t.run("topics", "delete", "-t", "a").out,
            f"topic a: removed, with 4 events\ntopic a, group {g}: removed, lag 0, 0 live members\n")
    t.equal([row["topic"] for row in t.run("topics", "--json").json()], ["b"])
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a does not exist; nothing was removed")
    t.equal(t.run("groups", "delete", "-t", "b", "-g", g).out, f"topic b, group {g}: removed at 0:4, lag 2\n")
    t.equal(t.run("topics", "delete", "-t", "b", "--json").json(), [{"topic": "b", "events": 6, "groups": [], "dry_run": False}])


main()
