"""What a real cluster does only when it likes, by librdkafka's mock cluster: members come back to their partitions,
leaders and coordinators change, answers are late or wrong. Needs no Java."""
import _ctypes
import ctypes
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import KEY_FIELD, LOGIN, LOGIN_BODY, Mock, framed, headers, login_lines, number, options, position, \
    produce, raw, start_producer                                          # noqa: E402
from harness import BUILD, PLUGINS, main, test              # noqa: E402

# Of the protocol: kinds of requests, and errors.
PRODUCE, FETCH, OFFSET_COMMIT, OFFSET_FETCH, JOIN_GROUP, HEARTBEAT = 0, 1, 8, 9, 11, 12
UNKNOWN_TOPIC, NOT_LEADER, TIMED_OUT, COORDINATOR_LOADING, NO_COORDINATOR, NOT_COORDINATOR = 3, 6, 7, 14, 15, 16
ILLEGAL_GENERATION, UNKNOWN_MEMBER, INVALID_COMMIT = 22, 25, 28
REBALANCE_IN_PROGRESS, OUT_OF_ORDER, INVALID_EPOCH, UNKNOWN_PRODUCER = 27, 45, 47, 59

QUIET = "log_level = error\naudit_delivered = no\naudit_received = no\naudit_processed = no\n"


def configure(t, mock, section="", bus=QUIET, **keys):
    """The broker main is the mock; [consume w] is the group g of topic a. The mock makes no topics for those who ask: each
    worker that may have dead letters would wait 5 s for it."""
    lines = {"bootstrap_servers": mock.bootstrap, "rdkafka_session_timeout_ms": "6000",
             "rdkafka_heartbeat_interval_ms": "200", **keys}
    t.configure(f"[eventbus]\nproducer = main\nconsumer = main\n{bus}[broker main]\nplugin = kafka\n{options(lines)}"
                f"[consume w]\ntopic = a\ngroup = g\non_failure = stop\non_unknown = skip\n{section}")


def numbers_of(events):
    return sorted(number(event) for event in events)


def numbers(*workers):
    """What these workers have completed, each number once."""
    return sorted({number(event) for worker in workers for event in worker.json()})


def places(*workers):
    return {event["position"] for worker in workers for event in worker.json()}


def in_order(t, events):
    """First completions of each key come in the order of their positions."""
    last, seen = {}, set()
    for event in events:
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        partition, offset = position(event["position"])
        partition = partition, event["partitionkey"]
        t.check(offset > last.get(partition, -1), f"{event['position']} came after {last.get(partition)}")
        last[partition] = offset


@test
def a_partition_without_a_leader_hides_nothing_else(t):
    with Mock(t, 2) as mock:
        mock("topic", "good", 2)
        mock("topic", "bad", 3)
        configure(t, mock, bus="")
        for topic in ("good", "bad"):
            sent = produce(t, topic, 0, 30)
        in_1 = sum(receipt["position"].startswith("1:") for receipt in sent)
        mock("leader", "bad", 1, -1)
        told = t.run("topics", "--json", status=1)
        t.equal({row["topic"]: (row["partitions"], row["events"]) for row in told.json()}, {"good": (2, 30), "bad": (3, None)})
        t.contains(told.err, "topic bad partition 1: ", "Leader not available")
        for words, n in ((("-t", "bad"), 30), (("-t", "bad", "-t", "good"), 60), (("-t", "*"), 60)):
            looked = t.run("consume", *words, "--exit-at-end", status=None)
            t.check(looked.status in (1, 3), f"ended with {looked.status}")
            there = {(event["topic"], event["id"]) for event in looked.json()}
            t.equal(len(there), n - in_1, str(words))
            t.contains(looked.err, "topic bad: 1 partition(s) have no leader")


@test
def a_topic_that_may_not_be_read_ends_the_worker(t):
    fetch, topic_authorization_failed = 1, 29
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, bus="")
        produce(t, "a", 0, 3)
        mock("errors", fetch, topic_authorization_failed, 50)
        done = t.run("consume", "w", "--exit-at-end", status=3)
        t.contains(done.err, "topic a partition 0", "the ACL Read on the topic")


