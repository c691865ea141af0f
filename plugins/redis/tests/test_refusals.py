"""What Redis refuses, and what is wrong with the way to it: one line with host and cause, and no secret anywhere."""
import json
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "..", "tests")
sys.path[:0] = [HERE, os.path.join(TESTS, "brokers")]
import child                                                # noqa: E402
import resp                                                 # noqa: E402
from redis_case import (LOGIN, QUIET, add, configure, entry, login_lines, number, open_producer, produce, proxy_test,  # noqa: E402
                        redis_test, start_producer, start_worker)
from hostile import HostileServer                           # noqa: E402
from redis_server import RedisServer                        # noqa: E402
from harness import main, test                              # noqa: E402

SECRET = "s3cret-hunter2"
EVENT = '{"user":{"id":1,"is_active":true,"pii":{"username":"u","email":"e","name":"n"}}}'
SEND = ("produce", "--signal", LOGIN, "--topic", "a", "--data", EVENT)
TAKE = ("consume", "-t", "a", "-g", "g", "--exit-at-end")
VERBS = (SEND, TAKE, ("topics",), ("groups",))
IMPATIENT = ("-o", "broker.main.connect_timeout=1s", "-o", "eventbus.delivery_timeout=3s")
PATIENT = ("-o", "broker.main.connect_timeout=20s", "-o", "eventbus.delivery_timeout=20s")


def cause(text):
    """The lines that tell of trouble: what an operator reads."""
    return [line for line in text.splitlines() if line.strip()]


def told(t, verb, is_told, impatient=IMPATIENT, status=3):
    """The verb as it ends at a server that refuses: soon, and once more with patience where it does not tell all by then, as
    on a machine that has no time for it within a second."""
    done = t.run(*impatient, *verb, status=status)
    return done if is_told(done.err) else t.run(*PATIENT, *verb, status=status)


def each_verb_ends(t, status, *words, secret=SECRET, one_line=True):
    def is_told(err):
        return all(word in err for word in words) and (not one_line or len(cause(err)) == 1)

    with ThreadPoolExecutor(len(VERBS)) as pool:
        ends = list(pool.map(lambda verb: told(t, verb, is_told, status=status), VERBS))
    for verb, done in zip(VERBS, ends):
        t.contains(done.err, *words)
        t.lacks(done.out + done.err, secret)
        if one_line:
            t.equal(len(cause(done.err)), 1, f"{verb[0]}: lines on standard error: {done.err}")


# ---- The URL ----

BAD_URLS = [
    f"http://:{SECRET}@localhost", f"redis//:{SECRET}@localhost", f"redis://:{SECRET}@", f"redis://:{SECRET}@host:0",
    f"redis://:{SECRET}@host:99999", f"redis://:{SECRET}@host:port", f"redis://:{SECRET}@host/db",
    f"redis://:{SECRET}@host/-1",
    f"redis://:{SECRET}@[::1", f"unix://:{SECRET}@relative", f"unix://:{SECRET}@/a?x=1", f"redis://:{SECRET}%zz@host",
    f"redis://{SECRET}@host", f"unix://:{SECRET}@/{'p' * 120}", f"redis://:{SECRET}@{'h' * 600}",
    f"redis://:{SECRET}@host:6379x",
]


@test
def a_wrong_url_is_a_flaw_of_the_configuration(t):
    for url in BAD_URLS:
        configure(t, url)
        for verb in (SEND, TAKE, ("topics",), ("config", "check")):
            done = t.run(*verb, status=2)
            t.contains(done.err, "url")
            t.lacks(done.out + done.err, SECRET)


@test
def a_good_url_of_any_form_passes_the_check(t):
    for url in ("redis://localhost", "redis://localhost:6380/3", "rediss://user:pass@host.example:6379/0",
                "redis://:p%40ss@h", "redis://[::1]:6379", "unix:///run/redis.sock", "unix://:pw@/run/redis.sock?db=2",
                "redis://u:p@ss@h/1"):
        configure(t, url)
        t.run("config", "check")


