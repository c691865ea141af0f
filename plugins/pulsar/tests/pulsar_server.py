#!/usr/bin/env python3
"""tests/pulsar_server.py - a real Apache Pulsar for tests: standalone, as small as it can be, killed and started again.

As a module:    with PulsarServer() as pulsar: ... pulsar.url, pulsar.admin_url, pulsar.kill9(), pulsar.start()
As a command:   pulsar_server.py [OPTION...]               prints its two addresses and its process, and runs until it is told to
                                                           stop
                pulsar_server.py [OPTION...] -- COMMAND    runs COMMAND with EB_PULSAR and EB_PULSAR_ADMIN set to its addresses,
                                                           EB_PULSAR_DOWN and EB_PULSAR_UP to commands that stop and start it,
                                                           and ends as COMMAND does
                status 77, with the reason: it cannot run here; in CI (CI or EB_CI is set) status 1
"""
import argparse
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import child
import pulsar_files
from certificates import Authority, token

PATIENCE = 240                                              # to start; less than the kit gives to --up
SKIPPED = 77
ADMIN, PROBE = "admin", "ready-probe"

# What a small machine needs; what eventbus-pulsar(5) asks of a broker; and that errors while ledgers are recovered do not put the
# only bookie into quarantine.
SETTINGS = {
    "bindAddress": "127.0.0.1",
    "numIOThreads": "2", "numOrderedExecutorThreads": "2", "numHttpServerThreads": "8", "numExecutorThreadPoolSize": "2",
    "numCacheExecutorThreadPoolSize": "2", "topicOrderedExecutorThreadNum": "2", "managedLedgerNumWorkerThreads": "2",
    "managedLedgerNumSchedulerThreads": "2", "managedLedgerCacheSizeMB": "32", "bookkeeperClientNumWorkerThreads": "2",
    "bookkeeperClientHealthCheckEnabled": "false",
    "dbStorage_writeCacheMaxSizeMb": "32", "dbStorage_readAheadCacheMaxSizeMb": "16",
    "dbStorage_rocksDB_blockCacheSize": "16777216", "journalMaxSizeMB": "128", "webSocketServiceEnabled": "false",
    "loadBalancerEnabled": "false", "diskUsageThreshold": "0.99", "diskUsageWarnThreshold": "0.98",
    "brokerDeleteInactiveTopicsEnabled": "false", "acknowledgmentAtBatchIndexLevelEnabled": "true",
    "managedLedgerDefaultMarkDeleteRateLimit": "100",
}
OPENED = ("java.base/java.io", "java.base/java.util.zip", "java.base/java.nio", "java.base/jdk.internal.misc",
          "java.base/jdk.internal.platform", "java.management/sun.management",
          "jdk.management/com.sun.management.internal")


