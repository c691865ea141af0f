"""A schema registry that is away, slow or talks rubbish: events are held, nobody else is, none becomes a dead letter.
The registry is a script, the broker librdkafka's mock cluster."""
import functools
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import KEY_FIELD, LOGIN, LOGIN_BODY, Mock, framed, headers, login_lines, options, position, produce, \
    raw                                            # noqa: E402
from harness import SCHEMAS, main, test                     # noqa: E402
from http_script import Server, answer                      # noqa: E402

COURSE = "org.openedx.content_authoring.course.created.v1"


class Registry:
    """A small one that is right, unless `play` says otherwise; it goes and comes at one address."""

    def __init__(self):
        self.ids, self.play = {}, None
        self.server = Server(self.answer)
        self.port, self.url = self.server.port, self.server.url

    def answer(self, request):
        return (self.play or self.right)(request)

    def right(self, request):
        if request.method == "POST":
            return answer(200, {"id": self.ids.setdefault(request.json()["schema"], 1 + len(self.ids))})
        texts = {number: text for text, number in self.ids.items()}
        found = texts.get(int(request.target.rsplit("/", 1)[1]))
        return answer(200, {"schema": found}) if found else answer(404, {"error_code": 40403, "message": "not found"})

    def know(self, event_type, more=""):
        """As another producer has registered it; more: white space that makes it another schema to the registry."""
        with open(os.path.join(SCHEMAS, f"{event_type}.avsc"), encoding="utf-8") as file:
            return self.ids.setdefault(file.read() + more, 1 + len(self.ids))

    def go(self):
        self.server.close()

    def come(self):
        self.server = Server(self.answer, port=self.port)


def site(test_function, schema_registry_timeout="5s"):
    """A test of (t, mock, registry); topics a and b with two partitions each."""
    def run(t):
        registry = Registry()
        with Mock(t) as mock:
            for topic in ("a", "b", "a.dlq"):
                mock("topic", topic, 2)
            t.configure("[eventbus]\nproducer = main\nconsumer = main\naudit_delivered = no\naudit_received = no\n"
                        "audit_processed = no\n[broker main]\nplugin = kafka\n" +
                        options({"bootstrap_servers": mock.bootstrap, "schema_registry": registry.url,
                                 "schema_registry_timeout": schema_registry_timeout, "rdkafka_heartbeat_interval_ms": "200"}) +
                        f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = {KEY_FIELD}\n"
                        f"[route b]\nevent = {COURSE}\ntopic = b\nkey_field = course.course_key\n")
            test_function(t, mock, registry)
    run.__name__ = test_function.__name__
    return test(run)


class Service:
    """A producer that is fed through a pipe."""

    def __init__(self, t, *more):
        self.worker = t.start("produce", "--json", *more, "-", stdin=subprocess.PIPE)
        self.until, self.receipts = self.worker.until, self.worker.json

    def send(self, event_type, data):
        line = {"specversion": "1.0", "type": event_type, "data": data}
        self.worker.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.worker.process.stdin.flush()

    def login(self, first, last):
        for line in login_lines(first, last).splitlines():
            self.send(LOGIN, json.loads(line))

    def end(self):
        self.worker.process.stdin.close()
        return self.worker.wait(0)


def told(err, role=""):
    """The lines about the registry; of a role where it is given: a worker has a producer for its dead letters."""
    return [line for line in err.splitlines() if "schema registry" in line and role in line]


def positions_in_order(t, receipts):
    last = {}
    for receipt in receipts:
        partition, offset = position(receipt["position"])
        t.check(offset > last.get(partition, -1), f"receipts out of order at {receipt['position']}")
        last[partition] = offset


# ---- Producers ----

@site
def away_at_the_start_events_are_held_and_the_caller_is_not(t, mock, registry):
    registry.go()
    service = Service(t)
    service.login(0, 3000)              # more than a pipe holds: it returns only when they are taken
    service.until("schema registry")
    t.equal(service.receipts(), [], "receipts")
    registry.come()
    service.until(lambda worker: len(worker.json()) == 3000, what="the receipts")
    done = service.end()
    positions_in_order(t, done.json())
    t.equal(len(told(done.err)), 1, f"times it was said, in\n{done.err}")


@site
def away_later_known_schemas_go_on_and_new_ones_are_held(t, mock, registry):
    service = Service(t)
    service.login(0, 10)
    service.until(lambda worker: len(worker.json()) == 10, what="the first receipts")
    registry.go()
    service.send(COURSE, {"course": {"course_key": "c"}})
    service.until("schema registry")
    service.login(10, 20)
    service.until(lambda worker: len(worker.json()) == 20, what="receipts while the registry is away")
    t.equal([one for one in service.receipts() if one["topic"] == "b"], [], "of the new schema")
    registry.come()
    service.until(lambda worker: any(one["topic"] == "b" for one in worker.json()), what="the held event")
    done = service.end()
    t.equal((len(done.json()), len(told(done.err))), (21, 1), "receipts, and times it was said")


@site
def what_is_known_does_not_pass_what_waits_in_its_topic(t, mock, registry):
    mock("topic", "c", 1)
    service = Service(t, "--topic", "c")
    service.login(0, 10)
    service.until(lambda worker: len(worker.json()) == 10, what="the first receipts")
    registry.go()
    service.send(COURSE, {"course": {"course_key": "c"}})
    service.until("schema registry")
    service.login(10, 3000)             # more than a pipe holds: most are taken
    registry.come()
    service.until(lambda worker: len(worker.json()) == 3001, what="the receipts")
    service.end()
    types = [bytes.fromhex(dict(one["headers"])["ce_type"]).decode() for one in raw("dump", mock.bootstrap, "c")]
    t.equal(types.index(COURSE), 10, "where the event stands that has waited")


