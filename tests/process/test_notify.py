"""tests/process/test_notify.py - what a worker tells the service manager: ready, alive, stopping."""
import os
import signal
import socket
import time

from harness import BUILD, COMMAND, TOP, Skipped, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"


class Manager:
    """The socket of a service manager, and what it was told so far."""

    def __init__(self, t):
        program = os.path.join(BUILD, ".libs", "eventbus")      # behind the script that libtool makes
        with open(program if os.path.exists(program) else COMMAND, "rb") as file:
            if b"libsystemd.so" not in file.read():
                raise Skipped("this build has no libsystemd")
        self.path, self.lines = t.path("notify"), []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "400000", "WATCHDOG_PID": None}

    def told(self, line=None):
        """How often it was told this line; without one, all lines."""
        try:
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            pass
        return self.lines if line is None else self.lines.count(line)

    def told_by(self, worker):
        """Takes what a worker tells until it ends; a socket holds only a few lines that nobody has taken."""
        worker.case.until(lambda: self.told() and not worker.running(), what="the worker's end")


@test
def a_worker_is_ready_when_it_is_connected_and_lives_until_it_stops(t):
    manager = Manager(t)
    t.run("topics", "create", "-t", "a")
    worker = t.start("consume", "-t", "a", "-g", "g", env=manager.environment)
    t.until(lambda: manager.told("READY=1") == 1, what="that it is ready")
    alive = manager.told("WATCHDOG=1")
    t.until(lambda: manager.told("WATCHDOG=1") > alive + 3, what="signs of life")
    worker.send(signal.SIGTERM)
    manager.told_by(worker)
    worker.wait(0)
    t.equal((manager.told("READY=1"), manager.told("STOPPING=1")), (1, 1), f"of {manager.told()}")
    t.check(manager.told().index("STOPPING=1") > manager.told().index("READY=1"), f"{manager.told()}")


@test
def signs_of_life_go_on_while_a_receiver_works_and_while_it_drains(t):
    manager = Manager(t)
    t.run("produce", "--signal", LOGIN, "--topic", "a",
          "--data", '{"user":{"id":1,"is_active":true,"pii":{"username":"u","email":"e","name":"n"}}}')
    worker = t.start("consume", "-t", "a", "-g", "g", "--exec", "echo x >> begun; until [ -e go ]; do sleep 0.05; done",
                     env=manager.environment)
    t.until(lambda: os.path.exists(t.path("begun")), what="the command")
    for stop in (False, True):
        if stop:
            worker.send(signal.SIGTERM)
            t.until(lambda: manager.told("STOPPING=1"), what="that it stops")
        alive = manager.told("WATCHDOG=1")
        t.until(lambda: manager.told("WATCHDOG=1") > alive + 3, what=f"signs of life, stopping: {stop}")
    t.write("go", "")
    manager.told_by(worker)
    worker.wait(0)


@test
def one_without_its_broker_lives_and_is_not_ready(t):
    manager = Manager(t)
    plugin = t.compile_fake_broker()
    t.configure(f"[eventbus]\nconsumer = m\n[broker m]\nplugin = {plugin}\nmute = yes\nconnect_timeout = 3s\n")
    worker = t.start("consume", "-t", "a", "-g", "g", env=manager.environment)
    t.until(lambda: manager.told("WATCHDOG=1") > 3 and manager.told("STATUS=The broker is not reached."), what="signs of life")
    manager.told_by(worker)
    t.equal(manager.told("READY=1"), 0)


HANGS = """
#define eventbus_consumer fake_consumer
#include "{top}/tests/fake_broker/fake_broker.c"
#undef eventbus_consumer
static int32_t hang(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {{
    (void)self, (void)max, (void)timeout_ms, (void)err;
    pause_ms(3600000);
    return EB_EMPTY;
}}
const struct eb_consumer_ops eventbus_consumer = {{
    .size = sizeof eventbus_consumer, .traits = TRAITS, .open = consumer_open, .receive = hang,
    .settle = consumer_settle, .wake = count_wake, .close = consumer_close, .traits_for = traits_for,
}};
"""


@test
def one_whose_plugin_does_not_return_gives_no_sign_of_life(t):
    """So that the service manager ends it and starts another."""
    manager = Manager(t)
    plugin = t.compile_plugin("fake", HANGS.format(top=TOP))
    t.configure(f"[eventbus]\nconsumer = m\n[broker m]\nplugin = {plugin}\n")
    t.start("consume", "-t", "a", "-g", "g", env=manager.environment)
    t.until(lambda: manager.told("WATCHDOG=1"), what="a sign of life before the plugin is called")
    time.sleep(1.2)                                     # three times as long as the watchdog waits
    t.equal(manager.told("WATCHDOG=1"), 1)


main()
