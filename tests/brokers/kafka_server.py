"""tests/brokers/kafka_server.py - a real Apache Kafka for tests: one broker (KRaft), killed and started again.

As a module:    with KafkaServer() as kafka: ... kafka.bootstrap, kafka.kill9(), kafka.start(), kafka.lag("group")
As a command:   kafka_server.py [OPTION...]               prints its address, with --registry the registry's as well, and
                                                          its process; runs until it is told to stop
                kafka_server.py [OPTION...] -- COMMAND    runs COMMAND with EB_KAFKA and EB_REGISTRY set, and ends as it does
                                                          status 77, with the reason: it cannot run here
"""
import argparse
import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import child
import java_program
from certificates import Authority
from registry_server import RegistryServer

PATIENCE = 120
SKIPPED = 77
TOOLS = {"acls": "org.apache.kafka.tools.AclCommand",
         "records": "org.apache.kafka.tools.DeleteRecordsCommand",
         "groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
         "topics": "org.apache.kafka.tools.TopicCommand"}
STARTED = "Kafka Server started"
USER, PASSWORD = "alice", "alice-secret"

# Its own 9 s make each start after a kill wait until the old session has ended.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class KafkaServer:
    """One broker. Its data live in `folder` until close(); start() after kill9() or stop() finds them there again.

    Always plain at `bootstrap`. secure: TLS at `tls`, with another host's name at `misnamed`, with a certificate of the
    client's at `mutual`, and SASL over TLS at `sasl` for USER and PASSWORD, by PLAIN and SCRAM; who is not USER may do
    anything, and USER may what no ACL is about."""

    def __init__(self, secure=False, options=(), heap="512m"):
        self.classes = java_program.classes("kafka")
        self.folder = tempfile.mkdtemp(prefix="eventbus-kafka-")
        self.heap, self.process, self.authority = heap, None, None
        self.starts, self.launched = 0, 0.0
        self.ports = {"PLAINTEXT": child.free_port(), "CONTROLLER": child.free_port()}
        self.options = list(options)
        if secure:
            self.ports.update({name: child.free_port() for name in ("TLS", "MISNAMED", "MUTUAL", "SASL")})
            self.authority = Authority(self.folder)
            self._protect()
        self._write_settings()

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- Its settings ----

    def _protect(self):
        for store, names, listeners in (("server", "IP:127.0.0.1,DNS:localhost", ("tls", "mutual", "sasl")),
                                        ("other", "DNS:other.example", ("misnamed",))):
            certificate, key = self.authority.sign(store, names)
            with open(self.path(f"{store}.store"), "w", encoding="utf-8") as file:
                for part in (key, certificate, self.authority.ca):
                    with open(part, encoding="utf-8") as of_it:
                        file.write(of_it.read())
            for name in listeners:
                self.options += [f"listener.name.{name}.ssl.keystore.type=PEM",
                                 f"listener.name.{name}.ssl.keystore.location={self.path(store + '.store')}"]
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required "
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        self.options += [
            "listener.name.mutual.ssl.client.auth=required", "listener.name.mutual.ssl.truststore.type=PEM",
            f"listener.name.mutual.ssl.truststore.location={self.authority.ca}",
            "listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f'listener.name.sasl.plain.sasl.jaas.config={plain}user_{USER}="{PASSWORD}";',
            f"listener.name.sasl.scram-sha-256.sasl.jaas.config={scram}",
            f"listener.name.sasl.scram-sha-512.sasl.jaas.config={scram}",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found=true", "super.users=User:ANONYMOUS"]

    def _write_settings(self):
        spoken = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "TLS": "SSL", "MISNAMED": "SSL", "MUTUAL": "SSL",
                  "SASL": "SASL_SSL"}
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()]
        lines = [SETTINGS + f"log.dirs={self.path('data')}",
                 f"controller.quorum.voters=1@127.0.0.1:{self.ports['CONTROLLER']}",
                 "listeners=" + ",".join(listeners),
                 "advertised.listeners=" + ",".join(one for one in listeners if not one.startswith("CONTROLLER")),
                 "listener.security.protocol.map=" + ",".join(f"{name}:{spoken[name]}" for name in self.ports),
                 *self.options]
        with open(self.path("server.properties"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    # ---- Its life ----

    def _java(self, name, *words):
        return java_program.words("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                  "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
                                  "-cp", f"{self.classes}/*", name, *words, heap=self.heap)

    def _format(self):
        identity = base64.urlsafe_b64encode(b"\x01" + os.urandom(15)).decode().rstrip("=")
        users = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
        ran = subprocess.run(self._java("kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config",
                                        self.path("server.properties"), "--add-scram", users[0],
                                        "--add-scram", users[1]),
                             capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"kafka could not be formatted:\n{ran.stdout}{ran.stderr}")

    def start(self):
        """Starts it, on the same ports and with the same data as before, and waits until it answers."""
        self.launch()
        while not self.is_up():
            time.sleep(0.05)
        return self

    def launch(self):
        """As start(), without the wait. Not from a thread that ends earlier than it: it would end with that one."""
        if not os.path.exists(self.path("data/meta.properties")):
            self._format()
        self.starts = self.log().count(STARTED)
        self.launched = time.monotonic()
        self.process = child.start(self._java("kafka.Kafka", self.path("server.properties")), self.folder, "server")

    def is_up(self):
        """Whether it has come up since it was launched."""
        if self.process.poll() is not None or time.monotonic() > self.launched + PATIENCE:
            raise RuntimeError(f"kafka did not start:\n{self.log()[-3000:]}")
        return self.log().count(STARTED) > self.starts and self._listens()

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.ports["PLAINTEXT"]), timeout=5).close()
            return True
        except OSError:
            return False

    def kill9(self):
        """As a power cut of the process."""
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, number):
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

    # ---- What it is ----

    def _at(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    bootstrap = property(lambda self: self._at("PLAINTEXT"))
    tls = property(lambda self: self._at("TLS"))
    misnamed = property(lambda self: self._at("MISNAMED"))
    mutual = property(lambda self: self._at("MUTUAL"))
    sasl = property(lambda self: self._at("SASL"))

    @property
    def ca_file(self):
        return self.authority.ca

    def log(self):
        if not os.path.exists(self.path("server.log")):
            return ""
        with open(self.path("server.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def tool(self, name, *words):
        """Runs one of Kafka's own command line tools against it, and answers what it printed."""
        ran = subprocess.run(self._java(TOOLS[name], "--bootstrap-server", self.bootstrap, *map(str, words)),
                             capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"kafka's tool for {name}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def create(self, topic, partitions=1):
        self.tool("topics", "--create", "--if-not-exists", "--topic", topic, "--partitions", partitions)

    def lag(self, group):
        """{(topic, partition): lag} by Kafka's own tool; a partition without a committed offset has None."""
        rows = {}
        for line in self.tool("groups", "--describe", "--group", group).splitlines():
            columns = line.split()
            if len(columns) > 5 and columns[0] == group:
                rows[columns[1], int(columns[2])] = None if columns[5] == "-" else int(columns[5])
        return rows


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--secure", action="store_true", help="TLS and SASL as well")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of server.properties")
    options.add_argument("--registry", action="store_true", help="a schema registry beside it")
    options.add_argument("command", nargs=argparse.REMAINDER)
    given = options.parse_args()
    words = given.command[1:] if given.command[:1] == ["--"] else given.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        try:
            kafka = stack.enter_context(KafkaServer(given.secure, given.set))
            url = stack.enter_context(RegistryServer()).url if given.registry else "-"
        except java_program.Missing as why:
            print(why, file=sys.stderr)
            sys.exit(SKIPPED)
        if words:
            env = {**os.environ, "EB_KAFKA": kafka.bootstrap, "EB_REGISTRY": url}
            sys.exit(child.run_controlled(kafka, words, env, "EB_KAFKA"))
        print(kafka.bootstrap, url, kafka.process.pid, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
