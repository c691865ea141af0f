"""Service A and Service B, the same programs with each broker: only [broker main] differs."""
import os

from harness import BUILD, TOP, main, test

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


@test
def sqlite_in_two(t):
    ini = configuration(t, "plugin = sqlite")
    t.run(ini, command=program("service-a"))
    t.equal(sorted(t.run(ini, command=program("service-b")).lines()), EXPECTED)
    t.equal(t.run(ini, command=program("service-b")).out, "", "what was acknowledged does not come again")


main()
