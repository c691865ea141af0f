#!/usr/bin/env python3
"""tests/check.py - the tests of the plugin against a real Pulsar, which is started once for all of them; make check runs it.

    check.py [--only NAME]...       NAME: control, http, kit, messages, order, outage, admin, security, or a case or a group of the kit

Status 77: this machine has no Java or no way to the files; in CI (CI or EB_CI is set) that is a failure."""
import argparse
import importlib
import os
import signal
import subprocess
import sys

import child
import harness
import pulsar_files
import pulsar_server

SHARED = ("messages", "order", "admin", "outage")           # they run one after the other against the same broker
ALONE = ("control", "http")                                 # they need no broker
ALL = (*ALONE, "kit", *SHARED, "security")


def run(name, *arguments):
    print(name, flush=True)
    importlib.import_module(f"test_{name}")
    return harness.run_tests(*arguments)


def run_kit(server, only):
    """The conformance kit, all of it or some cases, with the broker stopped and started by its commands."""
    control = child.Control(server, server.folder)
    words = [harness.EVENTBUS, "conform", harness.PLUGIN, "-o", f"url={server.url}", "-o", f"admin_url={server.admin_url}",
             "-o", "topic_wait=200ms", "--unreachable", "url=pulsar://127.0.0.1:1", "--unreachable",
             "admin_url=http://127.0.0.1:1", "--down", control.down, "--up", control.up]
    try:
        return sum(control.run([*words, *option]) != 0 for option in ([["--only", name] for name in only] or [[]]))
    finally:
        control.close()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", action="append", default=[], metavar="NAME")
    only = [name for names in options.parse_args().only for name in names.split()]
    cases = [name for name in only if name not in ALL]
    names = [name for name in ALL if name in only or not only or (name == "kit" and cases)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = sum(run(name, None) for name in ALONE if name in names)
    try:
        if {"kit", *SHARED} & set(names):
            with pulsar_server.PulsarServer() as server:
                failed += run_kit(server, cases) if "kit" in names else 0
                failed += sum(run(name, server) for name in SHARED if name in names)
        if "security" in names:
            with pulsar_server.PulsarServer(secure=True) as server:
                failed += run("security", server)
    except pulsar_files.Missing as why:
        pulsar_server.skip(why)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
