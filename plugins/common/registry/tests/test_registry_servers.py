"""plugins/common/registry/tests/test_registry_servers.py - the registry client and servers that are away, slow, hostile or not trusted."""
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("brokers", "process"):
    sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "..", "tests", folder))
from harness import Failed, main, test                  # noqa: E402
from http_script import Server, answer, registry        # noqa: E402
from client import Client, closed_port                  # noqa: E402


# ---- Servers that fail ----

@test
def a_registry_that_is_away_is_waited_for(t):
    port = closed_port()
    client = Client(t, f"url=http://127.0.0.1:{port}")
    first = client.register("s")
    t.contains(client.until(first, "retriable")["text"],
               f"schema registry http://127.0.0.1:{port}: the schema of subject s: ", "onnect")
    t.until(lambda: client.link_error(), what="the error to be reported")
    second = client.lookup(3)
    client.until(second, "retriable")
    t.lacks(client.said(second)[-1]["text"], "subject s")
    server = Server(registry, port)
    client.until(first, "ok")
    client.until(second, "ok")
    t.until(lambda: client.link_error() == "", what="the error to be over")
    t.check(client.state()["busy"] is False, "it still works on something")
    server.close()


@test
def a_registry_that_goes_away_and_comes_back_keeps_what_was_known(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    known = client.lookup(1)
    client.until(known, "ok")
    server.close()
    lost = client.lookup(2)
    client.until(lost, "retriable")
    t.equal(client.until(client.lookup(1), "ok")["name"], "org.x.R1")
    Server(registry, server.port)
    client.until(lost, "ok")


@test
def the_waits_grow(t):
    times = []

    def refuse(_):
        times.append(time.monotonic())
        return answer(503, b"")

    client = Client(t, "url=" + Server(refuse).url)
    client.register("s")
    t.until(lambda: len(times) >= 5, what="five tries")
    waits = [after - before for before, after in zip(times, times[1:])]
    for wait, least in zip(waits, (0.08, 0.16, 0.32, 0.64)):
        t.check(wait >= least * 0.95, f"waited {waits}")


@test
def retry_after_is_obeyed(t):
    times = []

    def later(request):
        times.append(time.monotonic())
        if len(times) > 1:
            return registry(request)
        return answer(429, {"error_code": 429, "message": "slow"}, "Retry-After: 2")

    client = Client(t, "url=" + Server(later).url)
    n = client.lookup(1)
    t.contains(client.until(n, "retriable")["text"], "429: slow")
    client.until(n, "ok")
    t.check(times[1] - times[0] >= 1.9, f"sent again after {times[1] - times[0]:.2f} s")


@test
def with_several_servers_the_next_one_is_tried_at_once(t):
    good = Server(registry)
    bad = Server(lambda request: answer(500, {"error_code": 50001, "message": "store"}))
    client = Client(t, f"url=http://127.0.0.1:{closed_port()}", "url=" + bad.url, "url=" + good.url)
    n = client.lookup(1)
    client.until(n, "ok")
    t.equal([said["status"] for said in client.said(n)][-1], "ok")
    t.lacks(str(client.said(n)), "retriable")
    client.until(client.lookup(2), "ok")
    t.equal((len(bad.requests), len(good.requests)), (1, 2), "requests at the bad and the good one")


@test
def one_schema_that_breaks_the_server_does_not_hold_up_others(t):
    server = Server(lambda request: answer(500, b"") if request.target.endswith("/13") else registry(request))
    client = Client(t, "url=" + server.url)
    bad = client.lookup(13)
    client.until(bad, "retriable")
    for n in range(20, 40):
        client.until(client.lookup(n), "ok")
    t.until(lambda: len([r for r in server.requests if r.target.endswith("/13")]) >= 3, what="the bad one's next tries")


@test
def a_server_that_hangs_is_given_up_in_time(t):
    stop = threading.Event()
    server = Server(lambda request: lambda connection: stop.wait(30))
    client = Client(t, "url=" + server.url, "timeout_ms=300")
    t.contains(client.until(client.lookup(1), "retriable")["text"], "timed out")
    stop.set()


@test
def a_server_that_drips_is_given_up_in_time(t):
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    client = Client(t, "url=" + Server(lambda request: drip).url, "timeout_ms=500")
    t.contains(client.until(client.lookup(1), "retriable")["text"], "timed out")


@test
def each_hostile_response_is_an_error(t):
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
        client = Client(t, "url=" + server.url)
        said = client.until(client.register(subject), "retriable", "permanent")
        t.equal(said["status"], "permanent" if subject == "escape" else "retriable", subject)
        t.check(len(said["text"]) < 800 and all(c >= " " for c in said["text"]), f"{subject}: {said['text']!r}")
        t.contains(said["text"], f"schema of subject {subject}: ")
        client.quit()                                    # also: it ends well with this under way


@test
def a_response_that_is_too_large_ends_the_transfer(t):
    sent = []

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while len(sent) < 4096:
                connection.sendall(b" " * 65536)
                sent.append(1)
        finally:
            connection.close()

    client = Client(t, "url=" + Server(lambda request: flood).url)
    t.contains(client.until(client.lookup(1), "permanent")["text"], "larger than 1 MiB")
    t.check(len(sent) < 1024, f"it took {len(sent) * 64} KiB")


@test
def closing_does_not_wait_for_requests_under_way(t):
    gate = threading.Event()
    server = Server(lambda request: lambda connection: gate.wait(30))
    client = Client(t, "url=" + server.url)
    for n in range(1, 30):
        client.lookup(n)
    t.until(lambda: server.now == 8, what="eight requests")
    begin = time.monotonic()
    client.quit()
    t.check(time.monotonic() - begin < 5, "closing waits for the requests")
    gate.set()


@test
def thousands_of_ids_stay_within_memory_and_keep_their_names(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url)
    for n in range(1, 3001):
        client.lookup(n)
    client.worker.until(lambda w: w.out.count('"status":"ok"') == 3000, what="3000 results")
    got = {line["n"]: line["name"] for line in client.worker.json() if line["status"] == "ok"}
    t.equal(got, {n: f"org.x.R{n + 1}" for n in range(3000)}, "names")
    before = len(server.requests)
    client.until(client.lookup(3000), "ok")
    t.equal(len(server.requests), before, "requests: the latest is still known")
    client.until(client.lookup(1), "ok")
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
    client = Client(t, "url=" + server.url, "ca=" + t.path("ca.crt"))
    client.until(client.lookup(1), "ok")
    client = Client(t, "url=" + server.url)
    t.contains(client.until(client.lookup(1), "retriable")["text"], "certificate")
    client = Client(t, "url=" + other.url, "ca=" + t.path("ca.crt"))
    t.contains(client.until(client.lookup(1), "retriable")["text"], "127.0.0.1")
    t.equal(other.requests, [], "requests at the wrong host")


@test
def a_client_certificate_is_shown_when_it_is_asked_for(t):
    certificates(t)
    server = tls_server(t, clients=True)
    cert = ["cert=" + t.path("client.crt"), "cert_key=" + t.path("client.key")]
    client = Client(t, "url=" + server.url, "ca=" + t.path("ca.crt"), *cert, "cert_key_password=cert-hush")
    client.until(client.lookup(1), "ok")
    client = Client(t, "url=" + server.url, "ca=" + t.path("ca.crt"), *cert, "cert_key_password=wrong-hush")
    client.until(client.lookup(1), "retriable")
    t.lacks(client.worker.out, "hush")
    client = Client(t, "url=" + server.url, "ca=" + t.path("ca.crt"))
    client.until(client.lookup(1), "retriable")


@test
def tls_against_a_plain_port_is_an_error(t):
    server = Server(registry)
    client = Client(t, "url=" + server.url.replace("http:", "https:"), "timeout_ms=3000")
    client.until(client.lookup(1), "retriable")


main()
