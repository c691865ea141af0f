"""tests/brokers/redis_server.py - a real redis-server for tests, with a port and a folder of its own.

As a module:    with RedisServer() as redis: ... redis.url, redis.call("XLEN", "a"), redis.kill9(), redis.start()
As a command:   redis_server.py [OPTION...]               prints its URL, and runs until told to stop; 77: none here
                redis_server.py [OPTION...] -- COMMAND    runs COMMAND with EB_REDIS_URL set, and ends as it does;
                                                      $EB_REDIS_DOWN and $EB_REDIS_UP stop and start the server
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import child
import resp

PATIENCE = 60


class NoServer(RuntimeError):
    """There is none on this machine."""


class RedisServer:
    """One server. Its data live in `folder` until close(); start() after kill9() or stop() finds them there again."""

    def __init__(self, kind="tcp", appendonly=False, password=None, options=(), version=None, ask_clients=False):
        """kind: tcp, unix or tls. appendonly: each write is in the file before it is answered. version: another server
        than the machine's, a name that redis_versions.sh knows; NoServer where it cannot be had. ask_clients: with tls,
        whoever has no certificate of the CA's is sent away."""
        self.folder = tempfile.mkdtemp(prefix="eventbus-redis-")
        self.kind, self.password, self.process, self.connection = kind, password, None, None
        self.port = child.free_port() if kind != "unix" else 0
        self.socket = os.path.join(self.folder, "redis.sock")
        self.options = [("daemonize", "no"), ("save", ""), ("dir", self.folder), ("unixsocket", self.socket),
                        ("bind", "127.0.0.1"), ("port", self.port if kind == "tcp" else 0),
                        ("appendonly", "yes" if appendonly else "no"), ("appendfsync", "always"),
                        *options]
        self.program = find_program(version)
        if major(self.program) >= 7:
            self.options.append(("enable-debug-command", "yes"))
        if kind == "tls":
            self.options += [("tls-port", self.port), ("tls-auth-clients", "yes" if ask_clients else "no"),
                             *make_certificates(self.folder)]
        if password:
            self.options.append(("requirepass", password))

    # ---- Its life ----

    def start(self):
        """Starts it, on the same port and with the same data as before, and waits until it answers."""
        self.launch()
        self._await()
        return self

    def launch(self):
        """Starts it without waiting, to see what it says while it still loads."""
        words = ["redis-server"]
        for name, value in self.options:
            words += [f"--{name}", str(value)]
        self.process = child.start(words, self.folder, "server", program=self.program)

    def _await(self):
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start:\n{self.log()[-2000:]}")
            time.sleep(0.01)

    def _answers(self):
        try:
            return self.call("PING") == b"PONG"
        except (OSError, EOFError):
            return False
        except resp.RedisError as error:
            return not str(error).startswith("LOADING")

    def kill9(self):
        """As a power cut of the process: nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, number):
        self._hang_up()
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)

    def freeze(self):
        """It keeps its connections and answers nothing, until thaw()."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *_):
        self.close()

    # ---- Talking to it: by its Unix socket, which no test disturbs ----

    def client(self):
        """A new connection of its own, with the password given."""
        client = resp.Client(self.socket)
        if self.password:
            client.call("AUTH", self.password)
        return client

    def call(self, *words):
        if not self.connection:
            self.connection = self.client()
        try:
            return self.connection.call(*words)
        except (OSError, EOFError):
            self._hang_up()
            raise

    def _hang_up(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    # ---- What it is ----

    @property
    def url(self):
        secret = f":{self.password}@" if self.password else ""
        if self.kind == "unix":
            return f"unix://{secret}{self.socket}"
        return f"{'rediss' if self.kind == 'tls' else 'redis'}://{secret}127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        return os.path.join(self.folder, "ca.pem")

    def client_files(self):
        """A client's certificate, signed by the CA, and its key."""
        return sign_certificate(self.folder, "client", "/CN=a service")

    def log(self):
        with open(os.path.join(self.folder, "server.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def entries(self, stream):
        """The whole stream: [(entry id, [(name, value)...])...], text the id, bytes the rest, repeats kept."""
        rows = self.call("XRANGE", stream, "-", "+")
        return [(entry_id.decode(), list(zip(flat[::2], flat[1::2]))) for entry_id, flat in rows]

    def group(self, stream, name):
        """XINFO GROUPS of one group as a dictionary, or None."""
        if not self.call("EXISTS", stream):
            return None
        for flat in self.call("XINFO", "GROUPS", stream):
            row = {key.decode(): value for key, value in zip(flat[::2], flat[1::2])}
            if row["name"] == name.encode():
                return row
        return None


def find_program(version=None):
    """redis-server; or what it links to: Debian's redis-tools has the program, and no service that would be started. A
    version: as redis_versions.sh has it. $EB_REDIS_SERVER: this one, whatever was wanted."""
    chosen = os.environ.get("EB_REDIS_SERVER")
    if chosen:
        return chosen
    if version:
        return find_version(version)
    for name in ("redis-server", "redis-check-rdb"):
        path = shutil.which(name)
        if path:
            return path
    raise NoServer("no redis-server here: bootstrap check installs what the tests need")


def find_version(version):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis_versions.sh")
    told = subprocess.run([script, "--show", version], capture_output=True, text=True, check=False)
    if told.returncode:
        raise NoServer(f"no server {version} here: tests/brokers/redis_versions.sh fetches it")
    return told.stdout.strip()


def major(program):
    """The first number of the version that it tells of itself."""
    told = subprocess.run(["redis-server", "--version"], executable=program, capture_output=True, text=True, check=True)
    return int(told.stdout.partition("v=")[2].partition(".")[0])


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """A CA and a certificate for 127.0.0.1 and localhost, signed by it; answers the options that name them."""
    openssl(folder, "req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
            "/CN=eventbus tests")
    certificate, key = sign_certificate(folder, "server", "/CN=127.0.0.1")
    return [("tls-ca-cert-file", os.path.join(folder, "ca.pem")), ("tls-cert-file", certificate), ("tls-key-file", key)]


def sign_certificate(folder, name, subject):
    """A certificate of the CA in the folder, for 127.0.0.1 and localhost, and its key: their paths."""
    with open(os.path.join(folder, "names"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(folder, "req", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", f"{name}.pem")
    return os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kind", choices=("tcp", "unix", "tls"), default="tcp")
    options.add_argument("--appendonly", action="store_true", help="survives kill -9")
    options.add_argument("--password")
    options.add_argument("--version", help="a name that redis_versions.sh knows, instead of the machine's own server")
    options.add_argument("command", nargs=argparse.REMAINDER)
    given = options.parse_args()
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        server = RedisServer(given.kind, given.appendonly, given.password, version=given.version)
    except NoServer as error:
        print(f"redis_server.py: {error}", file=sys.stderr)
        sys.exit(77)
    with server as redis:
        if words:
            sys.exit(child.run_controlled(redis, words, {**os.environ, "EB_REDIS_URL": redis.url}, "EB_REDIS"))
        print(redis.url, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
