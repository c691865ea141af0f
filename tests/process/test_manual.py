"""tests/process/test_manual.py - the man pages: one for each verb, plugin and the configuration, all keys in them, no fault."""
import glob
import os
import re
import shutil
import subprocess

from harness import BUILD, PLUGINS, SAMPLE_PLUGIN, TOP, main, test

PAGES = sorted(glob.glob(os.path.join(BUILD, "cli", "*.[15]")))
NAMES = sorted(name[:-3] for name in os.listdir(PLUGINS) if os.path.exists(os.path.join(TOP, "plugins", name[:-3], "about.man")))
ANY = ["-o", "eventbus.plugin_trust=any"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def page(name):
    return read(os.path.join(BUILD, "cli", name))


def escaped(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def plain(text):
    """A line of prose without man(7)'s escapes."""
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-")


def holds_key(t, text, option):
    """A page tells of an option: its name, what it means, and what it may be."""
    name = f"\\fB{escaped(option['key'])}\\fR" + ("\\fINAME\\fR" if option["type"] == "pairs" else "")
    t.contains(text, f".TP\n{name}\n{escaped(option['help'])}.\n.br\n\\fI{option['type']}")
    facts = re.search(re.escape(f".TP\n{name}\n") + r".*\n\.br\n\\fI(.*)\\fR\n", text).group(1)
    if option["default"] is not None:
        t.contains(facts, f"default: {escaped(option['default'] or 'empty')}" if not option["required"] else "; required")
    for choice in option.get("choices", []):
        t.contains(facts, choice)
    for word, told in (("required", option["required"]), ("secret", option["secret"]), ("from", "min" in option)):
        t.equal(word in facts, told, f"whether {option['key']} is told as {word}")


@test
def every_key_of_every_plugin_is_in_its_page(t):
    t.check(NAMES, "no plugin was built")
    for name in NAMES:
        about, = t.run("plugins", name, "--json", *ANY).json()
        text = page(f"eventbus-{name}.5")
        t.contains(text, f"eventbus\\-{name} \\- {escaped(about['summary'])}\n", ".SH DESCRIPTION\n", ".SH EXAMPLES\n")
        t.equal(text.count("\n.SH OPTIONS\n"), 1, "sections with options")
        for option in about["options"]:
            holds_key(t, text, option)
        t.equal(len(re.findall(r"^\.br\n\\fI", text, re.MULTILINE)), len(about["options"]), f"keys in the page of {name}")
        for role in about["roles"]:
            part = text.partition(f"\n.SS {role}\n")[2].partition("\n.S")[0]
            for trait in about["traits"][role]:
                t.matches(part, rf"^\\fB{trait}\\fR\n[A-Z].{{20,}}\.$")


@test
def every_key_of_the_configuration_is_in_its_page(t):
    text = page("eventbus.ini.5")
    for kind, least in (("eventbus", 20), ("broker", 2), ("route", 4), ("consume", 15)):
        rows = t.run("config", "show", "--json", "-o", "broker.a.plugin=memory", "-o", "route.a.enabled=no", "-o",
                     "consume.a.group=g", "-o", "route.a.event=org.openedx.learning.auth.session.login.completed.v1",
                     "-o", "route.a.topic=x", "-o", "route.a.key_field=", *ANY).json()
        keys = {row["key"] for row in rows if row["section"].split()[0] == kind}
        keys -= {"name", "max_messages", "max_bytes"} if kind == "broker" else set()        # the memory plugin's own
        t.check(len(keys) >= least, f"{kind} has only {keys}")
        part = re.search(rf'\n\.SH "\[{kind}[^"]*"\n(.*?)\n\.SH ', text, re.DOTALL).group(1) + "\n"
        for key in keys:
            option = t.run("config", "explain", f"{kind}.{key}", "--json").json()[0]
            holds_key(t, part, option)


@test
def every_page_is_named_by_that_of_the_command(t):
    t.check(len(PAGES) >= 13, f"only {PAGES}")
    see = page("eventbus.1").partition("\n.SH SEE ALSO\n")[2]
    for path in PAGES:
        name, section = re.fullmatch(r"(.+)\.(\d)", os.path.basename(path)).groups()
        if name != "eventbus":
            t.contains(see, f"\\fB{escaped(name)}\\fR({section})")
    t.equal(see.count("\\fB"), len(PAGES) - 1, "pages named")
    for name in NAMES:
        t.contains(page("eventbus.ini.5").partition("\n.SH SEE ALSO\n")[2], f".BR eventbus\\-{name} (5)")


@test
def every_verb_has_a_page_as_the_command_writes_it(t):
    listed = t.run("--help").out.split("Verbs:\n")[1].split("\n\n")[0]
    verbs = [line.split()[0] for line in listed.splitlines() if re.match(r"  \S", line)]
    for verb in verbs:
        text = t.run("--help-man", f"eventbus-{verb}").out
        t.check(text.startswith(f'.TH "EVENTBUS-{verb.upper()}" 1 '), text[:200])
        t.matches(text, r'^\.SH "SYNOPSIS"$')
        t.equal(page(f"eventbus-{verb}.1"), text, f"the built page of {verb}")
    t.contains(t.run("--help-man", "eventbus-nothing", status=2).err, "no page")


@test
def no_page_has_a_fault(t):
    checkers = {"groff": ["-man", "-ww", "-b", "-z", "-Tutf8"], "mandoc": ["-Tlint", "-Wwarning"]}
    there = [name for name in checkers if shutil.which(name)]
    if not there:
        t.skip("neither groff nor mandoc")
    for name in there:
        for path in PAGES:
            ran = subprocess.run([name, *checkers[name], path], capture_output=True, text=True, check=False)
            told = [line for line in (ran.stdout + ran.stderr).splitlines()
                    if 'missing date, using ""' not in line]        # a page is as old as its version, which it names
            t.equal(told, [], f"what {name} says of {path}")


@test
def the_examples_in_the_pages_pass_the_check(t):
    """Each block with an [eventbus] section, as it stands, but for files of the operator's: secrets, certificates, commands."""
    secret = t.write("secret", "s\n")
    found = 0
    for path in [*(os.path.join(TOP, "plugins", name, "about.man") for name in NAMES), os.path.join(TOP, "conf", "about.man")]:
        for block in re.findall(r"^\.EX\n(.*?)^\.EE$", read(path), re.DOTALL | re.MULTILINE):
            if "[eventbus]" not in block:
                continue
            text = re.sub(r"^\w+_ca = .*\n", "", plain(block), flags=re.MULTILINE)
            text = re.sub(r"/etc/eventbus/[\w.]+", secret, text)
            text = re.sub(r"/usr/local/bin/[\w-]+", "/bin/true", text)
            ini = t.write("example.ini", text)
            t.contains(t.run("-c", t.ini, "-c", ini, *ANY, "config", "check").out, "right: ")
            found += 1
    t.check(found >= len(NAMES) + 1, f"only {found} examples")


@test
def a_page_can_be_made_for_any_plugin(t):
    hostile = SAMPLE_PLUGIN.replace('"where it is"', '".so it is \\\\n-x"').replace('"lets you in"', "\"'quoted\"")
    file = t.compile_plugin("sample", hostile)
    text = t.run("plugins", file, "--man", *ANY).out
    t.contains(text, '.TH "EVENTBUS-SAMPLE" 5 ', "eventbus\\-sample \\- A plugin of the tests\n", "plugin = sample\nurl = ",
               "\n\\&.so it is \\en\\-x.\n", "\n\\&'quoted.\n", ".SH SEE ALSO\n.BR eventbus (1),")
    prose = t.write("about.man", ".SH DESCRIPTION\nLong.\n.SH HISTORY\nOld.\n")
    headings = re.findall(r"^\.SH (.*)$", t.run("plugins", file, "--man", "--prose", prose, *ANY).out, re.MULTILINE)
    t.equal(headings, ["NAME", "SYNOPSIS", "DESCRIPTION", "ROLES AND TRAITS", "OPTIONS", "HISTORY", "SEE ALSO"])


@test
def a_page_that_cannot_be_made_is_told(t):
    file = t.compile_plugin("sample")
    for words, told in (
        (["--man"], "--man needs a plugin: NAME or FILE"),
        ([file, "--man", "--json"], "--man and --json exclude each other"),
        ([file, "--prose", "x"], "--prose goes with --man"),
        ([file, "--man", "--prose", t.path("none")], f"cannot open prose {t.path('none')}: No such file"),
        ([file, "--man", "--prose", t.write("bad", "Long.\n")], f"{t.path('bad')} does not begin with .SH"),
        ([file, "--man", "--prose", t.write("empty", "")], f"{t.path('empty')} does not begin with .SH"),
        (["--prose", t.folder, "--man", file], f"{t.folder}"),
    ):
        done = t.run("plugins", *words, *ANY, status=2)
        t.contains(done.err, told)
        t.equal(done.out, "", "standard output")


@test
def help_points_to_the_pages(t):
    t.contains(t.run("plugins", "--help").out, "eventbus-NAME(5)", "man eventbus-sqlite")
    t.contains(page("eventbus.1"), "\\fBeventbus.ini\\fR(5)")


main()
