"""bindings/python/tests/test_openedx_gunicorn.py - a Django service under gunicorn, whose workers are forked and killed."""
import http.client
import os
import signal
import socket
import threading

from django_case import sqlite_site
from python_case import environment, made
from harness import main, size, test

# Each request sends an event and waits until it is stored; /worker answers with the process that serves.
SERVICE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
import django
django.setup()
from openedx_events.event_bus import get_producer
from openedx_events.learning.data import UserData, UserPersonalData
from openedx_events.learning.signals import SESSION_LOGIN_COMPLETED

def application(environ, start_response):
    text = str(os.getpid())
    if environ["PATH_INFO"] != "/worker":
        number = int(environ["PATH_INFO"].strip("/"))
        pii = UserPersonalData(username="ada", email="ada@example.org", name="Ada")
        SESSION_LOGIN_COMPLETED.send_event(user=UserData(id=number, is_active=True, pii=pii))
        get_producer().flush(60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""


def ask(path, what):
    """The answer to a request; None: the connection broke before there was one."""
    connection = http.client.HTTPConnection("localhost", timeout=120)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
        connection.request("GET", what)
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def kill_workers(path, kills, end):
    """Kills a worker, at any moment of its work, again and again until the end is set."""
    while not end.is_set():
        pid = ask(path, "/worker")
        if pid and pid not in kills[-1:]:
            os.kill(int(pid), signal.SIGKILL)
            kills.append(pid)


@test
def a_worker_of_gunicorn_that_is_killed_loses_nothing_that_was_answered(t):
    n, answered, kills, end = size(60, 2000), [], [], threading.Event()
    sqlite_site(t, LOGGING=None)
    t.write("service.py", SERVICE)
    path = t.path("socket")
    service = t.start("-m", "gunicorn", "--workers", "2", "--bind", f"unix:{path}", "service:application", command=made().python,
                      env=environment())
    t.until(lambda: ask(path, "/worker"), what="the service")
    killer = threading.Thread(target=kill_workers, args=(path, kills, end))
    killer.start()
    for number in range(n):
        if ask(path, f"/{number}") is not None:
            answered.append(number)
    end.set()
    killer.join()
    t.check(answered and kills, f"{len(answered)} of {n} requests were answered, {len(kills)} workers were killed")
    t.until(lambda: ask(path, f"/{n}"), what="a worker that serves after the kills")
    service.send(signal.SIGTERM)
    service.wait(0)
    got = [event["data"]["user"]["id"] for event in t.run("consume", "-t", "logins", "--exit-at-end").json()]
    t.equal(sorted({*answered, n} - set(got)), [], "events that were answered and are not stored")
    t.equal([number for number in set(got) - {n} if got.count(number) > 1], [], "events that came twice")
    print(f"# {n} requests, {len(answered)} answered, {len(kills)} workers killed, {len(got)} events")


main()
