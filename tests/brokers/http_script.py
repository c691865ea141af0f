"""tests/brokers/http_script.py - a web server whose answers a script plays, hostile ones too; and what a right schema
registry answers."""
import json
import socket
import threading


def answer(status, body, *headers, reason="X"):
    """The bytes of an answer."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode().split("\r\n")
        self.method, self.target, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        self.text = body.decode()

    def json(self):
        return json.loads(self.text)


class Server:
    """Answers each request with what play(request) gives: bytes, None to hang up, or a function of the socket."""

    def __init__(self, play, port=0, context=None):
        self.play, self.context, self.requests, self.most, self.now = play, context, [], 0, 0
        self.lock, self.connections = threading.Lock(), []
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    rest += self.more(connection)
                head, _, rest = rest.partition(b"\r\n\r\n")
                length = int(Request(head, b"").headers.get("content-length", 0))
                while len(rest) < length:
                    rest += self.more(connection)
                self.one(connection, Request(head, rest[:length]))
                rest = rest[length:]
        except (OSError, EOFError):
            pass
        finally:
            connection.close()

    @staticmethod
    def more(connection):
        got = connection.recv(65536)
        if not got:
            raise EOFError
        return got

    def one(self, connection, request):
        with self.lock:
            self.requests.append(request)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            what = self.play(request)
            if what is None:
                raise EOFError
            if callable(what):
                what(connection)
            else:
                connection.sendall(what)
        finally:
            with self.lock:
                self.now -= 1

    def close(self):
        """As a server that ends: nothing listens any more, and its connections are gone."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def registry(request):
    """What a right one answers: the same id for the same schema, and schema N for the others."""
    if request.method == "POST":
        return answer(200, {"id": 1 + len(request.json()["schema"])})
    number = int(request.target.rsplit("/", 1)[1])
    schema = {"name": f"R{number}", "namespace": "org.x", "type": "record", "fields": []}
    return answer(200, {"schema": json.dumps(schema)})
