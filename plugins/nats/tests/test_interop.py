"""Events between the event bus and programs that use nats-py, the Python client of NATS, both ways. The client is fetched once from
PyPI, pinned, into an environment of its own in ${XDG_CACHE_HOME:-~/.cache}/eventbus."""
import json
import os
import subprocess
import sys
import uuid
import venv

import nats_server
from nats_test import EVENT, check, data_lines, equal, main, site, test

CLIENT = "nats-py==2.16.0"
PROGRAM = """
import asyncio, json, sys
import nats

async def run(action, url, subject):
    nc = await nats.connect(url)
    js = nc.jetstream()
    if action == "send":
        for line in sys.stdin:
            message = json.loads(line)
            await js.publish(subject, bytes.fromhex(message["payload"]), headers=message["headers"])
    else:
        got = await (await js.pull_subscribe(subject, durable="python")).fetch(100, timeout=2)
        for message in got:
            await message.ack_sync()
            print(json.dumps({"payload": message.data.hex(), "headers": dict(message.headers or {})}))
    await nc.close()

asyncio.run(run(*sys.argv[1:]))
"""


def python():
    """The interpreter of an environment that has the client."""
    folder = os.path.join(nats_server.CACHE, CLIENT.replace("==", "-"))
    found = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, "ready")):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([found, "-m", "pip", "install", "-q", "--no-deps", CLIENT], check=True)
        with open(os.path.join(folder, "ready"), "w", encoding="ascii"):
            pass
    return found


def client(action, server, subject, text=""):
    done = subprocess.run([python(), "-c", PROGRAM, action, server.url, subject], input=text, capture_output=True, text=True, timeout=60,
                          check=False)
    check(done.returncode == 0, f"the Python client failed: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


@test
def a_python_program_reads_what_the_bus_sends(server):
    with site(server) as s:
        s.run("produce", "--signal", EVENT, "-", stdin=data_lines([("ada", 1), ("grace", 2)]))
        got = client("receive", server, "eventbus.user-login")
        equal(len(got), 2, "messages")
        equal(got[0]["headers"].get("ce-type"), EVENT, "the type")
        equal([message["headers"].get("eb-key") for message in got], ["ada", "grace"], "the keys")
        for name in ("ce-id", "ce-source", "ce-time", "ce-minorversion", "ce-specversion"):
            check(got[0]["headers"].get(name), f"there is no {name}: {got[0]['headers']}")
        decoded = s.run("schema", "decode", "--signal", EVENT, "--hex", stdin=got[0]["payload"] + "\n").stdout
        equal(json.loads(decoded)["user"]["pii"]["username"], "ada", "the user")
        s.run("topics", "delete", "-t", "user-login")


@test
def the_bus_reads_what_a_python_program_sends(server):
    with site(server) as s:
        s.run("topics", "create", "-t", "user-login")
        payload = s.run("schema", "encode", "--signal", EVENT, "--hex", stdin=data_lines([("ada", 7)])).stdout.strip()
        headers = {"ce-specversion": "1.0", "ce-type": EVENT, "ce-id": str(uuid.uuid1()), "ce-source": "python", "x-other": "kept"}
        messages = [{"payload": payload, "headers": headers}, {"payload": "ff00", "headers": headers},
                    {"payload": payload, "headers": {"eb-pack": "9"}}, {"payload": "", "headers": {}},
                    {"payload": payload, "headers": {**headers, "ce-id": str(uuid.uuid1())}}]
        client("send", server, "eventbus.user-login", "".join(json.dumps(message) + "\n" for message in messages))
        done = s.run("consume", "-t", "user-login", "-g", "bus", "--exit-at-end", "-q", status=None)
        got = [json.loads(line) for line in done.stdout.splitlines()]
        equal([event["data"]["user"]["id"] for event in got], [7, 7], "events")
        equal([event["id"] for event in got], [headers["ce-id"], messages[4]["headers"]["ce-id"]], "ids")
        letters = next(row["events"] for row in s.rows("topics") if row["topic"] == "user-login.dlq")
        equal(letters, 3, "dead letters: what cannot be decoded is lost neither here nor for the others")
        s.run("topics", "delete", "-t", "user-login")
        s.run("topics", "delete", "-t", "user-login.dlq")


if len(sys.argv) == 1:
    main()