@test
def a_partition_that_comes_back_goes_on(t):
    """It left with messages fetched ahead; they are behind the ones that come."""
    with Mock(t) as mock:
        mock("topic", "a", 2)
        configure(t, mock, section="max_in_flight = 4\nexec = cat; sleep 0.01\n")
        produce(t, "a", 0, 600)
        stays = t.start("consume", "w", "--name", "stays")
        stays.until(lambda w: len(w.json()) >= 20)
        goes, sent = t.start("consume", "w", "--name", "goes"), 600

        def has_some_and_more_is_behind():
            """The other member may have run them all before this one is let in."""
            nonlocal sent
            if sent - len(numbers(stays, goes)) < 300:
                produce(t, "a", sent, sent + 300)
                sent += 300
            return len(goes.json()) >= 20

        t.until(has_some_and_more_is_behind, what="events at the new member")
        goes.send(15)
        goes.wait(0)
        t.until(lambda: numbers(stays, goes) == list(range(sent)), what="all events")
        stays.send(15)
        stays.wait(0)


def receiver(t, *lines):
    """A command for exec that has the event in $e; what it prints, the worker prints."""
    path = t.write("receiver.sh", "\n".join(["#!/bin/sh", "e=$(cat)", *lines, ""]))
    os.chmod(path, 0o755)
    return path


def end(worker):
    worker.send(15)
    return worker.wait(0)


def raw_logins(mock, partition, count, key):
    """Framed with id 0: no registry."""
    one = {"topic": "a", "partition": partition, "key": framed(0, bytes([2 * len(key)]) + key.encode()),
           "value": framed(0, LOGIN_BODY)}
    lines = [json.dumps({**one, "headers": headers()}) for _ in range(count)]
    raw("send", mock.bootstrap, stdin="\n".join(lines) + "\n")


# ---- A topic that nobody has made ----

@test
def an_unknown_topic_is_waited_for_as_long_as_topic_wait(t):
    """Made meanwhile, it takes its events in order; else they are refused with what to do, and others go on."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        mock("topic", "late", 1)
        mock("topic-error", "late", UNKNOWN_TOPIC)
        configure(t, mock, topic_wait="60s")
        producer = start_producer(t, "late", 0, 20)
        produce(t, "a", 0, 3)
        time.sleep(3)                                   # longer than a refusal without topic_wait takes
        t.equal(producer.json(), [], "receipts of a topic that is unknown")
        t.lacks(producer.err, "does not exist")
        mock("topic-error", "late", 0)
        t.equal([one["position"] for one in producer.wait(0).json()], [f"0:{n}" for n in range(20)])
        mock("topic-error", "never", UNKNOWN_TOPIC)
        t.write("eventbus.ini", t.read("eventbus.ini").replace("topic_wait = 60s", "topic_wait = 1s"))
        began = time.monotonic()
        done = start_producer(t, "never", 0, 2).wait(None)
        t.check(done.status not in (0, None), f"status {done.status}")
        t.check(1 <= time.monotonic() - began < 60, "neither at once nor by delivery_timeout")
        t.contains(done.err, "topic never does not exist, waited 1000 ms", "topic_wait", "undelivered.jsonl")


@test
def a_topic_that_goes_away_under_a_producer_is_waited_for_as_well(t):
    """It is made anew, or the broker that was asked has just started: what waits for it then goes out in its order."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, topic_wait="60s", rdkafka_socket_timeout_ms="1000", rdkafka_retry_backoff_ms="50")
        os.mkfifo(t.path("lines"))
        producer = t.start("produce", "--signal", LOGIN, "--topic", "a", "--key-field", KEY_FIELD, "--json", "--file",
                           t.path("lines"))
        with open(t.path("lines"), "w", encoding="utf-8") as lines:
            def send(first, last):
                lines.write(login_lines(first, last))
                lines.flush()
            send(0, 5)
            producer.until(lambda p: len(p.json()) == 5, what="the first ones")
            mock("leader", "a", 0, -1)                      # so that the next ones are in its queue
            send(5, 10)
            time.sleep(1)
            mock("topic-error", "a", UNKNOWN_TOPIC)
            send(10, 15)
            time.sleep(3)
            t.equal(len(producer.json()), 5, "receipts of a topic that went away")
            t.lacks(producer.err, "not delivered")
            mock("topic-error", "a", 0)
            mock("leader", "a", 0, 1)
            send(15, 20)
        t.equal([one["position"] for one in producer.wait(0).json()], [f"0:{n}" for n in range(20)], "receipts")
        t.equal([number(one) for one in t.run("consume", "w", "--exit-at-end").json()], list(range(20)), "the order")