@test
def the_example_is_true(t):
    """conf/redis.ini as it is, and what is commented out there: keys that the plugin has, with their defaults."""
    with open(os.path.join(TESTS, "..", "conf", "redis.ini"), encoding="utf-8") as file:
        text = file.read()
    configure(t, "redis://127.0.0.1")
    paths = [word for key in ("plugin_path", "schema_path") for word in
             ("-o", f"eventbus.{key}={re.search(rf'{key} = (.*)', t.read(os.path.basename(t.ini))).group(1)}")]
    t.run("-c", t.write("redis.ini", text), *paths, "config", "check")
    plugin, = t.run("plugins", "redis", "--json").json()
    defaults = {option["key"]: option["default"] for option in plugin["options"]}
    shown = dict(re.findall(r"^; (\w+) = (\S+)", text, re.MULTILINE))
    t.check(len(shown) > 5, f"{shown}")
    t.equal(sorted(set(shown) - set(defaults)), [], "keys that the plugin does not have")
    t.equal({key: value for key, value in shown.items() if defaults[key] and defaults[key] != value}, {},
            "what is said to be the default")


@test
def a_secret_is_shown_by_no_verb(t):
    configure(t, f"redis://user:{SECRET}@127.0.0.1:{child.free_port()}/0")
    for words in (("config", "show"), ("config", "show", "--json"), ("config", "check"),
                  ("config", "explain", "broker.main.url"), ("plugins", "redis"), ("plugins", "redis", "--json"),
                  (*IMPATIENT, *SEND), (*IMPATIENT, *TAKE),
                  (*IMPATIENT, "topics"), (*IMPATIENT, "groups"), ("-o", "eventbus.log_level=debug", *IMPATIENT, *SEND),
                  (*IMPATIENT, "bench", "both", "--count", "10")):
        done = t.run(*words, status=None)
        t.lacks(done.out + done.err, SECRET)
    for folder, _, files in os.walk(t.state):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                t.check(SECRET.encode() not in file.read(), f"{name} holds the password")


# ---- The way there ----

@test
def nobody_listens(t):
    port = child.free_port()
    configure(t, f"redis://127.0.0.1:{port}")
    each_verb_ends(t, 3, f"127.0.0.1:{port}", "refused")


@test
def a_host_that_does_not_exist(t):
    configure(t, "redis://redis.invalid:6379")
    each_verb_ends(t, 3, "redis.invalid")


@test
def a_socket_that_does_not_exist(t):
    configure(t, f"unix://{t.path('nothing.sock')}")
    each_verb_ends(t, 3, "nothing.sock", "No such file")


@proxy_test()
def somebody_listens_and_says_nothing(t, redis, proxy):
    proxy.hold("down")
    each_verb_ends(t, 3, f"127.0.0.1:{proxy.port}")


# ---- Logging in ----

@redis_test(password=SECRET)
def no_password_where_one_is_needed(t, redis):
    configure(t, f"redis://127.0.0.1:{redis.port}")
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", "NOAUTH")


@redis_test(password=SECRET)
def a_wrong_password(t, redis):
    configure(t, f"redis://:{SECRET}-not@127.0.0.1:{redis.port}")
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", "WRONGPASS")


@redis_test(password=SECRET)
def a_password_where_the_right_one_is_given_otherwise(t, redis):
    configure(t, f"redis://127.0.0.1:{redis.port}", password="${file:" + t.write("pw", SECRET + "\n") + "}")
    t.run(*SEND)
    t.equal(redis.call("XLEN", "a"), 1)


@redis_test()
def a_user_of_the_acl(t, redis):
    redis.call("ACL", "SETUSER", "lms", "on", f">{SECRET}", "~*", "+@all")
    redis.call("ACL", "SETUSER", "reader", "on", f">{SECRET}", "~*", "+@all", "-xadd")
    configure(t, f"redis://lms:{SECRET}@127.0.0.1:{redis.port}")
    t.run(*SEND)
    t.equal(len(t.run(*TAKE).json()), 1)
    configure(t, f"redis://reader:{SECRET}@127.0.0.1:{redis.port}")
    t.contains(t.run(*SEND, status=3).err, "NOPERM", "topic a", "user reader", "+xadd")
    configure(t, f"redis://nobody:{SECRET}@127.0.0.1:{redis.port}")
    t.contains(told(t, SEND, lambda err: "WRONGPASS" in err).err, "WRONGPASS")


@redis_test()
def a_password_that_the_server_does_not_want(t, redis):
    configure(t, f"redis://:{SECRET}@127.0.0.1:{redis.port}")
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}")


