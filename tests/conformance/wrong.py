"""Each plugin that is wrong on purpose fails the case that names its fault; the right one fails none, and skips none.

    wrong.py            as TAP: the plugins of WHOLE go through the whole kit, where no other case may fail, the others through
                        the case that names their fault; docs/proof.md has to tell the same
    wrong.py --write    the same, and writes what came into docs/proof.md
    wrong.py --write --all    likewise, with every plugin through the whole kit: half an hour
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
# What each plugin does wrong, and the case that names it. Those with None keep every promise.
PLUGINS = {
    "right": (None,
        "nothing: it keeps every promise"),
    "acks-cover": ("an-ack-never-covers-an-unsettled-message",
        "an acknowledgement stands for all messages before it, too"),
    "reports-twice": ("every-message-taken-is-reported-once",
        "reports each tenth message twice"),
    "loses-wake": ("a-wake-is-remembered",
        "forgets a wake that comes while nobody waits"),
    "hands-over-at-0": ("max-0-hands-nothing-over",
        "hands a message over where none was asked for"),
    "forgets-header": ("attributes-and-headers-come-back-in-order",
        "loses the last of several headers"),
    "reorders-key": ("a-topic-and-key-keep-the-order-of-sending",
        "sends a batch in another order"),
    "passes-retry": ("a-retry-holds-back-its-key",
        "hands over what stands behind a message that waits for its retry"),
    "acks-on-receive": ("what-is-returned-comes-again",
        "tells the broker that all is done when it hands over"),
    "drops-on-close": ("close-reports-all-that-was-taken",
        "closes without a word on what it had taken"),
    "drops-refused": ("a-refused-message-is-offered-again",
        "takes a message that the host had no room for as done"),
    "ignores-bounds": ("no-more-is-out-than-the-bounds-allow",
        "hands over more than may be out"),
    "answers-twice": ("every-final-verdict-is-answered-once",
        "answers each tenth verdict twice"),
    "forgets-time": ("timeouts-are-kept",
        "waits for longer than it was told"),
    "aborts": ("values-come-back-as-they-went",
        "ends the process at a payload of 64 KiB"),
    "prints": ("the-process-is-left-as-it-was",
        "writes to standard output"),
    "misnamed": ("the-descriptor-tells-the-truth",
        "calls itself otherwise than its file"),
    "links-again": ("the-link-tells-each-change-once",
        "tells at each poll that the link is up"),
    "leaks": ("open-and-close-leave-nothing-behind",
        "keeps a descriptor when it is closed"),
    "wakes-the-next-only": ("a-wake-from-another-thread-ends-the-wait",
        "a wake ends no wait that has begun"),
    "misnames-position": ("a-report-names-the-position",
        "reports the position of the next message"),
    "cuts-at-nul": ("values-come-back-as-they-went",
        "ends a payload at its first NUL"),
    "trims-attributes": ("attributes-and-headers-come-back-in-order",
        "loses the last attribute"),
    "skips-at-close": ("close-reports-all-that-was-taken",
        "stores later messages of a key whose first one it gave up"),
    "loses-some": ("what-was-sent-is-handed-over",
        "reports each fiftieth message as stored, and does not store it"),
    "hands-over-too-many": ("no-more-than-max-is-handed-over",
        "hands over one more than asked for"),
    "ignores-bytes": ("no-more-is-out-than-the-bounds-allow",
        "counts messages that are out, and not their bytes"),
    "takes-while-full": ("no-more-is-out-than-the-bounds-allow",
        "takes a message while it has no room, and hands it over when its lease has ended"),
    "misses-arrivals": ("a-waiting-receive-sees-what-is-sent",
        "does not see what comes while it waits"),
    "sends-nothing-at-close": ("close-sends-what-it-can-in-its-time",
        "closes without sending, though it had time"),
    "waits-for-a-batch": ("receive-waits-for-the-first-only",
        "has a message, and waits for more"),
    "starts-behind": ("a-new-group-starts-where-it-says",
        "begins behind the position that was named"),
    "latest-is-earliest": ("a-new-group-at-latest-sees-only-what-comes",
        "begins at the first message where the last was meant"),
    "moves-groups": ("an-existing-group-is-never-moved",
        "sets a group back that was there before"),
    "mixes-groups": ("each-group-sees-all",
        "takes all groups of a topic for one"),
    "ends-too-early": ("the-end-comes-when-all-is-settled",
        "tells the end while messages are out"),
    "never-ends-after-a-trim": ("the-end-comes-though-it-was-removed",
        "waits for the end of a topic that messages were removed from"),
    "ends-before-retry": ("the-end-waits-for-a-retry",
        "tells the end while a message waits for its retry"),
    "forgets-acks": ("what-is-acknowledged-never-comes-again",
        "hands over again what was acknowledged"),
    "counts-returns": ("what-is-returned-comes-again",
        "counts a message that was handed back as delivered"),
    "swallows-prefetched": ("what-was-fetched-ahead-is-returned",
        "takes what it had fetched ahead as done when it is closed"),
    "retries-at-once": ("a-retry-waits-and-counts",
        "does not wait before a retry"),
    "forgets-failures": ("a-retry-waits-and-counts",
        "counts the first failure only"),
    "counts-no-failures": ("a-retry-waits-and-counts",
        "holds a message for a retry, and counts no failure"),
    "counts-at-one-member": ("a-retry-waits-and-counts",
        "another member of the group sees no failures"),
    "counts-returns-as-failures": ("a-retry-waits-and-counts",
        "counts a message that was handed back as failed"),
    "delays-in-order-only": ("the-descriptor-tells-the-truth",
        "claims EB_T_DELAY_ORDER without EB_T_DELAY"),
    "scatters-keys": ("a-key-is-at-one-member-in-order",
        "hands a key to two members at once"),
    "calls-nothing-a-success": ("what-was-sent-is-handed-over",
        "returns EB_OK from a receive that delivered nothing"),
    "stays-in-receive": ("an-answer-ends-a-receive",
        "has an answer to a verdict, and waits on"),
    "adds-traits": ("the-traits-of-the-settings-are-listed",
        "claims a trait by its settings that it does not list"),
    "changes-traits": ("the-traits-of-the-settings-are-listed",
        "says other traits at each second call for the same settings"),
    "deduplicates-by-id": ("a-replay-is-stored-again",
        "reports an event as stored whose id the topic has already, and does not store it"),
    "remembers-what-it-gave-up": ("a-message-submitted-again-is-stored",
        "takes a send id that it gave up at close for stored"),
    "fails-at-its-most": ("extremes-of-options-work-or-are-refused",
        "refuses in open the most that its option allows"),
    "refuses-the-rest-of-a-batch": ("payloads-at-the-limits-are-kept-or-refused",
        "refuses what stands behind a message that is too large"),
    "cuts-long-keys": ("keys-of-any-length-are-kept-or-refused",
        "cuts keys at 255 bytes"),
    "keeps-a-hundred-headers": ("headers-of-any-kind-are-kept-or-refused",
        "keeps the first hundred headers"),
    "reports-at-close": ("a-producer-closed-anywhere-tells-its-end",
        "reports as stored what a short close did not send"),
    "drops-a-refused-fourth": ("a-batch-refused-at-any-place-loses-nothing",
        "takes a message as done that the host refused behind three others"),
    "keeps-for-a-fourth": ("members-of-a-group-share-the-work",
        "keeps some messages for a member that is not there"),
    "reads-the-first-topic": ("two-topics-come-through-one-consumer",
        "reads the first topic of a subscription only"),
    "waits-for-no-topic": ("a-topic-made-later-is-waited-for",
        "does not look for topics after open"),
    "looks-at-patterns-once": ("a-pattern-takes-in-topics-made-later",
        "looks for the topics of a pattern in open only"),
    "ignores-pause": ("a-paused-partition-hands-nothing-over",
        "goes on with a partition that is paused"),
    "starts-behind-a-time": ("a-new-group-starts-at-any-point",
        "begins a message late at a time between two messages"),
    "keeps-a-schema-a-topic": ("each-message-has-its-writers-schema",
        "gives the first schema of a topic with all its messages"),
    "keeps-a-topic-a-schema": ("one-schema-serves-many-topics",
        "stores messages in the first topic that their schema came with"),
    "lets-leases-end": ("an-extended-lease-is-kept",
        "renews no lease"),
    "forgets-failures-at-a-return": ("random-verdicts-agree-with-a-model",
        "counts failures from 0 again after a message was returned"),
    "drops-the-refused-at-close": ("a-consumer-closed-anywhere-loses-nothing",
        "takes a message as done that was refused before close"),
    "makes-topics-at-a-dry-run": ("topics-are-made-listed-and-removed",
        "makes a topic where it was only asked whether it could"),
    "walks-on": ("topics-are-made-listed-and-removed",
        "goes on with a list that each() ended"),
    "takes-what-is-out-for-settled": ("groups-tell-their-lag",
        "tells a lag without the messages that are in flight"),
    "leaves-out-what-was-returned": ("a-groups-lag-is-what-is-left",
        "tells a lag without the messages that were returned"),
    "browse-acknowledges": ("browse-leaves-no-trace",
        "acknowledges what it browses, for every group"),
    "browses-times-from-the-start": ("browse-begins-at-any-point",
        "browses from the first message where a time is given"),
    "counts-the-time-of-each": ("a-walk-lasts-as-long-as-its-items",
        "ends a browse whose time is over, though its messages come"),
    "seeks-nothing": ("seek-moves-a-group",
        "moves no group, and says that it did"),
    "seeks-times-to-the-end": ("seek-goes-to-any-point",
        "moves a group to the end where a time is given"),
    "seeks-behind-the-end": ("a-seek-behind-the-end-moves-nothing",
        "takes a position behind the end for the end"),
    "goes-on-behind-the-last": ("a-groups-position-is-where-it-goes-on",
        "tells the position behind the last message that a group was given for its own"),
    "moves-no-live-group": ("a-seek-moves-live-members-or-says-who",
        "says that it moved a group with live members, and did not"),
    "reads-any-position": ("a-position-that-cannot-be-is-refused",
        "reads 0 from a position that is not a number"),
    "trims-what-is-unread": ("trim-keeps-what-is-unread",
        "trims what a group has not read"),
    "trims-under-a-new-group": ("trim-keeps-what-is-unread",
        "trims what a group reads that has settled nothing yet"),
    "trims-by-no-time": ("trim-ends-at-any-point",
        "trims nothing where a time is given"),
    "trims-to-a-point-behind-the-end": ("a-trim-behind-the-end-removes-nothing",
        "empties a topic at a position behind its end"),
    "removes-live-groups": ("a-group-with-live-members-is-not-removed",
        "removes a group while a member works"),
    "removes-no-group": ("a-removed-group-is-gone",
        "says that it removed a group, and did not"),
    "leaks-its-allowance": ("a-backlog-of-mixed-sizes-flows",
        "does not count the bytes of large messages back when they are settled"),
    "hoards": ("a-backlog-of-mixed-sizes-flows",
        "frees no message that it delivered"),
    "waits-at-each-topic": ("idle-topics-starve-no-busy-one",
        "waits for each topic in turn where one message may be in flight"),
    "drops-at-a-wake": ("a-storm-of-wakes-loses-nothing",
        "loses what a read brought that a wake cut short"),
    "keeps-memory": ("reopening-beside-others-leaves-nothing",
        "keeps 16 KiB when a consumer is closed"),
    "browse-takes-from-the-living": ("instances-at-work-disturb-no-other",
        "takes messages from live members when it browses"),
    "forgets-the-dead": ("a-killed-member-loses-nothing",
        "leaves with a killed member what it held"),
    "confirms-before-it-decides": ("a-member-killed-at-an-answer-loses-nothing",
        "confirms a verdict before it has carried it out"),
    "takes-over-at-open": ("a-live-member-takes-over-from-a-killed-one",
        "looks for dead members in open only"),
    "acks-what-it-lost": ("what-was-taken-over-is-out-of-reach",
        "takes an acknowledgement of what another member has by now"),
    "stores-late": ("a-killed-producer-loses-nothing-reported",
        "reports in one poll, and stores in the next"),
    "reports-before-it-stores": ("a-producer-killed-at-a-report-loses-nothing",
        "reports a batch before it stores it"),
}

TRIES = 4                   # of a plugin whose fault does not show

# These go through the whole kit in each run, and fail no other case.
WHOLE = ("right", "acks-cover", "reports-twice", "loses-wake", "hands-over-at-0", "passes-retry", "drops-on-close", "drops-refused", "ignores-bounds", "answers-twice", "prints", "aborts")


def run(plugin, *options, seed=1):
    file = f"{BUILD}/tests/plugins/wrong/{plugin}.so"
    kit = subprocess.run([f"{BUILD}/eventbus-conform", file, "--json", "--pace", "0.3", "--seed", str(seed), *options],
                         capture_output=True, text=True, timeout=900, check=False)
    rows = [json.loads(line) for line in kit.stdout.splitlines()]
    return kit, list({row["case"]: row for row in rows if "case" in row}.values())      # the last result of a case counts


def failed(cases):
    return [case["case"] for case in cases if case["result"] == "fail"]


def run_alone(plugin):
    """At which moment a process dies is chance: it may hold nothing then, so that nothing shows."""
    for seed in range(1, TRIES + 1):
        kit, cases = run(plugin, "--only", PLUGINS[plugin][0], seed=seed)
        if PLUGINS[plugin][0] in failed(cases):
            break
    return kit, cases


def run_whole(plugin):
    """The whole kit does not judge a case whose ground has failed: then that case is run alone, too."""
    kit, cases = run(plugin)
    case = PLUGINS[plugin][0]
    if case and case not in failed(cases):
        _, alone = run_alone(plugin)
        cases = [row for row in cases if row["case"] != case] + [row for row in alone if row["case"] == case]
    return kit, cases


def run_as_due(plugin):
    return run(plugin) if plugin in WHOLE else run_alone(plugin)


def judge_alone(plugin, kit, cases):
    """What is not as expected of one case, or None. It may be seen in another case that has the same promise."""
    if PLUGINS[plugin][0] in failed(cases) and kit.returncode == 1:
        return None
    return f"expected {PLUGINS[plugin][0]} to fail, came {[case['result'] for case in cases]}; {kit.stderr}"


def judge_whole(plugin, kit, cases):
    """What is not as expected of all cases, or None."""
    expected = PLUGINS[plugin][0]
    if failed(cases) != ([expected] if expected else []):
        whys = "; ".join(f"{case['case']}: {case['why']}" for case in cases if case["result"] == "fail")
        return f"expected {expected or 'nothing'} to fail, came {failed(cases)}: {whys}; {kit.stderr}"
    if kit.returncode != (1 if expected else 0):
        return f"exit status {kit.returncode}"
    skipped = [case["case"] for case in cases if case["result"] == "skip" and case["group"] != "outage"
               and not (expected and case["why"].startswith("not judged") and expected in case["why"])]
    return f"not judged for another reason: {skipped}" if skipped else None


def judge(plugin, kit, cases):
    return judge_whole(plugin, kit, cases) if plugin in WHOLE else judge_alone(plugin, kit, cases)


def tell(number, wrong, name):
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    if wrong:
        print("#", wrong.replace("\n", " "))
    return wrong is not None


# ---- docs/proof.md

def marks(results):
    """Wrong plugins x cases: a row a plugin, with the case that names its fault, and which others fail in the whole kit."""
    rows = []
    for plugin, (_, cases) in results.items():
        case, wrong = PLUGINS[plugin]
        others = sorted(name for name in failed(cases) if name != case)
        rows.append((plugin, wrong, case or "none", ", ".join(others) or ("none" if len(cases) > 1 else "not run")))
    return proof.table(("plugin", "what it does", "the case that names it", "others that fail in the whole kit"), *rows)


def told_rows():
    """The rows of the page, without what only a run through the whole kit tells."""
    lines = proof.place_of("wrong plugins", proof.read_page())[2].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | "))[:3] for line in lines]


def told():
    rows = [(plugin, wrong, case or "none") for plugin, (case, wrong) in PLUGINS.items()]
    if told_rows() == rows:
        return None
    return "docs/proof.md does not tell of these plugins; wrong.py --write does"


def untested(cases):
    """Cases that no wrong plugin fails. Those of a broker that goes away have theirs in test_outage.py."""
    named = {case for case, _ in PLUGINS.values()}
    return [case["case"] for case in cases if case["case"] not in named and case["group"] != "outage"]


def run_all(pool, runner):
    return dict(zip(PLUGINS, pool.map(runner, PLUGINS)))


def main():
    bad = 0
    print(f"1..{len(PLUGINS) + 2}", flush=True)
    shutil.copy(f"{BUILD}/tests/plugins/wrong/right.so", f"{BUILD}/tests/plugins/wrong/misnamed.so")
    writes, whole = "--write" in sys.argv, "--all" in sys.argv
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        results = run_all(pool, run_whole if whole else run_as_due)
    for number, (plugin, result) in enumerate(results.items(), 1):
        bad += tell(number, judge(plugin, *result), f"{plugin}: {PLUGINS[plugin][0] or 'keeps every promise'}")
    left = untested(results["right"][1])
    bad += tell(len(PLUGINS) + 1, f"no wrong plugin for {left}" if left else None, "each case has a plugin that fails it")
    if writes and not bad:
        proof.write("wrong plugins", marks(results))
    bad += tell(len(PLUGINS) + 2, told(), "docs/proof.md tells of these plugins")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
