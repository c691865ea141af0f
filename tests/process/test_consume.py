"""eventbus consume: receivers outside, retries, dead letters, order, draining."""
import http.server
import json
import os
import signal
import subprocess
import threading
import time

from harness import COMMAND, SCHEMAS, main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
FAST = ("-o", "consume.w.retry.backoff=20ms", "-o", "consume.w.retry.max=50ms")
SECTION = "[consume w]\ntopic = a\ngroup = g\n"


def data(number, name="u"):
    return {"user": {"id": number, "is_active": True, "pii": {"username": name, "email": "e", "name": "n"}}}


def send(t, n, keys=1, topic="a"):
    lines = "".join(json.dumps(data(i, f"key{i % keys}")) + "\n" for i in range(n))
    return t.run("produce", "--signal", LOGIN, "--topic", topic, "--key-field", "user.pii.username", "--json", "-",
                 "-o", "eventbus.audit_delivered=no", stdin=lines).json()


def numbers(events):
    return [event["data"]["user"]["id"] for event in events]


def lag(t, topic="a", group="g"):
    row, = t.run("groups", "-t", topic, "-g", group, "--json").json()
    return row["lag"]


@test
def several_topics_in_one_worker(t):
    send(t, 2, topic="a")
    send(t, 3, topic="b")
    for words in (("-t", "a", "-t", "b"), ("-ta", "-tb")):
        t.equal(len(t.run("consume", *words, "--exit-at-end").json()), 5)
        got = t.run("consume", *words, "-g", "-".join(words).replace("--", ""), "--exit-at-end").json()
        t.equal(sorted(event["topic"] for event in got), ["a", "a", "b", "b", "b"])


@test
def a_group_goes_on_where_it_was(t):
    send(t, 10)
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "g", "-n", "4").json()), [0, 1, 2, 3])
    t.equal(lag(t), 6)
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), [4, 5, 6, 7, 8, 9])
    t.equal(lag(t), 0)
    t.equal(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").out, "")
    t.equal(len(t.run("consume", "-t", "a", "-g", "other", "--exit-at-end").json()), 10, "another group sees all")


@test
def new_groups_start_where_they_are_told(t):
    receipts = send(t, 5)
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "p", "--from", receipts[3]["position"], "--exit-at-end").json()), [3, 4])
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "t", "--from", "-1h", "--exit-at-end").json()), [0, 1, 2, 3, 4])
    t.equal(t.run("consume", "-t", "a", "-g", "l", "--from", "latest", "--exit-at-end").out, "")
    t.run("consume", "-t", "a", "-g", "l", "--from", "sometime 12", "--exit-at-end", status=2)


@test
def seeking_moves_a_group(t):
    send(t, 5)
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end")
    t.run("seek", "-t", "a", "-g", "g", "--to", "4")
    t.equal(numbers(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), [3, 4])
    t.run("seek", "-t", "a", "-g", "g", "--to", "earliest")
    t.equal(lag(t), 5)
    t.run("seek", "-t", "a", "-g", "g", "--to", "latest")
    t.equal(lag(t), 0)


@test
def a_topic_that_does_not_exist_is_a_warning(t):
    done = t.run("consume", "-t", "nowhere", "-g", "g", "--exit-at-end")
    t.contains(done.err, "nowhere", "does not exist")


def topics(t):
    return sorted(row["topic"] for row in t.run("topics", "--json").json())


@test
def a_worker_waits_for_a_topic_and_makes_neither_it_nor_its_dead_letters(t):
    send(t, 1, topic="other")
    worker = t.start("consume", "-t", "nowhere", "-g", "g", "--from", "latest", "-n", "3")
    worker.until("topic nowhere does not exist; waiting for it")
    t.equal(topics(t), ["other"])
    send(t, 3, topic="nowhere")
    done = worker.wait(0)
    t.equal(numbers(done.json()), [0, 1, 2], "from its beginning: all of it came since")
    t.equal(done.err.count("does not exist"), 1)
    t.contains(done.err, "topic nowhere is there now")
    t.equal(topics(t), ["nowhere", "other"])


