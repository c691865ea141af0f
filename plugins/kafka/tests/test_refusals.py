"""What cannot work is told in one line with its cause, soon: addresses, TLS, passwords, properties, registries."""
import os
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import KEY_FIELD, LOGIN, kafka_test, login_lines, options, produce, start_worker, \
    take_all                                                # noqa: E402
import child                                                # noqa: E402
from certificates import Authority                          # noqa: E402
from harness import PLUGINS, SCHEMAS, main, test                           # noqa: E402
from http_script import Server, answer                      # noqa: E402
from kafka_server import PASSWORD, USER, KafkaServer        # noqa: E402
from registry_server import RegistryServer                  # noqa: E402


def secure():
    """One server with TLS and SASL for all tests of this file that ask for it."""
    return KafkaServer(secure=True)


def configure(t, **keys):
    t.configure("[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = kafka\n" + options(keys))


def refused(t, *says, seconds=5):
    """Producing and consuming end in time, with one line on standard error that says so. Where it does not say all by then,
    as on a loaded machine where a JVM stands still for longer, it is given a minute."""
    for words in (("produce", "--signal", LOGIN, "--topic", "a", "--key-field", KEY_FIELD, "-"),
                  ("consume", "-t", "a", "-g", "refused")):
        for patience in (seconds, 60):
            done = t.run("-o", f"broker.main.connect_timeout={patience}s", *words, stdin=login_lines(0, 1), status=3,
                         timeout=60 + patience)
            lines = [line for line in done.err.splitlines() if "undelivered.jsonl" not in line]
            if len(lines) == 1 and all(part.lower() in done.err.lower() for part in says):
                break
        t.check(lines, f"{words[0]} says nothing")
        for part in says:
            t.contains(done.err.lower(), part.lower())
        t.check(len(lines) == 1, f"{words[0]} says it in {len(lines)} lines:\n{done.err}")
        t.lacks(done.err, "hush")


# ---- Before anything is connected: exit 2 ----

REFUSED = (
    ("rdkafka.no.such.thing = 1", "rdkafka.no.such.thing is not a property of librdkafka"),
    ("rdkafka.compresion.type = zstd", "did you mean rdkafka.compression.type?"),
    ("rdkafka.linger = 3", "did you mean rdkafka.linger.ms?"),
    ("rdkafka. = 1", "needs a name"),
    ("rdkafka.linger.ms = soon", "rdkafka.linger.ms"),
    ("rdkafka.compression.type = zip", 'rdkafka.compression.type: librdkafka'),
    ("rdkafka.fetch.min.bytes = 0", "outside allowed range"),
    ("rdkafka.acks = 1", "rdkafka.acks: librdkafka"),                   # of all together, when a client is made
    ("rdkafka.queuing.strategy = lifo", "rdkafka.queuing.strategy: librdkafka"),
    ("rdkafka.partitioner = random", "lose their order"),
    ("rdkafka.offset.store.method = file", "the brokers keep"),
    ("rdkafka.max.poll.interval.ms = 10000", "session.timeout.ms"),
    ("rdkafka.group.id = x", "rdkafka.group.id cannot be set: the group is the consumer's"),
    ("rdkafka.bootstrap.servers = x", "set bootstrap_servers"),
    ("rdkafka.enable.auto.commit = true", "settled"),
    ("rdkafka.enable.idempotence = false", "twice or out of order"),
    ("rdkafka.delivery.report.only.error = true", "each event's delivery"),
    ("rdkafka.retries = 3", "delivery_timeout"),
    ("rdkafka.group.instance.id = x", "static_member"),
    ("ssl_ca = /nowhere.pem", "ssl_ca: cannot read /nowhere.pem: No such file"),
    ("ssl_ca = /etc/passwd", "ssl_ca: librdkafka"),
    ("ssl_cert = /nowhere", "ssl_cert_key"),
    ("ssl_ca = /etc/ssl/certs/ca-certificates.crt\nsecurity = plaintext", "security is without TLS"),
    ("api_key = k", "api_secret"),
    ("api_key = k\napi_secret = hush\nsasl_username = u", "short for"),
    ("sasl_username = u", "needs sasl_mechanism"),
    ("security = sasl_ssl", "needs sasl_mechanism"),
    ("sasl_mechanism = PLAIN\nsasl_password = hush", "needs sasl_username"),
    ("sasl_mechanism = SCRAM-SHA-257\nsasl_username = u\nsasl_password = hush", "SCRAM-SHA-512"),
    ("sasl_mechanism = PLAIN\nsasl_username = u\nsasl_password = hush\nrdkafka.sasl.password = hush",
     "rdkafka.sasl.password is what sasl_password has set already"),
    ("sasl_mechanism = OAUTHBEARER", "sasl_mechanism: OAUTHBEARER needs rdkafka.sasl.oauthbearer.method"),
    ("assignment = lazy", "cooperative"),
    ("schema_registry = localhost:8081", "http://"),
    ("schema_registry = http://u:hush@localhost", "schema_registry_key"),
    ("schema_registry = http://localhost\nschema_registry_secret = hush", "go together"),
    ("botstrap_servers = x", "bootstrap_servers"),
)


