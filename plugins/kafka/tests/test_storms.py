"""Brokers that are killed, members that stop, come and go, all under load: nothing with a receipt is lost, each key comes
in order, what was confirmed never comes again; what came again is counted. A storm that failed says its seed."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("brokers", "faults"):
    sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "tests", folder))
from kafka_case import kafka_test, options                  # noqa: E402
from harness import main, size                              # noqa: E402
from storm import Storm                                     # noqa: E402

TOPIC, PARTITIONS = "a", 8


class KafkaStorm(Storm):
    """Producers and workers of one topic. Workers come and go `kills` times each way in worker_kinds, after `life`
    seconds, from and to; the broker is killed `broken` times, each after the same share of the events, and started
    again."""

    def __init__(self, t, site, *, events, broken=0, keys=None, section="", life=(0.5, 5), **more):
        lines = {"bootstrap_servers": site.kafka.bootstrap, "schema_registry": site.registry.url,
                 "connect_timeout": "2m", "rdkafka_session_timeout_ms": "6000",
                 "rdkafka_heartbeat_interval_ms": "1000", **(keys or {})}
        super().__init__(t, events=events, plugin="kafka", broker=options(lines), section=section, producer_kinds=[],
                         moving=True, **more)
        self.site, self.broken, self.coming_up, self.life = site, broken, False, life
        self.chunk = max(50, events // 40)
        self.deaths_at = [(n + 1) * events // (broken + 1) for n in range(broken)]
        site.kafka.create(TOPIC, PARTITIONS)

    def worker_life(self, kind, name, delay):
        """Long enough to join, get partitions and work, mostly."""
        return super().worker_life(kind, name, self.chance.uniform(*self.life))

    def turn(self):
        super().turn()
        if self.coming_up:
            self.coming_up = not self.site.kafka.is_up()
        elif self.deaths_at and self.completions() >= self.deaths_at[0]:
            self.deaths_at.pop(0)
            self.site.kafka.kill9()
            self.site.kafka.launch()
            self.coming_up = True

    def lag(self):
        """A partition without a place yet is no row while a rebalance has it at no member: it may hold all."""
        rows = [row for row in self.t.run("groups", "--json", env=self.env).json() if row["topic"] == TOPIC]
        self.t.history.clear()
        return sum(row["lag"] for row in rows) + self.next_number * (PARTITIONS - len(rows))

    def sending_is_over(self):
        return not self.deaths_at and not self.coming_up and super().sending_is_over()

    def judge(self, seconds):
        print(f"# broker killed {self.broken} times; 8 partitions; at most {len(self.workers)} members, "
              f"{self.worker_plan.done.get('random', 0)} of them killed")
        super().judge(seconds)


@kafka_test(own_kafka=True)
def nothing_is_lost_where_the_broker_is_killed_and_members_come_and_go(t, site):
    KafkaStorm(t, site, events=size(4000, 200000), broken=size(1, 2), kills=size(1, 15), workers=3,
               worker_kinds=["stop", "random"]).run()


@kafka_test(own_kafka=True)
def nothing_is_lost_where_a_member_joins_and_leaves_each_second(t, site):
    """In order, and nobody dies: so nothing that was acknowledged comes again."""
    KafkaStorm(t, site, events=size(1000, 20000), kills=size(6, 60), workers=4, worker_kinds=["stop"],
               life=(2, 6)).run()


main()
