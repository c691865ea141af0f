"""tests/test_http.py - the admin role and HTTP servers that are not Pulsar, or not well: no broker is needed."""
import http.server
import json
import threading

import child
from harness import Bus, check, contains, equal, test

TOPICS = "/admin/v2/persistent/public/default"


class Server(http.server.ThreadingHTTPServer):
    """Answers each path with what `answers` has for it: (status, headers, body), or a function of the handler."""
    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", child.free_port()), Handler)
        self.answers, self.asked = answers, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    url = property(lambda self: f"http://127.0.0.1:{self.server_address[1]}")

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        self.server.asked.append((self.path, self.headers))
        answer = self.server.answers.get(self.path, (404, {}, b'{"reason":"Topic not found"}'))
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def topics(answers, status, **options):
    """What `eventbus topics` prints about such a server, and what the server was asked."""
    with Server(answers) as server:
        bus = Bus(url="pulsar://127.0.0.1:1", admin_url=server.url, **options)
        return bus.run("topics", status=status).err, server.asked


@test
def an_answer_that_is_no_json_is_refused(_):
    for body in (b"", b"<html>hello", b'{"a":', b"17", b'"text"', b"[" * 5000, b"\xff\xfe\x00"):
        err, _asked = topics({TOPICS: (200, {}, body), f"{TOPICS}/partitioned": (200, {}, b"[]")}, 3)
        contains(err, "not one of Pulsar's; is admin_url right?")


@test
def odd_names_and_numbers_do_no_harm(_):
    names = ["persistent://public/default/fine", "persistent://other/default/x", "no name", 17, None, "persistent://public/default/"
             + "x" * 5000, "non-persistent://public/default/y"]
    answers = {TOPICS: (200, {}, json.dumps(names).encode()), f"{TOPICS}/partitioned": (200, {}, b"[]"),
               f"{TOPICS}/fine/partitions?checkAllowAutoCreation=false": (200, {}, b'{"partitions":99999999999}')}
    err, _asked = topics(answers, None)
    contains(err, "topic fine: the answer about its partitions is not one of Pulsar's")


@test
def an_endless_answer_ends(_):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"[" + b'"x",' * 100000)
        except OSError:
            pass

    contains(topics({TOPICS: endless}, None)[0], "larger than 64 MiB")


@test
def a_server_that_fails_is_named_with_its_reason(_):
    for code, words in ((500, "answered 500"), (401, "check token"), (403, "needs rights"), (404, "answered 404")):
        err, _asked = topics({TOPICS: (code, {}, b'{"reason":"because of \\u001b[31m this"}')}, 3)
        contains(err, words, "because of", "127.0.0.1")
        check("\x1b" not in err, "a control character is printed")


@test
def a_redirect_is_followed_and_a_circle_ends(_):
    empty = (200, {}, b"[]")
    with Server({"/moved": empty, f"{TOPICS}/partitioned": empty}) as other:
        other.answers[TOPICS] = empty
        err, asked = topics({TOPICS: (307, {"Location": f"{other.url}{TOPICS}"}, b""), f"{TOPICS}/partitioned": empty}, 0,
                            token="secret-token")
        equal(err, "", "what is said")
        equal(other.asked[0][1]["Authorization"], "Bearer secret-token", "the token at the other broker")
        check(asked, "nothing was asked")
    err, _asked = topics({TOPICS: (307, {"Location": TOPICS}, b"")}, None)
    contains(err, "redirects")


@test
def a_server_that_is_silent_is_given_up_in_time(_):
    hold = threading.Event()
    try:                                                    # the command has to end while the server goes on holding the request
        err, _asked = topics({TOPICS: lambda handler: hold.wait()}, 3, token="secret-token", connect_timeout="2s")
    finally:
        hold.set()
    contains(err, "cannot ask Pulsar at http://127.0.0.1")
    check("secret-token" not in err, "the token is shown")
