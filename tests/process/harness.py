"""tests/process/harness.py - runs test functions with the built `eventbus` command, each in a fresh folder, as TAP.

A test file reads:

    from harness import main, test

    @test
    def a_promise_as_a_sentence(t):
        done = t.run("signals", "--json")
        t.equal(done.json()[0]["type"], "org.example.thing.v1")

    main()

`python3 test_x.py NAME...` runs only the tests named. EB_KEEP=1 keeps the folders. EB_SOAK=1 makes sizes large.
The environment must say where things are: top_srcdir and top_builddir (make check sets both).
"""
import difflib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.path.abspath(os.environ.get("top_builddir", TOP))
COMMAND = os.path.join(BUILD, "eventbus")
SCHEMAS = os.path.join(TOP, "conf", "schemas")
PLUGINS = os.path.join(BUILD, ".libs")
SOAK = bool(os.environ.get("EB_SOAK"))
# Seconds until a thing that should happen counts as not happening; sanitizers are slow.
PATIENCE = int(os.environ.get("FAULTS_PATIENCE", 60))

with open(os.path.join(TOP, "tests", "process", "sample_plugin.c"), encoding="utf-8") as _file:
    SAMPLE_PLUGIN = _file.read()

_tests = []


def test(function):
    """Marks a function of one argument, the Case, as a test; its name is the promise."""
    _tests.append(function)
    return function


def size(small, large):
    """A number of events, rounds, ...: the large one when EB_SOAK is set."""
    return large if SOAK else small


class Failed(Exception):
    """What a test expected did not happen."""


class Skipped(Exception):
    """This machine cannot show what the test wants to see."""


class Done:
    """A command that has ended."""

    def __init__(self, words, status, out, err):
        self.words, self.status, self.bytes, self.err = words, status, out, err

    @property
    def out(self):
        return self.bytes.decode("utf-8", "replace")

    def lines(self):
        return self.out.splitlines()

    def json(self):
        """Standard output as a list of objects, one a line."""
        return json_lines(self.out)