@test
def a_topic_that_has_gone_away_is_waited_for_no_longer_than_topic_wait(t):
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, topic_wait="2s", rdkafka_retry_backoff_ms="50")
        os.mkfifo(t.path("lines"))
        producer = t.start("produce", "--signal", LOGIN, "--topic", "a", "--key-field", KEY_FIELD, "--json", "--file",
                           t.path("lines"))
        with open(t.path("lines"), "w", encoding="utf-8") as lines:
            lines.write(login_lines(0, 5))
            lines.flush()
            producer.until(lambda p: len(p.json()) == 5, what="the first ones")
            mock("topic-error", "a", UNKNOWN_TOPIC)
            mock("leader", "a", 0, -1)
            mock("errors", PRODUCE, UNKNOWN_TOPIC, 50)
            began = time.monotonic()
            lines.write(login_lines(5, 10))
        done = producer.wait(None)
        t.check(time.monotonic() - began < 40, f"not by delivery_timeout: {time.monotonic() - began:.0f} s")
        t.contains(done.err, "topic a does not exist, waited 2000 ms", "topic_wait", "undelivered.jsonl")


@test
def a_place_behind_the_end_is_the_end(t):
    """Where a new group is to begin; not the beginning, which is what librdkafka takes."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock)
        produce(t, "a", 0, 5)
        t.equal(t.run("consume", "w", "--from", "0:3000", "--exit-at-end").json(), [])
        produce(t, "a", 5, 7)
        t.equal(numbers_of(t.run("consume", "w", "--exit-at-end").json()), [5, 6])


# ---- Leaders, coordinators, answers ----

@test
def leaders_that_move_cost_no_event(t):
    """Both while brokers say so and while they are not asked yet; for a moment there is none."""
    with Mock(t, 3) as mock:
        mock("topic", "a", 3)
        configure(t, mock, section="max_in_flight = 20\n")
        worker = t.start("consume", "w")
        sent = []
        for round_ in range(4):
            for partition in range(3):
                mock("leader", "a", partition, -1 if round_ == 2 else 1 + (partition + round_) % 3)
            producer = start_producer(t, "a", 200 * round_, 200 * (round_ + 1))
            mock("errors", PRODUCE, NOT_LEADER, 3)
            mock("errors", FETCH, NOT_LEADER, 3)
            if round_ == 2:
                time.sleep(0.5)                         # so that it is seen
                t.equal(producer.json(), [], "receipts without leaders")
                for partition in range(3):
                    mock("leader", "a", partition, 1 + partition)
            sent += producer.wait(0).json()
            worker.until(lambda w, want=len(sent): len(w.json()) >= want, what="the events so far")
        t.equal(len({one["position"] for one in sent}), 800, "places that receipts name")
        done = end(worker)
        t.equal(numbers_of(done.json()), list(range(800)), "events, each once")
        in_order(t, done.json())


@test
def a_coordinator_that_moves_or_answers_late_loses_no_place(t):
    """Events come again only where it took longer than the session did to find the next one."""
    with Mock(t, 3) as mock:
        mock("topic", "a", 3)
        configure(t, mock, section="max_in_flight = 20\n")
        worker = t.start("consume", "w")
        for round_, error in enumerate((NOT_COORDINATOR, NO_COORDINATOR, COORDINATOR_LOADING, TIMED_OUT)):
            mock("coordinator", "g", 1 + round_ % 3)
            for request in (OFFSET_COMMIT, HEARTBEAT):
                mock("errors", request, error, 3)
            produce(t, "a", 100 * round_, 100 * (round_ + 1))
            worker.until(lambda w, want=100 * (round_ + 1): len(numbers(w)) == want, what="the events so far")
        in_order(t, end(worker).json())
        t.equal(t.run("consume", "w", "--exit-at-end").json(), [], "what its places had not covered")


@test
def a_place_that_cannot_be_read_is_no_new_group(t):
    """Told to start at the latest, a group that is not new goes on where it was; it waits until that can be read."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock)
        produce(t, "a", 0, 5)
        t.equal(len(t.run("consume", "w", "-n", "2").json()), 2)
        mock("errors", OFFSET_FETCH, NOT_COORDINATOR, 1)
        mock("errors", OFFSET_FETCH, UNKNOWN_TOPIC, 2)
        worker = t.start("consume", "w", "--from", "latest")
        worker.until(lambda w: len(w.json()) == 3, what="what had come in")
        t.equal(numbers_of(end(worker).json()), [2, 3, 4])


