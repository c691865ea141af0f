"""Members of a group on a real Kafka that stand still, die, or take another's name; a registry and a broker that go away
under them."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import kafka_test, number, position, produce, start_producer, start_worker, take_all  # noqa: E402
from harness import main                                    # noqa: E402

SHORT_SESSION = {"rdkafka_session_timeout_ms": "6000", "rdkafka_heartbeat_interval_ms": "500"}
# Where no session may end, however long the machine holds a member up.
LONG_SESSION = {"rdkafka_session_timeout_ms": "90000", "rdkafka_heartbeat_interval_ms": "500"}


def numbers(*workers):
    return [number(event) for worker in workers for event in worker.json()]


def first_completions_in_order(t, *workers):
    """Of each key, as each worker has settled them."""
    for worker in workers:
        last, seen = {}, set()
        for event in worker.json():
            if event["id"] not in seen:
                key, offset = event["partitionkey"], position(event["position"])[1]
                t.check(offset > last.get(key, -1), f"key {key}: {event['position']} came after {last.get(key)}")
                last[key] = offset
                seen.add(event["id"])


@kafka_test(keys=SHORT_SESSION)
def a_member_that_stood_still_past_its_session_harms_nobody(t, site):
    """SIGSTOP, its partitions go to another, SIGCONT: what it finishes late is not taken from the group's place."""
    site.kafka.create(site.full("a"), 4)
    one, two = (start_worker(t, "a", site.group(), name=name) for name in ("one", "two"))
    sent = 0
    while not (one.json() and two.json()):
        produce(t, "a", sent, sent + 40, keys=40)
        sent += 40
        t.until(lambda want=sent: len(set(numbers(one, two))) == want, what="the events so far")
    two.send(signal.SIGSTOP)
    had = len(one.json())
    produce(t, "a", sent, sent + 400, keys=40)
    one.until(lambda w: len(w.json()) > had + 200, what="the partitions of the one that stands still")
    one.until(lambda _: site.lag(site.group()) == 0, what="the end of all partitions")
    two.send(signal.SIGCONT)
    produce(t, "a", sent + 400, sent + 800, keys=40)
    t.until(lambda: len(set(numbers(one, two))) == sent + 800, what="all events")
    t.until(lambda: site.lag(site.group()) == 0, what="the group's place")
    for worker in (one, two):
        worker.send(15)
        worker.wait(0)
    first_completions_in_order(t, one, two)
    t.equal(take_all(t, "a", site.group()), [], "what comes once more")
    print(f"# {len(numbers(one, two)) - sent - 800} of {sent + 800} events came again")


def about_group(site, group, column):
    """What the rows of its partitions tell, which is the same in each."""
    return {row[column] for row in site.groups(group).values()}


@kafka_test(keys=LONG_SESSION)
def what_is_done_while_the_group_waits_for_a_member_is_not_done_again(t, site):
    """One member hears late that another one joins; the first has asked to join again, and works on what it has."""
    site.kafka.create(site.full("a"), 4)
    late = ("-o", "broker.main.rdkafka.heartbeat.interval.ms=6000")
    one = start_worker(t, "a", site.group(), name="one")
    produce(t, "a", 0, 40, keys=40)
    one.until(lambda w: len(w.json()) == 40, what="the first events")
    two = start_worker(t, "a", site.group(), name="two", options=late)
    sent = 40
    while not two.json():
        produce(t, "a", sent, sent + 40, keys=40)
        sent += 40
        t.until(lambda want=sent: len(set(numbers(one, two))) == want, what="the events so far")
    t.until(lambda: site.lag(site.group()) == 0, what="the group's place")
    before = sent, len(numbers(one, two))
    three = start_worker(t, "a", site.group(), name="three")
    t.until(lambda: about_group(site, site.group(), "members") == {3}, what="its joining")
    while not three.json():
        produce(t, "a", sent, sent + 40, keys=40)
        sent += 40
        t.until(lambda want=sent: len(set(numbers(one, two, three))) == want, what="the events so far")
    t.equal(len(numbers(one, two, three)) - before[1], sent - before[0], "runs since all was settled")
    for worker in (one, two, three):
        worker.send(15)
        worker.wait(0)
    t.equal(take_all(t, "a", site.group()), [], "what comes once more")


