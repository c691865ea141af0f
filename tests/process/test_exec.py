"""eventbus consume --exec: how commands are started, supervised and ended."""
import ctypes
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time

from harness import COMMAND, SOAK, main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
FAST = ("-o", "consume.w.retry.backoff=20ms", "-o", "consume.w.retry.max=50ms")
SECTION = "[consume w]\ntopic = a\ngroup = g\n"
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 36, 38, 22
PIDFD_OPEN, CLOSE_RANGE = 434, 436                      # the same number on every machine


def user(number, name):
    return {"id": number, "is_active": True, "pii": {"username": name, "email": "e", "name": "n"}}


def send(t, n, keys=1):
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--key-field", "user.pii.username", "-",
          stdin="".join(json.dumps({"user": user(i, f"key{i % keys}")}) + "\n" for i in range(n)))


def lag(t):
    row, = t.run("groups", "-t", "a", "-g", "g", "--json").json()
    return row["lag"]


def exists(t, name):
    return os.path.exists(t.path(name))


def prctl(*words):
    if ctypes.CDLL(None, use_errno=True).prctl(*words) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def without_system_calls(*numbers):
    """Makes them fail with ENOSYS, as an old kernel does."""
    class Step(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [("n", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]

    steps = [Step(0x20, 0, 0, 0)]                       # the number of the call
    for number in numbers:
        steps += [Step(0x15, 0, 1, number), Step(0x06, 0, 0, 0x00050000 | errno.ENOSYS)]
    steps.append(Step(0x06, 0, 0, 0x7fff0000))
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, 2, ctypes.byref(Program(len(steps), (Step * len(steps))(*steps))), 0, 0)


def run_with(t, prepare, *words, timeout=60):
    """Runs the command after prepare() in its process."""
    return subprocess.run([COMMAND, *words], preexec_fn=prepare, env=t.environment(), cwd=t.folder, timeout=timeout,
                          capture_output=True, text=True, check=False)


def ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@test
def with_sigchld_ignored_a_failed_command_has_failed(t):
    send(t, 3)
    t.configure(SECTION + "retry.attempts = 2\n")
    ran = subprocess.run(["bash", "-c", "trap '' CHLD; exec \"$@\"", "-", COMMAND, *FAST, "consume", "w", "--exit-at-end",
                          "--exec", "echo x >> runs; exit 1"], env=t.environment(), cwd=t.folder, timeout=60, check=False)
    t.equal(ran.returncode, 1)
    t.equal(len(t.read("runs").splitlines()), 6)
    t.equal(len(t.run("consume", "-t", "a.dlq", "--exit-at-end").json()), 3)


@test
def a_command_has_the_signals_of_a_fresh_process(t):
    send(t, 1)
    t.configure(SECTION)

    def ignore_all():
        for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    run_with(t, ignore_all, "consume", "w", "--exit-at-end", "--exec", "grep -E '^Sig(Blk|Ign)' /proc/self/status > signals")
    own = 3 << 31                                       # 32 and 33 are the C library's
    t.equal([int(line.split()[1], 16) & ~own for line in t.read("signals").splitlines()], [0, 0])


@test
def commands_inherit_no_descriptors(t):
    send(t, 1)
    t.configure(SECTION)
    reader, writer = os.pipe()
    worker = t.start("consume", "w", "--exit-at-end", "--exec", "ls /proc/self/fd > fds", pass_fds=(writer,))
    os.close(writer)
    worker.wait(0)
    t.equal(os.read(reader, 1), b"", "nobody holds it")
    os.close(reader)
    t.check(set(t.read("fds").split()) <= {"0", "1", "2", "3"}, "ls has its own folder as 3")


@test
def without_standard_streams_a_command_runs(t):
    send(t, 2)
    t.configure(SECTION)
    ran = run_with(t, lambda: os.closerange(0, 3), "consume", "w", "--exit-at-end", "--exec",
                   "echo out; echo err >&2; cat >> got")
    t.equal(ran.returncode, 0)
    t.equal(len(t.read("got").splitlines()), 2)


@test
def without_pidfds_commands_run_and_are_judged(t):
    send(t, 3)
    t.configure(SECTION + "retry.attempts = 1\n")
    ran = run_with(t, lambda: without_system_calls(PIDFD_OPEN, CLOSE_RANGE), "consume", "w", "--exit-at-end", "--exec",
                   "read -r e; case $e in *'\"id\":1,'*) exit 65;; esac; echo \"$e\" >> got")
    t.equal(ran.returncode, 1, ran.stderr)
    t.equal(len(t.read("got").splitlines()), 2)


@test
def what_commands_leave_behind_does_not_become_a_zombie_of_the_worker(t):
    send(t, 8)
    t.configure(SECTION)
    words = [COMMAND, "consume", "w", "--exec", "sleep 0.05 & echo $! >> pids"]
    # It adopts orphans, as process 1 does.
    worker = subprocess.Popen(words, preexec_fn=lambda: prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), env=t.environment(),
                              cwd=t.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        t.until(lambda: exists(t, "pids") and len(t.read("pids").splitlines()) == 8, what="all events")
        pids = t.read("pids").split()
        t.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), what="all of them reaped")
        worker.terminate()
        t.equal(worker.wait(30), 0)
    finally:
        worker.kill()