@test
def answers_that_are_late_cost_no_event(t):
    """As with a broker that throttles. What was stored and not answered is sent again: the mock keeps both."""
    with Mock(t, 2) as mock:
        mock("topic", "a", 2)
        configure(t, mock, rdkafka_socket_timeout_ms="1000", rdkafka_retry_backoff_ms="50")
        worker = t.start("consume", "w")
        for broker in (1, 2):
            mock("late", broker, PRODUCE, 2500, 2)
            mock("late", broker, FETCH, 2500, 2)
        sent = produce(t, "a", 0, 300)
        t.equal(len(sent), 300, "receipts")
        mock("delay", -1, 300)
        sent = produce(t, "a", 300, 600)
        worker.until(lambda w: len(set(numbers_of(w.json()))) == 600, what="all events")
        mock("delay", -1, 0)
        in_order(t, end(worker).json())


@test
def a_queue_that_was_full_is_filled_again_at_once(t):
    """By itself librdkafka looks once a second whether there is room again: 50 times here."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, rdkafka_batch_num_messages="100", rdkafka_queued_min_messages="100")
        t.equal(len(produce(t, "a", 0, 5000)), 5000, "receipts")
        began = time.monotonic()
        t.equal(len(t.run("consume", "w", "-n", "5000", timeout=60).json()), 5000)
        t.check(time.monotonic() - began < 30, f"it took {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        t.equal(len(t.run("consume", "-t", "a", "--from", "earliest", "-n", "5000", timeout=60).json()), 5000)
        t.check(time.monotonic() - began < 30, f"to browse took {time.monotonic() - began:.1f} s")


@test
def a_producer_that_cannot_know_any_more_is_opened_anew(t):
    """Errors that end an idempotent producer: the core opens the next one, with all that has no report, in order."""
    with Mock(t) as mock:
        mock("topic", "a", 2)
        configure(t, mock)
        for n, error in enumerate((OUT_OF_ORDER, UNKNOWN_PRODUCER, INVALID_EPOCH)):
            mock("errors", PRODUCE, error, 1)
            done = start_producer(t, "a", 300 * n, 300 * (n + 1)).wait(0)
            t.equal(len({one.get("position") for one in done.json()}), 300, f"places that receipts name after error {error}")
            if error == OUT_OF_ORDER:
                t.contains(done.err, "opened anew")
        worker = t.start("consume", "w")
        worker.until(lambda w: set(numbers_of(w.json())) == set(range(900)), what="all events")
        in_order(t, end(worker).json())


@test
def a_producer_whose_queue_is_full_waits_for_room(t):
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, rdkafka_queue_buffering_max_messages="10")
        sent = produce(t, "a", 0, 500)
        t.equal(sorted(position(one["position"])[1] for one in sent), list(range(500)), "places that receipts name")
        worker = t.start("consume", "w")
        worker.until(lambda w: len(w.json()) == 500, what="all events")
        t.equal([number(event) for event in end(worker).json()], list(range(500)), "what was sent, in order")


# ---- Places ----

@test
def what_is_done_and_not_stored_still_takes_its_room(t):
    """An acknowledgement is none before its place is stored: there is room for one, and the next does not run."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, section="max_in_flight = 1\n", bus=QUIET.replace("error", "info"))
        produce(t, "a", 0, 2)
        mock("errors", OFFSET_COMMIT, INVALID_COMMIT, 100)
        worker = t.start("consume", "w")
        worker.until(lambda w: w.err.count("committing:") >= 3, what="commits that are refused")
        t.equal(numbers_of(worker.json()), [0], "what has run before a place was stored")
        mock("clear", OFFSET_COMMIT)
        worker.until(lambda w: len(w.json()) == 2, what="the next one")
        end(worker)
        t.equal(t.run("consume", "w", "--exit-at-end").json(), [], "what its place had not covered")