@redis_test()
def a_database_that_does_not_exist(t, redis):
    configure(t, f"{redis.url}/99")
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", "DB index is out of range")


@redis_test()
def another_database_is_another_bus(t, redis):
    t.run(*SEND)
    configure(t, f"{redis.url}/3")
    t.equal(t.run("topics", "--json").out, "")
    t.run(*SEND)
    t.equal(len(t.run(*TAKE).json()), 1)


# ---- The other kinds of connection ----

@redis_test(kind="unix", password=SECRET)
def a_unix_socket(t, redis):
    t.run(*SEND)
    t.equal(len(t.run(*TAKE).json()), 1)
    t.lacks(t.run("config", "show").out, SECRET)


@redis_test(kind="tls", password=SECRET)
def tls_with_the_right_authority(t, redis):
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", "certificate", one_line=False)
    configure(t, redis.url, tls_ca=redis.ca_file)
    receipts = produce(t, "a", 0, 2000)
    t.equal(len(receipts), 2000)
    t.equal(len(t.run(*TAKE).json()), 2000)


@redis_test(kind="tls")
def tls_checks_the_name(t, redis):
    """The certificate is for 127.0.0.1 and localhost; 127.0.0.2 reaches the same server."""
    redis.call("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2")
    configure(t, f"rediss://localhost:{redis.port}", tls_ca=redis.ca_file)
    t.run(*SEND)
    configure(t, f"rediss://127.0.0.2:{redis.port}", tls_ca=redis.ca_file)
    each_verb_ends(t, 3, "127.0.0.2", one_line=False)


@redis_test(kind="tls", ask_clients=True)
def a_server_that_asks_for_the_clients_certificate(t, redis):
    """Without one, and with one of another authority: a line with host and cause."""
    certificate, key = redis.client_files()
    configure(t, redis.url, tls_ca=redis.ca_file)
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", "certificate", one_line=False)
    with RedisServer(kind="tls") as other:
        strange, strange_key = other.client_files()
        configure(t, redis.url, tls_ca=redis.ca_file, tls_cert=strange, tls_key=strange_key)
        each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", one_line=False)
        configure(t, redis.url, tls_ca=redis.ca_file, tls_cert=certificate, tls_key=strange_key)
        t.contains(t.run(*SEND, status=2).err, "tls_key")
    configure(t, redis.url, tls_ca=redis.ca_file, tls_cert=certificate)
    t.contains(t.run(*SEND, status=2).err, "tls_cert and tls_key go together")
    configure(t, redis.url, tls_ca=redis.ca_file, tls_cert=certificate, tls_key=key)
    t.equal(len(produce(t, "a", 0, 200)), 200)
    t.equal(len(t.run(*TAKE).json()), 200)


@redis_test(kind="tls")
def plain_to_a_tls_port_and_tls_to_a_plain_one(t, redis):
    configure(t, f"redis://127.0.0.1:{redis.port}")
    each_verb_ends(t, 3, f"127.0.0.1:{redis.port}", one_line=False)
    with RedisServer() as plain:
        configure(t, f"rediss://127.0.0.1:{plain.port}", tls_ca=redis.ca_file)
        each_verb_ends(t, 3, f"127.0.0.1:{plain.port}", one_line=False)


# ---- A server that cannot ----

@redis_test(options=[("maxmemory-policy", "noeviction")])
def no_memory_left(t, redis):
    """Nothing is stored until there is room again; nothing is lost, and each key keeps its order."""
    producer, out = open_producer(t, "a")
    with out:
        out.write(login_lines(0, 10))
        out.flush()
        producer.until(lambda w: len(w.lines()) == 10)
        redis.call("CONFIG", "SET", "maxmemory", "1")
        out.write(login_lines(10, 500))
        out.flush()
        producer.until("OOM")
        t.equal(redis.call("XLEN", "a"), 10)
        redis.call("CONFIG", "SET", "maxmemory", "0")
    receipts = producer.wait(0).json()
    t.equal(len(receipts), 500)
    got = [number(event) for event in t.run(*TAKE).json()]
    for key in range(20):
        mine = [n for n in dict.fromkeys(got) if n % 20 == key]
        t.equal(mine, list(range(key, 500, 20)), f"key{key}")


