"""Each plugin that is wrong on purpose fails exactly the case that names its fault; the right one fails none.

    wrong.py            as TAP, with the table of all cases in the end; docs/proof.md has to tell the same
    wrong.py --write    writes it there, where nothing failed
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import proof                                                # noqa: E402

BUILD = os.environ["top_builddir"]
EXPECTED = {
    "right": None,
    "acks-cover": "an-ack-never-covers-an-unsettled-message",
    "reports-twice": "every-message-taken-is-reported-once",
    "loses-wake": "a-wake-is-remembered",
    "hands-over-at-0": "max-0-hands-nothing-over",
    "forgets-header": "attributes-and-headers-come-back-in-order",
    "reorders-key": "a-topic-and-key-keep-the-order-of-sending",
    "passes-retry": "a-retry-holds-back-its-key",
    "acks-on-receive": "what-is-returned-comes-again",
    "drops-on-close": "close-reports-all-that-was-taken",
    "drops-refused": "a-refused-message-is-offered-again",
    "ignores-bounds": "no-more-is-out-than-the-bounds-allow",
    "answers-twice": "every-final-verdict-is-answered-once",
    "forgets-time": "timeouts-are-kept",
    "aborts": "values-come-back-as-they-went",
    "prints": "the-process-is-left-as-it-was",
    "deduplicates-by-id": "a-replay-is-stored-again",
}


FAULTS = {
    "right": "nothing: it keeps every promise",
    "acks-cover": "an acknowledgement stands for all messages before it, too",
    "reports-twice": "reports each tenth message twice",
    "loses-wake": "forgets a wake that comes while nobody waits",
    "hands-over-at-0": "hands a message over where none was asked for",
    "forgets-header": "loses the last of several headers",
    "reorders-key": "sends a batch in another order",
    "passes-retry": "hands over what stands behind a message that waits for its retry",
    "acks-on-receive": "tells the broker that all is done when it hands over",
    "drops-on-close": "closes without a word on what it had taken",
    "drops-refused": "takes a message that the host had no room for as done",
    "ignores-bounds": "hands over more than may be out",
    "answers-twice": "answers each tenth verdict twice",
    "forgets-time": "waits for longer than it was told",
    "aborts": "ends the process at a payload of 64 KiB",
    "prints": "writes to standard output",
    "deduplicates-by-id": "reports an event as stored whose id the topic has already, and does not store it",
    "misnamed": "calls itself otherwise than its file",
    "links-again": "tells at each poll that the link is up",
    "leaks": "keeps a descriptor when it is closed",
    "wakes-the-next-only": "a wake ends no wait that has begun",
    "misnames-position": "reports the position of the next message",
    "cuts-at-nul": "ends a payload at its first NUL",
    "trims-attributes": "loses the last attribute",
    "skips-at-close": "stores later messages of a key whose first one it gave up",
    "loses-some": "reports each fiftieth message as stored, and does not store it",
    "hands-over-too-many": "hands over one more than asked for",
    "ignores-bytes": "counts messages that are out, and not their bytes",
    "misses-arrivals": "does not see what comes while it waits",
    "sends-nothing-at-close": "closes without sending, though it had time",
    "waits-for-a-batch": "has a message, and waits for more",
    "starts-behind": "begins behind the position that was named",
    "latest-is-earliest": "begins at the first message where the last was meant",
    "moves-groups": "sets a group back that was there before",
    "mixes-groups": "takes all groups of a topic for one",
    "ends-too-early": "tells the end while messages are out",
    "ends-before-retry": "tells the end while a message waits for its retry",
    "forgets-acks": "hands over again what was acknowledged",
    "counts-returns": "counts a message that was handed back as delivered",
    "swallows-prefetched": "takes what it had fetched ahead as done when it is closed",
    "retries-at-once": "does not wait before a retry",
    "forgets-failures": "counts the first failure only",
    "counts-no-failures": "holds a message for a retry, and counts no failure",
    "counts-at-one-member": "another member of the group sees no failures",
    "counts-returns-as-failures": "counts a message that was handed back as failed",
    "delays-in-order-only": "claims EB_T_DELAY_ORDER without EB_T_DELAY",
    "scatters-keys": "hands a key to two members at once",
    "stays-in-receive": "has an answer to a verdict, and waits on",
}

# These break more than one promise, or one that everything else needs: the case named finds it by itself.
ALONE = {
    "misnamed": "the-descriptor-tells-the-truth",
    "links-again": "the-link-tells-each-change-once",
    "leaks": "open-and-close-leave-nothing-behind",
    "wakes-the-next-only": "a-wake-from-another-thread-ends-the-wait",
    "misnames-position": "a-report-names-the-position",
    "cuts-at-nul": "values-come-back-as-they-went",
    "trims-attributes": "attributes-and-headers-come-back-in-order",
    "skips-at-close": "close-reports-all-that-was-taken",
    "loses-some": "what-was-sent-is-handed-over",
    "hands-over-too-many": "no-more-than-max-is-handed-over",
    "ignores-bytes": "no-more-is-out-than-the-bounds-allow",
    "misses-arrivals": "a-waiting-receive-sees-what-is-sent",
    "sends-nothing-at-close": "close-sends-what-it-can-in-its-time",
    "waits-for-a-batch": "receive-waits-for-the-first-only",
    "starts-behind": "a-new-group-starts-where-it-says",
    "latest-is-earliest": "a-new-group-at-latest-sees-only-what-comes",
    "moves-groups": "an-existing-group-is-never-moved",
    "mixes-groups": "each-group-sees-all",
    "ends-too-early": "the-end-comes-when-all-is-settled",
    "ends-before-retry": "the-end-waits-for-a-retry",
    "forgets-acks": "what-is-acknowledged-never-comes-again",
    "counts-returns": "what-is-returned-comes-again",
    "swallows-prefetched": "what-was-fetched-ahead-is-returned",
    "retries-at-once": "a-retry-waits-and-counts",
    "forgets-failures": "a-retry-waits-and-counts",
    "counts-no-failures": "a-retry-waits-and-counts",
    "counts-at-one-member": "a-retry-waits-and-counts",
    "counts-returns-as-failures": "a-retry-waits-and-counts",
    "delays-in-order-only": "the-descriptor-tells-the-truth",
    "scatters-keys": "a-key-is-at-one-member-in-order",
    "stays-in-receive": "an-answer-ends-a-receive",
}


def run(plugin, *options):
    file = f"{BUILD}/tests/plugins/wrong/{plugin}.so"
    kit = subprocess.run([f"{BUILD}/eventbus-conform", file, "--json", "--pace", "0.3", "--seed", "1", *options],
                         capture_output=True, text=True, timeout=300)
    rows = [json.loads(line) for line in kit.stdout.splitlines()]
    return kit, list({row["case"]: row for row in rows if "case" in row}.values())      # the last result of a case counts


def run_alone(plugin):
    return run(plugin, "--only", ALONE[plugin])


def judge_alone(plugin, kit, cases):
    results = [case["result"] for case in cases]
    return None if results == ["fail"] and kit.returncode == 1 else f"expected a failure, came {results}; {kit.stderr}"


def judge(plugin, kit, cases):
    """What is not as expected, or None."""
    expected = EXPECTED[plugin]
    failed = [case["case"] for case in cases if case["result"] == "fail"]
    if failed != ([expected] if expected else []):
        whys = "; ".join(f"{case['case']}: {case['why']}" for case in cases if case["result"] == "fail")
        return f"expected {expected or 'nothing'} to fail, came {failed}: {whys}; {kit.stderr}"
    if kit.returncode != (1 if expected else 0):
        return f"exit status {kit.returncode}"
    unjudged = [case["case"] for case in cases if case["result"] == "skip" and case["why"].startswith("not judged")
                and expected not in case["why"]]
    return f"not judged for another reason: {unjudged}" if unjudged else None


def all_cases(results):
    """Wrong plugins x cases: x failed, - skipped or not judged, . passed. A plugin a column, as the table numbers it."""
    lines = [" " * 43 + "".join(f"{number:3}" for number in range(1, len(EXPECTED) + 1))]
    for case in results["right"][1]:
        marks = [{"fail": "x", "skip": "-", "pass": "."}[result] for _, cases in results.values()
                 for result in (row["result"] for row in cases if row["case"] == case["case"])]
        lines.append(f"{case['case']:43}" + "".join(f"{mark:>3}" for mark in marks))
    return "\n".join(lines) + "\n"


def tables(results):
    """What docs/proof.md tells."""
    whole = [(str(number), plugin, FAULTS[plugin], EXPECTED[plugin] or "none")
             for number, plugin in enumerate(EXPECTED, 1)]
    alone = [("", plugin, FAULTS[plugin], case) for plugin, case in ALONE.items()]
    return {
        "wrong plugins": proof.table(("", "plugin", "what it does", "the case that fails"), *whole, *alone),
        "all cases": "```\n" + all_cases(results) + "```\n",
    }


def tell(number, wrong, name):
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    if wrong:
        print("#", wrong.replace("\n", " "))
    return wrong is not None


def main():
    bad = 0
    print(f"1..{len(EXPECTED) + len(ALONE) + 1}", flush=True)
    shutil.copy(f"{BUILD}/tests/plugins/wrong/right.so", f"{BUILD}/tests/plugins/wrong/misnamed.so")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = dict(zip(EXPECTED, pool.map(run, EXPECTED)))
        alone = dict(zip(ALONE, pool.map(run_alone, ALONE)))
    for number, (plugin, result) in enumerate(results.items(), 1):
        bad += tell(number, judge(plugin, *result), f"{plugin}: {EXPECTED[plugin] or 'keeps every promise'}")
    for number, (plugin, result) in enumerate(alone.items(), 1 + len(EXPECTED)):
        bad += tell(number, judge_alone(plugin, *result), f"{plugin}, alone: {ALONE[plugin]}")
    bad += tell(1 + len(EXPECTED) + len(ALONE), told(results, bad), "docs/proof.md tells of these plugins and cases")
    return bad > 0


def told(results, bad):
    """None where docs/proof.md tells what came, or has just been written so. Which cases are not judged after another one
    has failed may depend on the pace of the machine."""
    if bad:
        return "it is not compared, since others failed"
    for line in all_cases(results).splitlines():
        print("#", line)
    for name, text in tables(results).items():
        if sys.argv[1:] == ["--write"]:
            proof.write(name, text)
        why = proof.differs(name, text, lambda marks: marks.replace("  -", "  ."))
        if why:
            return why
    return None


if __name__ == "__main__":
    sys.exit(main())
