"""Events through the eventbus command: the admin verbs, hostile names and bytes, and a flow in which the server and the workers
are killed (kill -9). EB_SOAK=1 runs the flow with 100,000 events; small without."""
import collections
import json
import os
import signal
import socket
import threading
import time

from nats_test import EVENT, SOAK, check, data_lines, equal, main, site, test, wait_for

EVENTS, KEYS = (100_000, 1000) if SOAK else (400, 20)
KILLED = ("worker", "worker", "server", "worker", "worker", "server", "worker") if SOAK else ("worker", "server", "worker")


def printed(path):
    """The whole lines of a file of events."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def user_of(event):
    return event["data"]["user"]


@test
def what_is_sent_is_received_and_the_verbs_see_it(server):
    with site(server) as s:
        receipts = s.run("produce", "--signal", EVENT, "-", "--json", stdin=data_lines([("ada", 1), ("grace", 2), ("ada", 3)])).stdout
        equal([json.loads(line)["position"] for line in receipts.splitlines()], ["1", "2", "3"], "positions")
        row = next(row for row in s.rows("topics") if row["topic"] == "user-login")
        equal((row["events"], row["partitions"]), (3, 1), "the topic")
        s.run("consume", "-t", "user-login", "-g", "flow", "-n", "1", "-q")
        row = next(row for row in s.rows("groups") if row["group"] == "flow")
        equal((row["position"], row["end"], row["lag"], row["members"]), ("2", "4", 2, 0), "the group")
        s.run("seek", "-t", "user-login", "-g", "flow", "--to", "earliest")
        got = [
            json.loads(line) for line in s.run("consume", "-t", "user-login", "-g", "flow", "--exit-at-end", "-q").stdout.splitlines()]
        equal([user_of(event)["id"] for event in got], [1, 2, 3], "what came after the seek")
        worker = s.start("consume", "-t", "user-login", "-g", "flow", "--name", "alive", "-q")
        wait_for("the member", lambda: [r for r in s.rows("groups") if r["group"] == "flow" and r["members"] == 1])
        refused = s.run("seek", "-t", "user-login", "-g", "flow", "--to", "earliest", status=None)
        check(refused.returncode == 2 and "alive" in refused.stderr, f"seek with a live member: {refused.returncode} {refused.stderr}")
        worker.send_signal(signal.SIGTERM)
        equal(worker.wait(30), 0, "the worker's end")
        s.run("topics", "trim", "-t", "user-login", "--before", "3")
        equal([r["events"] for r in s.rows("topics") if r["topic"] == "user-login"], [1], "events after the trim")
        s.run("groups", "delete", "-t", "user-login", "-g", "flow")
        s.run("topics", "delete", "-t", "user-login")
        check("user-login" not in [r["topic"] for r in s.rows("topics")], "the topic is there after its removal")


@test
def hostile_names_reach_their_own_topic_only(server):
    names = ["a.b", "a=2Eb", "a%2Eb", "a..b", ".a", "a.", "a>", ">", "$JS.API.INFO", "a b", "ü", "a/b", "../../x", "%members", "'\"\\"]
    with site(server) as s:
        for number, name in enumerate(names):
            s.run("produce", "--signal", EVENT, "-t", name, "-", stdin=data_lines([("ada", number)]))
        listed = {row["topic"]: row["events"] for row in s.rows("topics")}
        equal({name: listed.get(name) for name in names}, {name: 1 for name in names}, "events of each topic")
        topics = [word for name in names for word in ("-t", name)]
        for group in ("plain", names[-1]):
            got = s.run("consume", *topics, "-g", group, "--exit-at-end", "-q").stdout
            equal(sorted(user_of(json.loads(line))["id"] for line in got.splitlines()), list(range(len(names))), f"what group {group!r} got")
        equal(sorted({row["topic"] for row in s.rows("groups") if row["group"] == names[-1] and row["lag"] == 0}), sorted(names),
              "the topics of the group")
        long = s.run("produce", "--signal", EVENT, "-t", "ü" * 60, "-", stdin=data_lines([("ada", 1)]), status=None)
        check(long.returncode != 0 and "200 characters" in long.stderr, f"a long name: {long.returncode} {long.stderr}")
        for name in names:
            s.run("topics", "delete", "-t", name)


def publish(server, subject, headers, payload):
    """A message as another client may send it, with these bytes as its headers."""
    host, port = server.url.rsplit("@", 1)[-1].removeprefix("nats://").split(":")
    with socket.create_connection((host, int(port)), 10) as peer:
        file = peer.makefile("rb")
        file.readline()                                     # INFO
        peer.sendall(b'CONNECT {"headers":true,"verbose":false,"lang":"x","version":"1"}\r\n'
                     + b"HPUB %s %d %d\r\n" % (subject.encode(), len(headers), len(headers) + len(payload))
                     + headers + payload + b"\r\nPING\r\n")
        equal(file.readline().strip(), b"PONG", "the server's answer")


@test
def headers_that_cannot_be_read_hold_up_nothing(server):
    with site(server) as s:
        s.run("produce", "--signal", EVENT, "-t", "odd", "-", stdin=data_lines([("ada", 1)]))
        for headers in (b"no colon", b"empty: ", b": no name", b"a: b\r\n\xff\xfe"):
            publish(server, "eventbus.odd", b"NATS/1.0\r\n" + headers + b"\r\n\r\n", b"x")
        s.run("produce", "--signal", EVENT, "-t", "odd", "-", stdin=data_lines([("ada", 2)]))
        done = s.run("consume", "-t", "odd", "-g", "odd", "--exit-at-end", "-q", status=None)
        equal([user_of(json.loads(line))["id"] for line in done.stdout.splitlines()], [1, 2], f"what came; {done.stderr}")
        equal(sum(row["events"] for row in s.rows("topics") if row["topic"].endswith("dlq")), 4, "dead letters")


@test
def a_full_topic_stalls_no_other(server):
    both = f"[route full]\nevent = {EVENT}\ntopic = full\nkey_field = user.pii.username\n"
    with site(server, ["max_bytes = 1k"]) as full, site(server, (), both) as s:
        full.run("topics", "create", "-t", "full")
        producer = s.start("-o", "eventbus.delivery_timeout=5m", "produce", "--signal", EVENT, "-", stdin=-1, stderr=-3, stdout=-3)
        producer.stdin.write(data_lines([(f"user-{number}", number) for number in range(200)]))
        producer.stdin.flush()
        wait_for("events of both topics", lambda: events_of(s, "user-login") == 200 and events_of(s, "full") > 0)
        check(events_of(s, "full") < 200, f"the full topic took {events_of(s, 'full')} events")
        check(producer.poll() is None, "the producer has given up the full topic's events before delivery_timeout")


def events_of(s, topic):
    return next((row["events"] for row in s.rows("topics") if row["topic"] == topic), 0)


@test
def members_with_other_leases_agree_on_one_reader(server):
    """Over more than two of the shorter leases. A machine that stalls for one may make the reader lose the topic, once."""
    with site(server, ["lease = 1s"]) as first, site(server, ["lease = 30s"]) as second:
        first.run("produce", "--signal", EVENT, "-", stdin=data_lines([("ada", 0)]))
        first.run("consume", "-t", "user-login", "-g", "two", "-n", "1", "-q")  # makes the records' stream
        outs = [s.path("out") for s in (second, first)]
        for s, name, out in ((second, "long", outs[0]), (first, "short", outs[1])):
            with open(out, "w", encoding="utf-8") as file:
                s.start("consume", "-t", "user-login", "-g", "two", "--name", name, "-q", stdout=file)
            wait_for("the member", lambda n=name: name_is_listed(server, n))
        producer = first.start("produce", "--signal", EVENT, "-", "-q", stdin=-1)
        begin, sent, readers = time.monotonic(), 0, {}
        while time.monotonic() < begin + 2.5 or sent < 20:
            sent += 1
            producer.stdin.write(data_lines([("ada", sent)]))
            producer.stdin.flush()
            wait_for("the event", lambda: sum(len(printed(out)) for out in outs) >= sent)
        producer.stdin.close()
        equal(producer.wait(60), 0, "the producer's end")
        for place, out in enumerate(outs):
            for event in printed(out):
                readers.setdefault(user_of(event)["id"], []).append(place)
        equal(sorted(readers), list(range(1, sent + 1)), "events")
        order = [place for number in sorted(readers) for place in readers[number]]
        equal(sum(a != b for a, b in zip(order, order[1:])) <= 1, True, f"one reader; the reader of each event, {order}")
    with site(server) as s:
        wait_for("the end of their records", lambda: [r for r in s.rows("groups") if r["group"] == "two" and r["members"] == 0])
        s.run("topics", "delete", "-t", "user-login")


def name_is_listed(server, name):
    with site(server) as s:
        return name in s.run("seek", "-t", "user-login", "-g", "two", "--to", "earliest", "--dry-run", status=None).stderr


class Flow:
    """A producer that is fed as the test goes, and workers that write what they get, and what they say, into files of their own."""

    def __init__(self, s):
        self.s, self.workers, self.worker, self.fed = s, 0, None, 0
        with open(s.path("producer.err"), "w", encoding="utf-8") as err:
            self.producer = s.start("-o", "eventbus.delivery_timeout=5m", "produce", "--signal", EVENT, "-", "-q", stdin=-1, stderr=err)

    def feed(self, to):
        for number in range(self.fed, to):
            self.producer.stdin.write(data_lines([(f"key-{number % KEYS}", number)]))
        self.producer.stdin.flush()
        self.fed = to

    def start_worker(self):
        self.workers += 1
        with open(self.s.path(f"worker-{self.workers}"), "w", encoding="utf-8") as out, \
                open(self.s.path(f"worker-{self.workers}.err"), "w", encoding="utf-8") as err:
            self.worker = self.s.start("consume", "flow", "-q", stdout=out, stderr=err)

    def kill_worker(self):
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def seen(self):
        return [event for n in range(1, self.workers + 1) for event in printed(self.s.path(f"worker-{n}"))]

    def has(self, count):
        """Whether so many different events were received."""
        lines = 0
        for n in range(1, self.workers + 1):
            with open(self.s.path(f"worker-{n}"), "rb") as file:
                lines += file.read().count(b"\n")
        return lines >= count and len({user_of(event)["id"] for event in self.seen()}) >= count


def kill(server, flow, what):
    if what == "server":
        server.kill()
        server.start()
    else:
        flow.kill_worker()
        flow.start_worker()


FLOW = f"[consume flow]\ntopic = user-login\ngroup = flow\nconcurrency = 4\nmax_in_flight = {1000 if SOAK else 40}\n"


@test
def nothing_is_lost_and_keys_keep_their_order_when_all_are_killed(server):
    with site(server, ["lease = 1s"], FLOW) as s:
        flow = Flow(s)
        flow.start_worker()
        share = EVENTS // (len(KILLED) + 1)
        for step, what in enumerate(KILLED, 1):     # the server while events are on their way to it, a worker while it has some
            flow.feed(share * step)
            if what == "worker":
                wait_for("half of them", lambda n=step: flow.has(share * n - share // 2), 600)
            kill(server, flow, what)
        flow.feed(EVENTS)
        flow.producer.stdin.close()
        equal(flow.producer.wait(600), 0, "the producer's end")
        wait_for("the events", lambda: flow.has(EVENTS), 600)
        wait_for("their acknowledgements", lambda: [r for r in s.rows("groups") if r["group"] == "flow" and r["lag"] == 0], 600)
        flow.worker.send_signal(signal.SIGTERM)
        equal(flow.worker.wait(60), 0, "the worker's end")
        seen, order = set(), collections.defaultdict(list)
        for event in flow.seen():
            number = user_of(event)["id"]
            if number not in seen:
                order[number % KEYS].append(number)
            seen.add(number)
        lost = [number for number in range(EVENTS) if number not in seen]
        equal(lost[:10], [], f"{len(lost)} events were lost; the first of them")
        for key, numbers in order.items():
            equal(numbers, sorted(numbers), f"the first runs of key {key}")
        print(f"  {EVENTS} events, {KEYS} keys: {events_of(s, 'user-login')} stored, {len(flow.seen()) - len(seen)} repeats", flush=True)
        s.run("groups", "delete", "-t", "user-login", "-g", "flow")
        s.run("topics", "delete", "-t", "user-login")


main()
