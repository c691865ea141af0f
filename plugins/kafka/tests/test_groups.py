"""Groups on a real Kafka: lag as its own tool tells it, seeking, looking without a group; the two services."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import LOGIN, QUIET, kafka_test, number, produce, start_worker, take_all  # noqa: E402
from harness import BUILD, TOP, main                        # noqa: E402

EXPECTED = ["ada enrolled in course-v1:edX+DemoX+Demo_Course", "ada logged in", "grace logged in"]


def lag_of_both(site, group):
    """Lag by partition, as `eventbus groups --json` and Kafka's own tool tell it."""
    ours = {f"{topic} {partition}": row["lag"] for (topic, partition), row in site.groups(group).items()}
    return ours, {f"{topic} {partition}": lag for (topic, partition), lag in site.kafka.lag(group).items()}


@kafka_test()
def lag_is_what_kafkas_own_tool_says(t, site):
    site.kafka.create(site.full("a"), 4)
    produce(t, "a", 0, 400, keys=50)
    t.run("consume", "-t", "a", "-g", site.group(), "-n", "150", timeout=120)
    ours, theirs = lag_of_both(site, site.group())
    t.equal(ours, theirs, "lag by partition")
    t.check(0 < sum(ours.values()) <= 250, f"the lag where the group has a place: {ours}")
    take_all(t, "a", site.group())
    produce(t, "a", 400, 470, keys=50)
    ours, theirs = lag_of_both(site, site.group())
    t.equal(ours, theirs, "lag by partition")
    t.equal(sum(ours.values()), 70, "the whole lag")
    print(f"# lag by partition, ours and Kafka's: {sorted(ours.values())}")


@kafka_test()
def what_retention_took_from_a_group_is_in_its_lag_and_told(t, site):
    """Its place stays where it is until it reads on; Kafka's own tool counts what is gone, too."""
    site.kafka.create(site.full("a"), 1)
    produce(t, "a", 0, 20)
    t.run("consume", "-t", "a", "-g", site.group(), "-n", "5", timeout=120)
    site.kafka.tool("records", "--offset-json-file", t.write("until.json", json.dumps(
        {"version": 1, "partitions": [{"topic": site.full("a"), "partition": 0, "offset": 12}]})))
    ours, theirs = lag_of_both(site, site.group())
    t.equal((ours, sum(ours.values())), (theirs, 15), "lag by partition")
    done = t.run("consume", "-t", "a", "-g", site.group(), "--exit-at-end", timeout=120)
    t.equal([event["position"] for event in done.json()], [f"0:{n}" for n in range(12, 20)])
    t.contains(done.err, "offset reset (at offset 5")
    t.equal(sum(lag_of_both(site, site.group())[0].values()), 0, "lag")


@kafka_test(keys={"rdkafka_session_timeout_ms": "6000"})
def members_and_what_is_out_at_them(t, site):
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 20)
    worker = start_worker(t, "a", site.group(), more=("--exec", "sleep 60"))
    t.until(lambda: sum(row["members"] for row in site.groups(site.group()).values()) > 0, what="a member")
    t.until(lambda: {row["state"] for row in site.groups(site.group()).values()} == {"Stable"}, what="the group's state")
    t.contains(t.run("groups", "-g", site.group()).out, "STATE", "Stable")
    ours, theirs = lag_of_both(site, site.group())
    t.equal(sum(ours.values()), 20)
    t.equal({place: lag if lag is not None else ours[place] for place, lag in theirs.items()}, ours)
    refused = t.run("seek", "-t", "a", "-g", site.group(), "--to", "earliest", status=None)
    t.check(refused.status not in (0, None), "a seek under a live member")
    t.contains(refused.err, "1 member(s) live: ", "at 127.0.0.1", "stop them first")
    worker.kill9()


def topics(t):
    return sorted(row["topic"] for row in t.run("topics", "--json").json())


@kafka_test(keys={"topic_refresh": "200ms"})
def a_worker_waits_for_a_topic_and_makes_neither_it_nor_its_dead_letters(t, site):
    for start in ("latest", "-1m"):
        topic = "nowhere" + start.strip("-")
        worker = start_worker(t, topic, site.group(topic), more=("--from", start, "-n", "3"))
        worker.until(f"topic {site.full(topic)} does not exist; waiting for it")
        t.equal([name for name in topics(t) if name.startswith(topic)], [])
        site.kafka.create(site.full(topic), 1)
        produce(t, topic, 0, 3)
        done = worker.wait(0)
        t.equal(sorted(number(event) for event in done.json()), [0, 1, 2], "from its beginning")
        t.equal(done.err.count("does not exist"), 1)
        t.contains(done.err, "is there now")
        t.equal([name for name in topics(t) if name.startswith(topic)], [topic])
    t.contains(t.run("consume", "-t", "nosuch", "-g", site.group(), "--exit-at-end").err, "nosuch does not exist")
    t.contains(t.run("consume", "-t", "nosuch-*", "-g", site.group(), "--exit-at-end").err, "no topic matches")
    t.equal([name for name in topics(t) if name.startswith("nosuch")], [])


