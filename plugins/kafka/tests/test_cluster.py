"""What a real cluster does only when it likes, by librdkafka's mock cluster: members come back to their partitions,
leaders and coordinators change, answers are late or wrong. Needs no Java."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import Mock, number, options, position, produce     # noqa: E402
from harness import main, test                              # noqa: E402

# Of the protocol: kinds of requests, and errors.
PRODUCE, FETCH, OFFSET_COMMIT, OFFSET_FETCH, JOIN_GROUP, HEARTBEAT = 0, 1, 8, 9, 11, 12
NOT_LEADER, TIMED_OUT, COORDINATOR_LOADING, NO_COORDINATOR, NOT_COORDINATOR = 6, 7, 14, 15, 16
OUT_OF_ORDER, INVALID_EPOCH, UNKNOWN_PRODUCER, FENCED_INSTANCE = 45, 47, 59, 82

QUIET = "log_level = error\naudit_delivered = no\naudit_received = no\naudit_processed = no\n"


def configure(t, mock, section="", bus=QUIET, **keys):
    """The broker main is the mock; [consume w] is the group g of topic a."""
    lines = {"bootstrap_servers": mock.bootstrap, "rdkafka_session_timeout_ms": "6000",
             "rdkafka_heartbeat_interval_ms": "200", **keys}
    t.configure(f"[eventbus]\nproducer = main\nconsumer = main\n{bus}[broker main]\nplugin = kafka\n{options(lines)}"
                f"[consume w]\ntopic = a\ngroup = g\n{section}")


def numbers(*workers):
    """What these workers have completed, each once."""
    return sorted({number(event) for worker in workers for event in worker.json()})


def in_order(t, worker):
    """In the order of each partition, as one worker has settled it."""
    last = {}
    for event in worker.json():
        partition, offset = position(event["position"])
        t.check(offset > last.get(partition, -1), f"{event['position']} came after {last.get(partition)}")
        last[partition] = offset


@test
def a_partition_that_comes_back_goes_on(t):
    """It left with messages fetched ahead; they are behind the ones that come."""
    with Mock(t) as mock:
        mock("topic", "a", 2)
        configure(t, mock, section="max_in_flight = 4\nexec = cat; sleep 0.01\n")
        produce(t, "a", 0, 600)
        stays = t.start("consume", "w", "--name", "stays")
        stays.until(lambda w: len(w.json()) >= 20)
        goes = t.start("consume", "w", "--name", "goes")
        goes.until(lambda w: len(w.json()) >= 20)
        goes.send(15)
        goes.wait(0)
        t.until(lambda: numbers(stays, goes) == list(range(600)), what="all events")
        stays.send(15)
        stays.wait(0)


main()