@test
def a_worker_says_that_no_topic_matches_its_pattern(t):
    send(t, 1, topic="other")
    t.contains(t.run("consume", "-t", "none-*", "-g", "g", "--exit-at-end").err, "warning", "no topic matches none-*\n")
    worker = t.start("consume", "-t", "late-*", "-g", "g", "-n", "1")
    worker.until("no topic matches late-*; waiting for one")
    send(t, 1, topic="late-a")
    t.equal(worker.wait(0).err.count("no topic matches"), 1)
    t.equal(topics(t), ["late-a", "other"])
    mixed = t.run("consume", "-t", "other*", "-t", "nowhere", "-g", "h", "--exit-at-end").err
    t.contains(mixed, "topic nowhere does not exist")
    t.lacks(mixed, "topic matches")


@test
def groups_of_topics_that_match(t):
    for topic in ("log-a", "log-b", "other"):
        send(t, 1, topic=topic)
        t.run("consume", "-t", topic, "-g", "g", "--exit-at-end")
    t.equal([row["topic"] for row in t.run("groups", "-t", "log-*", "--json").json()], ["log-a", "log-b"])
    t.equal([row["topic"] for row in t.run("groups", "-t", "log-*", "-g", "g", "--json").json()], ["log-a", "log-b"])
    t.contains(t.run("groups", "-t", "none-*").err, "no topic that matches none-* has a group\n")
    t.contains(t.run("groups", "-t", "log-*", "-g", "h").err, "no topic that matches log-* has a group h\n")


@test
def one_topic_is_no_pattern(t):
    send(t, 1, topic="log-a")
    for words in (("seek", "-t", "log-*", "-g", "g", "--to", "earliest"),
                  ("seek", "-t", "log-*", "-g", "g", "--to", "earliest", "--create"),
                  ("produce", "--signal", LOGIN, "--topic", "log-*", "--data", "{}")):
        t.contains(t.run(*words, status=2).err, "log-*", "is a pattern", "one topic")
    t.configure(f"[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n"
                f"[route r]\nevent = {LOGIN}\ntopic = log-*\nkey_field =\n")
    t.contains(t.run("config", "check", status=2).err, '[route r] topic: "log-*" is a pattern')
    t.equal(topics(t), ["log-a"])


@test
def the_first_dead_letter_makes_its_topic(t):
    send(t, 1)
    t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", "--exec", "exit 65", status=1)
    t.equal(topics(t), ["a", "a.dlq"])


@test
def a_topic_with_a_long_name_stops_no_worker(t):
    topic = "log-" + 250 * "x"
    send(t, 1, topic=topic)
    for words in (("-t", "log-*", "-g", "g"), ("-t", topic, "-g", "h")):
        t.run("consume", *words, "--exit-at-end", "--exec", "exit 65", status=1)
    letters, = set(topics(t)) - {topic}
    t.equal((len(letters), letters[:5], letters[-4:]), (249, "log-x", ".dlq"))
    t.equal([letter["dlqtopic"] for letter in t.run("consume", "-t", letters, "--exit-at-end").json()], [topic, topic])


@test
def looking_takes_patterns(t):
    for topic in ("log-a", "log-b", "other"):
        send(t, 2, topic=topic)
    t.run("consume", "-t", "log-a", "-g", "g", "--exit-at-end", "--exec", "exit 65", status=1)
    got = t.run("consume", "-t", "log-*", "--exit-at-end").json()
    t.equal([event["topic"] for event in got], ["log-a", "log-a", "log-b", "log-b"], "dead letters are left out")
    done = t.run("consume", "-t", "none-*", "--exit-at-end")
    t.contains(done.err, "no topic matches none-*")
    looker = t.start("consume", "-t", "late-*", "-n", "1")
    looker.until("no topic matches late-* yet; waiting for one")
    send(t, 1, topic="late-a")
    t.equal(len(looker.wait(0).json()), 1)


