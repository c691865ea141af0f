"""The file of the embedded broker: replaced, removed, known by two names, kept locked by a process that was stopped."""
import json
import os
import signal
import sqlite3
import sys

from harness import COMMAND, main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
AS_OF_A_SHELL = """import ctypes, os, sys
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(1, 9)
    os.execv(sys.argv[2], sys.argv[2:])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(pid))
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.waitpid(pid, 0)
"""


MAIN = "[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n"


def line(number):
    return json.dumps({"user": {"id": number, "is_active": True, "pii": {"username": "u", "email": "e", "name": "n"}}}) + "\n"


def send(t, *ids, more=(), status=0):
    return t.run("produce", "-s", LOGIN, "-t", "a", "--json", *more, "-", stdin="".join(map(line, ids)), status=status)


def numbers(t, *more):
    return [event["data"]["user"]["id"] for event in t.run("consume", "-t", "a", "-g", "g", "--exit-at-end", *more).json()]


class Pipe:
    """A producer that stays: what write() sends it goes to topic a."""

    def __init__(self, t, *more):
        read, write = os.pipe()
        self.worker = t.start("produce", "-s", LOGIN, "-t", "a", "--json", *more, "-", stdin=read)
        os.close(read)
        self.file = os.fdopen(write, "w", buffering=1)

    def write(self, number):
        self.file.write(line(number))


def database(t, name="bus.db"):
    return os.path.join(t.state, name)


def rows(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM msg").fetchone()[0]
    except sqlite3.Error:
        return 0


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


@test
def an_event_that_is_reported_stored_is_in_the_file_that_is_there(t):
    sender = Pipe(t)
    sender.write(1)
    t.until(lambda: rows(database(t)) == 1, what="the first event")
    os.unlink(database(t))
    sender.write(2)
    t.until(lambda: '"position"' in sender.worker.out and sender.worker.out.count("\n") >= 2, what="two reports")
    sender.file.close()
    sender.worker.wait()
    t.equal(numbers(t), [2], "events in the file that is there")


@test
def the_log_of_a_killed_process_is_not_written_into_another_file(t):
    t.configure(MAIN)
    sender = Pipe(t)
    sender.write(1)
    t.until(lambda: rows(database(t)) == 1, what="the first event")
    sender.worker.kill9()
    send(t, 7, more=("-o", f"broker.main.path={t.path('other.db')}"))
    os.rename(t.path("other.db"), database(t))
    send(t, 8)
    t.equal(numbers(t), [7, 8], "events of the file that was put there")


@test
def two_workers_by_two_names_of_a_file_share_its_events(t):
    t.configure(MAIN)
    os.makedirs(t.state, exist_ok=True)
    os.symlink("bus.db", database(t, "link.db"))
    send(t, 0)
    workers = [t.start("consume", "-t", "a", "-g", "g", "-o", f"broker.main.path={database(t, name)}")
               for name in ("bus.db", "link.db")]
    t.until(lambda: [group["members"] for group in t.run("groups", "--json").json()] == [2], what="two members of one group")
    send(t, *range(1, 60))
    t.until(lambda: sum(len(worker.lines()) for worker in workers) >= 60, what="60 events")
    for worker in workers:
        worker.send(signal.SIGTERM)
        worker.wait()
    got = sorted(event["data"]["user"]["id"] for worker in workers for event in worker.json())
    t.equal(got, list(range(60)), "each event once")


@test
def a_trigger_swallows_no_event_that_is_reported_stored(t):
    send(t, 1)
    with sqlite3.connect(database(t)) as db:
        db.execute("CREATE TRIGGER eat BEFORE INSERT ON msg BEGIN SELECT raise(IGNORE); END")
    db.close()
    done = send(t, 2, status=None)
    t.check(done.status != 0, "an event went to a file with a trigger")
    t.contains(done.err, 'bus.db has a trigger "eat" that the event bus did not create')
    t.contains(t.run("topics", status=None).err, 'a trigger "eat"')


@test
def whoever_keeps_the_file_locked_is_named(t):
    send(t, 1)
    holder = t.start("-c", f"import os, sqlite3, signal; db = sqlite3.connect({database(t)!r}, isolation_level=None);"
                     "db.execute('BEGIN IMMEDIATE'); print('locked', flush=True); signal.pause()", command=sys.executable)
    holder.until(lambda worker: "locked" in worker.out)
    holder.send(signal.SIGSTOP)
    sender = Pipe(t)
    sender.write(2)
    sender.worker.until(lambda worker: "is locked by" in worker.err)
    t.matches(sender.worker.err, rf"bus\.db is locked by another program, process {holder.pid} \(.*\), which is stopped: continue it "
                                 rf"\(kill -CONT {holder.pid}\)")
    holder.kill9()
    sender.file.close()
    sender.worker.wait()
    t.equal(numbers(t), [1, 2])


@test
def a_process_that_is_stopped_at_a_terminal_locks_nobody_out(t):
    """Stopped at any moment of its work; another one's event is stored meanwhile."""
    send(t, 0)
    lines = t.write("lines", "".join(line(number) for number in range(1, size(400000, 4000000))))
    pid_file = t.path("pid")
    with open(lines, encoding="utf-8") as given:
        t.start("-c", AS_OF_A_SHELL, pid_file, COMMAND, "produce", "-q", "-s", LOGIN, "-t", "b", "--json", "-", stdin=given,
                command=sys.executable)
    t.until(lambda: os.path.exists(pid_file), what="a process")
    with open(pid_file, encoding="utf-8") as file:
        pid = int(file.read())
    before = rows(database(t))
    t.until(lambda: rows(database(t)) > before, what="events of it")
    for number in range(size(12, 60)):
        os.kill(pid, signal.SIGTSTP)
        t.until(lambda: state(pid) == "T", what="a stop")
        send(t, number, more=("-o", "eventbus.delivery_timeout=10m"))
        os.kill(pid, signal.SIGCONT)
        t.until(lambda: state(pid) != "T", what="it to go on")
    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