@redis_test(options=[("maxmemory-policy", "noeviction")])
def no_memory_left_at_all(t, redis):
    redis.call("CONFIG", "SET", "maxmemory", "1")
    done = told(t, SEND, lambda err: "OOM" in err, impatient=("-o", "eventbus.delivery_timeout=1s"))
    t.contains(done.err, "OOM")


@redis_test()
def a_server_that_became_a_replica(t, redis):
    """READONLY: waited out, as after a failover."""
    with RedisServer() as primary:
        worker = start_worker(t, "a", "g")
        produce(t, "a", 0, 5)
        worker.until(lambda w: len(w.lines()) == 5)
        redis.call("REPLICAOF", "127.0.0.1", primary.port)
        t.until(lambda: b"master_link_status:up" in redis.call("INFO", "replication"))
        producer = start_producer(t, "a", 5, 100)
        producer.until("READONLY")
        redis.call("REPLICAOF", "NO", "ONE")
        producer.wait(0)
        worker.until(lambda w: {number(event) for event in w.json()} == set(range(100)))


def refused(redis):
    """How many commands of others the server has answered with MASTERDOWN."""
    stats = redis.call("INFO", "errorstats").decode()
    return int(stats.split("errorstat_MASTERDOWN:count=")[1].split()[0]) if "errorstat_MASTERDOWN" in stats else 0


@redis_test(options=[("replica-serve-stale-data", "no")])
def a_replica_without_its_master(t, redis):
    redis.call("REPLICAOF", "127.0.0.1", child.free_port())
    answers = "MASTERDOWN|READONLY"
    done = told(t, SEND, lambda err: re.search(answers, err), impatient=("-o", "eventbus.delivery_timeout=2s"))
    t.matches(done.err, answers)
    before = refused(redis)
    worker = t.start("-o", "broker.main.connect_timeout=60s", *TAKE[:-1])
    t.until(lambda: refused(redis) > before, what="the worker to be refused")
    redis.call("REPLICAOF", "NO", "ONE")
    t.run(*SEND)
    worker.until(lambda w: len(w.lines()) == 1)


@redis_test(options=[("cluster-enabled", "yes")])
def a_cluster_is_refused(t, redis):
    done = told(t, SEND, lambda err: "cluster" in err.lower(), status=None)
    t.check(done.status in (1, 3), f"exit {done.status}")
    t.matches(done.err, "(?i)cluster")


# ---- What is waited out, and what is told at once ----

PASSES = ["OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't write against a read only replica.",
          "LOADING Redis is loading the dataset in memory", "MISCONF Redis is configured to save RDB snapshots",
          "MASTERDOWN Link with MASTER is down", "NOAUTH Authentication required.", "BUSY Redis is busy running a script",
          "NOREPLICAS Not enough good replicas to write.", "CLUSTERDOWN Hash slot not served"]
STAYS = ["NOPERM User x has no permissions to run the '%s' command", "WRONGTYPE Operation against a key",
         "MOVED 3999 127.0.0.1:6381", "ERR unknown command '%s'"]


def refusing(redis, command, answer):
    return HostileServer({command: b"-%s\r\n" % answer.encode()}, real=redis.port)


def waiting(worker):
    return [line for line in worker.err.splitlines() if "waits" in line or "cannot reach" in line]


@redis_test()
def what_passes_is_waited_out_by_a_producer(t, redis):
    for answer in PASSES:
        word = answer.split()[0]
        with refusing(redis, "XADD", answer) as server:
            configure(t, f"redis://127.0.0.1:{server.port}")
            producer = start_producer(t, word, 0, 50, keys=1)
            t.until(lambda: server.told > 2 and word in producer.err, what=f"{word} to be said, and tried again")
            server.lies.clear()
            t.equal(len(producer.wait(0).lines()), 50)
            t.equal(len(waiting(producer)), 1, f"{word}: lines that say so in {producer.err}")
        got = [number(event) for event in t.run("consume", "-t", word, "--exit-at-end").json()]
        t.equal(list(dict.fromkeys(got)), list(range(50)), word)


