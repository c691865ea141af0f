"""A server that lies: it is dropped with the reason, memory stays bounded, nothing is taken for done."""
import itertools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "..", "tests", "brokers")]
from redis_case import KEY_FIELD, LOGIN, LOGIN_BODY, configure, entry, login_lines, peak_while  # noqa: E402
from hostile import HostileServer                           # noqa: E402
from redis_server import RedisServer                        # noqa: E402
from harness import main, size, test                              # noqa: E402

MIB = 1 << 20
LIMIT = 64 * MIB                                            # resident; reply_limit is 1 MiB here
PATIENCE = ("-o", "broker.main.connect_timeout=5s", "-o", "broker.main.reply_limit=1M", "-o",
            "broker.main.command_timeout=1s", "-o", "eventbus.delivery_timeout=4s")


def forever(piece):
    return lambda words: itertools.repeat(piece * max(1, 65536 // len(piece)))


def bulk(value):
    value = value if isinstance(value, bytes) else value.encode()
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(*parts):
    return b"*%d\r\n" % len(parts) + b"".join(parts)


LIES = [
    ("a number", b":17\r\n"), ("nothing", b"$-1\r\n"), ("an empty list", b"*0\r\n"), ("no list", b"*-1\r\n"),
    ("a list of numbers", array(b":1\r\n", b":2\r\n")), ("an empty text", b"$0\r\n\r\n"), ("a status", b"+FINE\r\n"),
    ("lists in lists", b"*1\r\n" * 100 + b":1\r\n"), ("very deep lists", b"*1\r\n" * 100_000 + b":1\r\n"),
    ("a text of 2^62 bytes", b"$4611686018427387904\r\n"), ("a text of 4 GiB", b"$4294967296\r\n"),
    ("a text below the limit that does not come", b"$500000\r\nxxx"), ("a text above the limit", b"$2000000\r\n"),
    ("a list of 2^31 parts", b"*2147483647\r\n"), ("a list of 2^62", b"*4611686018427387904\r\n"),
    ("a negative length", b"$-7\r\n"), ("a length that is none", b"$x\r\n"),
    ("no protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("zeros", b"\x00" * 100), ("a text without its end", b"$3\r\nabcdef\r\n"),
    ("an unknown error", b"-WHAT is this\r\n"),
    ("an error without a word", b"-\r\n"), ("an error of bytes", b"-\xff\xfe\x1b[31m\r\n"),
    ("a long error", b"-ERR " + b"x" * 500_000 + b"\r\n"), ("two answers", b"+OK\r\n+OK\r\n"),
    ("a line that never ends", forever(b"+xxxxxxxx")), ("an error that never ends", forever(b"-xxxxxxxx")),
    ("answers that never end", forever(b"+OK\r\n")), ("a list that never ends", lambda _: itertools.chain(
        [b"*1000000000\r\n"], itertools.repeat(b":1\r\n" * 10_000))),
    ("lists that never end", forever(b"*1\r\n")), ("texts that never end", lambda _: itertools.chain(
        [b"*100000000\r\n"], itertools.repeat(bulk("x" * 50_000)))),
]

ENTRY = array(bulk("1-1"), array(*map(bulk, entry())))
ENTRIES = [
    ("a stream of another name", array(array(bulk("other"), array(ENTRY)))),
    ("a stream without a name", array(array(b":1\r\n", array(ENTRY)))),
    ("an entry without an id", array(array(bulk("a"), array(array(b":1\r\n", array(*map(bulk, entry()))))))),
    ("an id that is none", array(array(bulk("a"), array(array(bulk("x-y"), array(*map(bulk, entry()))))))),
    ("an id of 500 KB", array(array(bulk("a"), array(array(bulk("1" * 500_000), array(*map(bulk, entry()))))))),
    ("a name without a value", array(array(bulk("a"), array(array(bulk("1-1"), array(bulk("type"))))))),
    ("a number among the fields", array(array(bulk("a"), array(array(bulk("1-1"), array(bulk("type"), b":1\r\n")))))),
    ("an entry that is a number", array(array(bulk("a"), array(b":1\r\n")))),
    ("an entry of three parts", array(array(bulk("a"), array(array(bulk("1-1"), array(), array()))))),
    ("more entries than asked for", array(array(bulk("a"), array(*[array(bulk(f"1-{n}"), array(*map(bulk, entry())))
                                                                  for n in range(1, 3000)])))),
    ("the same entry again and again", array(array(bulk("a"), array(ENTRY, ENTRY, ENTRY)))),
    ("the map of RESP 3", b"%1\r\n" + bulk("a") + array(ENTRY)),
]


def some(lies):
    """Each takes seconds: a third of them, and all in a soak."""
    return lies[::size(3, 1)]


def watched(t, what, worker, server, done):
    """Runs it for a while after the first lie: it neither grows nor dies of a signal."""
    worker.until(lambda _: server.told, what=f"{what}: to be told")
    peak = peak_while(worker, 4, done)
    t.check(peak < LIMIT, f"{what}: resident {peak // MIB} MiB")
    t.until(lambda: not worker.running() or worker.send(15), what=f"{what}: to end at a second signal")
    status = worker.process.returncode
    t.check(status in (0, 1, 3, 128 + 15, -15), f"{what}: ended with {status}: {worker.err[-300:]}")


def lied_to(t, verb, command, lies, check, beside=None):
    """Four liars at a time; beside: what each of them lies besides."""
    starting = threading.Lock()
    configure(t, "redis://127.0.0.1")

    def one(what, lie):
        with HostileServer({command: lie, **(beside or {})}) as server:
            with starting:
                worker = t.start(*PATIENCE, "-o", f"broker.main.url=redis://127.0.0.1:{server.port}", *verb)
            watched(t, f"{command}: {what}", worker, server, lambda: server.hung_up > 2)
            check(f"{command}: {what}", worker, server)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(one, what, lie) for what, lie in lies]:
            done.result()


@test
def a_producer_takes_no_lie_for_a_delivery(t):
    events = t.write("events", login_lines(0, 5))
    verb = ("produce", "--signal", LOGIN, "--topic", "a", "--key-field", KEY_FIELD, "--json", "--file", events)

    def check(what, worker, server):
        t.equal(worker.out, "", f"{what}: receipts")
        t.contains(worker.err, f"127.0.0.1:{server.port}")
    lied_to(t, verb, "XADD", some(LIES), check)


@test
def a_consumer_passes_on_no_lie(t):
    def check(what, worker, server):
        t.equal(worker.out, "", f"{what}: events")
    lied_to(t, ("consume", "-t", "a", "-g", "g"), "XREADGROUP", some(LIES), check)


@test
def entries_of_a_wrong_shape(t):
    """No event is made up: none comes more often than the server told it."""
    lies = dict(ENTRIES)

    def check(what, worker, server):
        most = lies[what.removeprefix("XREADGROUP: ")].count(b"event_data") * server.told
        t.check(len(worker.lines()) <= most, f"{what}: {len(worker.lines())} events of {most}")
    lied_to(t, ("consume", "-t", "a", "-g", "g"), "XREADGROUP", ENTRIES, check)


@test
def lies_told_at_the_connection(t):
    lies = [lie for lie in LIES if lie[0] not in ("a status",)]
    verb = ("-o", "broker.main.connect_timeout=2s", "consume", "-t", "a", "-g", "g")
    lied_to(t, verb, "", some(lies), lambda *_: None)


@test
def lies_about_what_is_pending(t):
    def check(what, worker, server):
        t.equal(worker.out, "", f"{what}: events")
    chosen = [lie for lie in LIES if lie[0] in (
        "a number", "nothing", "a list of numbers", "very deep lists", "a status", "a text of 2^62 bytes",
        "texts that never end", "two answers")]
    verb = ("-o", "broker.main.claim_after=300ms", "consume", "-t", "a", "-g", "g")
    for command in ("XGROUP", "XINFO", "XPENDING"):
        lied_to(t, verb, command, some(chosen), check)
    left = array(array(bulk("7-7"), bulk("dead"), b":99999999\r\n", b":1\r\n"))
    lied_to(t, verb, "XCLAIM", [*some(chosen), ("an entry that was not asked for", array(ENTRY))], check,
            {"XPENDING": left})


@test
def a_lie_about_an_acknowledgement(t):
    """The event was run once or more; the worker goes on or ends, and memory is bounded."""
    for what, lie in some(LIES):
        with RedisServer() as redis, HostileServer({"XACK": lie}, real=redis.port) as server:
            redis.call("XADD", "a", "*", *entry(body=LOGIN_BODY))
            configure(t, f"redis://127.0.0.1:{server.port}")
            worker = t.start(*PATIENCE, "consume", "-t", "a", "-g", "g")
            watched(t, f"XACK: {what}", worker, server, lambda: server.told > 2)
            t.check(worker.lines(), f"{what}: it was run")
            t.equal(redis.group("a", "g")["pending"], 1, f"{what}: what was not acknowledged is pending")


@test
def a_liar_that_turns_honest_is_served_again(t):
    with RedisServer() as redis, HostileServer({"XADD": b":17\r\n"}, real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}")
        events = t.write("events", login_lines(0, 50))
        producer = t.start("produce", "--signal", LOGIN, "--topic", "a", "--json", "--file", events)
        t.until(lambda: server.told > 1)
        server.lies.clear()
        producer.wait(0)
        t.equal(len(producer.lines()), 50)
        t.check(redis.call("XLEN", "a") >= 50, "all are stored")


main()
