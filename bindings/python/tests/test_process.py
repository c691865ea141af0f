"""bindings/python/tests/test_process.py - the program around the bus: its end, its forks, its signals."""
import json
import os
import shutil
import signal

from python_case import LOGIN, environment, made, run, sqlite, start
from harness import BUILD, main, size, test


def produce(t, n, topic="logins"):
    t.run("produce", "--signal", LOGIN, "--topic", topic, "-", stdin="".join(
        json.dumps({"user": {"id": number, "is_active": True, "pii": {"username": str(number), "email": "b", "name": "c"}}}) + "\n"
        for number in range(n)))


@test
def what_waits_is_delivered_at_the_end_of_the_program(t):
    sqlite(t)
    run(t, """
bus = eventbus.Bus()
for number in range(500):
    bus.produce(LOGIN, login(number), "t")
""")
    t.equal(len(t.run("consume", "-t", "t", "--exit-at-end").json()), 500)


@test
def what_waits_is_delivered_at_the_end_of_a_child_of_multiprocessing(t):
    sqlite(t)
    run(t, """
import multiprocessing
def work(number):
    bus = eventbus.Bus()
    bus.produce(LOGIN, login(number), "t")
children = [multiprocessing.get_context("fork").Process(target=work, args=(number,)) for number in range(3)]
for child in children: child.start()
for child in children: child.join()
say(codes=[child.exitcode for child in children])
""")
    t.equal(sorted(event["data"]["user"]["id"] for event in t.run("consume", "-t", "t", "--exit-at-end").json()), [0, 1, 2])


@test
def a_child_of_a_fork_opens_its_own_bus(t):
    sqlite(t, "queue_messages = 1000\n")
    t.configure("[broker here]\nplugin = memory\n")
    said = run(t, """
bus = eventbus.Bus(overrides={"eventbus.producer": "here"})
bus.produce(LOGIN, login(0), "t")
pid = os.fork()
if pid == 0:
    try:
        bus.produce(LOGIN, login(1), "t")
    except eventbus.FatalError as error:
        say(text=error.text)
    bus.close()
    with eventbus.Bus() as own:
        own.produce(LOGIN, login(2), "t")
    os._exit(0)
say(status=os.waitpid(pid, 0)[1])
bus.produce(LOGIN, login(3), "t")
bus.close()
""")
    t.contains(said[0]["text"], "before this process was forked")
    t.equal(said[1]["status"], 0)
    t.equal([event["data"]["user"]["id"] for event in t.run("consume", "-t", "t", "--exit-at-end").json()], [2])


@test
def a_child_whose_parent_has_a_sqlite_file_open_is_told(t):
    """SQLite's locks do not survive a fork: the child does not touch the file."""
    sqlite(t)
    said = run(t, """
bus = eventbus.Bus()
bus.produce(LOGIN, login(0), "t")
bus.flush(60)
pid = os.fork()
if pid == 0:
    with eventbus.Bus() as own:
        try:
            own.produce(LOGIN, login(1), "t")
        except eventbus.PermanentError as error:
            say(text=error.text)
    os._exit(0)
say(status=os.waitpid(pid, 0)[1])
bus.produce(LOGIN, login(2), "t")
bus.close()
if os.fork() == 0:
    with eventbus.Bus() as own:
        own.produce(LOGIN, login(3), "t")
    os._exit(0)
os.wait()
""")
    t.contains(said[0]["text"], "it was forked while its parent had a bus on SQLite open; close that bus before the fork")
    t.equal(said[1]["status"], 0)
    t.equal([event["data"]["user"]["id"] for event in t.run("consume", "-t", "t", "--exit-at-end").json()], [0, 2, 3])


@test
def the_program_may_use_sqlite_itself_in_a_forked_child(t):
    """Threads of the bus are in SQLite all the time, whose locks a child would wait for, for ever."""
    sqlite(t, "batch_messages = 1\n")
    said, = run(t, """
import signal, sqlite3
stop, bus = threading.Event(), eventbus.Bus(queue_wait=-1)
def work():
    while not stop.is_set():
        bus.produce(LOGIN, login(1), "parent")
        bus.flush()
threading.Thread(target=work).start()
codes = []
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        own = sqlite3.connect(f"own{number % 5}.db")
        own.execute("create table if not exists a (b)")
        own.execute("insert into a values (1)")
        own.commit()
        os._exit(0)
    codes.append(os.waitpid(pid, 0)[1])
stop.set()
say(bad=[code for code in codes if code])
""", size(50, 500))
    t.equal(said["bad"], [], "children that did not end well")


