"""tests/faults/mutations.py - breaks the core and the plugins on purpose, and sees the tests find it.

    mutations.py              builds a copy of the tree; each mutation in turn: applied, built, and its test run, which
                              has to fail for the reason expected. Before that the tests have to pass. Minutes.
    mutations.py NAME...      only these
    mutations.py --check      only whether each still applies to the tree: without fuzz; seconds
    mutations.py --told       only whether docs/proof.md has the table of them; --write: writes it there

A mutation is a file mutations/NAME.patch: what it breaks; "test:" the test that finds it, here or among those of a
plugin, of processes or in a unit program, passed over where its plugin or its server is not there; "finds:" words one of
which is in what the test says (a kind of violation with a number above 0, or any other text); then the patch.
Says TAP, and in the end a table of what found each, and in how many seconds.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from checker import Checker

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import proof                                                # noqa: E402

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(HERE, "..", "..")))
TARGETS = ["libeventbus.la", "eventbus", "sqlite.la"]
# Where the tests that find mutations are, and what they need beside TARGETS.
TESTS = {
    "tests/faults": ["tests/faults/killer.so", "tests/faults/worker"],
    "tests/process": [],
    "tests/threads": [],
    "plugins/redis/tests": ["redis.la"],
    "plugins/kafka/tests": ["kafka.la", "tests/brokers/kafka_mock", "tests/brokers/kafka_raw"],
    "plugins/common/registry/tests": ["plugins/common/registry/tests/registry_client"],
    "tests/unit/bus": [f"tests/fake_broker/{name}.so" for name in
                       ("full", "late_untold", "without_consumer", "without_delay_order", "without_producer", "without_traits")],
    "tests/unit/abi": [],
    "tests/unit/consume": [],
    "tests/unit/help": [],
    "tests/unit/receiver": [],
    "tests/unit/produce": [],
}
TRIES = 4                   # which moment a process dies at is chance, and some faults need the right one
TEST_SECONDS = 300
SKIPPED = "skipped"
PATIENCE = 8                # of a test for what does not come; elsewhere a minute or two
GROUPS_PATIENCE = 15        # where members of a group are waited for
OF_A_PROCESS, OF_A_UNIT = r"^@.*\ndef (\w+)\(t\b", r"^Test\(\w+, (\w+)\)"


def tests_by_file():
    """The names of the tests that find mutations, by the file that they are in."""
    found = {}
    for path in sorted(path for folder in TESTS for path in glob.glob(os.path.join(TOP, folder, "*_*.*"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.relpath(path, TOP)] = \
                re.findall(OF_A_UNIT if path.endswith(".c") else OF_A_PROCESS, file.read(), re.MULTILINE)
    return found


def unit_program(file):
    """Of plugins/NAME/tests/FILE.c, or tests/unit/ROOM/FILE.c."""
    folder = os.path.dirname(file)
    if folder.startswith("tests/unit/"):
        return f"tests/unit/unit_{os.path.basename(folder)}"
    return f"{folder}/unit_{folder.split('/')[1]}"


class Mutation:
    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path).removesuffix(".patch")
        with open(path, encoding="utf-8") as file:
            self.text, test, finds = (file.readline().rstrip("\n") for _ in range(3))
        self.test, self.finds = test.removeprefix("test: "), finds.removeprefix("finds: ").split("|")
        self.file = next((file for file, names in tests_by_file().items()
                          if self.test in names or self.test.removesuffix("_6_2") in names), None)
        if not self.file:
            sys.exit(f"{path}: there is no test {self.test}")

    def needs(self):
        """What is built for its test."""
        needs = TESTS[os.path.dirname(self.file)]
        return needs if self.file.endswith(".py") else [unit_program(self.file), *(n for n in needs if "/fake_broker/" in n)]

    def patch(self, folder, *options):
        words = ["patch", "-p1", "-F0", "--no-backup-if-mismatch", "-s", *options, "-i", self.path]
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)

    def is_of_a_header(self):
        with open(self.path, encoding="utf-8") as file:
            return re.search(r"^\+\+\+ \S+\.h$", file.read(), re.MULTILINE) is not None

    def apply(self, folder, *options):
        """The patch. Where it changes a header, the sources of its test are built again: the copy tracks no dependencies."""
        applied = self.patch(folder, *options)
        for path in glob.glob(os.path.join(folder, os.path.dirname(self.file), "*.c")) if self.is_of_a_header() else ():
            os.utime(path)
        return applied

    def found(self, said):
        """Which of the words the test said, or None."""
        for word in self.finds:
            told = rf"(?:^#? *|, ){word} [1-9]" if word in Checker.KINDS else re.escape(word)
            if re.search(told, said, re.MULTILINE):
                return word
        return None


class Copy:
    """A copy of the tree with a build of its own."""

    def __init__(self, folder):
        self.source, self.build = os.path.join(folder, "tree"), os.path.join(folder, "build")
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        # Without what was built in it: a source tree that is configured cannot be configured elsewhere.
        shutil.copytree(TOP, self.source, symlinks=True, ignore=shutil.ignore_patterns(
            "build*[!x]", ".git", "*.o", "*.lo", "*.la", "*.so", ".libs", "config.status", "__pycache__", "*.log"))
        if os.path.exists(os.path.join(self.source, "Makefile")):       # others in the tree are sources
            os.remove(os.path.join(self.source, "Makefile"))
        os.mkdir(self.build)
        self.run([os.path.join(self.source, "configure"), "-q", "--disable-dependency-tracking", "CFLAGS=-O1 -g"])

    def run(self, words, **more):
        ran = subprocess.run(words, cwd=self.build, stdout=self.log, stderr=subprocess.STDOUT, check=False, **more)
        if ran.returncode:
            self.log.seek(0)
            sys.exit(f"Bail out! {' '.join(words)}: {ran.returncode}\n{self.log.read()[-5000:]}")

    def has(self, target):
        with open(os.path.join(self.build, "Makefile"), encoding="utf-8") as file:
            # A program has a rule of its own; a test plugin stands in a list that a pattern rule builds.
            named = rf"^(?:.*\s)?{re.escape(target)}(?:\$\(EXEEXT\))?(?:[:\s]|$)"
            return re.search(named, file.read(), re.MULTILINE) is not None

    def can_run(self, mutation):
        return all(self.has(target) for target in mutation.needs())

    def make(self, *mutations):
        self.run(["make", f"-j{os.cpu_count()}", *TARGETS,
                  *sorted({target for mutation in mutations if self.can_run(mutation) for target in mutation.needs()})])

    def test(self, file, *names):
        """Runs tests of one file; answers whether they passed, and what they said."""
        patience = GROUPS_PATIENCE if "kafka" in file else PATIENCE
        env = {**os.environ, "top_srcdir": self.source, "top_builddir": self.build, "FAULTS_PATIENCE": str(patience)}
        env.pop("EB_SOAK", None)
        words = [sys.executable, os.path.join(self.source, file), *names]
        if file.endswith(".c"):
            words = [os.path.join(self.source, "tests", "run"), unit_program(file)]
            words += ["--filter", f"*/@({'|'.join(names)})"]
        ran = subprocess.run(words, cwd=self.build, env=env, capture_output=True, text=True, timeout=TEST_SECONDS,
                             check=False)
        return ran.returncode == 0, ran.stdout + ran.stderr


def judge(copy, mutation):
    """How a mutation fared: None, or why it was not found; what found it; and how long its test took to do so."""
    if not copy.can_run(mutation):
        return None, SKIPPED, 0
    applied = mutation.apply(copy.source)
    if applied.returncode:
        return f"does not apply any more: {applied.stdout}{applied.stderr}", None, 0
    copy.make(mutation)
    began = time.monotonic()
    why, word = try_out(copy, mutation)
    seconds = time.monotonic() - began
    mutation.apply(copy.source, "-R")
    return why, word, seconds


def try_out(copy, mutation):
    for _ in range(TRIES):
        passed, said = copy.test(mutation.file, mutation.test)
        if passed and not re.search("^ok (?!.*# SKIP)", said, re.MULTILINE):
            return None, SKIPPED
        if not passed:
            word = mutation.found(said)
            return None if word else f"its test failed, but for another reason:\n{said[:3000]}", word
    return "its test passed each time", None


def tell(number, promise, why):
    print(f"{'not ok' if why else 'ok'} {number} - {promise}")
    for line in (why or "").splitlines():
        print(f"#   {line}")
    sys.stdout.flush()
    return not why


def told(mutations):
    """What docs/proof.md tells."""
    rows = [(mutation.name, mutation.text, f"`{mutation.test}`", ", or ".join(mutation.finds)) for mutation in mutations]
    return proof.table(("mutation", "what it breaks", "the test that finds it", "as"), *rows)


def check(mutations):
    """Whether each patch still fits, one by one."""
    print(f"1..{len(mutations)}")
    good = True
    for number, mutation in enumerate(mutations, 1):
        tried = mutation.patch(TOP, "--dry-run")
        why = tried.stdout + tried.stderr + "make the patch anew" if tried.returncode else None
        good &= tell(number, f"{mutation.name} applies", why)
    return good


def run(mutations):
    print(f"1..{len(mutations) + 1}", flush=True)
    with tempfile.TemporaryDirectory(prefix="eventbus-mutations-") as folder:
        copy = Copy(folder)
        copy.make(*mutations)
        good = tell(1, "nothing is found where nothing is broken", unbroken(copy, mutations))
        rows = [("mutation", "caught by", "as", "in s")]
        for number, mutation in enumerate(mutations, 2):
            why, word, seconds = judge(copy, mutation)
            skipped = " # SKIP" if word == SKIPPED else ""
            good &= tell(number, f"{mutation.name} is found: {mutation.text}{skipped}", why)
            rows.append((mutation.name, mutation.test if word else "nothing", word or "-", f"{seconds:.1f}"))
    print_table(rows)
    return good


def unbroken(copy, mutations):
    """Whether the tests pass where nothing is broken, two files at a time: None, or what they say."""
    names = {}
    for mutation in filter(copy.can_run, mutations):
        names.setdefault(mutation.file, set()).add(mutation.test)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for passed, said in pool.map(lambda file: copy.test(file, *sorted(names[file])), sorted(names)):
            if not passed:
                return said[:3000]
    return None


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("# " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def main():
    wanted = sys.argv[1:]
    mutations = [Mutation(path) for path in sorted(glob.glob(os.path.join(HERE, "mutations", "*.patch")))]
    if wanted == ["--write"]:
        proof.write("mutations", told(mutations))
        return
    if wanted == ["--told"]:
        sys.exit(proof.differs("mutations", told(mutations)))
    if wanted == ["--check"]:
        sys.exit(0 if check(mutations) else 1)
    if wanted:
        mutations = [mutation for mutation in mutations if mutation.name in wanted]
    if not mutations:
        sys.exit("mutations.py: there is no such mutation")
    sys.exit(0 if run(mutations) else 1)


main()