@test
def a_worker_that_is_killed_takes_its_commands_with_it(t):
    send(t, 1)
    t.configure(SECTION)
    worker = t.start("consume", "w", "--exec", "trap '' TERM; echo $$ > pid.new; sleep 100 & echo $! >> pid.new; "
                                              "mv pid.new pids; while :; do wait; done")
    t.until(lambda: exists(t, "pids"), what="the command")
    worker.kill9()
    t.until(lambda: all(ended(pid) for pid in t.read("pids").split()), what="the end of the command's group")


@test
def a_group_wide_interrupt_reaches_the_worker_alone(t):
    send(t, 1)
    t.configure(SECTION)
    worker = t.start("consume", "w", "--exec", "echo x > begun; sleep 0.3; cat > got")
    t.until(lambda: exists(t, "begun"), what="the command")
    os.killpg(worker.pid, signal.SIGINT)
    worker.wait(0)
    t.equal(len(t.read("got").splitlines()), 1, "it drained")
    t.equal(lag(t), 0)


@test
def many_commands_at_a_time_are_told_apart(t):
    n = size(60, 1000)
    send(t, n, keys=n)
    t.configure(SECTION + "retry.attempts = 1\n")
    t.run("consume", "w", "--exit-at-end", "--concurrency", "32", "--exec",
          "n=$(grep -o '\"id\":[0-9]*' | tr -dc 0-9); test $((n % 3)) -ne 0", status=1, timeout=300)
    dead = t.run("consume", "-t", "a.dlq", "--exit-at-end").json()
    t.equal(sorted(event["data"]["user"]["id"] for event in dead), [i for i in range(n) if i % 3 == 0])


# ---- The worker's own trouble ----

@test
def a_worker_short_of_descriptors_makes_no_dead_letters(t):
    n = 64
    send(t, n, keys=n)
    t.configure(SECTION + f"concurrency = {n}\nretry.attempts = 1\n")
    done = t.run("-c", "ulimit -n 50; exec \"$@\"", "-", COMMAND, "consume", "w", "--exit-at-end", "--exec",
                 "cat >> got; sleep 0.1", command="/bin/sh")
    t.equal(len(t.read("got").splitlines()), n, "each event ran once")
    t.equal(done.err.count("no attempt is counted"), 1, "said once")


@test
def a_program_that_goes_missing_costs_no_attempt(t):
    t.configure(SECTION + "retry.attempts = 1\n")
    for command in ("./program", "test -r . && ./program"):
        for mode in (None, 0o644):
            send(t, 2)
            program = t.write("program", "#!/bin/sh\ntouch one; until test -e go; do sleep 0.02; done; cat >> got\n")
            os.chmod(program, 0o755)
            worker = t.start("consume", "w", "--exec", command)
            t.until(lambda: exists(t, "one"), what="the first run")
            os.rename(program, program + ".away") if mode is None else os.chmod(program, mode)
            t.write("go", "")
            worker.until("no attempt is counted")
            t.contains(worker.err, "command ./program cannot be run")
            os.chmod(program, 0o755) if mode else os.rename(program + ".away", program)
            t.until(lambda: len(t.read("got").splitlines()) == 2, what="the second event")
            worker.send(signal.SIGTERM)
            worker.wait(0)
            t.lacks(worker.err, "dead letter")
            for name in ("go", "got", "one"):
                os.remove(t.path(name))