def stop_one_that_joins(t, site, group):
    """Two members, the second of which is told to end while the group waits for the first one's answer. Returns them, and
    whether the second had its own answer before it ended."""
    one = start_worker(t, "a", group, name="one")
    one.until(lambda w: len(w.json()) == 40, what="the first events")
    one.send(signal.SIGSTOP)
    two = start_worker(t, "a", group, name="two")
    t.until(lambda: about_group(site, group, "state") == {"PreparingRebalance"}, what="its joining")
    two.send(signal.SIGTERM)
    time.sleep(3)                           # of the 4.5 s that it has for leaving
    one.send(signal.SIGCONT)
    return one, two, "it leaves in the background" not in two.wait(0).err


@kafka_test(keys=LONG_SESSION)
def a_member_that_is_stopped_while_it_joins_holds_nothing_back(t, site):
    """It is the group's before it has an answer; it leaves when it has one, and no partition waits for it. Where the machine
    let the answer come too late for it, another group is looked at."""
    site.kafka.create(site.full("a"), 4)
    produce(t, "a", 0, 40, keys=40)
    for n in range(5):
        one, two, answered = stop_one_that_joins(t, site, site.group(f"g{n}"))
        if answered:
            break
        one.kill9()
    t.check(answered, "no answer in time, in any group")
    produce(t, "a", 40, 440, keys=40)
    t.until(lambda: len(set(numbers(one, two))) == 440, timeout=60, what="all events, before a session ends")
    one.send(signal.SIGTERM)
    one.wait(0)


@kafka_test(keys=LONG_SESSION)
def a_partition_moves_when_the_receiver_at_work_has_finished(t, site):
    """What is at work is run once; the next one is the other member's already."""
    site.kafka.create(site.full("a"), 2)
    t.write("receiver.sh", 'e=$(cat)\necho "$e" >>runs\nsleep 2\necho "$e"\n')
    t.configure(f"[consume w]\ntopic = a\ngroup = {site.group()}\nexec = sh receiver.sh\nconcurrency = 2\n"
                "max_in_flight = 2\n")
    produce(t, "a", 0, 40, keys=40)
    one = t.start("consume", "w", "--name", "one")
    one.until(lambda w: len({position(event["position"])[0] for event in w.json()}) == 2, what="both partitions")
    two = t.start("consume", "w", "--name", "two")
    two.until(lambda w: len(w.json()) >= 3, what="the events of the other member")
    runs = [json.loads(line)["position"] for line in t.whole_lines("runs")]
    t.equal(sorted(runs), sorted(set(runs)), "runs: each once")
    first = position(two.json()[0]["position"])
    t.equal([place for place in map(position, (event["position"] for event in one.json()))
             if place[0] == first[0] and place > first], [], "what the first member ran of it afterwards")


@kafka_test(keys={**SHORT_SESSION, "revoke_timeout": "1s"})
def a_place_that_is_refused_for_one_partition_is_no_acknowledgement(t, site):
    """The topic was deleted under its receiver: one of the two that are wanted is settled, so there is room for another."""
    for topic in ("a", "b"):
        site.kafka.create(site.full(topic))
        produce(t, topic, 0, 1)
    t.write("receiver.sh", 'e=$(cat)\necho >>runs\nuntil [ -e go ]; do sleep 0.02; done\necho "$e"\n')
    t.configure(f"[consume w]\ntopic = a, b\ngroup = {site.group()}\nconcurrency = 2\nexec = sh receiver.sh\n")
    worker = t.start("consume", "w", "-n", "2")
    worker.until(lambda _: os.path.exists(t.path("runs")) and len(t.read("runs")) == 2, what="both events at work")
    site.kafka.tool("topics", "--delete", "--topic", site.full("b"))
    t.write("go", "")
    worker.until(lambda _: site.lag(site.group()) == 0, what="the place in the other topic")
    produce(t, "a", 1, 2)
    t.equal(sorted((event["topic"], number(event)) for event in worker.wait(0).json()), [("a", 0), ("a", 1), ("b", 0)])


