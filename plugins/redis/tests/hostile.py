"""plugins/redis/tests/hostile.py - a server that speaks Redis' protocol until it shall lie.

    with HostileServer({"XADD": lie}) as server: ...        lie(connection, words): what is sent in place of the answer

A lie is bytes, or an iterable of bytes that goes on until the client hangs up; None: this time it is honest. Commands without a lie are passed on to
the real server given, or answered as a polite empty server would.
"""
import socket
import threading

import resp

POLITE = {"HELLO": b"-ERR unknown command\r\n", "PING": b"+PONG\r\n", "XREADGROUP": b"*-1\r\n", "INFO": b"$-1\r\n",
          "XADD": b"$3\r\n1-1\r\n", "XPENDING": b"*0\r\n", "XINFO": b"*0\r\n", "XRANGE": b"*0\r\n",
          "XREVRANGE": b"*0\r\n",
          "XAUTOCLAIM": b"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n", "XACK": b":0\r\n", "XTRIM": b":0\r\n", "EXISTS": b":0\r\n",
          "XLEN": b":0\r\n", "TYPE": b"+none\r\n", "SCAN": b"*2\r\n$1\r\n0\r\n*0\r\n"}


class HostileServer:
    def __init__(self, lies, real=None):
        """lies: {command: lie}; "" is the lie told to a new connection. real: the port of a real server."""
        self.lies, self.real, self.told, self.hung_up = lies, real, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        server = resp.Client(("127.0.0.1", self.real)) if self.real else None
        try:
            with connection, connection.makefile("rb") as stream:
                if "" in self.lies:
                    self._tell(connection, self.lies[""], [])
                while True:
                    words = resp.read(stream)
                    name = words[0].decode().upper()
                    lie = self.lies.get(name)           # the test may take it back meanwhile
                    if lie is None or not self._tell(connection, lie, words):
                        connection.sendall(self._honest(server, name, words))
        except (OSError, EOFError, ValueError):
            self.hung_up += 1

    def _tell(self, connection, lie, words):
        lie = lie(words) if callable(lie) else lie
        if lie is None:
            return False
        self.told += 1
        for piece in [lie] if isinstance(lie, bytes) else lie:
            connection.sendall(piece)
        return True

    def _honest(self, server, name, words):
        if not server:
            return POLITE.get(name, b"+OK\r\n")
        server.socket.sendall(resp.command(*words))
        return _raw(server.stream)


def _raw(stream):
    """One answer, as it came."""
    line = stream.readline()
    if line[:1] == b"$" and int(line[1:]) >= 0:
        return line + stream.read(int(line[1:]) + 2)
    if line[:1] == b"*":
        return line + b"".join(_raw(stream) for _ in range(max(0, int(line[1:]))))
    return line
