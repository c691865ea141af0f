"""The brokers that other tests start: they keep what they must, end with their test, and the proxy does as told."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import resp                                                 # noqa: E402
from harness import main, test                              # noqa: E402
from proxy import Proxy                                     # noqa: E402
from redis_server import RedisServer                        # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis_server.py")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@test
def redis_has_its_data_and_its_port_again_after_kill_9(t):
    for kind in ("tcp", "unix", "tls"):
        with RedisServer(kind, appendonly=True, password="secret") as redis:
            url, entry = redis.url, redis.call("XADD", "a", "*", "name", b"\xff\x00")
            redis.kill9()
            redis.start()
            t.equal(redis.url, url)
            t.equal(redis.entries("a"), [(entry.decode(), [(b"name", b"\xff\x00")])], kind)


@test
def redis_dies_with_the_test_that_is_killed(t):
    program = subprocess.Popen([sys.executable, SCRIPT], stdout=subprocess.PIPE, text=True)
    address = program.stdout.readline()
    port = int(address.rpartition(":")[2])
    client = resp.Client(("127.0.0.1", port))
    server = int(dict(line.split(b":", 1) for line in client.call("INFO", "server").split(b"\r\n") if b":" in line)
                 [b"process_id"])
    t.check(alive(server), "the server runs")
    program.kill()
    program.wait()
    t.until(lambda: not alive(server), what="the server's end")


@test
def the_command_runs_a_program_beside_redis_and_ends_as_it_does(t):
    ran = subprocess.run([sys.executable, SCRIPT, "--", "sh", "-c", "echo $EB_REDIS_URL; exit 7"], capture_output=True,
                         text=True, check=False)
    t.equal(ran.returncode, 7)
    t.matches(ran.stdout, r"^redis://127.0.0.1:\d+$")
    program = subprocess.Popen([sys.executable, SCRIPT], stdout=subprocess.PIPE, text=True)
    program.stdout.readline()
    program.send_signal(signal.SIGTERM)
    t.equal(program.wait(60), 143)


@test
def the_proxy_passes_trickles_and_cuts(t):
    with RedisServer() as redis, Proxy(("127.0.0.1", redis.port)) as proxy:
        def client():
            return resp.Client(("127.0.0.1", proxy.port))
        t.equal(client().call("ECHO", "x" * 100_000), b"x" * 100_000)
        proxy.trickle = True
        t.equal(client().call("ECHO", "x" * 1000), b"x" * 1000)
        proxy.trickle = False
        proxy.cut_after("up", 20)
        try:
            answer = client().call("SET", "key", "value")
        except (EOFError, OSError):
            answer = "cut"
        t.equal((answer, proxy.cut_pending(), redis.call("GET", "key")), ("cut", False, None))
        proxy.cut_after("down", 2)
        try:
            answer = client().call("SET", "key", "value")
        except (EOFError, OSError):
            answer = "cut"
        t.equal((answer, redis.call("GET", "key")), ("cut", b"value"), "the answer is cut, the write is done")


@test
def the_proxy_holds_and_refuses(t):
    with RedisServer() as redis, Proxy(("127.0.0.1", redis.port)) as proxy:
        client = resp.Client(("127.0.0.1", proxy.port))
        t.equal(client.call("PING"), b"PONG")
        client.socket.settimeout(0.3)
        proxy.hold("down")
        try:
            answer = client.call("PING")
        except OSError:
            answer = "nothing in time"
        t.equal(answer, "nothing in time")
        proxy.release()
        proxy.refuse = True
        try:
            answer = resp.Client(("127.0.0.1", proxy.port)).call("PING")
        except (EOFError, OSError):
            answer = "refused"
        t.equal(answer, "refused")


main()
