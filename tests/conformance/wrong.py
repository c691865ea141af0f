"""Each plugin that is wrong on purpose fails exactly the case that names its fault; the right one fails none."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys

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
    "scatters-keys": "a-key-is-at-one-member-in-order",
    "stays-in-receive": "an-answer-ends-a-receive",
}


def run(plugin, *options):
    file = f"{BUILD}/tests/plugins/wrong/{plugin}.so"
    kit = subprocess.run([f"{BUILD}/eventbus-conform", file, "--json", "--pace", "0.3", "--seed", "1", *options],
                         capture_output=True, text=True, timeout=300)
    rows = [json.loads(line) for line in kit.stdout.splitlines()]
    return kit, [row for row in rows if "case" in row]


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
        return f"expected {expected or 'nothing'} to fail, came {failed}; {kit.stderr}"
    if kit.returncode != (1 if expected else 0):
        return f"exit status {kit.returncode}"
    unjudged = [case["case"] for case in cases if case["result"] == "skip" and case["why"].startswith("not judged")
                and expected not in case["why"]]
    return f"not judged for another reason: {unjudged}" if unjudged else None


def print_table(results):
    """Wrong plugins x cases: x failed, - skipped or not judged, . passed."""
    cases = [case["case"] for case in results["right"][1]]
    print("#", " " * 47, *(f"{i:2}" for i in range(1, len(EXPECTED) + 1)))
    for number, name in enumerate(cases):
        marks = [{"fail": " x", "skip": " -", "pass": " ."}[cases_of[number]["result"]]
                 for _, cases_of in results.values()]
        print("#", f"{name:47}", *marks)
    for number, plugin in enumerate(EXPECTED, 1):
        print(f"# {number:2} {plugin}")


def tell(number, wrong, name):
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    if wrong:
        print("#", wrong.replace("\n", " "))
    return wrong is not None


def main():
    bad = 0
    print(f"1..{len(EXPECTED) + len(ALONE)}", flush=True)
    shutil.copy(f"{BUILD}/tests/plugins/wrong/right.so", f"{BUILD}/tests/plugins/wrong/misnamed.so")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = dict(zip(EXPECTED, pool.map(run, EXPECTED)))
        alone = dict(zip(ALONE, pool.map(run_alone, ALONE)))
    for number, (plugin, result) in enumerate(results.items(), 1):
        bad += tell(number, judge(plugin, *result), f"{plugin}: {EXPECTED[plugin] or 'keeps every promise'}")
    for number, (plugin, result) in enumerate(alone.items(), 1 + len(EXPECTED)):
        bad += tell(number, judge_alone(plugin, *result), f"{plugin}, alone: {ALONE[plugin]}")
    if all(cases for _, cases in results.values()):
        print_table(results)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
