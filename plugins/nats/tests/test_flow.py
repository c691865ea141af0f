"""Events through the eventbus command: the admin verbs, hostile names and bytes, and a flow in which the server and the workers
are killed (kill -9). EB_SOAK=1 runs the flow with 100,000 events; small without."""
import collections
import json
import os
import signal
import socket
import threading

from nats_test import EVENT, SOAK, check, data_lines, equal, main, site, test, wait_for

EVENTS, KEYS = (100_000, 1000) if SOAK else (3000, 50)


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
        for number, name in enumerate(names):
            equal(listed.get(name), 1, f"events of topic {name!r}")
            got = [json.loads(line) for line in s.run("consume", "-t", name, "-g", name, "--exit-at-end", "-q").stdout.splitlines()]
            equal([user_of(event)["id"] for event in got], [number], f"what came from topic {name!r}")
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
def a_topic_that_cannot_be_made_stalls_no_other(server):
    with site(server, ["max_bytes = 1k"]) as full, site(server) as s:
        full.run("topics", "create", "-t", "full")
        s.run("produce", "--signal", EVENT, "-t", "open", "-", stdin=data_lines([("ada", 0)]))
        text = "".join(json.dumps({"user": {"pii": {"username": f"u{i}", "email": "x" * 600, "name": "n"}, "id": i, "is_active": True}})
                       + "\n" for i in range(20))
        stuck = s.start("-o", "eventbus.delivery_timeout=20s", "produce", "--signal", EVENT, "-t", "full", "-f", "-",
                        stdin=-1, stderr=-3, stdout=-3)
        threading.Thread(target=lambda: (stuck.stdin.write(text), stuck.stdin.flush()), daemon=True).start()
        wait_for("the full topic", lambda: [r for r in s.rows("topics") if r["topic"] == "full" and r["events"] >= 1])
        s.run("produce", "--signal", EVENT, "-t", "open", "-", stdin=data_lines([("ada", i) for i in range(200)]), timeout=15)
    with site(server) as s:
        s.run("topics", "delete", "-t", "full")
        s.run("topics", "delete", "-t", "open")


@test
def members_with_other_leases_agree_on_one_reader(server):
    with site(server, ["lease = 1s"]) as first, site(server, ["lease = 30s"]) as second:
        first.run("produce", "--signal", EVENT, "-", stdin=data_lines([("ada", 0)]))
        first.run("consume", "-t", "user-login", "-g", "two", "-n", "1", "-q")  # makes the records' stream
        outs = [s.path("out") for s in (second, first)]
        for s, name, out in ((second, "long", outs[0]), (first, "short", outs[1])):
            with open(out, "w", encoding="utf-8") as file:
                s.start("consume", "-t", "user-login", "-g", "two", "--name", name, "-q", stdout=file)
            wait_for("the member", lambda n=name: name_is_listed(server, n))
        for number in range(1, 61): # over more than two of the short leases
            first.run("produce", "--signal", EVENT, "-", stdin=data_lines([("ada", number)]))
        wait_for("the events", lambda: sum(len(printed(out)) for out in outs) >= 60)
        equal(sorted(len(printed(out)) for out in outs), [0, 60], "events of each member")
    with site(server) as s:
        wait_for("the end of their records", lambda: [r for r in s.rows("groups") if r["group"] == "two" and r["members"] == 0])
        s.run("topics", "delete", "-t", "user-login")


def name_is_listed(server, name):
    with site(server) as s:
        return name in s.run("seek", "-t", "user-login", "-g", "two", "--to", "earliest", "--dry-run", status=None).stderr


class Flow:
    """A producer that is fed as the test goes, and workers that write what they get into files of their own."""

    def __init__(self, s):
        self.s, self.workers = s, 0
        self.producer = s.start("-o", "eventbus.delivery_timeout=5m", "produce", "--signal", EVENT, "-", "-q", stdin=-1)
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.feeder.start()
        self.worker = None

    def _feed(self):
        for number in range(EVENTS):
            self.producer.stdin.write(data_lines([(f"key-{number % KEYS}", number)]))
        self.producer.stdin.close()

    def start_worker(self):
        self.workers += 1
        with open(self.s.path(f"worker-{self.workers}"), "w", encoding="utf-8") as out:
            self.worker = self.s.start("consume", "-t", "user-login", "-g", "flow", "-q", "--concurrency", "4", stdout=out)

    def kill_worker(self):
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def seen(self):
        return [event for n in range(1, self.workers + 1) for event in printed(self.s.path(f"worker-{n}"))]

    def count(self):
        total = 0
        for n in range(1, self.workers + 1):
            with open(self.s.path(f"worker-{n}"), "rb") as file:
                total += file.read().count(b"\n")
        return total


@test
def nothing_is_lost_and_keys_keep_their_order_when_all_are_killed(server):
    with site(server, ["lease = 1s"]) as s:
        flow = Flow(s)
        flow.start_worker()
        for step in range(7): # the server twice, workers five times
            share = EVENTS * (step + 1) // 9
            wait_for(f"{share} events", lambda: flow.count() >= share, 600)
            if step in (2, 5):
                server.kill()
                server.start()
            else:
                flow.kill_worker()
                flow.start_worker()
        equal(flow.producer.wait(600), 0, "the producer's end")
        wait_for("the end of the flow", lambda: flow.count() >= EVENTS and
                 [r for r in s.rows("groups") if r["group"] == "flow" and r["lag"] == 0], 600)
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
        stored = next(r["events"] for r in s.rows("topics") if r["topic"] == "user-login")
        print(f"  {EVENTS} events, {KEYS} keys: {stored} stored, {flow.count() - len(seen)} repeats", flush=True)
        s.run("groups", "delete", "-t", "user-login", "-g", "flow")
        s.run("topics", "delete", "-t", "user-login")


main()