# ---- Consumers ----

def send(mock, partition, *schemas):
    """A login for each id of a schema, without a key."""
    lines = [json.dumps({"topic": "a", "partition": partition, "key": None, "value": framed(one, LOGIN_BODY),
                         "headers": headers()}) for one in schemas]
    raw("send", mock.bootstrap, stdin="\n".join(lines) + "\n")


def fill(registry, mock):
    """Five of them in each partition of a."""
    for partition in (0, 1):
        send(mock, partition, *[registry.know(LOGIN)] * 5)


def worker_of(t, group="g"):
    return t.start("consume", "-t", "a", "-g", group)


def letters(mock):
    return [one for one in raw("dump", mock.bootstrap, "a.dlq") if one]


@site
def a_consumer_waits_for_a_registry_that_is_away(t, mock, registry):
    fill(registry, mock)
    registry.go()
    worker = worker_of(t)
    worker.until("schema registry")
    t.equal(worker.json(), [])
    registry.come()
    worker.until(lambda w: len(w.json()) == 10, what="the events")
    worker.send(15)
    done = worker.wait(0)
    t.equal(len(told(done.err, "the consumer")), 1, f"times it was said, in\n{done.err}")
    t.check(len(told(done.err, "the producer")) <= 1, f"times it was said, in\n{done.err}")
    t.equal(letters(mock), [], "dead letters")


@site
def an_idle_worker_tells_that_the_registry_is_away_and_when_it_is_back(t, mock, registry):
    registry.go()
    worker = worker_of(t)
    worker.until("the consumer waits for the broker: schema registry")
    registry.come()
    worker.until("the consumer is connected again")
    worker.send(15)
    worker.wait(0)


@site
def away_later_known_ids_go_on_and_an_unknown_one_holds_its_partition(t, mock, registry):
    fill(registry, mock)
    worker = worker_of(t)
    worker.until(lambda w: len(w.json()) == 10, what="the first events")
    new = registry.know(COURSE)
    registry.go()
    course = {"topic": "a", "partition": 1, "key": None, "value": framed(new, b"\x02c"),
              "headers": headers(ce_type=COURSE)}
    raw("send", mock.bootstrap, stdin=json.dumps(course) + "\n")
    fill(registry, mock)
    worker.until("schema registry")
    worker.until(lambda w: len(w.json()) == 15, what="the other partition")
    t.equal({position(one["position"])[0] for one in worker.json()[10:]}, {0}, "partitions that went on")
    registry.come()
    worker.until(lambda w: len(w.json()) == 21, what="all")
    behind = [one["position"] for one in worker.json()[15:]]
    t.equal(behind, sorted(behind, key=position), "the partition that was held, in order")
    worker.send(15)
    t.equal(len(told(worker.wait(0).err)), 1, "times it was said")
    t.equal(letters(mock), [], "dead letters")


# ---- Strange answers ----

def slow(request):
    time.sleep(10)                      # 20 times schema_registry_timeout
    return answer(200, {"id": 1})


RUBBISH = {
    "500": lambda request: answer(500, {"error_code": 50001, "message": "Error in the backend"}),
    "503 of a proxy": lambda request: answer(503, b"<html>busy</html>"),
    "no JSON": lambda request: answer(200, b"<html>welcome</html>"),
    "another JSON": lambda request: answer(200, ["id", 1]),
    "an impossible id": lambda request: answer(200, {"id": -1, "schema": 7}),
    "half an answer": lambda request: lambda connection: (connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"), connection.close()),
    "a closed door": lambda request: None,
    "slow": slow,
}


@functools.partial(site, schema_registry_timeout="500ms")
def strange_answers_hold_events_and_lose_none(t, mock, registry):
    """Each twice in a row, so that it is seen to go on asking; then right ones."""
    fill(registry, mock)
    worker = worker_of(t)
    worker.until(lambda w: len(w.json()) == 10, what="the first events")

    def strange_at_first(play):
        left = iter(range(2))
        registry.play = lambda request: play(request) if next(left, None) is not None else registry.right(request)
        return left

    for n, (what, play) in enumerate(RUBBISH.items()):
        known = 10 + 6 * n
        left = strange_at_first(play)
        t.equal(len(produce(t, "a", 100 * n, 100 * n + 5)), 5, f"{what}: receipts")
        t.equal(next(left, None), None, f"{what}: strange answers that the producer did not ask for")
        worker.until(lambda w, known=known: len(w.json()) == known + 5, what=f"{what}: events of a schema it knows")
        left = strange_at_first(play)
        send(mock, 0, registry.know(LOGIN, " " * n + "\n"))
        worker.until(lambda w, known=known: len(w.json()) == known + 6, what=f"{what}: an event of a new schema")
        t.equal(next(left, None), None, f"{what}: strange answers that the consumer did not ask for")
    worker.send(15)
    done = worker.wait(0)
    told_each = [what for what in RUBBISH if what in ("500", "503 of a proxy", "a closed door", "slow")]
    t.check(len(told(done.err)) <= len(RUBBISH), f"said more than once for each:\n{done.err}")
    t.check(len(told(done.err)) >= len(told_each), f"not said:\n{done.err}")
    t.equal(letters(mock), [], "dead letters")


main()
