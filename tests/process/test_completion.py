"""tests/process/test_completion.py - what the shells complete: verbs, options, names of the configuration and of the broker."""
import os
import re
import shutil

from harness import COMMAND, SAMPLE_PLUGIN, SCHEMAS, TOP, Skipped, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
SCRIPTS = os.path.join(TOP, "cli", "completion")


def words(t, *typed):
    """What may stand in place of the last word, without its meaning."""
    return [line.split("\t")[0] for line in t.run("completion", "words", "--", *typed).lines()]


def verbs(t):
    listed = t.run("--help").out.split("Verbs:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if re.match(r"  \S", line)]


def produce(t, *topics, more=()):
    for topic in topics:
        t.run("produce", "--signal", LOGIN, "--topic", topic, *more,
              *("--data", '{"user":{"id":1,"is_active":true,"pii":{"username":"u","email":"e","name":"n"}}}'))


# ---- the words ----

@test
def every_verb_and_every_option_of_its_help_is_there(t):
    t.equal(words(t, ""), sorted(verbs(t)))
    for verb in verbs(t):
        options = set(re.findall(r"^  (?:-., )?(--[a-z-]+)", t.run(verb, "--help").out, re.MULTILINE))
        t.equal(options - set(words(t, verb, "--")), set(), f"options of {verb} that are not completed")


@test
def what_was_given_is_not_offered_again_unless_it_may_be(t):
    t.check("--json" in words(t, "topics", "--"), "not offered at first")
    t.lacks(words(t, "topics", "--json", "--"), "--json")
    t.check("--topic" in words(t, "consume", "-t", "a", "--"), "-t may be given again")
    t.check("-o" in words(t, "conform", "x", "-o", "a=b", "-"), "an option without a long name")


@test
def a_value_follows_its_option_in_each_form(t):
    for typed in (["--format", "p"], ["-n", "3", "--format", "p"], ["--json", "--format", "p"], ["-n3", "--format", "p"]):
        t.equal(words(t, "consume", *typed), ["pretty"], f"behind {typed}")
    t.equal(words(t, "consume", "--format=p"), ["--format=pretty"])
    t.equal(words(t, "consume", "--webhook", "p"), [])
    t.equal(words(t, "produce", "--file", ""), [":files"])
    t.equal(words(t, "bench", ""), ["both", "consume", "produce"])
    t.equal(words(t, "bench", "both", ""), [])


@test
def subcommands_and_words_behind_two_dashes(t):
    t.equal(words(t, "topics", ""), ["create", "delete", "trim"])
    t.check("--partitions" in words(t, "topics", "create", "--p"), "an option of a subcommand")
    t.check("--partitions" in words(t, "topics", "--p"), "an option of a subcommand that may stand before it")
    t.equal(words(t, "config", ""), ["check", "explain", "import", "show"])
    t.equal(words(t, "topics", "--", "--"), [])


@test
def names_of_the_configuration(t):
    other = t.write("other.ini", "[consume crm]\ntopic = a\ngroup = g\n[consume certs]\ntopic = b\ngroup = g\n"
                                 "[broker spare]\nplugin = memory\n")
    t.equal(words(t, "-c", other, "consume", ""), ["certs", "crm"])
    t.equal(words(t, "consume", "-c", other, "cr"), ["crm"])
    t.equal(words(t, "-c", other, "topics", "--broker", ""), ["spare"])
    t.equal(words(t, "-o", "consume.late.topic=a", "consume", "la"), ["late"])
    t.equal(words(t, "config", "explain", "eventbus.audit_d"), ["eventbus.audit_delivered"])
    t.check("consume.crm.concurrency=" in words(t, "-c", other, "-o", "consume.crm."), "a key for -o")
    t.check(LOGIN in words(t, "produce", "--signal", "org.openedx.learning.auth"), "a type of events")
    t.check("sqlite" in words(t, "conform", ""), "a plugin")


@test
def topics_and_groups_of_the_running_broker(t):
    t.configure("[broker main]\nplugin = sqlite\n[broker second]\nplugin = sqlite\npath = ${STATE}/second.db\n[eventbus]\ntopic_prefix = dev\nproducer = main\nconsumer = main\n")
    produce(t, "logins", "certs")
    produce(t, "others", more=("--broker", "second"))
    t.run("consume", "-t", "logins", "-g", "crm", "--exit-at-end")
    t.run("consume", "-t", "certs", "-g", "mails", "--exit-at-end")
    t.equal(words(t, "consume", "-t", ""), ["certs", "logins"])
    t.equal(words(t, "consume", "--broker", "second", "-t", ""), ["others"])
    t.equal(words(t, "seek", "-t", "logins", "-g", ""), ["crm"])
    t.equal(words(t, "groups", "-g", ""), ["crm", "mails"])


@test
def what_cannot_be_read_has_no_words_and_is_not_made(t):
    t.equal(words(t, "consume", "-t", ""), [])
    t.equal(os.listdir(t.state), [])
    broken = t.write("broken.ini", "[broker main]\nplugin = nowhere\n[consume]\n")
    for typed in (["consume", "-t", ""], ["consume", ""], ["topics", "--broker", ""], ["config", "explain", "x"],
                  ["no", "such", "verb", ""], ["--nosuch", ""], ["consume", "-zz", ""]):
        done = t.run("-c", broken, "completion", "words", "--", "-c", broken, *typed, status=None)
        t.check(done.status in (0, 3), f"{typed} ended with {done.status}")
    t.equal(words(t, "no", "such", "verb", ""), [])


@test
def names_that_a_terminal_would_obey_are_left_out(t):
    produce(t, "logins")
    for group in ("a b", "a\u202eb", "a\x1b[31mb"):
        t.run("consume", "-t", "logins", "-g", group, "--exit-at-end")
    t.equal(words(t, "groups", "-g", ""), ["a b"])


HANG = """
#include <time.h>
static int32_t hang(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                    struct eb_error *err) {
    (void)self, (void)timeout_ms, (void)each, (void)arg, (void)err;
    for (;;)
        nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
}
"""


@test
def a_broker_that_does_not_answer_is_not_waited_for(t):
    close = "    .close = close_it,\n};"
    t.compile_plugin("deaf", SAMPLE_PLUGIN.replace("static void close_it", HANG + "static void close_it")
                     .replace(close, "    .topics = hang,\n" + close))
    slow = t.write("slow.ini", f"[eventbus]\nschema_path = {SCHEMAS}\nplugin_path = {t.path('plugins')}\nplugin_trust = any\nconsumer = main\n"
                               "[broker main]\nplugin = deaf\nurl = x\n")
    t.run("completion", "words", "--", "-c", slow, "consume", "-t", "", status=3)


# ---- the scripts ----

@test
def each_script_is_printed_as_it_is_installed(t):
    for shell, file in (("bash", "bash/eventbus"), ("zsh", "zsh/_eventbus"), ("fish", "fish/eventbus.fish")):
        with open(os.path.join(SCRIPTS, file), encoding="utf-8") as script:
            t.equal(t.run("completion", shell).out, script.read(), shell)
    done = t.run("completion", "tcsh", status=2)
    t.contains(done.err, 'no completion for "tcsh"; there is one for bash, zsh and fish')
    t.contains(t.run("completion", status=2).err, "something is missing")
    t.contains(t.run("completion", "words", status=2).err, "the words of a command line are missing")


def shell(t, name, text):
    """The lines that a shell prints which finds this command on its PATH."""
    found = shutil.which(name)
    if not found:
        raise Skipped(f"there is no {name} here")
    tools = t.path("tools")
    if not os.path.isdir(tools):
        os.mkdir(tools)
        os.symlink(COMMAND, os.path.join(tools, "eventbus"))
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    return t.run(*plain, "-c", text, command=found, env={"PATH": f"{tools}:{os.environ['PATH']}"}).lines()


BASH = """
source {script}
complete_it() {{
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _eventbus
    printf '%s\\n' "${{COMPREPLY[*]}}"
}}
complete_it eventbus config ex
complete_it eventbus consume --format p
complete_it eventbus consume --format = p
complete_it eventbus groups -g a
complete -p eventbus
"""


@test
def bash_completes(t):
    produce(t, "logins")
    t.run("consume", "-t", "logins", "-g", "a;b", "--exit-at-end")
    told = shell(t, "bash", BASH.format(script=os.path.join(SCRIPTS, "bash", "eventbus")))
    t.equal(told, ["explain", "pretty", "pretty", "a\\;b", "complete -F _eventbus eventbus"])


ZSH = """
compdef() {{ print -r -- "compdef $*" }}
_describe() {{ print -rl -- "${{(@P)2}}" }}
_files() {{ print -r -- files }}
compset() {{ : }}
source {script}
words=(eventbus config ex) CURRENT=3; _eventbus
words=(eventbus produce --file '') CURRENT=4; _eventbus
"""


@test
def zsh_completes(t):
    told = shell(t, "zsh", ZSH.format(script=os.path.join(SCRIPTS, "zsh", "_eventbus")))
    t.equal(told, ["compdef _eventbus eventbus",
                   "explain:Tells what a key means, what it may be, what it is and where that was set", "files"])


@test
def fish_completes(t):
    t.write("a-file", "")
    told = shell(t, "fish", f"source {os.path.join(SCRIPTS, 'fish', 'eventbus.fish')}\ncomplete -C 'eventbus config ex'\n"
                            "complete -C 'eventbus consume --format p'\ncomplete -C 'eventbus produce --file a-f'")
    t.equal([line.split("\t")[0] for line in told], ["explain", "pretty", "a-file"])


main()