@test
def settings_that_can_never_work_are_refused_with_their_line(t):
    base = ("[eventbus]\nproducer = main\nconsumer = main\n" + f"plugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\n"
            "[broker main]\nplugin = kafka\nbootstrap_servers = 127.0.0.1:1\n")
    for text, says in REFUSED:
        t.write("eventbus.ini", base + text + "\n")
        done = t.run("config", "check", status=2)
        t.contains(done.err, says)
        t.lacks(done.err, "hush")
        t.equal(len(done.err.splitlines()), 1, "lines")
        t.matches(done.err, r"eventbus\.ini:(9|1[0-2]): \[broker main\]")
    for words in (("produce", "--signal", LOGIN, "--topic", "a", "--data", "{}"), ("consume", "-t", "a", "-g", "g")):
        t.contains(t.run(*words, status=2).err, "botstrap_servers")


@test
def addresses_are_looked_at_before_they_are_used(t):
    good = ("kafka-1", "kafka-1:9092,kafka-2:9093", " a:1 , b:65535 ", "SASL_SSL://a:9093", "[::1]:9092", "::1",
            "10.0.0.1:9092,")
    bad = (("a:99999", "a:99999"), ("a:0", "a:0"), ("a:", "a:"), ("a:port", "a:port"), ("a:1,:9092", ":9092"),
           ("http://a:9092", "http://a:9092"), ("a:9092/path", "a:9092/path"), ("ssl://", "ssl://"))
    configure(t, bootstrap_servers="a")
    for text in good:
        t.run("-o", f"broker.main.bootstrap_servers={text}", "config", "check")
    for text, named in bad:
        done = t.run("-o", f"broker.main.bootstrap_servers={text}", "config", "check", status=2)
        t.contains(done.err, f"bootstrap_servers: {named} is not host:port")
    done = t.run("-o", "broker.main.bootstrap_servers=,", "config", "check", status=2)
    t.contains(done.err, "bootstrap_servers is empty")


@test
def properties_of_librdkafka_are_taken_by_their_own_names(t):
    configure(t, bootstrap_servers="127.0.0.1:1", rdkafka_compression_type="zstd", rdkafka_linger_ms="20",
              rdkafka_fetch_min_bytes="100", rdkafka_session_timeout_ms="20000", rdkafka_sasl_password="hush")
    t.run("config", "check")
    shown = t.run("config", "show").out
    t.contains(shown, "rdkafka.compression.type = zstd", "rdkafka.sasl.password = ***")
    t.lacks(shown, "hush")


# ---- Connecting: exit 3 ----

@test
def a_wrong_address(t):
    port = child.free_port()
    configure(t, bootstrap_servers=f"127.0.0.1:{port}")
    refused(t, "main", f"127.0.0.1:{port}", "connection refused")


@test
def a_host_that_does_not_exist(t):
    configure(t, bootstrap_servers="kafka.nowhere.invalid:9092")
    refused(t, "kafka.nowhere.invalid", "resolve")


@test
def a_server_that_is_no_kafka(t):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(t, bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}")
        refused(t, "broker main", f"127.0.0.1:{silent.getsockname()[1]}: no answer")


@test
def a_server_that_is_no_kafka_is_told_within_connect_timeout(t):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(t, bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}")
        refused(t, "broker main", f"127.0.0.1:{silent.getsockname()[1]}: no answer", seconds=1)


@kafka_test()
def tls_against_a_plain_port(t, site):
    t.write("eventbus.ini", t.read("eventbus.ini") + "security = ssl\n")
    refused(t, "ssl")


