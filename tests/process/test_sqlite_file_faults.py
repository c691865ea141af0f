"""What happens to the embedded broker's file: locked, full, read-only, corrupt, foreign, newer. Nothing is overwritten, and
nothing that was reported delivered is lost."""
import hashlib
import json
import os
import sqlite3
import subprocess

from harness import COMMAND, main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
EVENT = json.dumps({"user": {"id": 1, "is_active": True, "pii": {"username": "u", "email": "e", "name": "n"}}})
PRODUCE = ("produce", "--signal", LOGIN, "--topic", "a", "--data", EVENT)
IMPATIENT = ("-o", "eventbus.delivery_timeout=1s", "-o", "broker.main.connect_timeout=1s")


def broker(t, path=None):
    path = path or t.path("bus.db")
    t.configure(f"[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {path}\n")
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def refused(t, path, *words):
    before = digest(path)
    for verb in (PRODUCE, ("consume", "-t", "a", "-g", "g", "--exit-at-end"), ("topics",)):
        done = t.run(*IMPATIENT, *verb, status=3)
        t.contains(done.err, path, *words)
    t.equal(digest(path), before, "the file's content")


@test
def a_corrupt_file_is_refused_and_left_alone(t):
    path = broker(t)
    t.write("bus.db", b"this is not a database, but somebody may need it" * 100)
    refused(t, path)


@test
def a_file_of_another_program_is_refused_and_left_alone(t):
    path = broker(t)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious(x)")
        other.execute("INSERT INTO precious VALUES(1)")
    other.close()
    refused(t, path)


@test
def a_newer_format_is_refused_and_left_alone(t):
    path = broker(t)
    t.run(*PRODUCE)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 9999")
    newer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    newer.close()
    refused(t, path, "9999")


@test
def a_locked_file_is_waited_for_and_told(t):
    path = broker(t)
    t.run(*PRODUCE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = t.run(*IMPATIENT, *PRODUCE, status=3, timeout=60)
    t.contains(done.err, path)
    t.check("lock" in done.err or "busy" in done.err, f"the cause: {done.err}")
    other.execute("ROLLBACK")
    other.close()
    t.run(*PRODUCE)
    kept = os.path.join(t.state, "undelivered.jsonl")
    t.equal(json.loads(t.read(kept))["topic"], "a", "the topic that it was for")
    t.run("produce", "--topic", "a", "--file", kept)
    t.equal(len(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").json()), 3, "two sent, one kept and sent again")


@test
def the_file_is_for_its_owner_only(t):
    path = broker(t, t.path("deep/er/bus.db"))
    t.run(*PRODUCE)
    t.equal(oct(os.stat(path).st_mode & 0o777), "0o600")
    t.equal(oct(os.stat(os.path.dirname(path)).st_mode & 0o777), "0o700")


def with_small_disk(t, script):
    """Runs a shell script with a disk of 12 MiB (the plugin asks for 4 of them for its log beforehand) at ./disk, in a mount namespace of its own."""
    probe = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True)
    if probe.returncode:
        t.skip("no mount namespaces here")
    os.makedirs(t.path("disk"))
    whole = f"set -e; mount -t tmpfs -o size=12m tmpfs {t.path('disk')}; {script}"
    ran = subprocess.run(["unshare", "-m", "sh", "-c", whole], check=False, capture_output=True, text=True, timeout=120,
                         env=t.environment({"EB": COMMAND, "EVENT": EVENT, "LOGIN": LOGIN}), cwd=t.folder)
    t.history.append(type("Ran", (), {"words": ["sh", whole], "status": ran.returncode, "out": ran.stdout, "err": ran.stderr}))
    return ran


@test
def a_full_disk_loses_nothing_that_has_a_receipt(t):
    broker(t, t.path("disk/bus.db"))
    ran = with_small_disk(t, """
        $EB -o eventbus.delivery_timeout=2s -o eventbus.audit_delivered=no produce --signal $LOGIN --topic a \
            --data "$EVENT" -n 60000 --json >receipts 2>errors && echo all || echo "status $?"
        mount -o remount,size=100m disk
        $EB -o eventbus.audit_received=no -o eventbus.audit_processed=no consume -t a -g g --exit-at-end >got
        $EB produce --topic a --file "$STATE_DIRECTORY/undelivered.jsonl" --json >more 2>>errors""")
    t.equal(ran.returncode, 0)
    t.contains(ran.stdout, "status 1")
    receipts = {json.loads(line)["id"] for line in t.read("receipts").splitlines()}
    got = {json.loads(line)["id"] for line in t.read("got").splitlines()}
    t.check(0 < len(receipts) < 60000, f"the disk was full in the middle: {len(receipts)}")
    t.equal(receipts - got, set(), "events with a receipt that are gone")
    t.equal(len(receipts) + len(t.read("more").splitlines()), 60000, "delivered, and kept to be sent again")
    t.contains(t.read("errors"), "full")


@test
def a_read_only_file_can_be_looked_at_and_not_written(t):
    path = broker(t, t.path("disk/bus.db"))
    ran = with_small_disk(t, """
        $EB produce --signal $LOGIN --topic a --data "$EVENT" 2>/dev/null
        mount -o remount,ro disk
        $EB -o broker.main.connect_timeout=1s -o eventbus.delivery_timeout=1s produce --signal $LOGIN --topic a \
            --data "$EVENT" 2>errors || echo "status $?" """)
    t.contains(ran.stdout, "status 3")
    t.contains(t.read("errors"), path)


@test
def many_processes_make_the_file_at_the_same_moment(t):
    broker(t)
    for again in range(size(20, 800)):
        other = ("-o", f"broker.main.path={t.path(f'{again}.db')}")
        for worker in [t.start(*other, *PRODUCE) for _ in range(6)]:
            worker.wait(0)
        rows = t.run(*other, "topics", "--json").json()
        t.equal([row["events"] for row in rows], [6], "the messages of the topic")


main()
