"""tests/brokers/resp.py - Redis' protocol, as much of it as tests need: a client, and what a server must read."""
import socket


class RedisError(Exception):
    """An answer that begins with a minus."""


def command(*words):
    """The bytes of a command: words are bytes, text or numbers."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def read(stream):
    """One answer, or one command of a client: None, int, bytes, list or RedisError; EOFError at the end."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        return RedisError(rest.decode("utf-8", "replace"))
    if kind == b":":
        return int(rest)
    if kind == b"$":
        if int(rest) < 0:
            return None
        body = stream.read(int(rest) + 2)
        if len(body) != int(rest) + 2:
            raise EOFError
        return body[:-2]
    if kind == b"*":
        return None if int(rest) < 0 else [read(stream) for _ in range(int(rest))]
    raise ValueError(f"no RESP: {line[:40]!r}")


class Client:
    """A connection; `call` raises the server's error, `pipeline` answers it among the others."""

    def __init__(self, address, timeout=30):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout)
        self.stream = self.socket.makefile("rb")

    def pipeline(self, commands):
        self.socket.sendall(b"".join(command(*words) for words in commands))
        return [read(self.stream) for _ in commands]

    def call(self, *words):
        answer, = self.pipeline([words])
        if isinstance(answer, RedisError):
            raise answer
        return answer

    def close(self):
        self.stream.close()
        self.socket.close()