@test
def a_program_may_end_while_callbacks_run(t):
    """Workers in daemon threads, receipts and log lines on their way: the end waits for them, and no thread of C enters a dead
    interpreter. What was not finished comes again."""
    sqlite(t, "audit = full\n")
    produce(t, 200)
    for number in range(size(5, 100)):
        run(t, """
logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
came = threading.Event()
def seen(event):
    came.set()
    bus.produce(LOGIN, login(1), "echo", on_delivery=lambda receipt: None)
bus = eventbus.Bus(on_delivery=lambda receipt: sum(range(100)))
consumer = eventbus.Consumer(bus, seen, topics="logins", group=sys.argv[1])
threading.Thread(target=consumer.run, daemon=True).start()
came.wait(60)
""", f"g{number}")
        t.equal(t.last.err, "", "standard error")


@test
def a_receiver_that_hangs_does_not_hold_the_end_for_ever(t):
    sqlite(t)
    t.configure("[consume g]\ntopic = logins\ngroup = g\ndrain_timeout = 100ms\n")
    produce(t, 1)
    run(t, """
logging.basicConfig(level=logging.ERROR)
came = threading.Event()
def seen(event):
    came.set()
    threading.Event().wait()
bus = eventbus.Bus()
consumer = eventbus.Consumer(bus, seen, "g")
threading.Thread(target=consumer.run, daemon=True).start()
came.wait(60)
""")
    t.contains(t.last.err, "1 receiver(s) are still at work")
    t.equal(len(t.run("consume", "-t", "logins", "-g", "g", "--exit-at-end").json()), 1, "it comes again")


@test
def sigterm_finishes_what_is_at_work(t):
    sqlite(t)
    produce(t, 10)
    worker = start(t, """
go = threading.Event()
def seen(event):
    say(began=event.data["user"]["id"])
    while not os.path.exists("go"):
        time.sleep(0.01)
    say(ended=event.data["user"]["id"])
with eventbus.Bus() as bus, eventbus.Consumer(bus, seen, topics="logins", group="g") as consumer:
    consumer.run()
say(succeeded=consumer.counts.succeeded, returned=consumer.counts.returned, handler=str(__import__("signal").getsignal(15) == __import__("signal").SIG_DFL))
""")
    worker.until("began")
    worker.send(signal.SIGTERM)
    t.write("go", "")
    said = [json.loads(line) for line in worker.wait(0).lines()]
    t.equal((said[0], said[1]), ({"began": 0}, {"ended": 0}))
    t.equal(said[-1]["handler"], "True")
    left = t.run("consume", "-t", "logins", "-g", "g", "--exit-at-end").json()
    t.equal(len(left), 10 - said[-1]["succeeded"], "the rest is there")


@test
def the_calls_that_would_wait_for_themselves_are_refused(t):
    sqlite(t)
    produce(t, 1)
    said = run(t, """
def tell(call, *words):
    try:
        call(*words)
    except eventbus.PermanentError as error:
        say(text=str(error))
def seen(event):
    tell(bus.close)
    tell(consumer.close)
    tell(consumer.run)
def receipt(receipt):
    tell(bus.flush)
    tell(bus.close)
bus = eventbus.Bus(on_delivery=receipt)
bus.produce(LOGIN, login(1), "t")
bus.flush()
with eventbus.Consumer(bus, seen, topics="logins", group="g", count=1) as consumer:
    consumer.run()
bus.close()
""")
    t.equal([one["text"].split(":")[0] for one in said],
            ["flush() cannot be called in on_delivery", "close() cannot be called in on_delivery", "close() cannot be called in a receiver",
             "close() cannot be called in a receiver", "run() cannot be called in a receiver"])


@test
def without_the_library_the_error_says_so(t):
    script = t.write("none.py", """
import eventbus
try:
    eventbus.Bus()
except eventbus.PermanentError as error:
    print(error.kind.name, error)
""")
    hidden = t.write("lib/libeventbus.so.0", "not a library")
    done = t.run(script, command=made().python, env=environment({"LD_LIBRARY_PATH": hidden.rsplit("/", 1)[0]}))
    t.contains(done.out, "SYSTEM libeventbus cannot be loaded", "LD_LIBRARY_PATH")


@test
def an_older_library_is_named_as_that(t):
    """One that lacks what came last: here it has another name, so that the loader does not find it."""
    os.mkdir(t.path("old"))
    shutil.copy(f"{BUILD}/.libs/libeventbus.so.0", t.path("old/libeventbus.so.0"))
    with open(t.path("old/libeventbus.so.0"), "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(data.replace(b"\x00eb_signal_add\x00", b"\x00eb_signal_xxx\x00"))
    done = t.run("-c", "import eventbus\ntry:\n    eventbus.Bus('/dev/null', defaults={'eventbus.service': 'x'})\n"
                 "except eventbus.PermanentError as error:\n    print(error.kind.name, error)\n",
                 command=made().python, env=environment({"LD_LIBRARY_PATH": t.path("old")}))
    t.contains(done.out, "SYSTEM ", "older", "install libeventbus")


main()