def json_lines(text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise Failed(f"line {number} is not JSON ({error}): {line[:200]}") from None
    return found


class Worker:
    """A command that runs in the background, in a process group of its own; its output goes to files."""

    def __init__(self, case, words, environment, stdin, stdout, pass_fds):
        case.started += 1
        self.case, self.words = case, words
        self.out_file = os.path.join(case.folder, f"worker{case.started}.out")
        self.err_file = os.path.join(case.folder, f"worker{case.started}.err")
        with open(self.out_file, "wb") as out, open(self.err_file, "wb") as err:
            self.process = subprocess.Popen(words, stdin=stdin, stdout=out if stdout is None else stdout, stderr=err, env=environment,
                                            cwd=case.folder, start_new_session=True, pass_fds=pass_fds)
        self.pid = self.process.pid

    @property
    def out(self):
        return _read(self.out_file)

    @property
    def err(self):
        return _read(self.err_file)

    def lines(self):
        """The whole lines it has written so far: one still being written is not among them."""
        written = self.out                  # read once: it grows
        return written[:written.rfind("\n") + 1].splitlines()

    def json(self):
        return json_lines("\n".join(self.lines()))

    def running(self):
        return self.process.poll() is None

    def send(self, number):
        os.kill(self.pid, number)

    def kill9(self):
        self.send(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def wait(self, status=0, timeout=PATIENCE):
        """Waits for its end and checks how it ended; -N: by signal N."""
        try:
            got = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{_shown(self.words)} did not end in {timeout} s") from None
        if status is not None and got != status:
            raise Failed(f"{_shown(self.words)} ended with {got}, expected {status}")
        return Done(self.words, got, _read_bytes(self.out_file), self.err)

    def until(self, condition, timeout=PATIENCE, what=None):
        """Waits until condition(self), or until a text stands in its output; fails at once when it ends before."""
        if isinstance(condition, str):
            text, condition = condition, lambda worker: text in worker.out or text in worker.err
            what = what or f"{text!r} in the output of {_shown(self.words)}"

        def looked():
            over = not self.running()       # asked first: what it wrote before its end counts
            answer = condition(self)
            if over and not answer:
                raise Failed(f"{_shown(self.words)} ended with {self.process.returncode} before {what}")
            return answer

        what = what or "the condition"
        return self.case.until(looked, timeout, what)

    def end(self):
        """Kills what is left of it and of its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Case:
    """What one test works with: a folder of its own, the command, and things to expect."""

    def __init__(self, name):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix=f"eventbus-{name[:40]}-"))
        self.state = os.path.join(self.folder, "state")
        os.mkdir(self.state)
        self.workers, self.history, self.started = [], [], 0
        self.ini = self.write("eventbus.ini", f"[eventbus]\nplugin_path = {PLUGINS}\nschema_path = {SCHEMAS}\n")

    # ---- Files ----

    def path(self, name):
        return os.path.join(self.folder, name)

    def whole_lines(self, name):
        """The lines of a file that others write to; one still being written is not among them."""
        text = self.read(name)
        return text[:text.rfind("\n") + 1].splitlines()

    def write(self, name, content):
        """Writes a file below the folder, text or bytes, and answers its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name):
        return _read(self.path(name))

    def configure(self, text):
        """Adds sections to the configuration that the command finds by $EVENTBUS_CONFIG."""
        with open(self.ini, "a", encoding="utf-8") as file:
            file.write(text)
        return self.ini

    # ---- Commands ----

    def environment(self, more=None):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("EVENTBUS", "XDG_", "LC_")) and name not in ("STATE_DIRECTORY", "NO_COLOR")}
        kept.update(HOME=self.folder, STATE_DIRECTORY=self.state, EVENTBUS_CONFIG=self.ini, LANG="C.UTF-8", TZ="UTC")
        for name, value in (more or {}).items():
            if value is None:
                kept.pop(name, None)
            else:
                kept[name] = value
        return kept

    def run(self, *words, status=0, stdin="", stdout=subprocess.PIPE, env=None, timeout=PATIENCE, command=COMMAND):
        """Runs the command to its end and checks its exit status (None: any; -N: ended by signal N)."""
        words = [command, *map(str, words)]
        given = stdin.encode() if isinstance(stdin, str) else stdin
        try:
            ran = subprocess.run(words, input=given, stdout=stdout, stderr=subprocess.PIPE, cwd=self.folder,
                                 env=self.environment(env), timeout=timeout, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{_shown(words)} did not end in {timeout} s; it wrote "
                         f"{(late.stdout or b'')[-2000:]!r} and {(late.stderr or b'')[-2000:]!r}") from None
        done = Done(words, ran.returncode, ran.stdout or b"", ran.stderr.decode("utf-8", "replace"))
        self.history.append(done)
        if status is not None and done.status != status:
            raise Failed(f"{_shown(words)} ended with {done.status}, expected {status}")
        return done

    def start(self, *words, env=None, stdin=subprocess.DEVNULL, stdout=None, pass_fds=(), command=COMMAND):
        """Starts the command in the background; it is killed when the test ends. stdout None: a file."""
        worker = Worker(self, [command, *map(str, words)], self.environment(env), stdin, stdout, pass_fds)
        self.workers.append(worker)
        return worker

    def compile_fake_broker(self):
        """Makes tests/fake_broker/fake_broker.c a plugin, and returns its path."""
        return self.compile_plugin("fake", f'#include "{TOP}/tests/fake_broker/fake_broker.c"\n')

    def compile_plugin(self, name, text=None, folder="plugins"):
        """Makes NAME.so of C text, by default sample_plugin.c, without the build's flags, and returns its path."""
        text = (SAMPLE_PLUGIN if text is None else text).replace('.name = "sample"', f'.name = "{name}"')
        source, target = self.write(f"{folder}/{name}.c", text), self.path(f"{folder}/{name}.so")
        words = [*shlex.split(os.environ.get("CC", "cc")), "-shared", "-fPIC", f"-I{TOP}/include", "-o", target, source]
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Failed(f"{shlex.join(words)}\n{ran.stderr}")
        return target

    def until(self, condition, timeout=PATIENCE, what="the condition"):
        """Looks again and again until condition() is true, and answers what it answered."""
        deadline = time.monotonic() + timeout
        while True:
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise Failed(f"waited {timeout} s for {what}")
            time.sleep(0.01)

    # ---- Expectations ----

    def check(self, condition, why):
        if not condition:
            raise Failed(why)

    def equal(self, got, expected, why="the values"):
        if got != expected:
            raise Failed(f"{why} differ\n{_difference(expected, got)}")

    def contains(self, text, *parts):
        for part in parts:
            if part not in text:
                raise Failed(f"expected {part!r} in:\n{text}")

    def lacks(self, text, *parts):
        for part in parts:
            if part in text:
                raise Failed(f"did not expect {part!r} in:\n{text}")

    def matches(self, text, pattern):
        found = re.search(pattern, text, re.MULTILINE)
        if not found:
            raise Failed(f"expected /{pattern}/ in:\n{text}")
        return found

    def skip(self, why):
        raise Skipped(why)

    # ---- The end ----

    def close(self):
        for worker in self.workers:
            worker.end()
        if os.environ.get("EB_KEEP"):
            print(f"# kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def story(self):
        """The last things that happened, for a failure's report."""
        parts = [_told(done.words, f"ended with {done.status}", done.out, done.err) for done in self.history[-3:]]
        for worker in self.workers:
            state = "running" if worker.running() else f"ended with {worker.process.returncode}"
            parts.append(_told(worker.words, state, worker.out, worker.err))
        return "\n".join(parts)


def _read(path):
    return _read_bytes(path).decode("utf-8", "replace")


def _read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def _shown(words):
    return " ".join([os.path.basename(words[0]), *words[1:]])[:300]


def _told(words, state, out, err):
    parts = [f"$ {_shown(words)}   [{state}]"]
    for name, text in (("stdout", out), ("stderr", err)):
        if text:
            parts.append(f"--- {name}, its last lines\n" + "\n".join(text.splitlines()[-30:])[-6000:])
    return "\n".join(parts)


def _difference(expected, got):
    def lines(value):
        text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, default=repr)
        return text.splitlines()

    shown = list(difflib.unified_diff(lines(expected), lines(got), "expected", "got", lineterm="", n=2))
    return "\n".join(shown[:80]) if shown else f"expected {expected!r}\ngot      {got!r}"


