"""eventbus consume on a broker that fails for good: the exit status and what is said. What else a worker does when its broker
fails is tested without processes, in tests/unit/bus."""
from harness import main, test


def consume(t, settings, *words, status):
    """Runs a worker on the fake broker."""
    plugin = t.compile_fake_broker()
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    t.configure(f"[eventbus]\nplugin_trust = any\nconsumer = main\n[broker main]\nplugin = {plugin}\n{lines}"
                "[consume w]\ntopic = t\ngroup = g\n")
    return t.run("consume", "w", "--exit-at-end", *words, status=status)


@test
def what_can_never_be_read_ends_the_worker_with_the_reason(t):
    done = consume(t, {"events": 10, "receive": "permanent"}, status=3)
    t.contains(done.err, "the test wants it")


@test
def a_dead_letter_that_can_never_be_kept_stops_the_worker_and_the_event_is_handed_back(t):
    done = consume(t, {"events": 1, "report": "permanent"}, "--exec", "exit 65", status=3)
    t.contains(done.err, "cannot be stored, so the worker stops; the event was handed back", "the test wants it")


main()
