"""Redis 6.2, Redis 8.2 and Valkey beside the machine's own: the same promises on each."""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path.insert(0, os.path.join(TESTS, "brokers"))
from redis_case import each_version_test, number, produce, start_worker  # noqa: E402
from harness import BUILD, PLUGINS, main                    # noqa: E402

ALL = ("6.2", "8.2", "valkey")


@each_version_test(*ALL)
def the_conformance_kit(t, redis):
    done = t.run("--tap", "--seed", 1, "-o", f"url={redis.url}", "-o", "claim_after=1s",
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


main()
