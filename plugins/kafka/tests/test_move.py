"""From Redis to Kafka as docs/operations.md tells it, with both servers, while events are sent."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import KEY_FIELD, LOGIN, QUIET, kafka_test, login_lines, number  # noqa: E402
from harness import PLUGINS, SCHEMAS, main                  # noqa: E402
from redis_case import server_for                           # noqa: E402

KEYS, EACH = 10, 100


class Service:
    """A service that sends login events, by the route, to whatever broker it is started for."""

    def __init__(self, t, broker):
        self.worker = t.start(*QUIET, "-o", f"eventbus.producer={broker}", "produce", "--signal", LOGIN, "--json", "-",
                              stdin=subprocess.PIPE)
        self.broker = broker

    def send(self, first, last):
        before = len(self.worker.lines())
        self.worker.process.stdin.write(login_lines(first, last, KEYS).encode())
        self.worker.process.stdin.flush()
        self.worker.until(lambda w: len(w.lines()) == before + last - first, what=f"receipts of {self.broker}")

    def stop(self):
        self.worker.process.stdin.close()
        self.worker.wait(0)


class Move:
    """One configuration with both brokers; workers that write into one log what they have run, in its order."""

    def __init__(self, t, site, redis):
        self.t, self.site = t, site
        t.write("eventbus.ini", f"[eventbus]\nplugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\nproducer = redis\n"
                f"consumer = redis\ntopic_prefix = {site.prefix}\n[broker redis]\nplugin = redis\nurl = {redis.url}\n"
                "[broker kafka]\nplugin = kafka\n" + site.options() +
                f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = {KEY_FIELD}\n"
                "[consume a]\ntopic = a\ngroup = g\nretry.attempts = 100\nretry.backoff = 50ms\nexec = " +
                t.write("run", f"#!/bin/sh\ne=$(cat)\ncase $e in *'\"id\":7,'*) test -e {t.path('up')} || exit 75;; esac\n"
                        f"printf '%s\\n' \"$e\" >> {t.path('log')}\n") + "\n")
        os.chmod(t.path("run"), 0o755)
        t.write("log", "")

    def work(self, broker):
        return self.t.start(*QUIET, "consume", "a", "--broker", broker)

    def ran(self):
        return [number(json.loads(line)) for line in self.t.whole_lines("log")]

    def lag(self):
        """The lag on Redis; None while the group is not there, which says nothing about what was run."""
        rows = self.t.run("groups", "-t", "a", "-g", "g", "--broker", "redis", "--json").json()
        return sum(row["lag"] for row in rows) if rows else None

    def stop(self, *workers):
        for worker in workers:
            worker.send(15)
            worker.wait(0)


def move(function):
    def run(t, site):
        with server_for(t) as redis:
            function(t, site, Move(t, site, redis))
    run.__name__ = function.__name__
    return kafka_test()(run)


@move
def workers_first_nothing_is_lost_and_nothing_runs_twice(t, site, m):
    """Event 7 fails until the site is repaired: what waits for its retry counts in the lag, so Redis is not left early."""
    old = m.work("redis")
    before = Service(t, "redis")
    before.send(0, EACH)
    new = m.work("kafka")
    after = Service(t, "kafka")
    after.send(EACH, 2 * EACH)
    before.send(2 * EACH, 3 * EACH)                         # another process of the service, not restarted yet
    before.stop()
    after.send(3 * EACH, 4 * EACH)
    t.until(lambda: len(m.ran()) >= 4 * EACH - 30, what="all but what stands behind event 7")
    t.check(m.lag(), "lag 0 while an event waits for its retry")
    t.write("up", "")
    t.until(lambda: m.lag() == 0, what="lag 0")
    m.stop(old)
    t.until(lambda: len(m.ran()) == 4 * EACH, what="all")
    after.stop()
    m.stop(new)
    t.equal(sorted(m.ran()), list(range(4 * EACH)), "what has run")


@move
def workers_last_every_key_keeps_its_order(t, site, m):
    site.kafka.create(site.full("a"), 3)
    t.write("up", "")
    old = m.work("redis")
    before = Service(t, "redis")
    before.send(0, 2 * EACH)
    before.stop()
    after = Service(t, "kafka")
    after.send(2 * EACH, 4 * EACH)
    t.until(lambda: m.lag() == 0, what="lag 0")
    m.stop(old)
    new = m.work("kafka")
    t.until(lambda: len(m.ran()) == 4 * EACH, what="all")
    after.stop()
    m.stop(new)
    for key in range(KEYS):
        t.equal([n for n in m.ran() if n % KEYS == key], list(range(key, 4 * EACH, KEYS)), f"key {key}")


main()