@kafka_test(own_kafka=secure)
def tls_and_sasl(t, site):
    ours, stranger = site.kafka, Authority(os.path.dirname(t.write("ca/x", "")), "stranger")
    begin = t.read("eventbus.ini").split("bootstrap_servers")[0]

    def use(address, **keys):
        t.write("eventbus.ini", begin + site.options(bootstrap_servers=address, **keys))

    use(ours.tls, ssl_ca=stranger.ca)
    refused(t, "certificate")
    use(ours.tls, security="ssl")
    refused(t, "certificate")                               # the system's CAs do not know it
    use(ours.misnamed, ssl_ca=ours.ca_file)
    refused(t, "certificate", "is it for the host name")    # of another host
    use(ours.tls)
    refused(t, "127.0.0.1")                                 # plain against TLS
    use(ours.mutual, ssl_ca=ours.ca_file)
    refused(t, "certificate")
    use(ours.sasl, ssl_ca=ours.ca_file, sasl_mechanism="PLAIN", sasl_username=USER, sasl_password="hush-hush")
    refused(t, "authentication")
    use(ours.sasl, ssl_ca=ours.ca_file, sasl_mechanism="SCRAM-SHA-256", sasl_username=USER, sasl_password="hush-hush")
    refused(t, "authentication", "librdkafka", "PLAIN")
    for name in ("rdkafka_sasl_mechanism", "rdkafka_sasl_mechanisms"):
        use(ours.sasl, ssl_ca=ours.ca_file, security="sasl_ssl", sasl_username=USER, sasl_password="hush-hush",
            **{name: "SCRAM-SHA-512"})
        refused(t, "authentication", "SCRAM librdkafka below 2.6.1")

    certificate, key = ours.authority.sign("client", password="cert-hush")
    shown = {"ssl_cert": certificate, "ssl_cert_key": key, "ssl_cert_key_password": "cert-hush"}
    for n, (address, keys) in enumerate((
            (ours.tls, {}), (ours.misnamed, {"rdkafka_ssl_endpoint_identification_algorithm": "none"}), (ours.mutual, shown),
            (ours.sasl, {"sasl_mechanism": "PLAIN", "sasl_username": USER, "sasl_password": PASSWORD}),
            (ours.sasl, {"api_key": USER, "api_secret": PASSWORD}))):
        use(address, ssl_ca=ours.ca_file, **keys)
        produce(t, f"good{n}", 0, 3)
        t.equal(len(take_all(t, f"good{n}", site.group())), 3, f"events by {address} {list(keys)}")


def as_user(t, site):
    """Leads the configuration to the listener where we are USER; answers what denies that user a right."""
    ours = site.kafka
    begin = t.read("eventbus.ini").split("bootstrap_servers")[0]
    t.write("eventbus.ini", begin + site.options(bootstrap_servers=ours.sasl, ssl_ca=ours.ca_file, api_key=USER,
                                                 api_secret=PASSWORD))
    return lambda right, *about: ours.tool("acls", "--add", "--deny-principal", f"User:{USER}", "--operation", right, *about)


@kafka_test(own_kafka=secure)
def a_password_is_still_known_when_a_connection_is_made_again(t, site):
    """Each way that it is set; a worker that takes much sets it again, to wake librdkafka's threads."""
    ours = site.kafka
    begin = t.read("eventbus.ini").split("bootstrap_servers")[0]
    workers = []
    for n, names in enumerate((("api_key", "api_secret"), ("sasl_username", "sasl_password"),
                               ("rdkafka_sasl_username", "rdkafka_sasl_password"))):
        keys = dict(zip(names, (USER, PASSWORD)), **({"sasl_mechanism": "PLAIN"} if n else {}))
        t.write("eventbus.ini", begin + site.options(bootstrap_servers=ours.sasl, ssl_ca=ours.ca_file,
                                                     rdkafka_queued_min_messages="100", **keys))
        produce(t, f"much{n}", 0, 500)
        workers.append(start_worker(t, f"much{n}", site.group()))
        workers[n].until(lambda w: len(w.json()) == 500, what="500 events")
    ours.kill9()
    ours.start()
    for n, worker in enumerate(workers):
        produce(t, f"much{n}", 500, 510)
        worker.until(lambda w: len(w.json()) == 510, what="what came after the broker had been away")


