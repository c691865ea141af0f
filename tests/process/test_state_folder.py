"""tests/process/test_state_folder.py - a state folder is needed only where it is used."""
import json

from harness import main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
NOWHERE = "/dev/null/state"     # no one, root neither, can make a folder there


def configure(t):
    t.configure(f"""
[eventbus]
producer = main
consumer = main

[broker main]
plugin = sqlite
path = {t.path('bus.db')}
""")


def send(t, n=3, **more):
    sample = t.run("signals", LOGIN, "--sample").bytes
    return t.run("produce", "--topic", "logins", "-", stdin=sample * n, **more)


@test
def a_worker_whose_broker_is_elsewhere_works_without_one(t):
    configure(t)
    for env in ({"STATE_DIRECTORY": NOWHERE}, {"STATE_DIRECTORY": None, "HOME": "/proc/"}):
        where = env["STATE_DIRECTORY"] or "/proc/.local/state/eventbus"
        done = send(t, env=env)
        t.contains(done.err, where.rsplit("/", 2)[0], "what cannot be delivered would be lost: set STATE_DIRECTORY")
        t.equal(len(done.err.splitlines()), 5, "lines: a warning, an audit line for each, and the summary")
        done = t.run("consume", "-t", "logins", "-g", "crm", "--exit-at-end", env=env)
        t.equal(len(done.lines()), 3)
        t.contains(done.err, "has no lock: cannot make folder /", "it is one for this run alone")
        t.equal(done.err.count("has no lock"), 1)
        done = t.run("consume", "-t", "logins", "-g", "other", "--name", "w", "--exit-at-end", env=env)
        t.contains(done.err, "see that no other worker is given it")
        t.run("seek", "-t", "logins", "-g", "other", "--to", "earliest", env=env)
        for verb in (["topics"], ["groups"], ["signals"], ["config", "check"], ["config", "show"], ["consume", "-t", "logins", "--exit-at-end"]):
            t.equal(t.run(*verb, env=env).err, "", f"what {verb} says")
        t.run("seek", "-t", "logins", "-g", "crm", "--to", "latest", env=env)


@test
def two_workers_without_one_have_names_of_their_own(t):
    configure(t)
    send(t)
    env = {"STATE_DIRECTORY": NOWHERE}
    workers = [t.start("consume", "-t", "logins", "-g", "crm", env=env) for _ in range(2)]
    for worker in workers:
        worker.until(lambda w: "has no lock" in w.err)
    names = {worker.err.split("the name of consumer ")[1].split(" ")[0] for worker in workers}
    t.equal(len(names), 2, f"names: {names}")
    t.until(lambda: t.run("groups", "--json").json()[0]["members"] == 2)
    for worker in workers:
        worker.end()


@test
def what_needs_the_folder_says_so_and_names_it(t):
    t.configure("[eventbus]\nproducer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n")
    done = send(t, n=1, env={"STATE_DIRECTORY": NOWHERE}, status=3)
    t.contains(done.err, f"{NOWHERE}")
    done = t.run("consume", "-t", "logins", "-g", "crm", "--exit-at-end", env={"STATE_DIRECTORY": NOWHERE}, status=3)
    t.contains(done.err.splitlines()[-1], "/dev/null/state")


@test
def the_folder_has_one_slash_where_several_stand(t):
    for home, state in (("/", "/.local/state/eventbus"), ("/a//", "/a/.local/state/eventbus")):
        t.contains(t.run("config", "show", env={"STATE_DIRECTORY": None, "HOME": home}).out, f"; state folder: {state}\n")
    t.contains(t.run("config", "show", env={"STATE_DIRECTORY": "/a//b/"}).out, "; state folder: /a/b\n")


main()
