"""tests/fuzz/run.py - runs one fuzz target for a number of executions and tells what became of it, as TAP.

    run.py BUILD/tests/fuzz/NAME.fuzz           (make check-fuzz does that for each)
    run.py --keep BUILD/tests/fuzz/NAME.fuzz    adds to the corpus what large runs have found, and nothing else covers
    run.py --write                              writes the table of targets in docs/proof.md; --told: whether it is there

It starts from tests/fuzz/corpus: the files in NAME/, what bugs were found with included, the inputs in NAME.found, one a
line in base64, and the golden events brought into the target's own form; so every schema is there from the start. Small
runs begin in the same way each time. With EB_SOAK=1 they are large, and go on from what earlier ones found
(BUILD/tests/fuzz/found/NAME). A failure is told with the input, in hex: `xxd -r -p` makes a file of it that NAME.fuzz
takes as its argument.
"""
import base64
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
SOAK = bool(os.environ.get("EB_SOAK"))
HERE = os.path.join(TOP, "tests", "fuzz")
sys.path.insert(0, os.path.join(TOP, "tests"))
import proof                                                # noqa: E402

PATIENCE = 3600             # seconds for all executions; it is an error not to come to their end

# Executions, small and large (some minutes for each), and the longest input that is made.
SIZES = {
    "avro": (20000, 2000000, 2048),
    "cloudevent": (20000, 1000000, 2048),
    "descriptor": (10000, 150000, 4096),
    "fields": (10000, 300000, 1024),
    "ini": (10000, 600000, 2048),
    "json": (20000, 1000000, 2048),
    "kafka": (20000, 5000000, 256),
    "pack": (20000, 5000000, 1024),
    "redis": (20000, 1000000, 4096),
    "registry": (20000, 3000000, 2048),
    "sqlite": (1500, 100000, 512),
    "resolve": (5000, 1000000, 6144),
}
MOST_KEPT = 24 << 10        # bytes of inputs in one NAME.found


# ---- Golden events as inputs ----