@test
def a_program_that_was_never_there_ends_the_worker_with_2(t):
    send(t, 2)
    t.configure(SECTION + "retry.attempts = 1\n")
    t.run("consume", "w", "--exec", "./nowhere", status=2)
    t.equal(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").out.count('"attempt":1,'), 2)


@test
def a_command_that_lacks_what_it_names_costs_no_attempt(t):
    send(t, 2)
    t.configure(SECTION + "retry.attempts = 1\n")
    for command in ("env nosuch", "timeout -k 1 5 ./nosuch", "sh -c 'exec nosuch'", "cat | xargs nosuch", "python3 ./nosuch.py",
                    "sh /nosuch/sync.sh", "cat </nosuch/in", "cat >/nosuch/out", ". ./nosuch", "if then", "echo 'x"):
        done = t.run("consume", "w", "--exit-at-end", "--exec", command, status=2)
        t.contains(done.err, "receivers cannot be run; the events are handed back")
    t.equal(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").out.count('"attempt":1,'), 2)


@test
def a_command_that_ends_with_127_by_itself_has_failed(t):
    send(t, 1)
    t.configure(SECTION + "retry.attempts = 1\n")
    done = t.run("consume", "w", "--exit-at-end", "--exec", "exit 127", status=1)
    t.contains(done.err, "becomes a dead letter", "exit status 127")


def without_descriptors(t):
    """A worker at rest that can open no descriptor from now on; it may still wait for those that it has."""
    send(t, 1)
    t.configure(SECTION + "retry.attempts = 1\n")
    worker = t.start("consume", "w", "--exec", "cat >> got")
    worker.until("processed successfully")
    t.until(lambda: lag(t) == 0, what="the first event is settled")
    before = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    open_ones = {int(name) for name in os.listdir(f"/proc/{worker.pid}/fd")}
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (min(set(range(len(open_ones) + 1)) - open_ones), before[1]))
    send(t, 3)
    worker.until("no attempt is counted")
    return worker, before


@test
def events_wait_for_descriptors(t):
    worker, before = without_descriptors(t)
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, before)
    t.until(lambda: len(t.read("got").splitlines()) == 4, what="all events")
    t.equal(worker.err.count("no attempt is counted"), 1, "said once")
    t.lacks(worker.err, "dead letter", "failed")


@test
def a_worker_that_can_run_nothing_ends_with_3(t):
    if not SOAK:
        t.skip("it takes 30 s; with EB_SOAK")
    worker, _ = without_descriptors(t)
    worker.wait(3, timeout=120)
    t.contains(worker.err, "receivers cannot be run")
    t.equal(lag(t), 3)


# ---- Signals ----

FATAL_BY_DEFAULT = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
                    signal.SIGRTMIN, signal.SIGRTMAX)


def working(t):
    """A worker whose command has begun, and ends when there is a file `go`."""
    send(t, 2)
    t.write("w.ini", SECTION)
    worker = t.start("-c", t.ini, "-c", t.path("w.ini"), "consume", "w", "--exec", "echo x >> begun; until test -e go; do sleep 0.02; done; cat >> got")
    t.until(lambda: exists(t, "begun"), what="the command")
    return worker


@test
def a_signal_that_ends_a_worker_lets_it_drain(t):
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM):
        worker = working(t)
        worker.send(number)
        t.write("go", "")
        worker.wait(0)
        done = len(t.read("got").splitlines())
        t.check(done >= 1, f"{number.name}: the command at work was waited for")
        t.equal(lag(t), 2 - done, "every event is either done or waiting")
        t.run("consume", "-t", "a", "-g", "g", "--exit-at-end")
        for name in ("go", "got", "begun"):
            os.remove(t.path(name))


@test
def a_worker_whose_parent_blocked_its_signals_ends_when_it_is_told(t):
    send(t, 1)
    t.configure(SECTION)
    block = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); os.execv(sys.argv[1], sys.argv[1:])"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker = t.start("-c", block, COMMAND, "consume", "w", "--exec", "cat >> got", command=sys.executable)
        worker.until("processed successfully")
        worker.send(number)
        worker.wait(0, timeout=20)
        send(t, 1)


@test
def what_a_parent_did_with_sigchld_changes_no_verb(t):
    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    ran = run_with(t, ignore, "conform", "memory", "--only", "the-descriptor-tells-the-truth")
    t.equal((ran.returncode, ran.stdout.splitlines()[-1]), (0, "1 passed, 0 failed, 0 skipped"))
    plugin = t.compile_plugin("crashing", "__attribute__((constructor)) static void crash(void) { __builtin_trap(); }\n")
    ran = run_with(t, ignore, "plugins", plugin)
    t.equal(ran.returncode, 5)
    t.contains(ran.stderr, "crashed while it was being loaded")


