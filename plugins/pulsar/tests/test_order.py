"""tests/test_order.py - the order of keys, over several workers and partitions; what partitions mean for the admin commands."""
from harness import PATIENCE, Workers, bus_of, check, equal, events, test, wait_until


@test
def two_workers_share_the_keys_and_keep_their_order(server):
    bus = bus_of(server)
    sent = events(600, 30)
    bus.run("topics", "create", "-t", "keys")
    workers = Workers(bus, "keys", "shared", 2)
    wait_until(lambda: sum(row["members"] for row in bus.groups("keys", "shared")) == 2, "both workers are members")
    for part in range(0, 600, 100):
        bus.produce("keys", sent[part:part + 100])
    equal(workers.await_all(sent), 0, "repeats")
    subscription = server.topic("keys", "/stats")["subscriptions"]["shared"]
    equal(subscription["type"], "Key_Shared", "the subscription's type")
    check(all(consumer["msgOutCounter"] > 0 for consumer in subscription["consumers"]), "one worker got all of the events")
    workers.stop()
    equal(bus.groups("keys", "shared")[0]["lag"], 0, "the lag")


@test
def an_order_of_none_shares_a_key(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "unordered")
    bus.produce("unordered", events(50, 1))
    got = bus.run("-o", "consume.any.topic=unordered", "-o", "consume.any.group=g", "-o", "consume.any.order=none", "consume", "any",
                  "--exit-at-end").lines()
    equal(sorted(one["data"]["item"]["n"] for one in got), list(range(50)), "the events")
    equal(server.topic("unordered", "/stats")["subscriptions"]["g"]["type"], "Shared", "the subscription's type")


@test
def four_partitions_hold_each_key_in_order(server):
    bus = bus_of(server)
    sent = events(800, 40)
    bus.run("topics", "create", "-t", "four", "--partitions", 4)
    bus.produce("four", sent)
    workers = Workers(bus, "four", "g", 2)
    equal(workers.await_all(sent), 0, "repeats")
    wait_until(lambda: [row["lag"] for row in bus.groups("four", "g")] == [0] * 4, "all partitions are settled", PATIENCE)
    workers.stop()
    browsed = bus.run("consume", "-t", "four", "--exit-at-end").lines()
    equal(len(browsed), 800, "the events that a look shows")
    partitions = {one["position"].split(":")[2] for one in browsed}
    equal(partitions, {"0", "1", "2", "3"}, "the partitions of the positions")
    keys = {}
    for one in browsed:
        keys.setdefault(one["partitionkey"], set()).add(one["position"].split(":")[2])
    check(all(len(places) == 1 for places in keys.values()), "a key is in several partitions")


@test
def a_position_moves_its_partition_alone(server):
    bus = bus_of(server)
    browsed = [one for one in bus.run("consume", "-t", "four", "--exit-at-end").lines() if one["position"].split(":")[2] == "2"]
    moved = bus.run("seek", "-t", "four", "-g", "g", "--to", browsed[-5]["position"]).out.splitlines()
    equal(len(moved), 1, f"the partitions that were moved: {moved}")
    got = bus.consume("four", "g")
    equal(sorted(one["position"] for one in got), sorted(one["position"] for one in browsed[-5:]), "what comes again")
    equal(len(bus.run("seek", "-t", "four", "-g", "g", "--to", "earliest").out.splitlines()), 4, "partitions of a seek to earliest")
    equal(len(bus.consume("four", "g")), 800, "events after it")