@test
def seek_tells_where_from_and_where_to(t):
    send(t, 5)
    t.run("consume", "-t", "a", "-g", "g", "-n", "4")
    t.equal(t.run("seek", "-t", "a", "-g", "g", "--to", "2", "--dry-run").out, "topic a, group g: would be moved from 5 to 2\n")
    t.equal(lag(t), 1, "nothing was moved")
    t.equal(t.run("seek", "-t", "a", "-g", "g", "--to", "2").out, "topic a, group g: moved from 5 to 2\n")
    t.equal(lag(t), 4)
    t.equal(t.run("seek", "-t", "a", "-g", "g", "--to", "6").out, "topic a, group g: moved from 2 to 6\n")
    behind = t.run("seek", "-t", "a", "-g", "g", "--to", "9999", status=2)
    t.contains(behind.err, "position 9999 is behind the end of topic a, which is 6; nothing was moved")
    t.equal(t.run("seek", "-t", "a", "-g", "g", "--to", "2999-01-01T00:00:00Z").out, "topic a, group g: moved from 6 to 6\n")
    t.equal(t.run("seek", "-t", "a", "-g", "g", "--to", "0").out, "topic a, group g: moved from 6 to 1\n")


@test
def seek_makes_what_is_not_there_only_with_create(t):
    send(t, 2)
    for more in ((), ("--dry-run",)):
        t.contains(t.run("seek", "-t", "a", "-g", "typo", "--to", "latest", *more, status=2).err, "topic a has no group typo",
                   "--create")
        t.contains(t.run("seek", "-t", "typo", "-g", "g", "--to", "latest", *more, status=2).err, "topic typo does not exist",
                   "--create")
    t.equal(t.run("seek", "-t", "typo", "-g", "g", "--to", "latest", "--create", "--dry-run").out,
            "topic typo, group g: would be made at 1\n")
    t.equal((topics(t), t.run("groups", "--json").json()), (["a"], []), "nothing was made")
    t.equal(t.run("seek", "-t", "a", "-g", "new", "--to", "latest", "--create").out, "topic a, group new: made at 3\n")
    t.equal(t.run("seek", "-t", "b", "-g", "new", "--to", "latest", "--create").out, "topic b, group new: made at 1\n")
    t.equal((lag(t, "a", "new"), lag(t, "b", "new")), (0, 0))


@test
def a_worker_gets_what_comes_later(t):
    worker = t.start("consume", "-t", "a", "-g", "g", "-n", "3")
    send(t, 1)
    worker.until(lambda w: len(w.json()) == 1)
    send(t, 2)
    t.equal(len(worker.wait(0).json()), 3)


@test
def a_command_gets_each_event_on_its_standard_input(t):
    send(t, 3)
    t.configure(SECTION)
    t.run("consume", "w", "--exit-at-end", "--exec", "cat >> got")
    t.equal(numbers([json.loads(line) for line in t.read("got").splitlines()]), [0, 1, 2])


@test
def what_fails_is_tried_again_with_its_attempt_counted(t):
    send(t, 1)
    t.configure(SECTION)
    done = t.run(*FAST, "consume", "w", "--exit-at-end", "--exec",
                 """cat >> got; test $(wc -l < got) -ge 3""")
    t.equal([json.loads(line)["attempt"] for line in t.read("got").splitlines()], [1, 2, 3])
    t.contains(done.err, "retrying in", "exit status 1")
    t.equal(lag(t), 0)


COMPLAINS = "echo a first line >&2; echo \"user key0 is unknown: $(printf '\\033')[1m\" >&2; exit 65"


@test
def a_dead_letter_says_in_the_receivers_words_why(t):
    t.configure(SECTION)
    for kept, detail in (("masked", "user *** is unknown: \\x1b[1m"), ("full", "user key0 is unknown: \\x1b[1m"), ("off", None)):
        sent = send(t, 1)
        done = t.run(*FAST, "-o", f"consume.w.failure_detail={kept}", "consume", "w", "--exit-at-end", "--exec", COMPLAINS, status=1)
        t.contains(done.err, "a first line\n", "user key0 is unknown: \033[1m\n")
        logged = [line for line in done.err.splitlines() if "becomes a dead letter" in line]
        t.check(len(logged) == 1 and sent[0]["id"] in logged[0] and "key0" not in logged[0], f"{logged}")
        letter = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()[-1]
        t.equal((letter["id"], letter.get("dlqdetail")), (sent[0]["id"], detail))
        if detail:
            t.contains(t.run("consume", "-t", "a.dlq", "--exit-at-end", "--format", "pretty").out, "  dlqdetail: user ")