@test
def a_stop_that_reaches_the_commands_too_costs_no_attempt(t):
    """As from a service manager that sends SIGTERM to all processes of a service."""
    t.configure(SECTION + "retry.attempts = 1\n")
    for command in ("echo $$ > pid; exec sleep 60", "trap 'exit 143' TERM; echo $$ > pid; sleep 60 & wait"):
        send(t, 1)
        worker = t.start("consume", "w", "--exec", command)
        pid = int(t.until(lambda: exists(t, "pid") and t.read("pid"), what="the command"))
        worker.send(signal.SIGTERM)
        os.kill(pid, signal.SIGTERM)
        worker.wait(0)
        t.lacks(worker.err, "dead letter")
        t.equal(t.run("consume", "-t", "a", "-g", "g", "--exit-at-end").out.count('"attempt":1,'), 1)
        os.remove(t.path("pid"))
    send(t, 1)
    t.run("consume", "w", "--exit-at-end", "--exec", "kill -TERM $$", status=1)         # of nobody's asking


@test
def a_signal_that_means_nothing_ends_no_worker(t):
    worker = working(t)
    for number in FATAL_BY_DEFAULT:
        worker.send(number)
    t.write("go", "")
    t.until(lambda: exists(t, "got") and len(t.read("got").splitlines()) == 2, what="all events")
    t.check(worker.running(), "it goes on")


@test
def under_nohup_a_worker_goes_on(t):
    send(t, 1)
    t.configure(SECTION)
    worker = t.start("-c", "trap '' HUP; exec \"$@\"", "-", COMMAND, "consume", "w", "--exec", "cat >> got", command="/bin/sh")
    t.until(lambda: exists(t, "got"), what="the first event")
    worker.send(signal.SIGHUP)
    send(t, 1)
    t.until(lambda: len(t.read("got").splitlines()) == 2, what="the second event")


@test
def a_signal_that_is_sent_twice_at_once_counts_once(t):
    took = 1
    while took >= 0.9:                                  # from a second on, the next one counts
        worker = working(t)
        began = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            worker.send(number)
            time.sleep(0.01)                            # else the kernel makes one of two
        took = time.monotonic() - began
        if took >= 0.9:
            worker.wait(None)
            os.remove(t.path("begun"))
    t.write("go", "")
    worker.wait(0)
    t.check(len(t.read("got").splitlines()) >= 1, "the command at work was waited for")


@test
def a_producer_that_waits_ends_when_it_is_told_and_keeps_its_events(t):
    """Its broker takes nothing; it waits for that at the end, or for room in its queue."""
    plugin = t.compile_fake_broker()
    t.configure(f"[eventbus]\nproducer = m\n[broker m]\nplugin = {plugin}\nreport = retriable\ntalks = yes\n"
                f"[route r]\nevent = {LOGIN}\ntopic = a\nkey_field = user.pii.username\n")
    lines = 20 * (json.dumps({"user": user(1, "u")}) + "\n")
    for settings, topic in ((), ("--topic", "a")), (("-o", "eventbus.queue_messages=10"), ()):
        reader, writer = os.pipe()
        worker = t.start(*settings, "-o", "eventbus.delivery_timeout=10m", "produce", "--signal", LOGIN, *topic, "-",
                         stdin=reader)
        os.write(writer, lines.encode())
        if not settings:
            os.close(writer)
        os.close(reader)
        worker.until("submitted")
        worker.send(signal.SIGUSR1)
        worker.send(signal.SIGHUP)
        worker.wait(128 + signal.SIGHUP, timeout=30)
        if settings:
            os.close(writer)
        kept = len(t.read("state/undelivered.jsonl").splitlines())
        t.check(1 <= kept <= 20, f"{settings} {topic}: {kept} are kept")
        t.contains(worker.err, f"eventbus: {kept} event(s) were not delivered and are kept")
        os.remove(t.path("state/undelivered.jsonl"))


@test
def a_producer_whose_broker_is_not_there_yet_ends_when_it_is_told_and_keeps_its_event(t):
    plugin = t.compile_fake_broker()
    t.configure(f"[eventbus]\nproducer = m\n[broker m]\nplugin = {plugin}\nmute = yes\ntalks = yes\nconnect_timeout = 50s\n")
    worker = t.start("produce", "--signal", LOGIN, "--topic", "a", "--data", json.dumps({"user": user(1, "u")}))
    worker.until("opened")
    worker.send(signal.SIGTERM)
    worker.wait(128 + signal.SIGTERM, timeout=20)
    t.equal(len(t.read("state/undelivered.jsonl").splitlines()), 1)


main()