@test
def a_verdict_that_comes_after_its_partition_was_away_settles_no_other_event(t):
    """The partition is back by then, where it was among the member's, and another event has the old one's number."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        command = receiver(t, "echo >>runs", """case $e in *'"position":"0:0"'*) go=;; *'"position":"0:1"'*) go=old;;""",
                           "*) go=new;; esac", 'n=0; until [ -z "$go" ] || [ -e "$go" ] || [ $n -gt 5000 ]; do sleep 0.02; n=$((n + 1))',
                           "done", 'echo "$e"')
        configure(t, mock, section=f"concurrency = 4\nexec = {command}\n", bus=QUIET.replace("error", "debug"))
        for key in ("done", "old"):
            raw_logins(mock, 0, 1, key)
        t.write("runs", "")
        worker = t.start("consume", "w")
        worker.until(lambda w: places(w) == {"0:0"} and len(t.read("runs")) == 2, what="the second event at work")
        mock("errors", HEARTBEAT, UNKNOWN_MEMBER, 1)
        worker.until("event(s) are revoked")
        raw_logins(mock, 0, 1, "new")
        worker.until(lambda _: len(t.read("runs")) == 3, what="the third event at work")
        t.write("old", "")
        worker.until(lambda w: len(w.json()) == 3, what="the second event once more")
        worker.until("came too late")                       # long ago by now
        t.write("new", "")
        worker.until(lambda w: len(w.json()) == 4, what="the third event")
        end(worker)


STOPS_AT_THE_20TH = ("echo >>runs", "[ $(wc -l <runs) -lt 20 ] || until [ -e go ]; do sleep 0.02; done", 'echo "$e"')


def stopped_amid(t, mock, **keys):
    """The positions of 200 events, and a worker that ends at their end. Its receivers wait from the 20th on for the file go."""
    mock("topic", "a", 2)
    command = receiver(t, *STOPS_AT_THE_20TH)
    configure(t, mock, section=f"max_in_flight = 4\nconcurrency = 2\nexec = {command}\n", bus=QUIET.replace("error", "debug"), **keys)
    sent = {receipt["position"] for receipt in produce(t, "a", 0, 200)}
    t.write("runs", "")
    worker = t.start("consume", "w", "--name", "one", "--exit-at-end")
    worker.until(lambda _: len(t.read("runs").splitlines()) >= 20, what="receivers that wait")
    return sent, worker


@test
def a_lost_assignment_is_not_the_end(t):
    with Mock(t) as mock:
        _, worker = stopped_amid(t, mock)
        mock("errors", HEARTBEAT, UNKNOWN_MEMBER, 1)
        worker.until("event(s) are revoked")
        t.write("go", "")
        worker.wait(0)
        t.equal(numbers(worker), list(range(200)), "what it had done at its end")


@test
def the_time_between_two_assignments_is_not_the_end(t):
    """The first member ends once it has run one of the two partitions; the other one's receivers have not begun."""
    with Mock(t) as mock:
        sent, one = stopped_amid(t, mock, assignment="eager")
        two = t.start("consume", "w", "--name", "two", "--exec", "until [ -e two ]; do sleep 0.02; done; cat")
        one.until("event(s) are revoked")
        t.write("go", "")
        one.wait(0)
        left = [len({place for place in sent - places(one) if place.startswith(f"{partition}:")}) for partition in (0, 1)]
        t.check(0 in left, f"it ended with {left} events left of the two partitions")
        t.write("two", "")
        t.until(lambda: numbers(one, two) == list(range(200)), what="all events")
        end(two)


