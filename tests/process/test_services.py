"""Service A and Service B, the same programs with each broker: only [broker main] differs.

EB_BROKERS names brokers beside the embedded ones ("redis"): make check-redis sets it.
"""
import os
import sys

from harness import BUILD, TOP, main, test

BROKERS = os.environ.get("EB_BROKERS", "").split()
sys.path.insert(0, os.path.join(TOP, "tests", "brokers"))

EXPECTED = ["ada enrolled in course-v1:edX+DemoX+Demo_Course", "ada logged in", "grace logged in"]


def program(name):
    return os.path.join(BUILD, "examples", name, name)


def configuration(t, broker):
    with open(os.path.join(TOP, "examples", "services.ini"), encoding="utf-8") as file:
        shared = file.read()
    t.check("plugin = sqlite" in shared, "services.ini names the broker in one line")
    return t.configure(shared.replace("plugin = sqlite", broker))


@test
def memory_in_one_program(t):
    ini = configuration(t, "plugin = memory")
    t.equal(sorted(t.run(ini, command=program("both")).lines()), EXPECTED)


@test
def sqlite_in_one_program(t):
    ini = configuration(t, "plugin = sqlite")
    t.equal(sorted(t.run(ini, command=program("both")).lines()), EXPECTED)


def in_two(t, ini):
    t.run(ini, command=program("service-a"))
    t.equal(sorted(t.run(ini, command=program("service-b")).lines()), EXPECTED)
    t.equal(t.run(ini, command=program("service-b")).out, "", "what was acknowledged does not come again")


@test
def sqlite_in_two(t):
    in_two(t, configuration(t, "plugin = sqlite"))


if "redis" in BROKERS:
    from redis_server import RedisServer

    @test
    def redis_in_one_program(t):
        with RedisServer() as redis:
            ini = configuration(t, f"plugin = redis\nurl = {redis.url}")
            t.equal(sorted(t.run(ini, command=program("both")).lines()), EXPECTED)

    @test
    def redis_in_two(t):
        with RedisServer() as redis:
            in_two(t, configuration(t, f"plugin = redis\nurl = {redis.url}"))


main()
