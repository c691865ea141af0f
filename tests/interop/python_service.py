"""tests/interop/python_service.py - starts peer.py with the Python that venv.sh made."""
import os
import subprocess

from harness import TOP, Skipped, json_lines

HERE = os.path.join(TOP, "tests", "interop")


def python():
    """The path of the Python with the packages. Made here when bootstrap has not; no network is a reason to skip."""
    made = subprocess.run([os.path.join(HERE, "venv.sh")], capture_output=True, text=True, check=False)
    if made.returncode and not os.environ.get("CI"):
        raise Skipped(f"cannot make the Python environment: {made.stderr.strip()[-200:]}")
    if made.returncode:
        raise RuntimeError(made.stderr)
    return made.stdout.strip()


class PythonService:
    """The real packages on one bus; `environment` holds their EVENT_BUS_* settings."""

    def __init__(self, t, bus, environment):
        self.t, self.bus, self.python = t, bus, python()
        self.environment = {"PYTHONDONTWRITEBYTECODE": "1", **environment}

    def _words(self, verb, words):
        return [os.path.join(HERE, "peer.py"), verb, "--bus", self.bus, *map(str, words)]

    def run(self, verb, *words, status=0, stdin="", env=None):
        """Runs it to its end and answers what it printed, as objects."""
        done = self.t.run(*self._words(verb, words), command=self.python, stdin=stdin, status=status, timeout=300,
                          env={**self.environment, **(env or {})})
        return json_lines(done.out)

    def start(self, verb, *words, env=None):
        return self.t.start(*self._words(verb, words), command=self.python, env={**self.environment, **(env or {})})

    def produce(self, topic, events, status=0, env=None):
        """events: objects as peer.py takes them."""
        import json
        return self.run("produce", "--topic", topic, stdin="".join(json.dumps(event) + "\n" for event in events),
                        status=status, env=env)

    def consume(self, topic, group, count, *words, status=0, env=None):
        """What its receivers got."""
        return received(self.run("consume", "--topic", topic, "--group", group, "--count", count, *words, status=status,
                                 env=env))


def received(lines):
    return [line for line in lines if "event_type" in line]


def redis_service(t, redis, prefix=""):
    return PythonService(t, "redis", {"EVENT_BUS_REDIS_CONNECTION_URL": redis.url, "EVENT_BUS_TOPIC_PREFIX": prefix})
