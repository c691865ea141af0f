"""plugins/common/registry/tests/test_registry.py - the registry client against a server that a script plays, hostile too."""
import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("brokers", "process"):
    sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "..", "tests", folder))
from harness import BUILD, PATIENCE, Failed, main, test # noqa: E402
from http_script import Server, answer, registry        # noqa: E402

CLIENT = os.path.join(BUILD, "plugins", "common", "registry", "tests", "registry_client")
STRING = '"string"'


class Asker:
    """The client: what it is told, and what it has said so far."""

    def __init__(self, t, *settings):
        self.t, self.asked = t, 0
        self.worker = t.start(*settings, command=CLIENT, stdin=subprocess.PIPE)
        self.input = self.worker.process.stdin

    def line(self, text):
        self.input.write(text.encode() + b"\n")
        self.input.flush()

    def ask(self, text):
        self.line(text)
        self.asked += 1
        return self.asked - 1

    def register(self, subject, schema=STRING):
        return self.ask(f"register {subject} {schema}")

    def lookup(self, number):
        return self.ask(f"lookup {number}")

    def said(self, n):
        return [line for line in self.worker.json() if line.get("n") == n]

    def until(self, n, *statuses, timeout=PATIENCE):
        """The latest answer to question n, once its status is one of these."""
        def looked(_):
            said = self.said(n)
            return said[-1] if said and said[-1]["status"] in statuses else None

        return self.worker.until(looked, timeout, f"question {n} to become {statuses}")

    def trouble(self):
        told = [line["trouble"] for line in self.worker.json() if "trouble" in line]
        return told[-1] if told else ""

    def state(self):
        before = len([line for line in self.worker.json() if "busy" in line])
        self.line("fd")
        return self.worker.until(lambda w: [x for x in w.json() if "busy" in x][before:], what="an answer to fd")[0]

    def quit(self):
        self.line("quit")
        self.worker.wait()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


# ---- Asking ----