@test
def what_a_command_leaves_behind_goes_on_writing(t):
    send(t, 1)
    t.configure(SECTION)
    worker = t.start(*FAST, "consume", "w", "--exec",
                     "(until test -e go; do sleep 0.05; done; echo still here >&2 && touch wrote) & touch begun")
    t.until(lambda: os.path.exists(t.path("begun")), what="the command")
    t.until(lambda: lag(t) == 0, what="the event to be settled")
    open(t.path("go"), "w", encoding="utf-8").close()
    t.until(lambda: os.path.exists(t.path("wrote")), what="what was left behind to write")
    t.until(lambda: "still here" in worker.err, what="its line at the worker's standard error")
    worker.send(signal.SIGTERM)
    worker.wait(0)


@test
def what_keeps_failing_becomes_a_dead_letter_with_its_story(t):
    sent = send(t, 2)
    t.configure(SECTION)
    t.run(*FAST, "-o", "consume.w.retry.attempts=3", "consume", "w", "--exit-at-end", "--exec",
          "! grep -q '\"id\":1,'", status=1)
    letter, = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    t.equal(letter["id"], sent[1]["id"])
    t.equal(letter["data"], data(1, "key0"))
    t.equal(letter["partitionkey"], "key0")
    t.equal((letter["dlqtopic"], letter["dlqposition"], letter["dlqgroup"], letter["dlqreceiver"], letter["dlqclass"]),
            ("a", sent[1]["position"], "g", "exec", "retriable"))
    t.equal(int(letter["dlqattempts"]), 3)
    t.contains(letter["dlqreason"], "exit status 1")
    t.check(letter["dlqfirst"] < letter["dlqlast"], "the first failure is before the last")
    t.equal(lag(t), 0)


@test
def a_pattern_keeps_dead_letters_by_topic_and_does_not_read_them_again(t):
    for topic in ("log-a", "log-b", "catalog"):
        send(t, 2, topic=topic)
    consume = ("consume", "-t", "log-*", "-g", "g", "--exit-at-end", "--exec", "cat >> got; exit 65")
    t.run(*consume, status=1)
    for topic in ("log-a", "log-b"):
        letters = t.run("consume", "-t", topic + ".dlq", "--exit-at-end").json()
        t.equal([letter["dlqtopic"] for letter in letters], [topic] * 2)
    t.run(*consume)
    t.equal(len(t.read("got").splitlines()), 4, "dead letters do not come to the worker that made them")
    t.lacks(t.run("topics").out, "*", ".dlq.dlq")
    got = t.run("consume", "-t", "*.dlq", "-g", "h", "--exit-at-end").json()
    t.equal(sorted(letter["topic"] for letter in got), ["log-a.dlq"] * 2 + ["log-b.dlq"] * 2)


@test
def dead_letters_that_would_come_back_are_refused_at_the_start(t):
    send(t, 1)
    t.configure(SECTION + "dead_letter_topic = a\n")
    done = t.run("consume", "w", "--exit-at-end", status=2)
    t.contains(done.err, "dead letters of topic a would come back to it", "[consume w]", "{topic}.dlq")


@test
def exit_status_65_gives_up_at_once(t):
    send(t, 1)
    t.configure(SECTION)
    t.run("consume", "w", "--exit-at-end", "--exec", "echo x >> runs; exit 65", status=1)
    t.equal(t.read("runs"), "x\n")
    letter, = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    t.equal(letter["dlqclass"], "permanent")