@redis_test()
def what_passes_is_waited_out_by_a_consumer(t, redis):
    produce(t, "a", 0, 20)
    for command, answer in [*(("XREADGROUP", answer) for answer in PASSES), ("XACK", PASSES[3])]:
        word = answer.split()[0]
        with refusing(redis, command, answer) as server:
            configure(t, f"redis://127.0.0.1:{server.port}")
            worker = start_worker(t, "a", f"{command} {word}")
            t.until(lambda: server.told > 2 and word in worker.err, what=f"{word} to be said, and tried again")
            server.lies.clear()
            worker.until(lambda w: len(w.lines()) == 20)
            worker.send(15)
            t.equal([number(event) for event in worker.wait(0).json()], list(range(20)), word)
            t.equal(len([line for line in waiting(worker) if word in line]), 1, f"{word}: lines in {worker.err}")


@redis_test()
def what_is_refused_beside_what_works_is_said_once(t, redis):
    """The look for what others left, and nothing else: no connection a tenth of a second, no two lines for each."""
    redis.call("XGROUP", "CREATE", "a", "g", "0", "MKSTREAM")
    with HostileServer({"XPENDING": lambda words: b"-ERR of a new kind\r\n" if b"IDLE" in words else None},
                       real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}")
        worker = start_worker(t, "a", "g", ("-o", "broker.main.connect_timeout=1m"))
        t.until(lambda: server.told > 4, what="its tries")
        server.lies.clear()
        produce(t, "a", 0, 3)
        worker.until(lambda w: len(w.lines()) == 3)
        worker.until("connected again")
        worker.send(15)
        worker.wait(0)
        t.equal(len(waiting(worker)), 1, f"lines that say so in {worker.err}")


@redis_test()
def what_stays_is_told_at_once(t, redis):
    """Within the time of a start, not of delivery_timeout (2m)."""
    produce(t, "a", 0, 3)
    for answer in STAYS:
        word = answer.split()[0]
        for verb, command, status in ((SEND, "XADD", 3), (TAKE, "XGROUP", 3), (TAKE, "XREADGROUP", 3)):
            given = answer.replace("%s", command.lower())
            with refusing(redis, command, given) as server:
                configure(t, f"redis://127.0.0.1:{server.port}")
                begin = time.monotonic()
                done = t.run(*verb, status=status)
                t.check(time.monotonic() - begin < 20, f"{command}: {word} took {time.monotonic() - begin:.1f} s")
                about = [line for line in done.err.splitlines() if f"({word}" in line]
                t.equal(len(about), 1, f"{command}: lines with {word} in {done.err}")
                t.contains(about[0], f"127.0.0.1:{server.port}" if verb is TAKE else "topic a")


@redis_test()
def whoever_may_not_is_told_who_he_is_and_what_to_allow(t, redis):
    produce(t, "a", 0, 1)
    for words, send, take in (
            (("~other", "+@all"), "ACL SETUSER lms ~a", "ACL SETUSER lms ~a"),
            (("~*", "+@all", "-xadd", "-xreadgroup"), "ACL SETUSER lms +xadd", "ACL SETUSER lms +xadd"),
            (("~*", "+@all", "-xreadgroup"), None, "ACL SETUSER lms +xreadgroup"),
            (("~*", "+@all", "-xgroup"), None, "ACL SETUSER lms +xgroup|create")):
        redis.call("ACL", "SETUSER", "lms", "reset", "on", f">{SECRET}", *words)
        configure(t, f"redis://lms:{SECRET}@127.0.0.1:{redis.port}")
        done = t.run(*SEND, status=3 if send else 0)
        t.contains(done.err, *(["NOPERM", "topic a", send] if send else []))
        done = t.run(*TAKE, status=3)
        t.contains(done.err, "NOPERM", "topic a", take)
        t.lacks(done.err, SECRET)


@redis_test()
def who_may_not_settle_does_not_go_on(t, redis):
    """Its events would be run again and again."""
    produce(t, "a", 0, 3)
    redis.call("ACL", "SETUSER", "lms", "on", f">{SECRET}", "~*", "+@all", "-xack")
    configure(t, f"redis://lms:{SECRET}@127.0.0.1:{redis.port}")
    task = {"topic": "a", "group": "g", "drain_timeout": "1s"}
    done = t.run(*(word for key, value in task.items() for word in ("-o", f"consume.x.{key}={value}")), "consume", "x",
                 status=3)
    t.contains(done.err, "acknowledging", "ACL SETUSER lms +xack")
    t.equal(redis.group("a", "g")["pending"], 3)