@test
def a_schema_is_registered_as_the_python_producer_does_it(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    t.equal(asker.until(asker.register("dev-logins-org.x.CloudEvent", '{"a": "é\\u0000"}'), "ok")["id"], 17)
    request = server.requests[0]
    t.equal((request.method, request.target),
            ("POST", "/subjects/dev-logins-org.x.CloudEvent/versions?normalize=False"))
    t.equal(request.json(), {"schema": '{"a": "é\\u0000"}'})
    t.equal(request.headers["content-type"], "application/vnd.schemaregistry.v1+json")
    t.lacks(str(request.headers), "authorization", "expect")
    asker.quit()


@test
def a_subject_is_a_part_of_the_path_whatever_stands_in_it(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url + "/apis/ccompat/v7/")
    asker.until(asker.register("a/b?c#d%e+ü"), "ok")
    t.equal(server.requests[0].target, "/apis/ccompat/v7/subjects/a%2Fb%3Fc%23d%25e%2B%C3%BC/versions?normalize=False")


@test
def a_schema_is_asked_for_by_its_id_once(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    first, second = asker.lookup(7), asker.lookup(7)
    t.equal(asker.said(first)[0]["status"] if asker.said(first) else "empty", "empty")
    t.equal(asker.until(first, "ok")["name"], "org.x.R7")
    t.equal(asker.until(second, "ok")["json"], '{"name": "R7", "namespace": "org.x", "type": "record", "fields": []}')
    t.equal(asker.until(asker.lookup(7), "ok")["name"], "org.x.R7")
    t.equal([r.target for r in server.requests], ["/schemas/ids/7"])


@test
def the_same_subject_and_schema_are_registered_once_others_apart(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    for subject, schema in (("s", STRING), ("s", STRING), ("s", '"long"'), ("r", STRING)):
        asker.until(asker.register(subject, schema), "ok")
    t.equal([r.target.split("/")[2] for r in server.requests], ["s", "s", "r"])


@test
def impossible_ids_are_not_asked_for(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    for number in (0, 2 ** 31, 2 ** 32 - 1):
        t.contains(asker.until(asker.lookup(number), "permanent")["text"], str(number), "1 to 2147483647")
    t.equal(server.requests, [])


@test
def key_and_secret_are_sent_and_never_shown(t):
    server = Server(lambda request: answer(401, {"error_code": 401, "message": "Unauthorized"}))
    asker = Asker(t, "url=" + server.url, "key=the-key", "secret=hush:hush")
    said = asker.until(asker.register("s"), "retriable")
    t.contains(said["text"], f"schema registry {server.url}: the schema of subject s: HTTP status 401: Unauthorized")
    t.equal(server.requests[0].headers["authorization"], "Basic " + base64.b64encode(b"the-key:hush:hush").decode())
    t.lacks(asker.worker.out + asker.worker.err, "hush", "the-key")


@test
def no_more_than_eight_requests_are_under_way(t):
    gate = threading.Event()

    def slow(request):
        gate.wait(30)
        return registry(request)

    server = Server(slow)
    asker = Asker(t, "url=" + server.url)
    asked = [asker.lookup(n) for n in range(1, 41)]
    t.until(lambda: server.now == 8, what="eight requests")
    gate.set()
    for n in asked:
        t.equal(asker.until(n, "ok")["name"], f"org.x.R{n + 1}")
    t.equal(server.most, 8, "the most at once")
    t.check(len(server.connections) <= 8, f"{len(server.connections)} connections for 40 requests: none was kept")


@test
def when_all_is_answered_it_rests(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    asker.until(asker.lookup(1), "ok")
    t.equal(asker.state()["busy"], False)
    polls = asker.state()["polls"]
    time.sleep(0.5)                                     # long enough for a descriptor that is always readable to show
    t.check(asker.state()["polls"] - polls <= 2, "the descriptor wakes its owner for nothing")


# ---- Refusals ----

@test
def a_refusal_is_permanent_and_in_the_registrys_words(t):
    plays = {"bad": answer(422, {"error_code": 42201, "message": "Illegal namespace: a-b"}),
             "old": answer(409, {"error_code": 409, "message": "incompatible"})}
    server = Server(lambda request: plays.get(request.target.split("/")[2]) or registry(request))
    asker = Asker(t, "url=" + server.url)
    t.equal(asker.until(asker.register("bad"), "permanent", "retriable")["text"],
            f"schema registry {server.url}: the schema of subject bad: refused with 422: Illegal namespace: a-b "
            "(error code 42201)")
    old = asker.until(asker.register("old"), "permanent")
    t.contains(old["text"], "subject old: refused with 409: incompatible")
    t.equal((old["kind"], old["native"]), (3, 409), "kind (data) and native")
    t.equal([request.target.split("/")[2] for request in server.requests], ["bad", "old", "old"], "asked")
    asker.until(asker.register("good"), "ok")
    t.equal(asker.trouble(), "")


@test
def a_conflict_that_was_a_race_of_two_writers_is_none(t):
    plays = [answer(409, {"error_code": 409, "message": "An artifact with ID 'new' already exists."})]
    server = Server(lambda request: plays.pop() if plays else registry(request))
    asker = Asker(t, "url=" + server.url)
    n = asker.register("new")
    t.equal(asker.until(n, "ok", "permanent")["status"], "ok")
    t.equal([line["status"] for line in asker.said(n)], ["empty", "ok"], "what was said of it")


@test
def an_unknown_id_is_permanent_only_when_a_registry_says_so(t):
    plays = {"/schemas/ids/5": answer(404, {"error_code": 40403, "message": "Schema not found"}),
             "/schemas/ids/6": answer(404, b"<html>Not Found</html>")}
    server = Server(lambda request: plays[request.target])
    asker = Asker(t, "url=" + server.url)
    t.contains(asker.until(asker.lookup(5), "permanent")["text"], "schema 5: refused with 404: Schema not found")
    t.contains(asker.until(asker.lookup(6), "retriable", "permanent")["text"], "schema 6", "is this its address?")


UNKNOWN = answer(404, {"error_code": 40403, "message": "Schema not found"})


@test
def an_id_that_a_server_does_not_know_yet_is_asked_for_at_the_next(t):
    late, good = Server(lambda request: UNKNOWN), Server(registry)
    asker = Asker(t, "url=" + late.url, "url=" + good.url)
    n = asker.lookup(5)
    t.equal(asker.until(n, "ok", "permanent")["status"], "ok")
    t.equal([line["status"] for line in asker.said(n)], ["empty", "ok"], "what was said of it")
    t.equal((len(late.requests), len(good.requests)), (1, 1), "requests at the late and the good one")


@test
def where_there_is_one_server_it_is_given_a_moment(t):
    times = []

    def late(request):
        times.append(time.monotonic())
        return UNKNOWN if len(times) == 1 else registry(request)

    asker = Asker(t, "url=" + Server(late).url)
    t.equal(asker.until(asker.lookup(5), "ok", "permanent")["status"], "ok")
    t.check(times[1] - times[0] >= 0.24, f"asked again after {times[1] - times[0]:.3f} s")


@test
def an_unknown_id_is_believed_when_the_next_server_is_down_too(t):
    server = Server(lambda request: UNKNOWN)
    asker = Asker(t, "url=" + server.url, f"url=http://127.0.0.1:{closed_port()}")
    t.contains(asker.until(asker.lookup(5), "retriable", "permanent")["text"], "refused with 404: Schema not found")
    t.equal(len(server.requests), 2, "requests")
    t.equal(asker.trouble(), "")


@test
def an_id_that_nobody_knows_costs_its_wait_once(t):
    server = Server(lambda request: UNKNOWN)
    asker = Asker(t, "url=" + server.url)
    for turn in (1, 2):
        for _ in range(500):
            asker.lookup(5)
        asker.worker.until(lambda w: w.out.count('"status":"permanent"') == 500 * turn, what="500 answers")
    t.lacks(asker.worker.out, "retriable")
    t.equal(len(server.requests), 2, "requests for a thousand messages")


@test
def many_ids_that_nobody_knows_do_not_each_cost_a_wait(t):
    times = {}

    def nobody(request):
        times.setdefault(request.target, []).append(time.monotonic())
        return UNKNOWN

    asker = Asker(t, "url=" + Server(nobody).url)
    for number in range(1, 101):                        # one behind the other, as a partition's messages are
        asker.until(asker.lookup(number), "permanent")
    t.equal({len(asked) for asked in times.values()}, {2}, "how often each was asked for")
    waited = sum(second - first >= 0.24 for first, second in times.values())
    t.check(10 <= waited <= 30, f"{waited} of 100 have waited")


@test
def a_foreign_schema_is_permanent(t):
    server = Server(lambda request: answer(200, {"schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF"}))
    asker = Asker(t, "url=" + server.url)
    t.contains(asker.until(asker.lookup(5), "permanent")["text"], "schema 5: cannot be used as an Avro schema: PROTOBUF")


# ---- Whether it takes us ----

@test
def a_registry_that_answers_is_asked_whether_it_takes_us_once(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    n = asker.ask("probe")
    asker.until(n, "ok")
    asker.line(f"again {n}")
    t.until(lambda: len(asker.said(n)) == 3, what="the second answer")
    t.equal([line["status"] for line in asker.said(n)], ["empty", "ok", "ok"])
    t.equal([request.target for request in server.requests], ["/schemas/ids/1"])


@test
def one_that_does_not_know_or_allow_a_schema_takes_us_all_the_same(t):
    for status, body in ((404, {"error_code": 40403, "message": "Schema 1 not found"}),
                         (403, {"error_code": 40301, "message": "User is denied operation Read on Subject"})):
        asker = Asker(t, "url=" + Server(lambda request, told=answer(status, body): told).url)
        t.equal(asker.until(asker.ask("probe"), "ok", "retriable", "permanent")["status"], "ok", str(status))


@test
def one_that_turns_us_away_is_told_from_one_that_is_away(t):
    plays = {"status": 401}
    server = Server(lambda request: registry(request) if plays["status"] == 200 else answer(plays["status"], b""))
    asker = Asker(t, "url=" + server.url)
    n = asker.ask("probe")
    t.equal(asker.until(n, "ok", "retriable", "permanent")["text"], f"schema registry {server.url}: HTTP status 401; see "
            "schema_registry_key and schema_registry_secret")
    t.equal(asker.said(n)[-1]["status"], "permanent")
    for status, says in ((503, "retriable"), (403, "permanent"), (200, "ok")):
        plays["status"] = status
        asker.until(n, says)
    for where in ("url=http://127.0.0.1:%d" % closed_port(), "url=" + Server(lambda request: None).url):
        asker = Asker(t, where)
        t.equal(asker.until(asker.ask("probe"), "ok", "retriable", "permanent")["status"], "retriable", where)


@test
def of_several_one_that_takes_us_is_enough_and_one_that_does_not_counts_more_than_one_that_is_away(t):
    away, good = f"url=http://127.0.0.1:{closed_port()}", Server(registry)
    bad = Server(lambda request: answer(401, b""))
    for words, says in ((("url=" + bad.url, away), "permanent"), ((away, "url=" + bad.url), "permanent"),
                        (("url=" + bad.url, away, "url=" + good.url), "ok")):
        asker = Asker(t, *words)
        t.equal(asker.until(asker.ask("probe"), "ok", "retriable", "permanent")["status"], says, str(words))


# ---- Trouble ----

@test
def a_registry_that_is_away_is_waited_for(t):
    port = closed_port()
    asker = Asker(t, f"url=http://127.0.0.1:{port}")
    first = asker.register("s")
    t.contains(asker.until(first, "retriable")["text"],
               f"schema registry http://127.0.0.1:{port}: the schema of subject s: ", "onnect")
    t.until(lambda: asker.trouble(), what="the trouble to be told")
    second = asker.lookup(3)
    asker.until(second, "retriable")
    t.lacks(asker.said(second)[-1]["text"], "subject s")
    server = Server(registry, port)
    asker.until(first, "ok")
    asker.until(second, "ok")
    t.until(lambda: asker.trouble() == "", what="the trouble to be over")
    t.check(asker.state()["busy"] is False, "it still works on something")
    server.close()


@test
def a_registry_that_goes_away_and_comes_back_keeps_what_was_known(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    known = asker.lookup(1)
    asker.until(known, "ok")
    server.close()
    lost = asker.lookup(2)
    asker.until(lost, "retriable")
    t.equal(asker.until(asker.lookup(1), "ok")["name"], "org.x.R1")
    Server(registry, server.port)
    asker.until(lost, "ok")


@test
def the_waits_grow(t):
    times = []

    def refuse(_):
        times.append(time.monotonic())
        return answer(503, b"")

    asker = Asker(t, "url=" + Server(refuse).url)
    asker.register("s")
    t.until(lambda: len(times) >= 5, what="five tries")
    waits = [after - before for before, after in zip(times, times[1:])]
    for wait, least in zip(waits, (0.08, 0.16, 0.32, 0.64)):
        t.check(wait >= least * 0.95, f"waited {waits}")


@test
def retry_after_is_kept(t):
    times = []

    def later(request):
        times.append(time.monotonic())
        if len(times) > 1:
            return registry(request)
        return answer(429, {"error_code": 429, "message": "slow"}, "Retry-After: 2")

    asker = Asker(t, "url=" + Server(later).url)
    n = asker.lookup(1)
    t.contains(asker.until(n, "retriable")["text"], "429: slow")
    asker.until(n, "ok")
    t.check(times[1] - times[0] >= 1.9, f"asked again after {times[1] - times[0]:.2f} s")


@test
def with_several_servers_the_next_one_answers_at_once(t):
    good = Server(registry)
    bad = Server(lambda request: answer(500, {"error_code": 50001, "message": "store"}))
    asker = Asker(t, f"url=http://127.0.0.1:{closed_port()}", "url=" + bad.url, "url=" + good.url)
    n = asker.lookup(1)
    asker.until(n, "ok")
    t.equal([said["status"] for said in asker.said(n)][-1], "ok")
    t.lacks(str(asker.said(n)), "retriable")
    asker.until(asker.lookup(2), "ok")
    t.equal((len(bad.requests), len(good.requests)), (1, 2), "requests at the bad and the good one")


@test
def one_schema_that_breaks_the_server_does_not_hold_up_others(t):
    server = Server(lambda request: answer(500, b"") if request.target.endswith("/13") else registry(request))
    asker = Asker(t, "url=" + server.url)
    bad = asker.lookup(13)
    asker.until(bad, "retriable")
    for n in range(20, 40):
        asker.until(asker.lookup(n), "ok")
    t.until(lambda: len([r for r in server.requests if r.target.endswith("/13")]) >= 3, what="the bad one's next tries")


@test
def a_server_that_hangs_is_given_up_in_time(t):
    stop = threading.Event()
    server = Server(lambda request: lambda connection: stop.wait(30))
    asker = Asker(t, "url=" + server.url, "timeout_ms=300")
    t.contains(asker.until(asker.lookup(1), "retriable")["text"], "timed out")
    stop.set()


@test
def one_that_drips_is_given_up_in_time(t):
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    asker = Asker(t, "url=" + Server(lambda request: drip).url, "timeout_ms=500")
    t.contains(asker.until(asker.lookup(1), "retriable")["text"], "timed out")


@test
def hostile_answers_are_an_error_each(t):
    large = b"[" + b'"' + b"x" * (2 << 20) + b'"]'
    plays = {
        "nothing": None,
        "no-http": b"SSH-2.0-OpenSSH_9.2\r\n",
        "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        "large": answer(200, large),
        "endless-head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000,
        "escape": answer(422, {"error_code": 42201, "message": "\x1b]0;owned\x07\r\nfake line\x00" + "x" * 5000}),
        "not-utf8": answer(422, b'{"error_code":42201,"message":"\xff\xfe"}'),
        "latin": answer(500, b"\xff" * 100),
        "deep": answer(200, b"[" * 100000),
        "negative": answer(200, {"id": -5}),
        "redirect": answer(301, b"", "Location: http://127.0.0.1:1/"),
    }
    server = Server(lambda request: plays.get(request.target.split("/")[2], answer(200, {"id": 1})))
    for subject in plays:
        asker = Asker(t, "url=" + server.url)
        said = asker.until(asker.register(subject), "retriable", "permanent")
        t.equal(said["status"], "permanent" if subject == "escape" else "retriable", subject)
        t.check(len(said["text"]) < 800 and all(c >= " " for c in said["text"]), f"{subject}: {said['text']!r}")
        t.contains(said["text"], f"schema of subject {subject}: ")
        asker.quit()                                    # also: it ends well with this under way


@test
def an_answer_that_is_too_large_ends_the_transfer(t):
    sent = []

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while len(sent) < 4096:
                connection.sendall(b" " * 65536)
                sent.append(1)
        finally:
            connection.close()

    asker = Asker(t, "url=" + Server(lambda request: flood).url)
    t.contains(asker.until(asker.lookup(1), "permanent")["text"], "larger than 1 MiB")
    t.check(len(sent) < 1024, f"it took {len(sent) * 64} KiB")


@test
def it_ends_at_once_with_requests_under_way(t):
    gate = threading.Event()
    server = Server(lambda request: lambda connection: gate.wait(30))
    asker = Asker(t, "url=" + server.url)
    for n in range(1, 30):
        asker.lookup(n)
    t.until(lambda: server.now == 8, what="eight requests")
    begin = time.monotonic()
    asker.quit()
    t.check(time.monotonic() - begin < 5, "closing waits for the requests")
    gate.set()


@test
def thousands_of_ids_keep_memory_and_answers_right(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url)
    for n in range(1, 3001):
        asker.lookup(n)
    asker.worker.until(lambda w: w.out.count('"status":"ok"') == 3000, what="3000 answers")
    got = {line["n"]: line["name"] for line in asker.worker.json() if line["status"] == "ok"}
    t.equal(got, {n: f"org.x.R{n + 1}" for n in range(3000)}, "names")
    before = len(server.requests)
    asker.until(asker.lookup(3000), "ok")
    t.equal(len(server.requests), before, "requests: the latest is still known")
    asker.until(asker.lookup(1), "ok")
    t.equal(len(server.requests), before + 1, "requests: the oldest has made room")


# ---- TLS ----

def certificates(t):
    """A CA, a server's certificate for 127.0.0.1, one for another host, a client's with an encrypted key."""
    if not shutil.which("openssl"):
        t.skip("no openssl command")

    def run(*words):
        ran = subprocess.run(["openssl", *words], cwd=t.folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Failed(f"openssl {' '.join(words)}: {ran.stderr}")

    def signed(name, subject, names, *key):
        run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *key, "-keyout", f"{name}.key",
            "-out", f"{name}.csr", "-subj", subject)
        t.write(f"{name}.ext", f"subjectAltName={names}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-out", f"{name}.crt", "-extfile", f"{name}.ext")

    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
        "/CN=test CA", "-keyout", "ca.key", "-out", "ca.crt")
    signed("server", "/CN=server", "IP:127.0.0.1", "-nodes")
    signed("other", "/CN=other", "DNS:other.example", "-nodes")
    signed("client", "/CN=client", "DNS:client.example", "-passout", "pass:cert-hush")


def tls_server(t, name="server", clients=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(t.path(f"{name}.crt"), t.path(f"{name}.key"))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(t.path("ca.crt"))
    return Server(registry, context=context)


@test
def tls_is_checked_by_the_ca_and_the_host_name(t):
    certificates(t)
    server, other = tls_server(t), tls_server(t, "other")
    asker = Asker(t, "url=" + server.url, "ca=" + t.path("ca.crt"))
    asker.until(asker.lookup(1), "ok")
    asker = Asker(t, "url=" + server.url)
    t.contains(asker.until(asker.lookup(1), "retriable")["text"], "certificate")
    asker = Asker(t, "url=" + other.url, "ca=" + t.path("ca.crt"))
    t.contains(asker.until(asker.lookup(1), "retriable")["text"], "127.0.0.1")
    t.equal(other.requests, [], "what a wrong host was asked")


@test
def a_client_certificate_is_shown_when_it_is_asked_for(t):
    certificates(t)
    server = tls_server(t, clients=True)
    cert = ["cert=" + t.path("client.crt"), "cert_key=" + t.path("client.key")]
    asker = Asker(t, "url=" + server.url, "ca=" + t.path("ca.crt"), *cert, "cert_key_password=cert-hush")
    asker.until(asker.lookup(1), "ok")
    asker = Asker(t, "url=" + server.url, "ca=" + t.path("ca.crt"), *cert, "cert_key_password=wrong-hush")
    asker.until(asker.lookup(1), "retriable")
    t.lacks(asker.worker.out, "hush")
    asker = Asker(t, "url=" + server.url, "ca=" + t.path("ca.crt"))
    asker.until(asker.lookup(1), "retriable")


@test
def tls_against_a_plain_port_is_an_error(t):
    server = Server(registry)
    asker = Asker(t, "url=" + server.url.replace("http:", "https:"), "timeout_ms=3000")
    asker.until(asker.lookup(1), "retriable")


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
