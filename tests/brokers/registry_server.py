"""tests/brokers/registry_server.py - a real schema registry for tests: Apicurio, set to behave as Confluent's does.

    with RegistryServer(basic=("key", "secret")) as registry: ... registry.url, registry.get("/subjects")

Without `basic` it asks for no password. With it a small proxy stands before it, since it knows none itself.
"""
import base64
import hmac
import http.client
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import child
import java_program

PATIENCE = 120
PATH = "/apis/ccompat/v7"


class RegistryServer:
    """One server. Its schemas live in `folder` until close(), over kill9() and start() too."""

    def __init__(self, basic=None, compatibility="BACKWARD"):
        self.classes = java_program.classes("registry")
        self.folder = tempfile.mkdtemp(prefix="eventbus-registry-")
        self.compatibility, self.process = compatibility, None
        self.port = child.free_port()
        self.guard = Guard(self.port, basic) if basic else None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.guard.port if self.guard else self.port}{PATH}"

    def start(self):
        """Starts it, at the same address and with the same schemas as before, and waits until it answers."""
        jar = next(file for file in os.listdir(self.classes) if file.endswith("-runner.jar"))
        database = os.path.join(self.folder, "db")
        new = not os.path.exists(database + ".mv.db")
        environment = {**os.environ, "ENABLE_CCOMPAT_CANONICAL_HASH_MODE": "true",      # ids not by white space
                       "REGISTRY_DATASOURCE_URL": f"jdbc:h2:file:{database};DB_CLOSE_ON_EXIT=FALSE;WRITE_DELAY=0"}
        self.process = child.start(
            java_program.words("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}",
                               "-Dquarkus.log.console.color=false", "-Dquarkus.banner.enabled=false", "-jar",
                               os.path.join(self.classes, jar)), self.folder, "server", environment)
        self._await()
        if new:                                             # its own default is NONE
            self.ask("PUT", "/config", {"compatibility": self.compatibility})
        return self

    def _await(self):
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the registry did not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def _answers(self):
        try:
            self.get("/subjects")
            return True
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def kill9(self):
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)

    def close(self):
        self.kill9()
        if self.guard:
            self.guard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *_):
        self.close()

    # ---- What it holds: asked without the password ----

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, PATH + path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/vnd.schemaregistry.v1+json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise ValueError(f"{method} {path}: {answer.status} {text[:300]!r}")
            return json.loads(text)
        finally:
            connection.close()

    def get(self, path):
        return self.ask("GET", path)

    def schemas(self, prefix=""):
        """{subject: [schema text of each version]}."""
        return {subject: [self.get(f"/subjects/{subject}/versions/{version}")["schema"]
                          for version in self.get(f"/subjects/{subject}/versions")]
                for subject in self.get("/subjects") if subject.startswith(prefix)}

    def log(self):
        with open(os.path.join(self.folder, "server.log"), encoding="utf-8", errors="replace") as file:
            return file.read()


class Guard:
    """Basic authentication in front of a server that has none; passes everything else on."""

    def __init__(self, target, basic):
        wanted = "Basic " + base64.b64encode(":".join(basic).encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, kind, body):
                self.send_response_only(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not hmac.compare_digest(self.headers.get("Authorization") or "", wanted):
                    self.answer(401, "application/json", b'{"error_code":401,"message":"Unauthorized"}')
                    return
                connection = http.client.HTTPConnection("127.0.0.1", target, timeout=60)
                try:
                    connection.request(self.command, self.path, body or None,
                                       {name: self.headers[name] for name in ("Content-Type", "Accept")
                                        if name in self.headers})
                    told = connection.getresponse()
                    self.answer(told.status, told.getheader("Content-Type", "text/plain"), told.read())
                except OSError as error:
                    text = json.dumps({"error_code": 50003, "message": str(error)})
                    self.answer(502, "application/json", text.encode())
                finally:
                    connection.close()

            do_GET = do_POST = do_PUT = do_DELETE = pass_on

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