@kafka_test(keys={"topic_refresh": "200ms"})
def a_pattern_takes_a_later_topic_from_its_beginning(t, site):
    site.kafka.create(site.full("log-a"), 1)
    produce(t, "log-a", 0, 1)
    worker = start_worker(t, "log-*", site.group(), more=("--from", "latest", "-n", "4"))
    t.until(lambda: any(row["members"] for row in t.run("groups", "-g", site.group(), "--json", status=None).json()),
            what="a member")            # a cluster that is new does not answer about groups at once
    produce(t, "log-a", 1, 2)
    worker.until(lambda w: len(w.json()) == 1, what="what came since")
    site.kafka.create(site.full("log-b"), 1)
    produce(t, "log-b", 2, 5)
    t.equal(sorted(number(event) for event in worker.wait(0).json()), [1, 2, 3, 4])


@kafka_test()
def seek_tells_where_from_and_where_to(t, site):
    site.kafka.create(site.full("a"), 1)
    produce(t, "a", 0, 5)
    group = site.group()

    def seek(to, *more, status=0, topic="a", group=group):
        return t.run("seek", "-t", topic, "-g", group, "--to", to, *more, status=status)
    for topic, name, why in (("nosuch", group, "nosuch does not exist"), ("a", "typo", "a has no group typo")):
        for more in ((), ("--dry-run",)):
            t.contains(seek("earliest", *more, topic=topic, group=name, status=2).err, why, "--create")
    told = f"topic a, group {group}, partition 0: "
    t.equal(seek("0:1", "--create", "--dry-run").out, told + "would be made at 0:1\n")
    t.equal(t.run("groups", "-t", "a", "--json").json(), [], "groups")
    t.equal(seek("0:1", "--create").out, told + "made at 0:1\n")
    t.equal(seek("0:3", "--dry-run").out, told + "would be moved from 0:1 to 0:3\n")
    t.equal(len(take_all(t, "a", group)), 4)
    t.equal(seek("0:3").out, told + "moved from 0:5 to 0:3\n")
    t.contains(seek("0:9999", status=2).err, "position 0:9999 is behind the end of topic", "which is 0:5")
    t.equal(seek("2999-01-01T00:00:00Z").out, told + "moved from 0:3 to 0:5\n")
    seek("0:0", "--create", "--dry-run", topic="fresh")
    t.check("fresh" not in topics(t), "a dry run makes nothing")
    seek("earliest", "--create", topic="fresh")
    t.check("fresh" in topics(t), "the topic is made")


@kafka_test()
def a_stopped_group_is_moved(t, site):
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 10)
    t.equal(len(take_all(t, "a", site.group())), 10)
    t.equal(take_all(t, "a", site.group()), [])
    t.run("seek", "-t", "a", "-g", site.group(), "--to", "earliest")
    t.equal(len(take_all(t, "a", site.group())), 10, "after a seek to the beginning")
    time.sleep(0.05)
    middle = time.time()
    produce(t, "a", 10, 15)
    t.run("seek", "-t", "a", "-g", site.group(), "--to", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle)) +
          f".{int(middle * 1000) % 1000:03d}+00:00")
    t.equal(sorted(number(event) for event in take_all(t, "a", site.group())), list(range(10, 15)), "after a time")
    t.run("seek", "-t", "a", "-g", site.group(), "--to", "latest")
    t.equal(take_all(t, "a", site.group()), [])
    t.run("seek", "-t", "a", "-g", site.group(), "--to", "0:1,1:0")
    got = take_all(t, "a", site.group())
    t.equal(min(event["position"] for event in got if event["position"].startswith("0:")), "0:1")
    ours, theirs = lag_of_both(site, site.group())
    t.equal(ours, theirs)


