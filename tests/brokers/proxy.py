"""tests/brokers/proxy.py - a TCP proxy that is unkind on request: cuts, delays, stops, trickles; for any broker's port.

    with Proxy(("127.0.0.1", 6379)) as proxy:
        proxy.cut_after("down", 100)        # the next 100 bytes from the broker pass, then the connection ends
        proxy.delay = 0.2                   # seconds, each piece, both ways
        proxy.trickle = True                # byte by byte, both ways
        proxy.hold("up")                    # what comes meanwhile waits until release(); the connection stands
        proxy.cut()                         # all connections, now
        proxy.refuse = True                 # new connections are closed at once

"up" is from the client to the broker, "down" the other way. A cut resets the connection (RST), as a firewall does.
"""
import socket
import struct
import threading
import time

_LINGER_RESET = struct.pack("ii", 1, 0)


class Proxy:
    def __init__(self, target):
        self.target = target
        self.delay, self.trickle, self.refuse = 0, False, False
        self.connections = self.cuts = 0            # how many there were
        self.passed = {"up": 0, "down": 0}
        self._left = {"up": None, "down": None}     # bytes until the cut; None: no cut is planned
        self._open = {"up": threading.Event(), "down": threading.Event()}
        self._lock, self._pairs, self._over = threading.Lock(), set(), False
        for gate in self._open.values():
            gate.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # ---- What a test asks for ----

    def cut_after(self, way, count):
        """Lets `count` more bytes pass in one direction, then resets that connection; once."""
        with self._lock:
            self._left[way] = count

    def cut_pending(self):
        """Whether a planned cut has still not come."""
        return any(left is not None for left in self._left.values())

    def hold(self, way):
        self._open[way].clear()

    def release(self):
        for gate in self._open.values():
            gate.set()

    def cut(self):
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._reset(pair)

    def close(self):
        self._over = True
        self._listener.close()
        self.release()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- How it is done: two threads a connection ----

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse or self._over:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            for one in pair:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add(pair)
                self.connections += 1
            threading.Thread(target=self._pump, args=(client, server, "up", pair), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, "down", pair), daemon=True).start()

    def _pump(self, source, sink, way, pair):
        try:
            while True:
                piece = source.recv(65536)
                self._open[way].wait()
                if not piece:
                    break
                if not self._pass(sink, piece, way):
                    self.cuts += 1
                    break
        except OSError:
            pass
        self._reset(pair)

    def _pass(self, sink, piece, way):
        """Whether the connection lives on."""
        with self._lock:
            left = self._left[way]
            if left is not None:
                self._left[way] = None if left < len(piece) else left - len(piece)
        whole = left is None or left >= len(piece)
        piece = piece if whole else piece[:left]
        if self.delay:
            time.sleep(self.delay)
        for at in range(0, len(piece), 1 if self.trickle else max(1, len(piece))):
            sink.sendall(piece[at:at + 1] if self.trickle else piece)
        self.passed[way] += len(piece)
        return whole

    def _reset(self, pair):
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
        for one in pair:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
                one.shutdown(socket.SHUT_RD)                # wakes the other thread's recv
            except OSError:
                pass
            one.close()