@redis_test()
def one_refused_batch_takes_no_connection_along(t, redis):
    """The next batch was written out already behind it, and is taken back: its answers are not waited for."""
    other = "org.openedx.learning.xblock.skill.verified.v1"
    redis.call("SET", "bad", "no stream")
    for topic, event_type, key in (("good", LOGIN, "user.pii.username"), ("bad", other, "xblock_info.usage_key")):
        t.configure(f"[route {topic}]\nevent = {event_type}\ntopic = {topic}\nkey_field = {key}\n")
    samples = {name: t.run("signals", name, "--sample").json()[0] for name in (LOGIN, other)}
    events = [json.dumps({**samples[other if n % 1000 == 500 else LOGIN], "id": f"{n:08x}-e77e-11f1-aaa2-02fc00000001"})
              for n in range(20000)]
    done = t.run(*QUIET, "produce", "-", stdin="\n".join(events) + "\n", status=1)
    t.equal(redis.call("XLEN", "good"), 20000 - 20)
    t.equal(len([line for line in done.err.splitlines() if "event_id=" in line]), 20, "refused ones")
    t.equal(waiting(done), [], "losses of the connection")


@redis_test()
def who_may_not_multi_sends_one_at_a_time(t, redis):
    """Without it each event of a batch would be stored by itself, and again at each try."""
    redis.call("ACL", "SETUSER", "lms", "on", f">{SECRET}", "~*", "+@all", "-multi")
    configure(t, f"redis://lms:{SECRET}@127.0.0.1:{redis.port}")
    producer = start_producer(t, "a", 0, 500)
    t.equal(len(producer.wait(0).lines()), 500)
    t.equal(redis.call("XLEN", "a"), 500)
    t.contains(producer.err, "one at a time", "ACL SETUSER lms +multi")


PRODUCER_MAY = ("+xadd", "+multi", "+exec", "+eval", "+xlen", "+xtrim", "+xinfo", "+xpending", "+info",
                "+ping", "+client|id", "+client|setname")
CONSUMER_MAY = ("+xgroup", "+xreadgroup", "+xack", "+xpending", "+xclaim", "+xrange", "+xrevrange", "+xinfo", "+eval",
                "+time", "+client|unblock", "+client|list", "+ping", "+client|id", "+client|setname")


@redis_test(keys={"stream_max_len": "10", "claim_after": "600ms"})
def no_more_rights_are_needed_than_operations_md_names(t, redis):
    with open(os.path.join(TESTS, "..", "docs", "operations.md"), encoding="utf-8") as file:
        text = file.read()
    t.contains(text, " ".join(PRODUCER_MAY), " ".join(CONSUMER_MAY))
    redis.call("ACL", "SETUSER", "out", "on", f">{SECRET}", "~*", *PRODUCER_MAY)
    redis.call("ACL", "SETUSER", "in", "on", f">{SECRET}", "~*", *CONSUMER_MAY, *PRODUCER_MAY, "+type")
    configure(t, f"redis://out:{SECRET}@127.0.0.1:{redis.port}", stream_max_len=10, stream_hard_len=100000)
    t.equal(t.run(*SEND).err.count("NOPERM"), 0)
    producer, pipe = open_producer(t, "a")
    pipe.write(login_lines(0, 1))
    pipe.flush()
    producer.until(lambda p: len(p.lines()) == 1)           # it has read its configuration
    configure(t, f"redis://in:{SECRET}@127.0.0.1:{redis.port}", claim_after="600ms")
    worker = start_worker(t, "a", "g", ("-o", "consume.x.dead_letter_topic=a.dlq"))
    with pipe:
        pipe.write(login_lines(1, 100))
        pipe.flush()
        worker.until(lambda w: len(w.lines()) == 101)
    producer.wait(0)
    worker.send(15)
    worker.wait(0)
    t.lacks(producer.err + worker.err, "NOPERM", "ACL")
    t.equal(redis.group("a", "g")["pending"], 0)
    t.equal(redis.call("ACL", "LOG"), [], "what was refused")


LOOKER_MAY = ("+scan", "+xlen", "+xrange", "+xrevrange", "+xinfo", "+xpending", "+memory|usage", "+ping", "+client|id",
              "+client|setname")
MOVER_MAY = ("+eval", "+exists", "+xgroup")
CLEANER_MAY = ("+eval", "+exists", "+type", "+xadd", "+xgroup", "+xack", "+xtrim", "+del")