@test
def a_command_that_takes_too_long_is_killed_with_its_children(t):
    send(t, 1)
    t.configure(SECTION + "receiver_timeout = 4s\nretry.attempts = 1\n")
    done = t.run("consume", "w", "--exit-at-end", "--exec", "sleep 100 & echo $! > pid; wait", status=1)
    t.contains(done.err, "receiver_timeout")
    t.until(lambda: not alive(int(t.read("pid"))), what="the end of the command's child")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@test
def undecodable_bytes_and_unknown_types_become_dead_letters_and_the_loop_goes_on(t):
    send(t, 1)
    other = t.write("schemas/x.avsc", json.dumps(
        {"name": "CloudEvent", "type": "record", "namespace": "org.example.thing.v1",
         "fields": [{"name": "n", "type": "long"}]}))
    with_other = ("-o", f"eventbus.schema_path={other.rsplit('/', 1)[0]}:{SCHEMAS}")
    t.run(*with_other, "produce", "--signal", "org.example.thing.v1", "--topic", "a", "--data", '{"n":1}')
    send(t, 1)
    done = t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", status=1)
    t.equal(len(done.json()), 2)
    t.contains(done.err, "org.example.thing.v1")
    letter, = t.run(*with_other, "consume", "-t", "a.dlq", "--exit-at-end").json()
    t.equal(letter["data"], {"n": 1})
    t.configure(SECTION.replace("g\n", "h\n") + "on_unknown = skip\n")
    done = t.run("consume", "w", "--exit-at-end")
    t.equal(len(done.json()), 2)
    t.contains(done.err, "skipped")


@test
def order_holds_by_key_with_many_hands_and_failures(t):
    n = size(200, 5000)
    send(t, n, keys=7)
    t.configure(SECTION)
    script = t.write("flaky.sh", "read -r line; id=$(echo \"$line\" | sed 's/.*\"data\":{\"user\":{\"id\":\\([0-9]*\\).*/\\1/')\n"
                     "if [ $((id % 5)) -eq 0 ] && [ ! -e tried-$id ]; then : > tried-$id; exit 1; fi\n"
                     "echo \"$id\" >> done\n")
    t.run(*FAST, "consume", "w", "--exit-at-end", "--concurrency", "4", "--exec", f"sh {script}", timeout=300)
    got = [int(line) for line in t.read("done").split()]
    t.equal(sorted(got), list(range(n)))
    for key in range(7):
        mine = [i for i in got if i % 7 == key]
        t.equal(mine, sorted(mine), f"the order of key {key}")


@test
def strict_order_is_that_of_the_broker(t):
    send(t, 30, keys=5)
    t.configure(SECTION + "order = strict\n")
    t.run(*FAST, "consume", "w", "--exit-at-end", "--concurrency", "4", "--exec",
          "cat >> got; test $(($(wc -l < got) % 7)) -ne 0")
    attempts = [json.loads(line) for line in t.read("got").splitlines()]
    seen = list(dict.fromkeys(numbers(attempts)))
    t.equal(seen, list(range(30)))


@test
def a_term_drains_and_hands_the_rest_back(t):
    send(t, 50)
    t.configure(SECTION)
    worker = t.start("consume", "w", "--exec", "cat >> got; sleep 0.2")
    t.until(lambda: len(t.read("got").splitlines()) >= 2 if exists(t, "got") else False, what="the first events")
    worker.send(signal.SIGTERM)
    worker.wait(0)
    done = len(t.read("got").splitlines())
    t.equal(lag(t), 50 - done, "every event is either done or waiting")
    rest = t.run("consume", "w", "--exit-at-end").json()
    t.equal(numbers(rest), list(range(done, 50)))
    t.equal({event["attempt"] for event in rest}, {1}, "handing back spends no attempt")


def exists(t, name):
    return os.path.exists(t.path(name))


@test
def a_second_term_ends_at_once(t):
    send(t, 2)
    t.configure(SECTION)
    worker = t.start("consume", "w", "--exec", "echo x >> started; trap '' TERM; sleep 100")
    t.until(lambda: exists(t, "started"), what="the command")
    began = time.monotonic()
    t.until(lambda: worker.send(signal.SIGTERM) or not worker.running(), what="a second one to count")
    worker.wait(128 + signal.SIGTERM)
    t.check(time.monotonic() - began >= 1, "sooner than a second after the first it does not count")
    t.equal(lag(t), 2)


