"""eventbus bench: what it measures, what it prints, and that it leaves nothing behind."""
from harness import main, size, test

FIELDS = {"step", "events", "seconds", "events_per_second", "cpu_seconds", "max_rss_bytes"}
BROKERS = "[broker file]\nplugin = sqlite\npath = ${STATE}/file.db\n[broker mem]\nplugin = memory\n"


@test
def both_steps_are_told_with_all_of_their_figures(t):
    count = size(2000, 200000)
    steps = t.run("bench", "both", "--count", count, "--json").json()
    t.equal([step["step"] for step in steps], ["produce", "consume"])
    for step in steps:
        t.equal(FIELDS - set(step), set(), "figures that are missing")
        t.equal(step["events"], count)
        t.check(min(step["seconds"], step["cpu_seconds"]) > 0 and step["max_rss_bytes"] > 1 << 20, f"{step}")
        t.check(abs(step["events_per_second"] - count / step["seconds"]) <= 0.01 * step["events_per_second"], f"{step}")


@test
def each_step_alone_and_both_when_none_is_named(t):
    t.configure(BROKERS)
    for broker in ("file", "mem"):
        words = ("--broker", broker, "--count", 100, "--json")
        for given, expected in ((["produce"], ["produce"]), (["consume"], ["consume"]), ([], ["produce", "consume"])):
            steps = t.run("bench", *given, *words).json()
            t.equal([(step["step"], step["events"]) for step in steps], [(name, 100) for name in expected])


@test
def nothing_is_left_behind_and_no_line_is_logged(t):
    t.configure("producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\n")
    done = t.run("bench", "--count", 100)
    t.equal(done.err, "")
    t.equal(len(done.lines()), 2)
    t.equal(t.run("topics", "--json").json(), [])
    t.equal(t.run("groups", "--json").json(), [])


@test
def stopped_it_cleans_up_as_well(t):
    """Also what still waits to be sent: it may not make the topic anew."""
    for _ in range(size(3, 20)):
        worker = t.start("bench", "--count", 100000000)
        t.until(lambda: t.run("topics", "--json").json(), what="its topic")
        worker.send(15)
        worker.wait(128 + 15)
        t.equal(t.run("topics", "--json").json(), [])


@test
def any_event_type_can_be_taken(t):
    step = t.run("bench", "produce", "--count", 10, "--json", "--signal",
                 "org.openedx.analytics.tracking.event.emitted.v1").json()[0]
    t.equal(step["signal"], "org.openedx.analytics.tracking.event.emitted.v1")


@test
def mistakes_are_told_before_anything_is_sent(t):
    t.contains(t.run("bench", "twice", status=2).err, "produce, consume or both")
    t.contains(t.run("bench", "--signal", "org.openedx.nothing", status=2).err, "org.openedx.nothing")
    t.contains(t.run("bench", "--broker", "nobody", status=2).err, "[broker nobody]")
    t.equal(t.run("topics", "--json").json(), [])


main()