@kafka_test(keys={**SHORT_SESSION, "static_member": "yes"})
def the_second_with_one_instance_id_ends_the_first(t, site):
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 20)
    first = start_worker(t, "a", site.group(), name="same")
    first.until(lambda w: len(w.json()) == 20, what="its events")
    first.until(lambda _: site.lag(site.group()) == 0, what="its place")
    elsewhere = {"STATE_DIRECTORY": t.path("elsewhere")}     # on one machine they find each other by their state
    second = t.start("consume", "-t", "a", "-g", site.group(), "--name", "same", env=elsewhere)
    t.contains(first.wait(2).err, "the consumer's name is in use by another worker", "group.instance.id")
    produce(t, "a", 20, 40)
    second.until(lambda w: len(w.json()) >= 20, what="the new events")
    second.send(15)
    t.equal(sorted(numbers(second)), list(range(20, 40)), "events of the second")
    second.wait(0)


@kafka_test(keys={**SHORT_SESSION, "static_member": "yes"})
def static_members_of_two_state_folders_have_two_names(t, site):
    site.kafka.create(site.full("a"), 2)
    produce(t, "a", 0, 4)
    workers = [t.start("consume", "-t", "a", "-g", site.group(), env={"STATE_DIRECTORY": t.path(name)}) for name in ("x", "y")]
    t.until(lambda: {row["members"] for row in t.run("groups", "-g", site.group(), "--json", status=None).json()} == {2},
            what="two members")
    produce(t, "a", 4, 40)
    t.until(lambda: site.lag(site.group()) == 0, what="all settled")
    t.check(all(worker.running() for worker in workers), "both are at work")
    for worker in workers:
        worker.send(15)
        worker.wait(0)


@kafka_test(keys={**SHORT_SESSION, "static_member": "yes"})
def a_static_member_whose_default_name_is_taken_goes_on_under_another(t, site):
    """As on a machine that was copied while it ran: here the second worker is given the name that the first has by default."""
    site.kafka.create(site.full("a"), 1)
    produce(t, "a", 0, 4)
    first = t.start("consume", "-t", "a", "-g", site.group(), env={"STATE_DIRECTORY": t.path("x")})
    first.until(lambda w: len(w.json()) == 4, what="its events")
    folder, = os.listdir(t.path("x/members"))
    name, = os.listdir(t.path(f"x/members/{folder}"))
    second = t.start("consume", "-t", "a", "-g", site.group(), "--name", name, env={"STATE_DIRECTORY": t.path("y")})
    first.until("takes the name " + name[:-1] + "2")
    produce(t, "a", 4, 20)
    t.until(lambda: {number(event) for worker in (first, second) for event in worker.json()} == set(range(20)), what="all events")
    for worker in (first, second):
        worker.send(15)
        worker.wait(0)


@kafka_test(own_kafka=True, own_registry=True, keys={**SHORT_SESSION, "connect_timeout": "5m"})
def a_broker_and_a_registry_that_die_under_both_sides_cost_nothing(t, site):
    """One after the other: kill -9, and back at the same address."""
    site.kafka.create(site.full("a"), 4)
    worker = start_worker(t, "a", site.group(), options=("-o", "eventbus.log_level=error"))
    produce(t, "a", 0, 100)
    worker.until(lambda w: len(w.json()) == 100, what="the first events")
    site.registry.kill9()
    producer = start_producer(t, "a", 100, 2000)
    producer.until("schema registry")
    site.kafka.kill9()
    site.registry.start()
    late = start_producer(t, "a", 2000, 4000)
    site.kafka.start()
    for one, count in ((producer, 1900), (late, 2000)):
        t.equal(len(one.wait(0, timeout=180).json()), count, "receipts")
    worker.until(lambda w: len(set(numbers(w))) == 4000, what="all events", timeout=180)
    t.until(lambda: site.lag(site.group()) == 0, what="the group's place")
    worker.send(15)
    done = worker.wait(0)
    first_completions_in_order(t, worker)
    t.equal(take_all(t, "a", site.group()), [], "what comes once more")
    print(f"# {len(done.json()) - 4000} of 4000 events came again")


main()