@test
def a_closed_pipe_ends_quietly_and_hands_the_event_back(t):
    send(t, 100)
    reader, writer = os.pipe()
    worker = subprocess.Popen([COMMAND, "consume", "-t", "a", "-g", "g"], stdout=writer, stderr=subprocess.DEVNULL,
                              env=t.environment(), cwd=t.folder)
    os.close(writer)
    os.read(reader, 100)
    os.close(reader)
    send(t, 1)
    t.equal(worker.wait(30), 0)
    t.check(lag(t) > 0, "the event whose write failed waits")


@test
def a_group_shares_the_work_and_a_name_is_used_once(t):
    send(t, 1)
    first = t.start("consume", "-t", "a", "-g", "g", "--name", "one", "--exec", "cat >> one")
    first.until(lambda w: t.run("groups", "--json").json())
    done = t.run("consume", "-t", "a", "-g", "g", "--name", "one", status=2)
    t.contains(done.err, "one", "already")
    second = t.start("consume", "-t", "a", "-g", "g", "--name", "two", "--exec", "cat >> two")
    second.until(lambda w: t.run("groups", "--json").json()[0]["members"] == 2)
    send(t, 60, keys=30)
    t.until(lambda: sum(len(t.read(n).splitlines()) for n in ("one", "two") if exists(t, n)) == 61, what="all events")
    t.until(lambda: lag(t) == 0, what="all acknowledged")
    t.check(exists(t, "one") and exists(t, "two"), "both members had work")


@test
def consumers_can_be_switched_off(t):
    done = t.run("-o", "eventbus.consumers_enabled=no", "consume", "-t", "a", "-g", "g")
    t.contains(done.err, "disabled")


@test
def too_many_errors_in_a_row_end_the_worker(t):
    send(t, 20)
    t.configure(SECTION)
    t.run(*FAST, "-o", "eventbus.consecutive_errors_limit=5", "consume", "w", "--exec", "exit 1", status=3)


@test
def on_failure_stop_hands_the_event_back(t):
    send(t, 3)
    t.configure(SECTION + "on_failure = stop\nretry.attempts = 1\n")
    done = t.run("consume", "w", "--exec", "! grep -q '\"id\":1,'", status=1)
    t.contains(done.err, "on_failure = stop")
    t.equal(lag(t), 2)


class Hook(http.server.BaseHTTPRequestHandler):
    answers, got = [], []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers["Content-Type"], json.loads(body)))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@test
def a_webhook_gets_each_event_and_its_answer_decides(t):
    Hook.answers[:] = [(200, {}), (503, {}), (429, {"Retry-After": "0"}), (200, {}), (404, {}), (302, {"Location": "/x"})]
    Hook.got[:] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    send(t, 4)
    t.configure(SECTION)
    t.run(*FAST, "consume", "w", "--exit-at-end", "--webhook", f"http://127.0.0.1:{server.server_port}/hook", status=1)
    server.shutdown()
    t.equal(Hook.got[0][0], "application/cloudevents+json; charset=UTF-8")
    t.equal([event["data"]["user"]["id"] for _, event in Hook.got], [0, 1, 1, 1, 2, 3])
    letters = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    t.equal(numbers(letters), [2, 3])
    t.contains(letters[1]["dlqreason"], "302", "redirects are not followed")


@test
def what_is_no_web_address_is_refused_at_the_start(t):
    done = t.run("consume", "-t", "a", "-g", "g", "--webhook", "ftp://u:secret@example.com", status=2)
    t.contains(done.err, "--webhook: is not an http:// or https:// URL")
    t.lacks(done.err, "secret")


@test
def a_webhook_that_is_away_is_tried_again(t):
    send(t, 1)
    t.configure(SECTION + "retry.attempts = 2\n")
    done = t.run(*FAST, "consume", "w", "--exit-at-end", "--webhook", "http://127.0.0.1:1/", status=1)
    t.contains(done.err, "retrying in", "becomes a dead letter")


main()