@redis_test(keys={"claim_after": "300ms"})
def an_operator_needs_no_more_rights_than_operations_md_names(t, redis):
    with open(os.path.join(TESTS, "..", "docs", "operations.md"), encoding="utf-8") as file:
        t.contains(file.read(), " ".join(LOOKER_MAY), " ".join(MOVER_MAY), " ".join(CLEANER_MAY))
    produce(t, "a", 0, 10)
    t.run("consume", "-t", "a", "-g", "g", "-n", "3")
    redis.call("ACL", "SETUSER", "looks", "on", f">{SECRET}", "~*", *LOOKER_MAY)
    redis.call("ACL", "SETUSER", "moves", "on", f">{SECRET}", "~*", *LOOKER_MAY, *MOVER_MAY)
    configure(t, f"redis://looks:{SECRET}@127.0.0.1:{redis.port}", claim_after="300ms")
    t.equal([(row["topic"], row["events"], row["bytes"] > 0) for row in t.run("topics", "--json").json()], [("a", 10, True)])
    t.equal([(row["lag"], row["members"]) for row in t.run("groups", "--json").json()], [(7, 0)])
    t.equal(len(t.run("consume", "-t", "a", "--exit-at-end").json()), 10)
    t.contains(t.run("groups", "-t", "nosuch").err, "topic nosuch does not exist")
    configure(t, f"redis://moves:{SECRET}@127.0.0.1:{redis.port}", claim_after="300ms")
    t.until(lambda: t.run("seek", "-t", "a", "-g", "g", "--to", "earliest", status=None).status == 0, what="the seek")
    t.run("seek", "-t", "a", "-g", "h", "--to", "latest", "--create")
    redis.call("ACL", "SETUSER", "cleans", "on", f">{SECRET}", "~*", *LOOKER_MAY, *CLEANER_MAY)
    configure(t, f"redis://cleans:{SECRET}@127.0.0.1:{redis.port}", claim_after="300ms")
    redis.call("XREADGROUP", "GROUP", "g", "python", "COUNT", 2, "STREAMS", "a", ">")
    for words in (["topics", "create", "-t", "b", "--dry-run"], ["topics", "create", "-t", "b"],
                  ["topics", "trim", "-t", "a", "--before", "latest", "--unread-too"], ["topics", "delete", "-t", "b"]):
        t.run(*words)
    t.until(lambda: t.run("groups", "delete", "-t", "a", "-g", "g", status=None).status == 0, what="the end of the group")
    t.equal(redis.call("ACL", "LOG"), [], "what was refused")


@redis_test()
def what_a_user_may_not_read_hides_nothing_else(t, redis):
    for topic in ("a", "b", "secret"):
        produce(t, topic, 0, 4)
        t.run("consume", "-t", topic, "-g", "g", "-n", "1")
    redis.call("ACL", "SETUSER", "some", "on", f">{SECRET}", "~a", "~b", "+@all")
    configure(t, f"redis://some:{SECRET}@127.0.0.1:{redis.port}")
    for verb in ("topics", "groups"):
        for more in ((), ("--json",)):
            done = t.run(verb, *more, status=1)
            t.equal(done.out.count("secret"), 0)
            t.equal(len(done.out.splitlines()), 2 if more else 3, "rows, and the head of a table")
            t.contains(done.err, "topic secret: the user may not do this", "ACL SETUSER some ~secret", "1 of 3 topics are left out")
        t.contains(t.run(verb, "-t", "secret", status=3).err if verb == "groups" else "secret", "secret")
    t.equal(len(t.run("consume", "-t", "a", "-t", "secret", "-t", "b", "--exit-at-end", status=1).json()), 8)
    looker = t.start("consume", "-t", "*", "-n", "9")                   # looks at all topics again and again
    looker.until(lambda w: len(w.json()) == 8, what="what is there")
    time.sleep(1)
    produce(t, "b", 4, 5)
    t.equal(looker.wait(1).err.count("it is left out"), 1, "how often the same is said")
    redis.call("ACL", "SETUSER", "some", "-xinfo|consumers")
    t.equal({row["members"] for row in t.run("groups", "--json", status=1).json()}, {None}, "members, which nobody may see")
    redis.call("ACL", "SETUSER", "some", "-scan")
    t.contains(t.run("topics", status=3).err, "ACL SETUSER some +scan")


main()