def _where(error):
    """The line of the test file that failed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if os.path.basename(frame.filename) != "harness.py":
            return f"{os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}"
    return "?"


def _say(text, prefix=""):
    for line in text.splitlines():
        print(prefix + line, flush=True)


def _run_one(number, function):
    name = function.__name__.replace("_", " ")
    case, told = None, ""
    try:
        case = Case(function.__name__)
        function(case)
        result = f"ok {number} - {name}"
    except Skipped as why:
        result = f"ok {number} - {name} # SKIP {why}"
    except Failed as error:
        result, told = f"not ok {number} - {name}", f"{_where(error)}\n{error}"
    except Exception:                                       # a mistake in the test itself
        result, told = f"not ok {number} - {name}", traceback.format_exc()
    if told and case:
        told += "\n" + case.story()
    _say(result)
    _say(told, "#   ")
    if case:
        case.close()
    return not told


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {function.__name__ for function in _tests}
    if unknown:
        sys.exit(f"no such test: {', '.join(sorted(unknown))}")
    chosen = [function for function in _tests if not wanted or function.__name__ in wanted]
    print(f"1..{len(chosen)}", flush=True)
    passed = [_run_one(number, function) for number, function in enumerate(chosen, 1)]
    sys.exit(0 if all(passed) else 1)
