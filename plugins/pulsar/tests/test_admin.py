"""tests/test_admin.py - the admin commands against a real broker."""
import time

from harness import PATIENCE, Bus, bus_of, check, contains, equal, event, events, test, wait_until


def topic_row(bus, name):
    return {row["topic"]: row for row in bus.run("topics", "--json").lines()}.get(name)


@test
def topics_tell_what_they_hold(server):
    bus = bus_of(server)
    before = time.time()
    bus.run("topics", "create", "-t", "held", "--partitions", 2)
    equal(topic_row(bus, "held")["partitions"], 2, "the partitions")
    equal(topic_row(bus, "held")["events"], 0, "the events of an empty topic")
    bus.produce("held", events(20, 20))
    row = topic_row(bus, "held")
    equal(row["events"], 20, "the events")
    check(row["oldest"] and row["newest"] and row["oldest"] <= row["newest"], f"times: {row}")
    check(row["newest"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before)), f"times: {row}")
    bus.run("topics", "delete", "-t", "held")
    equal(topic_row(bus, "held"), None, "the topic after it was deleted")
    contains(bus.run("topics", "delete", "-t", "held", status=None).err, "does not exist")


@test
def a_group_is_moved_by_time_and_by_position(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "moves")
    bus.produce("moves", [event(f"a{n}", 0) for n in range(5)])
    time.sleep(0.05)
    middle = time.time()
    time.sleep(0.05)
    bus.produce("moves", [event(f"b{n}", 0) for n in range(5)])
    equal(len(bus.consume("moves", "g")), 10, "events")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle)) + f".{int(middle % 1 * 1000):03d}Z"
    dry = bus.run("seek", "-t", "moves", "-g", "g", "--to", stamp, "--dry-run").out
    equal(bus.groups("moves", "g")[0]["lag"], 0, "the lag after a dry run")
    moved = bus.run("seek", "-t", "moves", "-g", "g", "--to", stamp).out
    equal(moved, dry.replace("would be moved", "moved"), "what the dry run said")
    equal(bus.groups("moves", "g")[0]["lag"], 5, "the lag")
    got = bus.consume("moves", "g")
    equal({one["partitionkey"][0] for one in got}, {"b"}, "the events from that time on")
    bus.run("seek", "-t", "moves", "-g", "g", "--to", got[2]["position"])
    equal([one["position"] for one in bus.consume("moves", "g")], [one["position"] for one in got[2:]], "that position and later")


@test
def live_members_are_named_and_stay(server):
    bus = bus_of(server)
    bus.run("topics", "create", "-t", "live")
    worker = bus.start("consume", "-t", "live", "-g", "g", "--name", "worker-x")
    wait_until(lambda: any(row["members"] for row in bus.groups("live", "g")), "the worker is a member")
    for words in (("seek", "-t", "live", "-g", "g", "--to", "earliest"), ("groups", "delete", "-t", "live", "-g", "g")):
        done = bus.run(*words, status=None)
        check(done.status != 0, f"{words} was done under a live member")
        contains(done.err, "while members live: worker-x")
    worker.terminate()
    equal(worker.wait(PATIENCE), 0, "the worker's status")
    bus.run("groups", "delete", "-t", "live", "-g", "g")
    equal(bus.groups("live", "g"), [], "the groups")


@test
def a_namespace_has_topics_of_its_own(server):
    server.get("/admin/v2/tenants/campus", "PUT", {"adminRoles": [], "allowedClusters": ["standalone"]})
    server.get("/admin/v2/namespaces/campus/events", "PUT", {})
    bus = bus_of(server, tenant="campus", namespace="events")
    bus.run("topics", "create", "-t", "own")
    bus.produce("own", events(3, 3))
    equal([row["topic"] for row in bus.run("topics", "--json").lines()], ["own"], "the topics")
    equal(len(bus.consume("own", "g")), 3, "the events")
    check("persistent://campus/events/own" in server.get("/admin/v2/persistent/campus/events"), "it is not there by that name")
    err = Bus(url=server.url, admin_url=server.admin_url, namespace="nowhere").run("topics", "create", "-t", "x", status=None).err
    contains(err, "no namespace public/nowhere", "pulsar-admin namespaces create")


@test
def names_and_positions_that_cannot_be_are_refused(server):
    bus = bus_of(server)
    contains(bus.run("topics", "create", "-t", "x-partition-3", status=None).err, "stand for a partition")
    contains(bus.run("topics", "create", "-t", "a/b", status=None).err, "a/b")
    bus.run("topics", "create", "-t", "few")
    contains(bus.run("seek", "-t", "few", "-g", "g", "--create", "--to", "1:2:3:4:5", status=None).err, "LEDGER:ENTRY")
    contains(bus.run("seek", "-t", "few", "-g", "g", "--create", "--to", "1:2:3", status=None).err, "no partitions")
    contains(bus.run("topics", "trim", "-t", "few", "--before", "latest", status=None).err, "does not support")
