"""A worker and a broker that does what a real one does rarely: nothing is lost, and the worker says what happened."""
import os

from harness import TOP, main, test

with open(os.path.join(TOP, "tests", "process", "moody_plugin.c"), encoding="utf-8") as _file:
    MOODY = _file.read()


def consume(t, moods, *words, status=0):
    """Runs a worker on ten events until they are settled; what it printed, and what it said."""
    plugin = t.compile_plugin("moody", MOODY)
    lines = "".join(f"{key} = {value}\n" for key, value in {"events": 10, **moods}.items())
    t.configure(f"[eventbus]\nplugin_trust = any\nconsumer = main\n[broker main]\nplugin = {plugin}\n{lines}"
                "[consume moods]\ntopic = moods\ngroup = g\n")
    done = t.run("consume", "moods", "--exit-at-end", *words, status=status)
    return [event["position"] for event in done.json()] if not words else [], done


ALL = {str(i) for i in range(10)}


@test
def an_instance_that_fails_for_good_is_opened_anew(t):
    seen, done = consume(t, {"fatal_after": 4, "no_opening": 2})
    t.equal(set(seen), ALL)
    t.contains(done.err, "opened anew", "in a bad mood", "not in the mood to open", "trying again")


@test
def an_acknowledgement_that_came_too_late_is_told_and_the_event_comes_again(t):
    seen, done = consume(t, {"gone": 2})
    t.equal(set(seen), ALL)
    t.equal(len(seen), 12)
    t.contains(done.err, "acknowledgement(s) came too late")


@test
def what_is_taken_away_comes_again(t):
    seen, _ = consume(t, {"revoke_after": 5})
    t.equal(set(seen), ALL)


@test
def a_settle_that_fails_is_told(t):
    seen, done = consume(t, {"settle_fails": 1})
    t.equal(set(seen), ALL)
    t.contains(done.err, "settling is no fun")


@test
def what_can_never_be_read_ends_the_worker_with_the_reason(t):
    _, done = consume(t, {"receive": "permanent"}, status=3)
    t.contains(done.err, "this topic can never be read")


@test
def a_dead_letter_that_is_not_kept_yet_is_tried_again(t):
    _, done = consume(t, {"events": 1, "sent": "refused", "sent_fails": 4}, "--exec", "exit 65",
                      "-o", "eventbus.delivery_timeout=300ms", status=1)
    t.contains(done.err, "is not kept yet, is tried again", "no room for dead letters", "becomes a dead letter")


@test
def a_dead_letter_that_can_never_be_kept_stops_the_worker_and_the_event_is_handed_back(t):
    _, done = consume(t, {"events": 1, "sent": "permanent"}, "--exec", "exit 65", status=3)
    t.contains(done.err, "cannot be kept, so the worker stops; the event was handed back", "no room for dead letters")


main()