class PulsarServer:
    """One broker. Its data live in `folder` until close(); start() after kill9() or stop() finds them again.

    secure: with TLS at the same time, for the host name localhost alone; who connects needs a token, or a certificate of
    the CA, whose name is ADMIN or another role, which has no rights."""

    def __init__(self, secure=False, options=(), heap="512m", level="1"):
        self.home, self.java = pulsar_files.server(), pulsar_files.java()
        self.folder = tempfile.mkdtemp(prefix="eventbus-pulsar-")
        self.heap, self.level, self.process = heap, level, None
        self.port, self.http = child.free_port(), child.free_port()
        self.host = "127.0.0.1"
        self.settings = {**SETTINGS, "brokerServicePort": str(self.port), "webServicePort": str(self.http)}
        self.secret = self.authority = None
        if secure:
            self._protect()
        self.settings.update(option.split("=", 1) for option in options)
        self._write_settings()

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- Settings ----

    def _protect(self):
        self.host = "localhost"
        self.authority, self.secret = Authority(self.folder), os.urandom(32)
        with open(self.path("secret"), "wb") as file:
            file.write(self.secret)
        certificate, key = self.authority.sign("server")
        self.tls_port, self.https = child.free_port(), child.free_port()
        name = "org.apache.pulsar.broker.authentication.AuthenticationProvider"
        self.settings.update({
            "brokerServicePortTls": str(self.tls_port), "webServicePortTls": str(self.https),
            "tlsCertificateFilePath": certificate, "tlsKeyFilePath": key, "tlsTrustCertsFilePath": self.authority.ca,
            "authenticationEnabled": "true", "authenticationProviders": f"{name}Token,{name}Tls",
            "tokenSecretKey": f"file://{self.path('secret')}", "authorizationEnabled": "true", "superUserRoles": ADMIN,
            "brokerClientAuthenticationPlugin": "org.apache.pulsar.client.impl.auth.AuthenticationToken",
            "brokerClientAuthenticationParameters": json.dumps({"token": self.token(ADMIN)})})

    def _write_settings(self):
        """Changes the distribution's own file: a line of a key that is set here is replaced, other keys are added."""
        left = dict(self.settings)
        with open(os.path.join(self.home, "conf", "standalone.conf"), encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file]
        for n, line in enumerate(lines):
            key = line.split("=", 1)[0]
            if key in self.settings:
                lines[n] = f"{key}={self.settings[key]}"
                left.pop(key, None)
        lines += [f"{key}={value}" for key, value in left.items()]
        with open(self.path("standalone.conf"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    # ---- Life ----

    def _words(self):
        opened = [word for package in OPENED for word in ("--add-opens", f"{package}=ALL-UNNAMED")]
        return [self.java, "-Xms64m", f"-Xmx{self.heap}", "-XX:MaxDirectMemorySize=384m", "-XX:+UseSerialGC",
                f"-XX:TieredStopAtLevel={self.level}", "-XX:-UsePerfData", "-cp",
                f"{self.home}/conf:{self.home}/lib/*", "-Djava.net.preferIPv4Stack=true", *opened,
                "-Dio.netty.tryReflectionSetAccessible=true", "-Dpulsar.allocator.exit_on_oom=true",
                "-Dio.netty.recycler.maxCapacityPerThread=4096", "-Dlog4j2.is.webapp=false",
                "-Dlog4j2.shutdownHookEnabled=false", "-Dlog4j.configurationFile=log4j2.yaml",
                "-Dpulsar.log.appender=Console", "-Dpulsar.routing.appender.default=Console",
                f"-Dpulsar.log.dir={self.path('logs')}", "-Dpulsar.log.root.level=warn", "-Dpulsar.log.level=warn",
                f"-Dpulsar.config.file={self.path('standalone.conf')}", "org.apache.pulsar.PulsarStandaloneStarter",
                "--config", self.path("standalone.conf"), "--no-functions-worker", "--no-stream-storage", "--metadata-dir",
                self.path("metadata"), "--bookkeeper-dir", self.path("bookkeeper"), "--advertised-address", self.host]

    def start(self):
        """Starts it, unless it runs, on the same ports and with the same data as before, and waits until topics can be used."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PULSAR_")}
        end = time.monotonic() + PATIENCE
        if not self._runs():
            self.process = child.start(self._words(), self.path("server.log"), cwd=self.folder, env=environment)
        while not self._is_up():
            if not self._runs() or time.monotonic() > end:
                raise RuntimeError(f"pulsar {'ended' if not self._runs() else f'did not start within {PATIENCE} s'}:\n"
                                   f"{self.log()[-3000:]}")
            time.sleep(0.1)
        return self

    def _runs(self):
        return self.process is not None and self.process.poll() is None

    def _is_up(self):
        try:
            if "public/default" not in self.get("/admin/v2/namespaces/public"):
                return False
            try:
                self.topic(PROBE, method="PUT", body={})    # which takes a place to store it, too
            except urllib.error.HTTPError as error:
                if error.code != 409:                       # it was killed before the next line
                    return False
            self.topic(PROBE, "?force=true", "DELETE")
            return self._topics_answer()
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _topics_answer(self):
        """Whether each topic that it had before can be used. After a kill it recovers their ledgers when they are asked for, which may
        fail for a while: "not enough non-faulty bookies"."""
        for name in self.get("/admin/v2/persistent/public/default"):
            try:
                self.get(f"/admin/v2/persistent/{urllib.parse.quote(name.partition('://')[2])}/stats")
            except urllib.error.HTTPError as error:
                if error.code != 404:                       # it was being removed
                    return False
        return True

    def kill9(self):
        self._end(signal.SIGKILL)

    def stop(self):
        """At once: a broker that is asked to end takes up to a minute."""
        self._end(signal.SIGKILL)

    def _end(self, number):
        if self._runs():
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

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # ---- What it is, and what it knows ----

    url = property(lambda self: f"pulsar://{self.host}:{self.port}")
    admin_url = property(lambda self: f"http://{self.host}:{self.http}")
    tls_url = property(lambda self: f"pulsar+ssl://localhost:{self.tls_port}")
    tls_admin_url = property(lambda self: f"https://localhost:{self.https}")

    def token(self, role):
        return token(self.secret, role)

    def log(self):
        if not os.path.exists(self.path("server.log")):
            return ""
        with open(self.path("server.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def get(self, path, method="GET", body=None):
        """What its web service answers; of JSON, what it means."""
        headers = {"Content-Type": "application/json"}
        if self.secret:
            headers["Authorization"] = f"Bearer {self.token(ADMIN)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
        try:
            return json.loads(text)
        except ValueError:
            return text

    def topic(self, name, rest="", method="GET", body=None):
        return self.get(f"/admin/v2/persistent/public/default/{name}{rest}", method, body)


def skip(why):
    """Ends the test: skipped, or failed where CI runs it."""
    print(f"skipped: {why}", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") or os.environ.get("EB_CI") else SKIPPED)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--secure", action="store_true", help="TLS, tokens and certificates")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of standalone.conf")
    options.add_argument("--heap", default="512m", help="the most memory of its heap (512m)")
    options.add_argument("--optimize", action="store_const", const="4", default="1", dest="level",
                         help="for benchmarks: starts slower, runs faster")
    options.add_argument("command", nargs=argparse.REMAINDER)
    given = options.parse_args()
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        server = PulsarServer(given.secure, given.set, given.heap, given.level)
    except pulsar_files.Missing as why:
        skip(why)
    with server:
        if words:
            control = child.Control(server, server.folder)
            sys.exit(control.run(words, env={**os.environ, "EB_PULSAR": server.url, "EB_PULSAR_ADMIN": server.admin_url,
                                             "EB_PULSAR_DOWN": control.down, "EB_PULSAR_UP": control.up}))
        print(server.url, server.admin_url, server.process.pid, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
