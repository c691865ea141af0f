"""Redis 6.2, Redis 8.2 and Valkey beside the machine's own: the same promises on each."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "..", "tests")
sys.path[:0] = [HERE, os.path.join(TESTS, "brokers")]
from redis_case import configure, each_version_test, number, produce, redis_test, start_producer, start_worker  # noqa: E402
from hostile import HostileServer                           # noqa: E402
from harness import BUILD, PLUGINS, main                    # noqa: E402

ALL = ("6.2", "8.2", "valkey")


@each_version_test(*ALL)
def the_conformance_kit(t, redis):
    done = t.run("--tap", "--seed", 1, "-o", f"url={redis.url}", "-o", "claim_after=1500ms",
                 os.path.join(PLUGINS, "redis.so"), command=os.path.join(BUILD, "eventbus-conform"), timeout=300)
    lines = done.out.splitlines()
    t.equal([line for line in lines if line.startswith("not ok")], [])
    t.check(sum(line.startswith("ok ") for line in lines) > 40, done.out)


@each_version_test(*ALL, keys={"claim_after": "600ms"})
def what_a_dead_consumer_had_goes_to_another(t, redis):
    """Trimmed entries among it, which each version tells of in its own way."""
    produce(t, "a", 0, 20)
    dead = start_worker(t, "a", "g", ("--exec", "cat > begun; exec sleep 60"), name="dead")
    t.until(lambda: os.path.exists(t.path("begun")) and redis.group("a", "g")["pending"] == 20)
    dead.kill9()
    redis.call("XDEL", "a", *[entry_id for entry_id, _ in redis.entries("a")[5:8]])
    heir = start_worker(t, "a", "g", name="heir")
    heir.until(lambda w: len(w.lines()) == 17)
    t.until(lambda: redis.group("a", "g")["pending"] == 0, what="the end of what is pending")
    heir.send(15)
    done = heir.wait(0)
    t.equal(sorted(number(event) for event in done.json()), [*range(5), *range(8, 20)])
    t.matches(done.err, r"\b3 event.* trimmed")


# ---- Redis 5 and 6.0, which a server plays that does not know what came later ----

def without_idle(words):
    return b"-ERR syntax error\r\n" if b"IDLE" in words else None


def without_minid(words):
    script = b"MINID" in words[1]
    return b"-ERR Error running script (call to f_1): @user_script:17: ERR syntax error\r\n" if script else None


@redis_test()
def before_6_2_the_rows_tell_what_was_left(t, redis):
    """XPENDING knows no IDLE there."""
    produce(t, "a", 0, 20)
    with HostileServer({"XPENDING": without_idle}, real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}", claim_after="600ms")
        dead = start_worker(t, "a", "g", ("--exec", "cat > begun; exec sleep 60"), name="dead")
        t.until(lambda: os.path.exists(t.path("begun")) and redis.group("a", "g")["pending"] == 20)
        dead.kill9()
        heir = start_worker(t, "a", "g", name="heir")
        heir.until(lambda w: len(w.lines()) == 20)
        t.check(server.told > 0, "it was asked for IDLE")
        heir.send(15)
        t.equal(sorted(number(event) for event in heir.wait(0).json()), list(range(20)))
        t.lacks(heir.err, "XPENDING", "waits")


@redis_test()
def before_6_2_nothing_is_trimmed_which_is_said_once(t, redis):
    with HostileServer({"EVAL": without_minid}, real=redis.port) as server:
        configure(t, f"redis://127.0.0.1:{server.port}", stream_max_len="10")
        producer = start_producer(t, "a", 0, 20_000)
        t.equal(len(producer.wait(0).lines()), 20_000)
        t.check(server.told > 0, "it was asked to trim")
        t.equal(producer.err.count("needs Redis 6.2"), 1, f"lines that say so in {producer.err}")
        t.equal(redis.call("XLEN", "a"), 20_000)


main()