@kafka_test()
def a_lag_of_markers_of_transactions_alone_is_told_by_looking(t, site):
    """As operations.md says: nothing comes from the position on."""
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 1)
    one, = site.dump("a")
    message = {name: one[name] for name in ("key", "value", "headers")}
    site.send("a", *[{**message, "partition": n} for n in (0, 1, 1)], how="commit")
    t.equal(len(take_all(t, "a", site.group())), 4)
    rows = t.run("groups", "-t", "a", "-g", site.group(), "--json").json()
    t.equal([row["lag"] for row in rows], [1, 1], "the markers count")
    place = ",".join(row["position"] for row in rows)
    t.equal(t.run("consume", "-t", "a", "--from", place, "--exit-at-end").out, "")
    site.send("a", message)
    t.equal(len(t.run("consume", "-t", "a", "--from", place, "--exit-at-end").json()), 1, "an event would be shown")


@kafka_test()
def looking_without_a_group_leaves_no_trace(t, site):
    produce(t, "a", 0, 10)
    t.equal(len(t.run("consume", "-t", "a", "--exit-at-end").json()), 10)
    t.lacks(site.kafka.tool("groups", "--list"), site.prefix)
    rows = t.run("topics", "--json").json()
    row = next(row for row in rows if row["topic"] in ("a", site.full("a")))
    t.equal((row["partitions"], row["events"]), (1, 10))


@kafka_test(keys={"partitions": "4", "replication": "1"})
def a_topic_is_made_with_the_partitions_and_replicas_that_the_options_say(t, site):
    """A worker makes the topics of its dead letters; the others are the brokers' to make, or the operator's."""
    produce(t, "a", 0, 4)
    t.run(*QUIET, "consume", "-t", "a", "-g", site.group(), "--exit-at-end", "--exec", "exit 65", status=1)
    rows = {row["topic"]: row["partitions"] for row in t.run("topics", "--json").json()}
    t.equal((rows["a"], rows["a.dlq"]), (1, 4), "partitions of what the broker made, and of what the worker did")
    t.matches(site.kafka.tool("topics", "--describe", "--topic", site.full("a.dlq")),
              r"PartitionCount: 4\s+ReplicationFactor: 1\s")


@kafka_test(keys={"partitions": "4", "replication": "3"})
def more_replicas_than_brokers_are_refused_with_the_cause_and_the_option(t, site):
    produce(t, "a", 0, 4)
    for more in ((), ("--exec", "exit 65")):
        done = t.run("consume", "-t", "a", "-g", site.group(), "--exit-at-end", *more, status=3)
        t.equal((done.out, len(done.err.splitlines())), ("", 1), "what is printed, and the lines of why")
        t.contains(done.err, f"topic {site.full('a.dlq')} cannot be created with partitions = 4, replication = 3: ", "replicat",
                   "1 broker(s)")
    t.lacks(site.kafka.tool("topics", "--list"), site.full("a.dlq"))
    t.equal(site.groups(site.group()), {}, "what the group has taken")


@kafka_test(keys={"static_member": "yes", "rdkafka_session_timeout_ms": "6000"})
def a_static_member_comes_back_to_its_partitions(t, site):
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 10)
    one = start_worker(t, "a", site.group(), name="one")
    one.until(lambda _: site.lag(site.group()) == 0)
    one.kill9()
    again = start_worker(t, "a", site.group(), name="one")
    produce(t, "a", 10, 20)
    again.until(lambda w: len(w.json()) >= 10)
    again.send(15)
    t.equal(sorted(number(event) for event in again.wait(0).json()), list(range(10, 20)), "repeats or losses")


@kafka_test()
def the_same_two_services_as_with_every_broker(t, site):
    with open(os.path.join(TOP, "examples", "services.ini"), encoding="utf-8") as file:
        shared = file.read()
    t.check("plugin = sqlite" in shared, "services.ini names the broker in one line")
    broker = "plugin = kafka\n" + site.options()
    t.write("services.ini", f"[eventbus]\nplugin_path = {BUILD}/.libs\nschema_path = {TOP}/conf/schemas\n"
            f"topic_prefix = {site.prefix}\n" + shared.replace("plugin = sqlite\n", broker))
    ini = t.path("services.ini")
    t.run(ini, command=os.path.join(BUILD, "examples", "service-a", "service-a"))
    service_b = os.path.join(BUILD, "examples", "service-b", "service-b")
    t.equal(sorted(t.run(ini, command=service_b).lines()), EXPECTED)
    t.equal(t.run(ini, command=service_b).out, "", "what was acknowledged does not come again")
    t.equal(len([one for one in site.dump("user-login") if one["headers"]]), 2, f"{LOGIN} in Kafka")


main()
