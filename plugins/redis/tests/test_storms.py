"""Producers and workers that die at each step, redis-server too: nothing with a receipt is lost; where one worker of a
name follows the other, each key comes in order. A storm that failed says its seed."""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests")
sys.path[:0] = [os.path.join(TESTS, "brokers"), os.path.join(TESTS, "faults")]
from redis_case import KEY_FIELD, redis_test                # noqa: E402
from harness import main, size                              # noqa: E402
from storm import Storm                                     # noqa: E402


IN_FLIGHT = 400                                             # events that a producer may have sent without an answer


class RedisStorm(Storm):
    """The server is killed `broken` times, each after the same share of the events, and started again. ordered: by key, as
    Redis can keep it with one worker at a time; else four, and no key."""

    def __init__(self, t, redis, *, events, broken, ordered, **more):
        section = f"key_field = {KEY_FIELD}\n" + ("" if ordered else "order = none\n")
        super().__init__(t, events=events, plugin="redis", section=section, workers=1 if ordered else 4,
                         broker=f"url = {redis.url}\nclaim_after = 10s\nconnect_timeout = 2m\n", **more)
        self.redis, self.broken = redis, broken
        self.checker.forgetful = True
        self.deaths_at = [(n + 1) * events // (broken + 1) for n in range(broken)]

    def turn(self):
        super().turn()
        if self.deaths_at and self.completions() >= self.deaths_at[0]:
            self.deaths_at.pop(0)
            self.redis.kill9()
            self.redis.start()

    def sending_is_over(self):
        return not self.deaths_at and super().sending_is_over()

    def judge(self, seconds):
        print(f"# redis-server killed {self.broken} times")
        super().judge(seconds)

    def check_letters(self):
        """The last look at the history, before what is wrong is told."""
        super().check_letters()
        wrong = self.checker.violations
        twice = [text for text in wrong["repeated"] if " stands at " in text]
        if self.broken:                                     # a batch whose answer died with the server is sent again
            wrong["repeated"] = [text for text in wrong["repeated"] if text not in twice]
            print(f"# stored twice around the server's deaths: {len(twice)}")
            self.t.check(len(twice) <= self.broken * len(self.producers) * IN_FLIGHT, f"{len(twice)} stored twice")


@redis_test(appendonly=True)
def one_worker_after_the_other_keeps_the_order_of_each_key(t, redis):
    RedisStorm(t, redis, events=size(2000, 100_000), kills=size(1, 10), broken=size(1, 5), ordered=True).run()


@redis_test(appendonly=True)
def four_workers_lose_nothing(t, redis):
    RedisStorm(t, redis, events=size(2000, 100_000), kills=size(1, 10), broken=size(1, 5), ordered=False).run()


main()
