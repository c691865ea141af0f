"""What stays bounded: memory with much waiting, many topics, large events, an idle worker's CPU."""
import concurrent.futures
import json
import os
import time

from harness import main, size, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


def login(number, name="foobob"):
    return {"user": {"id": number, "is_active": True,
                     "pii": {"username": name, "email": "bob@foo.example", "name": "Bob Foo"}}}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid):
    """How often its threads have gone to sleep so far."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            line, = (line for line in file if line.startswith("voluntary_ctxt_switches:"))
        total += int(line.split()[1])
    return total


def peak_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        line, = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@test
def much_that_waits_costs_a_worker_no_memory(t):
    waiting, done = size(20000, 1000000), size(200, 20000)
    lines = "".join(json.dumps(login(i, f"user-{i % 1000}")) + "\n" for i in range(waiting))
    t.run("produce", "--signal", LOGIN, "--topic", "many", "--key-field", "user.pii.username", "-", stdin=lines,
          timeout=600)
    worker = t.start("consume", "-t", "many", "-g", "g", "--exec", "echo . >>done; exec sleep 0.001")
    t.until(lambda: os.path.exists(t.path("done")) and os.path.getsize(t.path("done")) >= 2 * done, timeout=600)
    peak = peak_bytes(worker.pid)
    print(f"# {waiting} waiting, {done} done: {peak / (1 << 20):.1f} MiB at most")
    t.check(peak < 64 << 20, f"{peak} bytes")


@test
def many_topics(t):
    n = size(20, 10000)

    def produce(i):
        t.run("produce", "--signal", LOGIN, "--topic", f"topic-{i}", "--data", json.dumps(login(i)))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(produce, range(n)))
    t.equal(len(t.run("topics", "--json").json()), n)
    start = time.monotonic()
    got = t.run("consume", "-t", "topic-*", "-g", "g", "--exit-at-end", timeout=600).json()
    print(f"# {n} topics: a worker reads one event of each in {time.monotonic() - start:.1f} s")
    t.equal(sorted(event["data"]["user"]["id"] for event in got), list(range(n)))


@test
def an_event_of_1_mib(t):
    name = "n" * (1 << 20)
    t.run("produce", "--signal", LOGIN, "--topic", "large", "-", stdin=json.dumps(login(1, name)) + "\n")
    event, = t.run("consume", "-t", "large", "-g", "g", "--exit-at-end").json()
    t.equal(event["data"]["user"]["pii"]["username"], name, "the text")


@test
def an_idle_worker_costs_no_cpu(t):
    t.run("produce", "--signal", LOGIN, "--topic", "logins", "--data", json.dumps(login(1)))
    worker = t.start("consume", "-t", "logins", "-g", "g")
    worker.until(LOGIN)
    seconds = size(4, 60)
    before, slept, start = cpu_seconds(worker.pid), sleeps(worker.pid), time.monotonic()
    time.sleep(seconds)                 # not waiting for anything: this is the idleness that is measured
    used, slept, passed = cpu_seconds(worker.pid) - before, sleeps(worker.pid) - slept, time.monotonic() - start
    print(f"# idle for {passed:.0f} s: {slept} sleeps, {used:.2f} s of CPU, {100 * used / passed:.3f} %")
    t.check(slept <= 10 * passed, f"{slept} sleeps in {passed} s")
    # Some virtual machines charge milliseconds for each sleep: CPU only finds a thread that does not sleep at all.
    t.check(used <= 0.2 * passed, f"{used} s of CPU in {passed} s")


main()
