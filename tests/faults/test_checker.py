"""The judge of histories: each thing that can be wrong is found, and what is allowed is not."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from checker import Checker, lines_of, order_of
from harness import main, test


def run(what, worker, place, key="k", attempt=1, id_=None):
    return f"{what} {worker} {id_ or f'id{place}'} a {place} {key} {attempt} ;"


def confirmed(worker, *places):
    return f"C {worker} {' '.join(f'a {place}' for place in places)} ;"


def receipts(*places):
    return [{"id": f"id{place}", "topic": "a", "position": str(place)} for place in places]


def judge(history, sent=(), **more):
    checker = Checker(**more)
    checker.add_receipts(sent)
    return checker.read(history).finish()


def found(checker):
    return {kind: len(texts) for kind, texts in checker.violations.items() if texts}


@test
def a_history_without_faults_has_none(t):
    history = [run("S", "w1", 1), confirmed("w1", 1),
               run("F", "w2", 2), run("S", "w2", 2, attempt=2), confirmed("w2", 2)]
    checker = judge(history, receipts(1, 2))
    t.equal(found(checker), {})
    t.check(checker.good(), "it is good")
    t.equal((checker.counts["runs"], checker.counts["failed runs"], checker.counts["confirmed"]), (3, 1, 2))


@test
def a_receipt_without_a_completion_is_lost(t):
    t.equal(found(judge([run("S", "w1", 1)], receipts(1, 2))), {"lost": 1})
    t.equal(found(judge([run("F", "w1", 1)], receipts(1))), {"lost": 1}, "failed only")
    t.equal(found(judge([run("P", "w1", 1)], receipts(1))), {"lost": 1}, "given up, and not buried")
    t.equal(found(judge([run("B", "w1", 1)], receipts(1))), {"lost": 1}, "begun only")


@test
def what_the_broker_reported_is_as_good_as_a_receipt(t):
    reported = ["R p1 id1 a 1 ;", "R p1 id2 a 2 ;"]
    t.equal(found(judge([*reported, run("S", "w1", 1), run("S", "w1", 2)])), {})
    t.equal(found(judge([*reported, run("S", "w1", 1)])), {"lost": 1})
    t.equal(found(judge(reported[1:], receipts(1))), {"lost": 2}, "one has a receipt, the other a report")


@test
def a_place_holds_the_event_that_is_said_to_be_there(t):
    t.equal(found(judge([run("S", "w1", 1, id_="other")], receipts(1))), {"lost": 1})
    t.equal(found(judge(["R p1 id1 a 1 ;", "R p2 id2 a 1 ;", run("S", "w1", 1)])), {"lost": 1}, "said of two")
    t.equal(found(judge([run("S", "w1", 1)], [*receipts(1), *receipts(1)])), {}, "said twice")


@test
def a_receipt_says_where_its_event_is(t):
    t.equal(found(judge([run("S", "w1", 1)], [{"id": "id1", "topic": "a"}])), {"nowhere": 1})


@test
def where_the_broker_may_not_know_the_position_the_id_tells(t):
    sent = [{"id": "id1", "topic": "a"}]
    t.equal(found(judge([run("S", "w1", 1)], sent, moving=True)), {})
    t.equal(found(judge([run("S", "w1", 2)], sent, moving=True)), {"lost": 1})


@test
def where_members_lose_events_to_others_repeats_are_counted(t):
    history = [run("S", "w1", 1), run("F", "w1", 2), run("S", "w2", 1), run("S", "w2", 2)]
    t.equal(found(judge(history)), {"repeated": 1, "attempts": 1})
    moved = judge(history, moving=True)
    t.equal((found(moved), moved.counts["repeats"]), ({}, 1))
    confirmed_first = [run("S", "w1", 1), confirmed("w1", 1), run("S", "w2", 1)]
    t.equal(found(judge(confirmed_first, moving=True)), {"repeated": 1}, "after its acknowledgement was confirmed")
    t.equal(found(judge([run("S", "w1", 1, attempt=2)], moving=True)), {"attempts": 1}, "failures that never were")


@test
def what_has_no_receipt_may_be_missing(t):
    t.equal(found(judge([run("S", "w1", 1), run("S", "w1", 2)], receipts(1))), {})
    t.equal(found(judge([], [])), {})


@test
def first_completions_of_a_key_come_in_order_of_position(t):
    t.equal(found(judge([run("S", "w1", 2), run("S", "w1", 1)])), {"out of order": 1})
    t.equal(found(judge([run("S", "w1", 2, "k"), run("S", "w1", 1, "l")])), {}, "two keys")
    t.equal(found(judge([run("S", "w1", 2, "-"), run("S", "w1", 1, "-")])), {}, "without a key")
    t.equal(found(judge([run("S", "w1", 9), run("S", "w1", 10)])), {}, "by number, not by letter")


@test
def a_repeat_is_no_first_completion(t):
    history = [run("S", "w1", 1), run("S", "w1", 2), run("S", "w2", 1), run("S", "w2", 2), "K w1 random ;"]
    checker = judge(history)
    t.equal(found(checker), {})
    t.equal(checker.counts["repeats"], 2)


@test
def a_later_one_of_the_key_does_not_pass_one_that_failed(t):
    t.equal(found(judge([run("F", "w1", 1), run("S", "w1", 2), run("S", "w1", 1, attempt=2)])), {"out of order": 1})


@test
def nor_one_whose_dead_letter_is_not_stored_yet(t):
    t.equal(found(judge([run("P", "w1", 1), run("S", "w1", 2), "D w1 a 1 ;"])), {"out of order": 1})
    t.equal(found(judge([run("P", "w1", 1), "D w1 a 1 ;", run("S", "w1", 2)], receipts(1, 2))), {})


@test
def a_repeat_needs_a_kill(t):
    twice = [run("S", "w1", 1), run("S", "w2", 1)]
    t.equal(found(judge(twice)), {"repeated": 1})
    t.equal(found(judge([*twice, "K w1 settle.before ;"])), {}, "the first was killed")
    t.equal(found(judge([*twice, "K w3 settle.before ;"])), {"repeated": 1}, "another was killed")


@test
def what_was_confirmed_never_comes_again(t):
    history = [run("S", "w1", 1), confirmed("w1", 1), run("S", "w2", 1), "K w1 settled.after ;", "K w2 random ;"]
    t.equal(found(judge(history)), {"repeated": 1})


@test
def a_command_may_outlive_its_worker(t):
    def by_command(worker):
        return f'J {worker} {{"id": "id1", "topic": "a", "position": "1", "partitionkey": "k", "attempt": 1}} ;'

    history = [run("S", "w2", 1), confirmed("w2", 1), by_command("w1")]
    t.equal(found(judge([*history, "K w1 random ;"])), {})
    t.equal(found(judge(history)), {"repeated": 1})
    t.equal(found(judge([by_command("w1")], receipts(1))), {}, "and completes an event")


@test
def an_id_at_two_positions_was_sent_twice(t):
    history = [run("S", "w1", 1, id_="x"), run("S", "w1", 2, id_="x")]
    t.equal(found(judge(history)), {"repeated": 1})
    t.equal(found(judge(history, resent={"x"})), {})


@test
def a_kill_spends_no_attempt(t):
    killed = "K w1 receiver.before ;"
    t.equal(found(judge([run("B", "w1", 1), run("S", "w2", 1, attempt=2), killed])), {"attempts": 1})
    t.equal(found(judge([run("B", "w1", 1), run("B", "w2", 1, attempt=2), killed])), {"attempts": 1}, "as it begins")
    t.equal(found(judge([run("B", "w1", 1), run("S", "w2", 1, attempt=1), killed])), {})


@test
def a_failure_is_counted_unless_its_worker_was_killed(t):
    again = [run("F", "w1", 1), run("S", "w2", 1, attempt=1)]
    t.equal(found(judge(again)), {"attempts": 1})
    t.equal(found(judge([*again, "K w1 settle.before ;"])), {})
    t.equal(found(judge([run("F", "w2", 1), *again, "K w1 settle.before ;"])), {"attempts": 2}, "the other one counts")


@test
def a_failure_may_count_for_the_same_id_at_another_position(t):
    history = [run("F", "w1", 1, id_="x"), run("S", "w1", 2, "m", id_="x", attempt=2), run("S", "w1", 1, id_="x", attempt=2)]
    t.equal(found(judge(history, resent={"x"})), {})
    t.equal(found(judge([*history[:1], run("S", "w1", 2, "m", id_="x", attempt=3)], resent={"x"})), {"attempts": 1}, "one too many")
    t.equal(found(judge([run("F", "w1", 1), run("S", "w1", 2, "m", attempt=2)])), {"attempts": 1}, "another event's failure")


@test
def an_acknowledgement_comes_after_the_completion(t):
    t.equal(found(judge([confirmed("w1", 1), run("S", "w1", 1)])), {"too early": 1})
    t.equal(found(judge([run("P", "w1", 1), confirmed("w1", 1), "D w1 a 1 ;"])), {"too early": 1}, "of the dead letter")
    t.equal(found(judge([run("F", "w1", 1), confirmed("w1", 1)])), {"too early": 1}, "of one that failed")


@test
def a_dead_letter_needs_a_receiver_that_gave_up(t):
    t.equal(found(judge([run("F", "w1", 1), "D w1 a 1 ;"])), {"not given up": 1})


@test
def the_positions_of_a_key_are_in_the_order_of_sending(t):
    checker = Checker()
    checker.add_receipts(receipts(1, 2, 3), [("id1", "k"), ("id3", "k"), ("id2", "l")])
    t.equal(found(checker), {})
    checker.add_receipts(receipts(4, 5), [("id5", "k"), ("id4", "k")])
    t.equal(found(checker), {"sent out of order": 1})


@test
def an_event_that_nobody_sent_is_told(t):
    t.equal(found(judge([run("S", "w1", 1), run("S", "w1", 2)], sent=receipts(1), known=lambda id_: id_ == "id1")),
            {"never sent": 1})


@test
def half_a_line_is_none_and_a_strange_line_is_an_error(t):
    t.equal(list(lines_of(["", "S w1 id1 a 1 k", "K w1 random ;\n", "S w1 id1 a 1 S w2 id2 a 2 k 1 ;"])),
            ["K w1 random", "S w1 id1 a 1 S w2 id2 a 2 k 1"])
    for wrong in ("X what is that ;", "S too few ;"):
        try:
            judge([wrong])
        except ValueError:
            continue
        t.check(False, f"{wrong} was taken")


@test
def positions_are_compared_by_their_numbers(t):
    for earlier, later in (("9", "10"), ("1700000000000-9", "1700000000000-10"), ("1:99", "1:100")):
        t.check(order_of(earlier) < order_of(later), f"{earlier} comes before {later}")


@test
def how_many_run_together_is_seen_at_each_beginning(t):
    history = [run("B", "w1", 1), run("B", "w1", 2), run("S", "w1", 1), run("S", "w1", 2), run("B", "w2", 2)]
    t.equal(judge(history).beginnings, {"id1": [("w1", 1)], "id2": [("w1", 2), ("w2", 1)]})


@test
def the_summary_names_the_first_of_each_kind(t):
    lines = judge([run("S", "w1", 2), run("S", "w1", 1), "K w9 random ;"], receipts(*range(1, 10))).summary()
    t.contains("\n".join(lines), "9 receipts, 0 reports, 2 runs", "1 workers killed: 1 random",
               "lost 7, nowhere 0, out of order 1",
               "lost: id3, which has a receipt for a 3", "lost: and 2 more", "key k of a: 1 was completed after 2")


main()
