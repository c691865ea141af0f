"""plugins/common/registry/tests/test_registry.py - what the registry client requests, and what it makes of each response."""
import base64
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("brokers", "process"):
    sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "..", "tests", folder))
from harness import main, test                          # noqa: E402
from http_script import Server, answer, registry        # noqa: E402
from client import CLIENT, STRING, Client, closed_port  # noqa: E402


# ---- Requests ----

@test
def a_schema_is_registered_as_the_python_producer_does_it(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    t.equal(client.until(client.register("dev-logins-org.x.CloudEvent", '{"a": "é\\u0000"}'), "ok")["id"], 17)
    request = server.requests[0]
    t.equal((request.method, request.target),
            ("POST", "/subjects/dev-logins-org.x.CloudEvent/versions?normalize=False"))
    t.equal(request.json(), {"schema": '{"a": "é\\u0000"}'})
    t.equal(request.headers["content-type"], "application/vnd.schemaregistry.v1+json")
    t.lacks(str(request.headers), "authorization", "expect")
    client.quit()


@test
def a_subject_is_a_part_of_the_path_whatever_stands_in_it(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url + "/apis/ccompat/v7/")
    client.until(client.register("a/b?c#d%e+ü"), "ok")
    t.equal(server.requests[0].target, "/apis/ccompat/v7/subjects/a%2Fb%3Fc%23d%25e%2B%C3%BC/versions?normalize=False")


@test
def a_schema_is_requested_by_its_id_once(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    first, second = client.lookup(7), client.lookup(7)
    t.equal(client.said(first)[0]["status"] if client.said(first) else "empty", "empty")
    t.equal(client.until(first, "ok")["name"], "org.x.R7")
    t.equal(client.until(second, "ok")["json"], '{"name": "R7", "namespace": "org.x", "type": "record", "fields": []}')
    t.equal(client.until(client.lookup(7), "ok")["name"], "org.x.R7")
    t.equal([r.target for r in server.requests], ["/schemas/ids/7"])


@test
def the_same_subject_and_schema_are_registered_once_others_apart(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    for subject, schema in (("s", STRING), ("s", STRING), ("s", '"long"'), ("r", STRING)):
        client.until(client.register(subject, schema), "ok")
    t.equal([r.target.split("/")[2] for r in server.requests], ["s", "s", "r"])


@test
def impossible_ids_are_not_requested(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    for number in (0, 2 ** 31, 2 ** 32 - 1):
        t.contains(client.until(client.lookup(number), "permanent")["text"], str(number), "1 to 2147483647")
    t.equal(server.requests, [])


@test
def key_and_secret_are_sent_and_never_shown(t):
    server = Server(lambda request: answer(401, {"error_code": 401, "message": "Unauthorized"}))
    client = Client(t, "url=" + server.url, "key=the-key", "secret=hush:hush")
    said = client.until(client.register("s"), "retriable")
    t.contains(said["text"], f"schema registry {server.url}: the schema of subject s: HTTP status 401: Unauthorized")
    t.equal(server.requests[0].headers["authorization"], "Basic " + base64.b64encode(b"the-key:hush:hush").decode())
    t.lacks(client.worker.out + client.worker.err, "hush", "the-key")


@test
def no_more_than_eight_requests_are_under_way(t):
    gate = threading.Event()

    def slow(request):
        gate.wait(30)
        return registry(request)

    server = Server(slow)
    client = Client(t, "url=" + server.url)
    asked = [client.lookup(n) for n in range(1, 41)]
    t.until(lambda: server.now == 8, what="eight requests")
    gate.set()
    for n in asked:
        t.equal(client.until(n, "ok")["name"], f"org.x.R{n + 1}")
    t.equal(server.most, 8, "the most at once")
    t.check(len(server.connections) <= 8, f"{len(server.connections)} connections for 40 requests: none was kept")


@test
def with_all_responses_there_the_descriptor_is_quiet(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    client.until(client.lookup(1), "ok")
    t.equal(client.state()["busy"], False)
    polls = client.state()["polls"]
    time.sleep(0.5)                                     # long enough for a descriptor that is always readable to show
    t.check(client.state()["polls"] - polls <= 2, "the descriptor wakes its owner without a reason")


# ---- Refusals ----

@test
def a_refusal_is_permanent_and_in_the_registrys_words(t):
    plays = {"bad": answer(422, {"error_code": 42201, "message": "Illegal namespace: a-b"}),
             "old": answer(409, {"error_code": 409, "message": "incompatible"})}
    server = Server(lambda request: plays.get(request.target.split("/")[2]) or registry(request))
    client = Client(t, "url=" + server.url)
    t.equal(client.until(client.register("bad"), "permanent", "retriable")["text"],
            f"schema registry {server.url}: the schema of subject bad: refused with 422: Illegal namespace: a-b "
            "(error code 42201)")
    old = client.until(client.register("old"), "permanent")
    t.contains(old["text"], "subject old: refused with 409: incompatible")
    t.equal((old["kind"], old["native"]), (3, 409), "kind (data) and native")
    t.equal([request.target.split("/")[2] for request in server.requests], ["bad", "old", "old"], "requests")
    client.until(client.register("good"), "ok")
    t.equal(client.link_error(), "")


@test
def a_conflict_from_a_race_of_two_writers_is_sent_again(t):
    plays = [answer(409, {"error_code": 409, "message": "An artifact with ID 'new' already exists."})]
    server = Server(lambda request: plays.pop() if plays else registry(request))
    client = Client(t, "url=" + server.url)
    n = client.register("new")
    t.equal(client.until(n, "ok", "permanent")["status"], "ok")
    t.equal([line["status"] for line in client.said(n)], ["empty", "ok"], "its results")


@test
def an_unknown_id_is_permanent_only_when_a_registry_says_so(t):
    plays = {"/schemas/ids/5": answer(404, {"error_code": 40403, "message": "Schema not found"}),
             "/schemas/ids/6": answer(404, b"<html>Not Found</html>")}
    server = Server(lambda request: plays[request.target])
    client = Client(t, "url=" + server.url)
    t.contains(client.until(client.lookup(5), "permanent")["text"], "schema 5: refused with 404: Schema not found")
    t.contains(client.until(client.lookup(6), "retriable", "permanent")["text"], "schema 6", "is this its address?")


UNKNOWN = answer(404, {"error_code": 40403, "message": "Schema not found"})


@test
def an_id_that_a_server_does_not_know_yet_is_requested_from_the_next(t):
    late, good = Server(lambda request: UNKNOWN), Server(registry)
    client = Client(t, "url=" + late.url, "url=" + good.url)
    n = client.lookup(5)
    t.equal(client.until(n, "ok", "permanent")["status"], "ok")
    t.equal([line["status"] for line in client.said(n)], ["empty", "ok"], "its results")
    t.equal((len(late.requests), len(good.requests)), (1, 1), "requests at the late and the good one")


@test
def a_single_server_is_given_a_moment_to_learn_an_id(t):
    times = []

    def late(request):
        times.append(time.monotonic())
        return UNKNOWN if len(times) == 1 else registry(request)

    client = Client(t, "url=" + Server(late).url)
    t.equal(client.until(client.lookup(5), "ok", "permanent")["status"], "ok")
    t.check(times[1] - times[0] >= 0.24, f"sent again after {times[1] - times[0]:.3f} s")


@test
def an_unknown_id_is_believed_when_the_next_server_is_down_too(t):
    server = Server(lambda request: UNKNOWN)
    client = Client(t, "url=" + server.url, f"url=http://127.0.0.1:{closed_port()}")
    t.contains(client.until(client.lookup(5), "retriable", "permanent")["text"], "refused with 404: Schema not found")
    t.equal(len(server.requests), 2, "requests")
    t.equal(client.link_error(), "")


@test
def an_unknown_id_is_waited_for_once(t):
    server = Server(lambda request: UNKNOWN)
    client = Client(t, "url=" + server.url)
    for turn in (1, 2):
        for _ in range(500):
            client.lookup(5)
        client.worker.until(lambda w: w.out.count('"status":"permanent"') == 500 * turn, what="500 results")
    t.lacks(client.worker.out, "retriable")
    t.equal(len(server.requests), 2, "requests for a thousand messages")


@test
def many_unknown_ids_are_not_each_waited_for(t):
    times = {}

    def nobody(request):
        times.setdefault(request.target, []).append(time.monotonic())
        return UNKNOWN

    client = Client(t, "url=" + Server(nobody).url)
    for number in range(1, 101):                        # one behind the other, as a partition's messages are
        client.until(client.lookup(number), "permanent")
    t.equal({len(sent) for sent in times.values()}, {2}, "how often each was requested")
    waited = sum(second - first >= 0.24 for first, second in times.values())
    t.check(10 <= waited <= 70, f"{waited} of 100 have waited")     # or were slow, as on a loaded machine


@test
def a_schema_that_is_not_avro_is_permanent(t):
    server = Server(lambda request: answer(200, {"schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF"}))
    client = Client(t, "url=" + server.url)
    t.contains(client.until(client.lookup(5), "permanent")["text"], "schema 5: cannot be used as an Avro schema: PROTOBUF")


# ---- Whether it accepts this client ----

@test
def a_probe_that_succeeded_is_not_sent_again(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    n = client.request("probe")
    client.until(n, "ok")
    client.line(f"again {n}")
    t.until(lambda: len(client.said(n)) == 3, what="the second result")
    t.equal([line["status"] for line in client.said(n)], ["empty", "ok", "ok"])
    t.equal([request.target for request in server.requests], ["/schemas/ids/1"])


@test
def a_probe_succeeds_where_the_schema_is_unknown_or_forbidden(t):
    for status, body in ((404, {"error_code": 40403, "message": "Schema 1 not found"}),
                         (403, {"error_code": 40301, "message": "User is denied operation Read on Subject"})):
        client = Client(t, "url=" + Server(lambda request, told=answer(status, body): told).url)
        t.equal(client.until(client.request("probe"), "ok", "retriable", "permanent")["status"], "ok", str(status))


@test
def a_rejected_probe_is_permanent_and_one_without_a_server_retriable(t):
    plays = {"status": 401}
    server = Server(lambda request: registry(request) if plays["status"] == 200 else answer(plays["status"], b""))
    client = Client(t, "url=" + server.url)
    n = client.request("probe")
    t.equal(client.until(n, "ok", "retriable", "permanent")["text"], f"schema registry {server.url}: HTTP status 401; see "
            "schema_registry_key and schema_registry_secret")
    t.equal(client.said(n)[-1]["status"], "permanent")
    for status, says in ((503, "retriable"), (403, "permanent"), (200, "ok")):
        plays["status"] = status
        client.until(n, says)
    for where in ("url=http://127.0.0.1:%d" % closed_port(), "url=" + Server(lambda request: None).url):
        client = Client(t, where)
        t.equal(client.until(client.request("probe"), "ok", "retriable", "permanent")["status"], "retriable", where)


@test
def one_server_that_accepts_is_enough_and_a_rejection_counts_more_than_an_absence(t):
    away, good = f"url=http://127.0.0.1:{closed_port()}", Server(registry)
    bad = Server(lambda request: answer(401, b""))
    for words, says in ((("url=" + bad.url, away), "permanent"), ((away, "url=" + bad.url), "permanent"),
                        (("url=" + bad.url, away, "url=" + good.url), "ok")):
        client = Client(t, *words)
        t.equal(client.until(client.request("probe"), "ok", "retriable", "permanent")["status"], says, str(words))


# ---- Settings ----

@test
def settings_that_can_never_work_are_refused(t):
    t.write("there.pem", "")
    there = t.path("there.pem")
    for words, says in (
            ([], "schema_registry: no address"),
            (["url=localhost:8081"], "begins with http:// or https://"),
            (["url=ftp://localhost/"], "begins with http:// or https://"),
            (["url=http://"], "begins with http://"),
            (["url=http://user:hush@localhost"], "schema_registry_key and schema_registry_secret"),
            (["url=http://localhost/?x=hush"], "without ? and #"),
            (["url=http://localhost", "url=nonsense hush"], "begins with http://"),
            (["url=http://localhost"] * 33, "more than 32"),
            (["url=http://localhost", "key=k"], "schema_registry_key and schema_registry_secret go together"),
            (["url=http://localhost", "secret=hush"], "go together"),
            (["url=http://localhost", "key=a:b", "secret=hush"], "colon"),
            (["url=http://localhost", "ca=/nowhere.pem"], "schema_registry_ca: cannot read /nowhere.pem: No such file"),
            (["url=http://localhost", "cert_key=" + there], "it needs schema_registry_cert"),
            (["url=http://localhost", "cert=" + there, "cert_key=/nowhere"], "schema_registry_cert_key: cannot read")):
        told = t.run(*words, status=2, command=CLIENT).json()[0]["refused"]
        t.contains(told, says)
        t.lacks(told, "hush")


main()