def goldens():
    with open(os.path.join(TOP, "tests", "data", "goldens.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def numbers():
    """The place of each event type among the schemas, which stand by their names."""
    types = sorted(name[:-5] for name in os.listdir(os.path.join(TOP, "conf", "schemas")) if name.endswith(".avsc"))
    return {event_type: number.to_bytes(2, "little") for number, event_type in enumerate(types)}


def text_of(data):
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def cloudevent(golden):
    return text_of({
        "specversion": "1.0", "type": golden["event_type"], "id": "0a1b2c3d-4e5f-11ef-8f00-000000000001",
        "source": "openedx/lms/web", "time": "2026-11-23T20:00:00.123456+00:00", "minorversion": 0,
        "sourcehost": "web-1", "sourcelib": "11.2.0", "datacontenttype": "application/json", "partitionkey": "k",
        "data": golden["data"],
    })


def steps(value, path=""):
    """Operations that set each value by its path, as fields.c reads them. A name might be a record's or a map's."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from steps(inner, f"{path}.{name}" if path else name)
            if path:
                yield from steps(inner, f"{path}{{{name}}}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from steps(inner, f"{path}[{at}]")
    else:
        if isinstance(value, str):
            text = value.encode("utf-8")[:40]
            what, operand = 0, bytes([len(text)]) + text
        elif isinstance(value, bool):
            what, operand = 4, bytes([value])
        elif isinstance(value, int):
            what, operand = 2, (value & (1 << 64) - 1).to_bytes(8, "little")
        elif isinstance(value, float):
            what, operand = 3, struct.pack("<d", value)
        else:
            what, operand = 5, b""
        name = path.encode("utf-8")[:255]
        yield bytes([what, len(name)]) + name + operand


def written(golden, number):
    schema = golden["schema"].encode("utf-8")
    return number + len(schema).to_bytes(2, "little") + schema + bytes.fromhex(golden["avro_hex"])


def resp(value):
    """A value as Redis answers it."""
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(resp, value))
    data = value.encode("utf-8") if isinstance(value, str) else value
    return b"$%d\r\n%s\r\n" % (len(data), data)


def entry(golden):
    """The answer to an XREADGROUP, behind a byte that says in which pieces it comes."""
    fields = ["type", golden["event_type"], "id", "0a1b2c3d-4e5f-11ef-8f00-000000000001", "source", "openedx/lms/web",
              "time", "2026-11-23T20:00:00.123456+00:00", "minorversion", "0", "sourcehost", "web-1", "sourcelib",
              "11.2.0", "event_data", bytes.fromhex(golden["avro_hex"])]
    return b"\x07" + resp([["t", [["1795466583599-0", fields]]]])


# How a golden event, and the number of its schema, become an input; the others start from the corpus alone.
FORMS = {
    "avro": lambda golden, number: number + bytes.fromhex(golden["avro_hex"]),
    "cloudevent": lambda golden, number: cloudevent(golden),
    "fields": lambda golden, number: number + b"".join(steps(golden["data"])),
    "json": lambda golden, number: number + text_of(golden["data"]),
    "kafka": lambda golden, number: b"\0\0\0" + number[::-1] + bytes.fromhex(golden["avro_hex"]),
    "redis": lambda golden, number: entry(golden),
    "registry": lambda golden, number: b"\0" + text_of({"subject": "t-value", "version": 1, "id": 1 + number[0],
                                                         "schema": golden["schema"]}),
    "resolve": written,
}


def found_file(name):
    return os.path.join(HERE, "corpus", f"{name}.found")


def found_before(name):
    if os.path.exists(found_file(name)):
        with open(found_file(name), "rb") as file:
            yield from map(base64.b64decode, file)


def write_seeds(name, folder):
    form, of_type, longest = FORMS.get(name), numbers(), SIZES[name][2]
    seeds = [form(golden, of_type[golden["event_type"]]) for golden in goldens()] if form else []
    os.makedirs(folder)
    for at, seed in enumerate([*seeds, *found_before(name)]):
        if len(seed) <= longest:
            with open(os.path.join(folder, f"seed-{at:04}"), "wb") as file:
                file.write(seed)


# ---- Running ----

def arguments(program, name, work, executions, longest):
    words = [program, f"-runs={executions}", f"-max_len={longest}", "-timeout=10", "-rss_limit_mb=1024",
             "-malloc_limit_mb=128", "-print_final_stats=1", f"-artifact_prefix={work}/"]
    words.append(f"-seed={random.randrange(1, 1 << 31) if SOAK else 1}")
    dictionary = os.path.join(HERE, "words", f"{name}.dict")
    if os.path.exists(dictionary):
        words.append(f"-dict={dictionary}")
    return words


def tell(text):
    for line in text.splitlines():
        print("# " + line, flush=True)


def tell_failure(name, work, ran):
    print(f"not ok 1 - {name}")
    tell("\n".join(ran.splitlines()[-40:]))
    for found in sorted(os.listdir(work)):
        path = os.path.join(work, found)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                tell(f"{found}: {file.read().hex()}")


def found_folder(program, name):
    return os.path.join(os.path.dirname(program), "found", name)


def keep(program, name, work):
    """Writes NAME.found anew: what was in it, and what was found and covers more than all else does, the shortest first."""
    out, found = os.path.join(work, "out"), found_folder(program, name)
    write_seeds(name, out)
    shutil.copytree(os.path.join(HERE, "corpus", name), out, dirs_exist_ok=True)
    known = set(os.listdir(out))
    words = [program, "-merge=1", f"-max_len={SIZES[name][2]}", "-rss_limit_mb=1024", out, found]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                   env={**os.environ, "top_srcdir": TOP})
    inputs, room = set(found_before(name)), MOST_KEPT
    for new in set(os.listdir(out)) - known:
        with open(os.path.join(out, new), "rb") as file:
            inputs.add(file.read())
    with open(found_file(name), "wb") as file:
        for kept in sorted(inputs, key=lambda kept: (len(kept), kept)):
            room -= len(kept)
            if room >= 0:
                file.write(base64.b64encode(kept) + b"\n")
    return True


def run(program, name, work):
    executions, longest = SIZES[name][SOAK], SIZES[name][2]
    seeds = os.path.join(work, "seeds")
    found = found_folder(program, name) if SOAK else os.path.join(work, "found")
    os.makedirs(found, exist_ok=True)
    write_seeds(name, seeds)
    words = arguments(program, name, work, executions, longest) + [found, seeds, os.path.join(HERE, "corpus", name)]
    ran = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=PATIENCE, check=False, env={**os.environ, "top_srcdir": TOP})
    said = ran.stdout.decode("utf-8", "replace")
    units = re.search(r"stat::number_of_executed_units: (\d+)", said)
    covered = re.findall(r"\bcov: (\d+) ft: (\d+) corp: (\d+)", said)
    if ran.returncode or not units or int(units[1]) < executions or not covered:
        tell_failure(name, work, said + f"\nended with {ran.returncode}")
        return False
    edges, features, inputs = covered[-1]
    print(f"ok 1 - {name}: {units[1]} executions, {edges} edges and {features} features covered by {inputs} inputs")
    return True


# ---- The proof ----

def about(name):
    """What a target's file says of itself: the first sentence."""
    with open(os.path.join(HERE, f"{name}.c"), encoding="utf-8") as file:
        comment = " ".join(line.strip("/* \n") for line in file.read().partition("*/")[0].splitlines())
    return re.match(r"\S+ - (.+?)(?:\. |\.?$)", comment)[1]


def targets():
    """What docs/proof.md tells."""
    rows = [(name, about(name), f"{small:,}", f"{large:,}") for name, (small, large, _) in SIZES.items()]
    return proof.table(("fuzzer", "what it tries", "`make check-fuzz`", "`make soak`"), *rows)


def main():
    if sys.argv[1] == "--write":
        proof.write("fuzzers", targets())
        return
    if sys.argv[1] == "--told":
        sys.exit(proof.differs("fuzzers", targets()))
    keeping = sys.argv[1:2] == ["--keep"]
    program = os.path.abspath(sys.argv[-1])
    name = os.path.basename(program).removesuffix(".fuzz")
    work = tempfile.mkdtemp(prefix=f"eventbus-fuzz-{name}-")
    if not keeping:
        print("1..1", flush=True)
    try:
        good = (keep if keeping else run)(program, name, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0 if good else 1)


main()
