"""tests/process/test_installed.py - what the guides point to is installed with them, and works from there."""
import glob
import os
import re
import shlex

from harness import SCHEMAS, main, test
from installed import Installed, call, only_with_plain_flags

@test
def the_guides_and_all_examples_that_they_name_are_there(t):
    tree = Installed(t)
    docs = tree.docs
    guides = sorted(glob.glob(f"{docs}/docs/*.md"))
    t.equal([os.path.basename(guide) for guide in guides], ["brokers.md", "delivery.md", "glossary.md", "moving-in.md", "operations.md", "plugin-authors.md"])
    links = []
    for guide in guides:
        with open(guide, encoding="utf-8") as file:
            links += re.findall(r"\]\(([^)\s#]+)[^)]*\)", file.read())
    t.check({"../conf/redis.ini", "../conf/kafka.ini", "../examples/plugin"} <= set(links), f"{links}")
    headers = [link for link in links if link.endswith("/eventbus/plugin.h")]
    t.check(headers and headers[0].startswith("/"), f"the header is at no installed place: {headers}")
    t.equal([link for link in links if not os.path.exists(tree.root + link if link.startswith("/") else f"{docs}/docs/{link}")],
            [], "the links that lead nowhere")


@test
def the_other_brokers_go_behind_the_installed_configuration(t):
    tree = Installed(t)
    paths = ("-o", f"eventbus.plugin_path={tree.folder_of('plugindir')}", "-o", f"eventbus.schema_path={SCHEMAS}")
    files = sorted(glob.glob(f"{tree.docs}/conf/*.ini"))
    t.equal([os.path.basename(file) for file in files], ["kafka.ini", "redis.ini"])
    for file in files:
        name = os.path.basename(file)[:-len(".ini")]
        if not os.path.exists(f"{tree.folder_of('plugindir')}/{name}.so"):
            continue                                       # a build without it
        done = t.run("-c", tree.ini, "-c", file, *paths, "config", "check", command=tree.command)
        t.contains(done.out, "right: 2 brokers, ")
        done = t.run("-c", tree.ini, "-c", file, *paths, "config", "show", command=tree.command)
        t.check(re.search(rf"^consumer = {name} ", done.out, re.MULTILINE), done.out)


@test
def the_example_services_are_built_and_run_from_there(t):
    only_with_plain_flags(t)
    tree = Installed(t)
    paths = f"plugin_path = {tree.folder_of('plugindir')}\nschema_path = {SCHEMAS}\n"
    with open(f"{tree.docs}/examples/services.ini", encoding="utf-8") as file:
        ini = t.write("services.ini", file.read() + f"\n[eventbus]\n{paths}")
    flags = shlex.split(call(["pkg-config", "--cflags", "--libs", "eventbus"], tree.root, tree.tools))
    lib = os.path.dirname(tree.find("libeventbus.so"))
    told = ""
    for name in ("service-a", "service-b"):
        source = f"{tree.docs}/examples/{name}/{name}.c"
        call([*shlex.split(os.environ.get("CC", "cc")), "-o", t.path(name), source, *flags], t.folder, {})
        told = t.run(ini, command=t.path(name), env={"LD_LIBRARY_PATH": lib}).out
    t.equal(sorted(told.splitlines()),
            ["ada enrolled in course-v1:edX+DemoX+Demo_Course", "ada logged in", "grace logged in"])


main()
