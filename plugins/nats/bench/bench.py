"""Compares the plugin, by `eventbus bench both`, with libnats alone (raw.c): turn by turn, the median of several rounds, pinned alike,
with one server for both, the same names, headers, confirmations, batches and bounds. Exits with 1 below the bound.

    bench.py RAW [--rounds N] [--count N] [--server PROGRAM]"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))
import nats_server  # noqa: E402  beside the tests

BOUND = 0.8
BATCH = 1000                                # messages of a request; the plugin asks when a quarter of max_in_flight is free


def pinned(cores):
    return lambda: os.sched_setaffinity(0, cores)


def raw(program, url, count, cores):
    done = subprocess.run([program, url, f"eventbus-bench-{uuid.uuid4()}", str(count), str(BATCH)], preexec_fn=pinned(cores),
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench.py: {program} ended with {done.returncode}: {done.stderr}")
    return [float(word) for word in done.stdout.split()]


def ours(url, count, cores):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/bench.ini", "w", encoding="utf-8") as file:
            file.write(f"[eventbus]\nservice = bench\nproducer = main\nconsumer = main\nplugin_trust = any\n"
                       f"[broker main]\nplugin = {os.environ['NATS_PLUGIN']}\nurl = {url}\n")
        done = subprocess.run([os.environ.get("EVENTBUS", "eventbus"), "-c", f"{folder}/bench.ini", "-o",
                               f"consume.eventbus-bench.max_in_flight={4 * BATCH}", "bench", "both", "--count", str(count), "--json"],
                              preexec_fn=pinned(cores), env={**os.environ, "STATE_DIRECTORY": folder}, capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench.py: eventbus bench ended with {done.returncode}: {done.stderr}")
        steps = {row["step"]: row["events_per_second"] for row in map(json.loads, done.stdout.splitlines())}
        return [steps["produce"], steps["consume"]]


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("raw")
    ask.add_argument("--rounds", type=int, default=7)
    ask.add_argument("--count", type=int, default=50000)
    ask.add_argument("--server", default=None)
    ask = ask.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    server_cores, client_cores = set(cores[:len(cores) // 2 or 1]), set(cores[len(cores) // 2:])
    results = {"raw": [], "ours": []}
    with nats_server.running(ask.server or nats_server.servers()[0]) as server:
        for thread in os.listdir(f"/proc/{server.process.pid}/task"):
            os.sched_setaffinity(int(thread), server_cores)
        for _ in range(ask.rounds):
            results["raw"].append(raw(ask.raw, server.url, ask.count, client_cores))
            results["ours"].append(ours(server.url, ask.count, client_cores))
    good = True
    for place, step in enumerate(("produce", "consume")):
        medians = {side: statistics.median(rates[place] for rates in results[side]) for side in results}
        ratio = statistics.median(o[place] / r[place] for o, r in zip(results["ours"], results["raw"]))
        good = good and ratio >= BOUND
        print(f"{step}: libnats {medians['raw']:.0f}/s, the event bus {medians['ours']:.0f}/s, ratio {ratio:.2f} (bound {BOUND})", flush=True)
    return 0 if good else 1


sys.exit(main())
