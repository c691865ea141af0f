"""What Redis refuses, and what is wrong with the way to it: one line with host and cause, and no secret anywhere."""
import os
import sys
import time

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path.insert(0, os.path.join(TESTS, "brokers"))
import child                                                # noqa: E402
import resp                                                 # noqa: E402
from redis_case import (LOGIN, add, configure, entry, login_lines, number, open_producer, produce, proxy_test,  # noqa: E402
                        redis_test, start_producer, start_worker)
from redis_server import RedisServer                        # noqa: E402
from harness import main, test                              # noqa: E402

SECRET = "s3cret-hunter2"
EVENT = '{"user":{"id":1,"is_active":true,"pii":{"username":"u","email":"e","name":"n"}}}'
SEND = ("produce", "--signal", LOGIN, "--topic", "a", "--data", EVENT)
TAKE = ("consume", "-t", "a", "-g", "g", "--exit-at-end")
VERBS = (SEND, TAKE, ("topics",), ("groups",))
IMPATIENT = ("-o", "broker.main.connect_timeout=1s", "-o", "eventbus.delivery_timeout=3s")


def cause(text):
    """The lines that tell of trouble: what an operator reads."""
    return [line for line in text.splitlines() if line.strip()]


def each_verb_ends(t, status, *words, secret=SECRET, one_line=True):
    for verb in VERBS:
        begin = time.monotonic()
        done = t.run(*IMPATIENT, *verb, status=status)
        t.contains(done.err, *words)
        t.lacks(done.out + done.err, secret)
        t.check(time.monotonic() - begin < 15, f"{verb[0]} took {time.monotonic() - begin:.1f} s")
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
    done = t.run("-o", "eventbus.delivery_timeout=3s", *SEND, status=None)
    t.check(done.status in (1, 3), f"exit {done.status}")
    t.contains(done.err, "NOPERM")
    configure(t, f"redis://nobody:{SECRET}@127.0.0.1:{redis.port}")
    t.contains(t.run(*IMPATIENT, *SEND, status=3).err, "WRONGPASS")


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
    done = t.run("-o", "eventbus.delivery_timeout=1s", *SEND, status=3)
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
    done = t.run("-o", "eventbus.delivery_timeout=2s", *SEND, status=3)
    t.matches(done.err, "MASTERDOWN|READONLY")
    before = refused(redis)
    worker = t.start("-o", "broker.main.connect_timeout=60s", *TAKE[:-1])
    t.until(lambda: refused(redis) > before, what="the worker to be refused")
    redis.call("REPLICAOF", "NO", "ONE")
    t.run(*SEND)
    worker.until(lambda w: len(w.lines()) == 1)


@redis_test(options=[("cluster-enabled", "yes")])
def a_cluster_is_refused(t, redis):
    done = t.run(*IMPATIENT, *SEND, status=None)
    t.check(done.status in (1, 3), f"exit {done.status}")
    t.matches(done.err, "(?i)cluster")


@redis_test()
def commands_that_the_server_does_not_know(t, redis):
    """A server whose XADD is renamed away, as some hosts do with what they deem dangerous."""
    redis.call("ACL", "SETUSER", "default", "-xadd")
    done = t.run("-o", "eventbus.delivery_timeout=2s", *SEND, status=None)
    t.check(done.status in (1, 3), f"exit {done.status}")
    t.contains(done.err, "NOPERM")


main()