@kafka_test(own_kafka=secure)
def a_group_that_may_not_be_described_does_not_hide_the_others(t, site):
    names = [site.group(name) for name in ("a", "b", "c", "d")]
    produce(t, "a", 0, 3)
    for name in names:
        take_all(t, "a", name)
    deny = as_user(t, site)
    for name in names[1:3]:
        deny("Describe", "--group", name)
    done = t.run("groups", "--json", status=1)
    t.equal(sorted((row["group"], row["lag"]) for row in done.json()), [(names[0], 0), (names[3], 0)], "what is shown")
    lines = done.err.splitlines()
    t.equal(len(lines), 3, f"lines in\n{done.err}")
    for name in names[1:3]:
        line, = [line for line in lines if f"group {name} is left out" in line]
        t.contains(line, "warning", "the ACL Describe on the group")
    t.contains(lines[2], "broker main: 2 of 4 groups are left out")
    one = t.run("groups", "-g", names[1], status=3)
    t.equal((one.out, len(one.err.splitlines())), ("", 1), "what is printed, and the lines of why")
    t.contains(one.err, f"group {names[1]}", "the ACL Describe on the group")
    t.equal(len(t.run("groups", "-g", names[0], "--json").json()), 1)


@kafka_test(own_kafka=secure)
def who_may_not_is_told_which_right_is_missing(t, site):
    """Each command tells it before its deadline here, which is half of delivery_timeout, and each event is kept."""
    topic, group = site.full("closed"), site.group()
    site.kafka.create(topic)
    deny = as_user(t, site)
    deny("Write", "--topic", topic)
    done = t.run("produce", "--signal", LOGIN, "--topic", "closed", "--data", login_lines(0, 1).strip(), status=3)
    t.contains(done.err, f"topic {topic}", "ACL Write", "undelivered.jsonl")
    deny("Read", "--topic", topic)
    done = t.run("consume", "-t", "closed", "-g", group, status=3)
    t.contains(done.err, topic, "ACL Read on the topic")
    deny("Read", "--group", group)
    done = t.run("consume", "-t", "open", "-g", group, status=3)
    t.contains(done.err, f"group {group}", "ACL Read on the group")
    t.lacks(done.err, PASSWORD)


@kafka_test()
def a_registry_that_is_not_there(t, site):
    """The events are kept: the broker is there, and the registry may come back."""
    text = t.read("eventbus.ini").replace(site.registry.url, f"http://127.0.0.1:{child.free_port()}")
    t.write("eventbus.ini", text + "[eventbus]\ndelivery_timeout = 3s\n")
    done = t.run("produce", "--signal", LOGIN, "--topic", "a", "--data", login_lines(0, 1).strip(), status=3)
    t.contains(done.err, "schema registry", "onnect")
    t.contains(t.read("state/undelivered.jsonl"), LOGIN)


@kafka_test(own_registry=lambda: RegistryServer(basic=("key", "hush")))
def a_wrong_password_for_the_registry(t, site):
    begin = t.read("eventbus.ini")

    def use(**keys):
        t.write("eventbus.ini", begin + options(keys))

    use(schema_registry_key="key", schema_registry_secret="hush")
    produce(t, "a", 0, 3)
    t.equal(len(take_all(t, "a", site.group())), 3, "events by the right one")
    use(schema_registry_key="key", schema_registry_secret="hush-hush")
    refused(t, "broker main", site.registry.url, "401", "schema_registry_secret")
    use()
    refused(t, site.registry.url, "401", "schema_registry_key")


@kafka_test()
def registries_that_turn_this_client_away(t, site):
    """By a gateway before them, or by a certificate that no CA known here has signed."""
    begin, ours = t.read("eventbus.ini"), Authority(os.path.dirname(t.write("ca/x", "")))
    produce(t, "a", 0, 1)                                   # the topic is there: nobody tells of that
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.sign("server"))
    gateway = Server(lambda request: answer(403, b"<html>Forbidden</html>"))
    for server, says in ((gateway, "403"), (Server(None, context=context), "certificate")):
        t.write("eventbus.ini", begin.replace(site.registry.url, server.url))
        refused(t, "broker main", server.url, says)


@kafka_test()
def a_topic_that_is_too_small_or_missing(t, site):
    site.kafka.tool("topics", "--create", "--topic", site.full("small"), "--partitions", "1", "--config",
                    "max.message.bytes=2000")
    t.run("produce", "--signal", LOGIN, "--topic", "small", "-", stdin=login_lines(0, 1))
    large = login_lines(0, 1).replace('"e"', '"' + "x" * 5000 + '"')
    done = t.run("produce", "--signal", LOGIN, "--topic", "small", "-", stdin=large, status=None)
    t.check(done.status in (1, 3, 4), f"status {done.status}")
    t.contains(done.err, "max.message.bytes")
    bad = t.run("produce", "--signal", LOGIN, "--topic", "no such topic!", "-", stdin=login_lines(0, 1), status=None)
    t.check(bad.status != 0, "a topic name that Kafka refuses")
    t.contains(bad.err, "no such topic!")


main()
