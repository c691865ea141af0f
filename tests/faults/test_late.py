"""A plugin that cannot tell that an acknowledgement came too late: with EB_T_LATE_UNTOLD the kit and the worker judge by the lease,
and without the trait the kit finds the plugin wrong."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import harness                                              # noqa: E402
from harness import main, test                              # noqa: E402

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
DATA = '{"user":{"id":1,"is_active":true,"pii":{"username":"u","email":"e","name":"n"}}}'
KILLER = os.path.join(harness.BUILD, "tests", "faults", "killer.so")
CONFORM = os.path.join(harness.BUILD, "eventbus-conform")


def late(t, how):
    """The environment in which sqlite, with leases of a second, confirms late verdicts as any other."""
    os.makedirs(t.path("late"), exist_ok=True)
    if not os.path.lexists(t.path("late/sqlite.so")):
        os.symlink(KILLER, t.path("late/sqlite.so"))
    return {"FAULTS_PLUGIN": os.path.join(harness.PLUGINS, "sqlite.so"), "FAULTS_LATE": how}


def conform(t, how, status):
    return t.run(t.path("late/sqlite.so"), "--json", "-o", "lease=1s", "--only", "what-was-taken-over-is-out-of-reach",
                 env=late(t, how), status=status, command=CONFORM)


@test
def the_kit_takes_such_a_confirmation_for_late_where_the_trait_is_claimed(t):
    t.equal([case["result"] for case in conform(t, "untold", 0).json() if "case" in case], ["pass"])


@test
def the_kit_finds_a_late_confirmation_where_it_is_not(t):
    case, = [case for case in conform(t, "hidden", 1).json() if "case" in case]
    t.equal(case["result"], "fail")
    t.contains(case["why"], "EB_GONE")


@test
def a_worker_that_slept_through_a_lease_does_not_count_its_event(t):
    env = late(t, "untold")
    t.write("eventbus.ini", f"[eventbus]\nplugin_path = {t.path('late')}\nschema_path = {harness.SCHEMAS}\n"
            f"producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\nlease = 1s\n"
            "[consume w]\ntopic = a\ngroup = g\nexec = touch at-work; while ! test -e go; do sleep 0.05; done\n")
    t.run("produce", "--signal", LOGIN, "--topic", "a", "--json", "-", stdin=DATA, env=env)
    worker = t.start("consume", "w", "-n", "1", env=env)
    t.until(lambda: os.path.exists(t.path("at-work")), what="the receiver")
    worker.send(signal.SIGSTOP)
    time.sleep(1.5)                         # the lease is over by then: nothing tells it
    worker.send(signal.SIGCONT)
    t.write("go", "")
    worker.until("were confirmed after their lease had ended")
    t.check(worker.running(), "expected the worker to wait for an event that counts")


main()