@test
def a_member_that_has_no_partition_yet_waits_for_what_is_given_up_for_it(t):
    """Its first assignment gives it none: the other member has both, and a receiver at work in each."""
    with Mock(t) as mock:
        mock("topic", "a", 2)
        command = receiver(t, "echo >>runs", "until [ -e go ]; do sleep 0.02; done", 'echo "$e"')
        configure(t, mock, section=f"max_in_flight = 2\nconcurrency = 2\nexec = {command}\n", bus=QUIET.replace("error", "debug"))
        for partition in (0, 1):
            raw_logins(mock, partition, 20, f"k{partition}")
        one = t.start("consume", "w", "--name", "one")
        one.until(lambda _: os.path.exists(t.path("runs")) and len(t.read("runs").splitlines()) == 2, what="both events at work")
        two = t.start("consume", "w", "--name", "two", "--exit-at-end")
        one.until("event(s) are revoked")
        t.write("go", "")
        two.wait(0)
        t.check(two.json(), "the new member ended without any event of the partition that it was given")
        t.until(lambda: len(places(one, two)) == 40, what="all events")
        end(one)


@test
def a_commit_that_fails_is_made_again(t):
    """Nothing comes in behind it that would bring the next one."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock)
        produce(t, "a", 0, 50)
        for error in (TIMED_OUT, REBALANCE_IN_PROGRESS):
            mock("errors", OFFSET_COMMIT, error, 5)
        t.equal(len(t.run("consume", "w", "--exit-at-end").json()), 50)
        t.equal(t.run("consume", "w", "--exit-at-end").json(), [], "what its place had not covered")


@test
def a_worker_that_ends_commits_what_is_done_however_long_it_would_gather(t):
    with Mock(t) as mock:
        mock("topic", "a", 2)
        configure(t, mock, commit_interval="1m")
        produce(t, "a", 0, 50)
        worker = t.start("consume", "w")
        worker.until(lambda w: len(w.json()) == 50, what="the events")
        began = time.monotonic()
        end(worker)
        t.check(time.monotonic() - began < 20, f"it took {time.monotonic() - began:.1f} s to end")
        again = t.run("-o", "broker.main.commit_interval=5ms", "consume", "w", "--exit-at-end")
        t.equal(again.json(), [], "what its place had not covered")


@test
def a_commit_that_fails_is_not_made_again_at_once(t):
    """Though as much has gathered as the worker may have at hand: 25 failures take 2.5 s."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock, section="max_in_flight = 10\n")
        produce(t, "a", 0, 10)
        mock("errors", OFFSET_COMMIT, INVALID_COMMIT, 25)
        began = time.monotonic()
        t.equal(len(t.run("consume", "w", "--exit-at-end").json()), 10)
        t.check(time.monotonic() - began > 2, f"all failures took {time.monotonic() - began:.1f} s")


@test
def what_is_done_after_its_worker_has_drained_is_committed_at_close(t):
    """A receiver of a program's own cannot be broken off: the close of the worker waits for it."""
    with Mock(t) as mock:
        mock("topic", "a", 1)
        configure(t, mock)
        produce(t, "a", 0, 1)
        worker = t.start("w", command=os.path.join(BUILD, "tests", "faults", "worker"), env={
            "FAULTS_HISTORY": t.write("history", ""), "FAULTS_BEGUN": "1", "FAULTS_SLOW": "8000"})
        worker.until(lambda _: "\nB " in t.read("history"), what="its receiver at work")
        t.until(lambda: not worker.running() or worker.send(15), what="its end")    # three lose its patience
        t.contains(worker.wait(1).err, "ended before all receivers were done")
        t.contains(t.read("history"), "\nS ")
        t.equal(t.run("consume", "w", "--exit-at-end").json(), [], "what its place had not covered")


