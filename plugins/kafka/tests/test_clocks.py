"""Producers, consumers and brokers whose wall clocks differ: nothing is refused, removed or held up by that."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import KEY_FIELD, LOGIN, QUIET, kafka_test, login_lines, number, take_all  # noqa: E402
from clocks import Clock                                    # noqa: E402
from harness import main                                    # noqa: E402

DAY, YEAR = 86400, 365 * 86400


def produce(t, topic, first, last, clock):
    return t.run(*QUIET, "produce", "--signal", LOGIN, "--topic", topic, "--key-field", KEY_FIELD, "--json", "-",
                 stdin=login_lines(first, last), env=clock.environment)


@kafka_test()
def a_producer_whose_time_the_brokers_refuse_delivers_all_the_same_and_says_so(t, site):
    """They refuse what is more than an hour ahead, on topics where the sender gives the time."""
    site.kafka.create(site.full("a"), 2)
    done = produce(t, "a", 0, 40, Clock(t, DAY))
    t.equal(len(done.json()), 40)
    t.equal(done.err.count("refuse the times of messages"), 1, "lines about the clock")
    produce(t, "a", 40, 60, Clock(t))
    got = [number(event) for event in take_all(t, "a", site.group())]
    t.equal(sorted(got), list(range(60)))
    for key in range(20):
        t.equal([n for n in got if n % 20 == key], [key, key + 20, key + 40], f"the order of key {key}")


@kafka_test()
def dead_letters_have_the_brokers_times(t, site):
    """So how long they are kept goes by the brokers' clock: those of a worker a year behind would be removed at once."""
    site.kafka.create(site.full("a"), 1)
    for seconds in (-YEAR, YEAR):
        produce(t, "a", 0, 3, Clock(t))
        t.run(*QUIET, "consume", "-t", "a", "-g", site.group(), "--exit-at-end", "--exec", "exit 65", status=1,
              env=Clock(t, seconds).environment)
    now = int(subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout)
    times = [message["time_ms"] // 1000 for message in site.dump("a.dlq")]
    t.check(len(times) == 6 and all(abs(time - now) < 600 for time in times), f"now {now}, but {times}")


@kafka_test(keys={"rdkafka_session_timeout_ms": "6000", "rdkafka_heartbeat_interval_ms": "500"}, own_kafka=True)
def a_clock_that_is_set_back_while_the_brokers_are_away_does_not_keep_us_from_them(t, site):
    """librdkafka waits by the wall clock before it connects again."""
    site.kafka.create(site.full("a"), 2)
    clock = Clock(t)
    worker = t.start(*QUIET, "consume", "-t", "a", "-g", site.group(), env=clock.environment)
    read, write = os.pipe()
    producer = t.start(*QUIET, "produce", "--signal", LOGIN, "--topic", "a", "--key-field", KEY_FIELD, "--json", "-",
                       stdin=read, env=clock.environment)
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as pipe:
        pipe.write(login_lines(0, 4))
        worker.until(lambda w: len(w.json()) == 4)
        site.kafka.kill9()
        for process in (worker, producer):
            process.until("waits for the broker")
        pipe.write(login_lines(4, 8))
        clock.set(-DAY)
        for process in (worker, producer):
            process.until("the wall clock was set 86")
        site.kafka.start()
        producer.until(lambda p: len(p.lines()) == 8)
        worker.until(lambda w: len({number(event) for event in w.json()}) == 8)


main()
