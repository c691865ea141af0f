"""tests/process/test_readme.py - what the README shows works as it stands, in a build that is not installed."""
import os
import re

from harness import BUILD, TOP, main, test
from installed import only_with_plain_flags


def shown(heading, before=""):
    """The commands of the first block under a heading, or behind a text there."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        section = file.read().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.search(before + r"\n((?:    .*\n)+)", section).group(1)


def in_a_shell(t, commands):
    """Runs them where `. build/try` was, as in a clone, but for where it keeps its events."""
    script = t.write("script", f"set -e\n. {BUILD}/try\nSTATE_DIRECTORY={t.state}\nexport STATE_DIRECTORY\n{commands}")
    if not os.path.exists(t.path("examples")):
        os.symlink(f"{TOP}/examples", t.path("examples"))
    return t.run("-c", f". {script}", command="/bin/sh")


@test
def what_it_shows_from_the_shell_works(t):
    commands = shown("From the shell").replace("-g crm", "-g crm --exit-at-end")      # a worker that ends
    t.check("--exec" in commands and "produce" in commands, commands)
    told = in_a_shell(t, commands)
    t.contains(told.out, "user.pii.username", '"topic":"user-login"', "crm")
    t.contains(t.read("seen"), '"username":"demo_learner"')


@test
def what_it_shows_from_c_works(t):
    only_with_plain_flags(t)
    commands = shown("From C", "of its own:\n").replace("cc ", os.environ.get("CC", "cc") + " ")
    commands = commands.replace(" examples/services.ini", "")                         # as its comment says
    told = in_a_shell(t, commands)
    t.equal(sorted(told.out.splitlines()),
            ["ada enrolled in course-v1:edX+DemoX+Demo_Course", "ada logged in", "grace logged in"])


main()