@test
def a_partition_whose_place_cannot_be_stored_any_more_is_given_up_at_once(t):
    """Its member's generation is over, and nothing can be stored any more: nobody need wait for revoke_timeout."""
    with Mock(t) as mock:
        mock("topic", "a", 2)
        command = receiver(t, "echo >>runs", "until [ -e go ]; do sleep 0.02; done", 'echo "$e"')
        configure(t, mock, section=f"concurrency = 2\nexec = {command}\n", bus=QUIET.replace("error", "debug"), revoke_timeout="50s")
        for partition in (0, 1):
            raw_logins(mock, partition, 1, f"k{partition}")
        one = t.start("consume", "w", "--name", "one")
        one.until(lambda _: os.path.exists(t.path("runs")) and len(t.read("runs")) == 2, what="both events at work")
        two = t.start("consume", "w", "--name", "two")
        one.until("event(s) are revoked")
        mock("errors", OFFSET_COMMIT, ILLEGAL_GENERATION, 100)
        t.write("go", "")
        one.until("came too late", timeout=20)
        mock("clear", OFFSET_COMMIT)
        for worker in (one, two):
            end(worker)


@test
def its_code_outlives_its_closing(t):
    """A client that cannot be ended in time is ended by a thread of its own, whatever becomes of the bus meanwhile."""
    path = os.path.join(PLUGINS, "kafka.so")
    _ctypes.dlclose(ctypes.CDLL(path)._handle)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        t.contains(maps.read(), "/kafka.so")


# ---- Slow receivers, retries ----

@test
def a_receiver_slower_than_max_poll_interval_keeps_its_partition(t):
    with Mock(t) as mock:
        mock("topic", "a", 2)
        command = receiver(t, 'echo "$e" >>runs', "[ ! -e slow ] || sleep 8", 'echo "$e"')
        configure(t, mock, section=f"max_in_flight = 1\nexec = {command}\n", rdkafka_max_poll_interval_ms="6000")
        workers = [t.start("consume", "w", "--name", name) for name in ("one", "two")]
        sent = 0
        while not all(worker.json() for worker in workers):
            for partition in (0, 1):
                raw_logins(mock, partition, 1, f"k{partition}")
            sent += 2
            t.until(lambda want=sent: len(places(*workers)) == want, what="what was sent so far")
        before = len(t.read("runs").splitlines())           # while they joined, some may have come again
        t.write("slow", "")
        for partition in (0, 1):
            raw_logins(mock, partition, 2, f"k{partition}")
        t.until(lambda: len(places(*workers)) == sent + 4, what="slow events")
        for worker in workers:
            last = [position(event["position"])[0] for event in end(worker).json()[-2:]]
            t.equal(last[0], last[1], "the partition of a member")
            in_order(t, worker.json())
        t.equal(len(t.read("runs").splitlines()) - before, 4, "slow runs: none was repeated")


@test
def a_delayed_retry_holds_its_key_and_no_other_partition(t):
    """Though more events of that key lie behind it than a worker may have at hand."""
    with Mock(t) as mock:
        mock("topic", "a", 3)
        command = receiver(t, """case $e in *'"position":"'[01]':0"'*) [ -e right ] || { echo >>failed; exit 75; }""",
                           "esac", 'echo "$e"')
        configure(t, mock, section=f"max_in_flight = 20\nretry.backoff = 1h\nretry.max = 1h\nexec = {command}\n")
        for partition in (0, 1):
            raw_logins(mock, partition, 40, f"k{partition}")
        worker = t.start("consume", "w")
        worker.until(lambda _: os.path.exists(t.path("failed")) and len(t.read("failed")) == 2, what="both failures")
        raw_logins(mock, 2, 40, "k2")
        worker.until(lambda w: len(w.json()) == 40, what="the events of the other partition")
        t.equal({position(event["position"])[0] for event in worker.json()}, {2}, "partitions")
        end(worker)
        t.write("right", "")
        worker = t.start("consume", "w")
        worker.until(lambda w: len(w.json()) == 80, what="the two partitions that failed")
        in_order(t, end(worker).json())


main()
