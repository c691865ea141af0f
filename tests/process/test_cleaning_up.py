"""tests/process/test_cleaning_up.py - topics create, delete and trim, groups delete: what they do, say and refuse."""
from harness import SCHEMAS, main, test

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"

# Knows one topic with one group, and no number of either; counts nothing and changes nothing.
UNKNOWING = r"""
#include <stddef.h>
#include <string.h>
#include <eventbus/plugin.h>

static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)settings, (void)err;
    *self = (void *)(uintptr_t)host;
    return EB_OK;
}

static void close_it(void *self) {
    (void)self;
}

static int32_t topics(void *self, int32_t timeout, int32_t (*each)(void *, const struct eb_topic_info *), void *arg, struct eb_error *err) {
    const struct eb_topic_info info = { sizeof info, "logins", -1, -1, -1, -1, -1 };

    (void)self, (void)timeout, (void)err;
    each(arg, &info);
    return EB_OK;
}

static int32_t groups(void *self, const char *topic, const char *group, int32_t timeout,
                      int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    const struct eb_group_info info = { sizeof info, "logins", "crm", "", "p", "q", -1, -1, -1, NULL };

    (void)self, (void)topic, (void)group, (void)timeout, (void)err;
    each(arg, &info);
    return EB_OK;
}

static int32_t trim(void *self, const char *topic, const struct eb_point *before, int32_t too, int32_t timeout, struct eb_error *err) {
    (void)self, (void)topic, (void)before, (void)too, (void)timeout, (void)err;
    return EB_OK;
}

static int32_t remove_it(void *self, const char *topic, const char *group, int32_t timeout, struct eb_error *err) {
    (void)self, (void)topic, (void)group, (void)timeout, (void)err;
    return EB_OK;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .abi_minor = EB_ABI_MINOR, .name = "unknowing", .version = "1",
    .summary = "A plugin that knows no numbers", .option_size = sizeof(struct eb_option), .settings_size = sizeof(int),
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin, .open = open_it, .topics = topics, .groups = groups, .trim = trim, .remove = remove_it,
    .close = close_it,
};
"""


def send(t, topic, n):
    event = t.run("signals", LOGIN, "--sample").out
    t.run("-q", "produce", "--signal", LOGIN, "-t", topic, "-", stdin=event * n)


def settle(t, topic, group, n):
    t.run("-q", "consume", "-t", topic, "-g", group, "-n", n)


def use(t, plugin, text=None):
    """The configuration's broker is this plugin, compiled here."""
    t.compile_plugin(plugin, text)
    t.write("eventbus.ini", f"[eventbus]\nplugin_path = {t.path('plugins')}\nplugin_trust = any\nschema_path = {SCHEMAS}\nconsumer = main\n"
            f"[broker main]\nplugin = {plugin}\n" + ("url = here\n" if plugin == "sample" else ""))


# ---- topics create ----

@test
def create_says_whether_it_made_the_topic(t):
    t.equal(t.run("topics", "create", "-t", "a", "--dry-run").out, "topic a: would be made\n")
    t.equal(t.run("topics", "--json").json(), [], "topics after a dry run")
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: made, with 1 partition\n")
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: exists already, with 1 partition\n")
    t.equal(t.run("topics", "create", "-t", "a", "--partitions", 1, "--dry-run").out, "topic a: exists already, with 1 partition\n")
    t.equal([row["topic"] for row in t.run("topics", "--json").json()], ["a"])
    t.equal(t.run("topics", "create", "-t", "b", "--json", "--dry-run").json(),
            [{"topic": "b", "partitions": None, "made": True, "dry_run": True}])
    t.equal(t.run("topics", "create", "-t", "b", "--json").json(),
            [{"topic": "b", "partitions": 1, "made": True, "dry_run": False}])
    t.equal(t.run("topics", "create", "-t", "b", "--json").json(),
            [{"topic": "b", "partitions": 1, "made": False, "dry_run": False}])


@test
def partitions_that_there_cannot_be_are_2(t):
    for words in (["--partitions", 3], ["--partitions", 3, "--dry-run"]):
        t.contains(t.run("topics", "create", "-t", "a", *words, status=2).err, "topic a with 3 partitions")
    t.equal(t.run("topics", "--json").json(), [], "topics")
    t.run("topics", "create", "-t", "a")
    t.contains(t.run("topics", "create", "-t", "a", "--partitions", 3, status=2).err,
               "topic a exists already, with 1 partition, not 3; nothing was changed")
    t.contains(t.run("topics", "create", "-t", "a", "--partitions", 2 ** 32, status=2).err, "expected a number up to 2147483647")


@test
def a_name_has_the_prefix_of_the_service(t):
    prefix = ("-o", "eventbus.topic_prefix=prod")
    t.run(*prefix, "topics", "create", "-t", "a")
    t.equal([row["topic"] for row in t.run("topics", "--json").json()], ["prod-a"])
    t.run(*prefix, "topics", "trim", "-t", "a", "--before", "latest")
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a does not exist; nothing was removed")
    t.equal(t.run(*prefix, "topics", "delete", "-t", "a").out, "topic a: removed, with 0 events\n")


# ---- topics delete ----

@test
def delete_removes_a_topic_and_says_with_what(t):
    send(t, "a", 3)
    settle(t, "a", "g", 3)
    t.equal(t.run("topics", "delete", "-t", "a", "--dry-run").out,
            "topic a: would be removed, with 3 events\ntopic a, group g: would be removed, lag 0, 0 live members\n")
    t.equal(t.run("topics", "delete", "-t", "a", "--dry-run", "--json").json(),
            [{"topic": "a", "events": 3, "groups": [{"group": "g", "lag": 0, "members": 0}], "dry_run": True}])
    t.equal(t.run("topics", "--json").json()[0]["events"], 3)
    t.equal(t.run("topics", "delete", "-t", "a").out,
            "topic a: removed, with 3 events\ntopic a, group g: removed, lag 0, 0 live members\n")
    t.equal((t.run("topics", "--json").json(), t.run("groups", "--json").json()), ([], []), "topics and groups")
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a does not exist; nothing was removed")


@test
def a_topic_that_no_group_reads_is_removed_whatever_it_holds(t):
    send(t, "a.dlq", 2)
    t.equal(t.run("topics", "delete", "-t", "a.dlq", "--json").json(),
            [{"topic": "a.dlq", "events": 2, "groups": [], "dry_run": False}])


@test
def delete_keeps_what_is_not_settled(t):
    send(t, "a", 3)
    settle(t, "a", "done", 3)
    settle(t, "a", "late", 1)
    for more in ([], ["--dry-run"], ["--json"]):
        done = t.run("topics", "delete", "-t", "a", *more, status=2)
        t.contains(done.err, "topic a, group late: lag 2, 0 live members\n",
                   "topic a is not removed while groups have live members or a lag; --unread-too removes it nevertheless\n")
        t.lacks(done.err, "done")
        t.equal(done.out, "")
    t.equal(t.run("topics", "--json").json()[0]["events"], 3)
    t.contains(t.run("topics", "delete", "-t", "a", "--unread-too").out, "topic a: removed, with 3 events\n",
               "topic a, group late: removed, lag 2, 0 live members\n")
    t.equal(t.run("topics", "--json").json(), [])


@test
def delete_keeps_a_topic_with_live_members(t):
    send(t, "a", 1)
    worker = t.start("consume", "-t", "a", "-g", "g")
    worker.until(lambda w: w.lines())
    t.until(lambda: t.run("groups", "--json").json()[0]["lag"] == 0)
    t.contains(t.run("topics", "delete", "-t", "a", status=2).err, "topic a, group g: lag 0, 1 live member\n")
    worker.send(15)
    worker.wait()
    t.run("topics", "delete", "-t", "a")


# ---- topics trim ----

def positions(t, topic):
    return [event["position"] for event in t.run("consume", "-t", topic, "--exit-at-end").json()]


@test
def trim_removes_what_stands_before_a_place(t):
    send(t, "a", 5)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 3, "--dry-run").out, "topic a: 2 of 5 events would be removed\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "latest", "--dry-run", "--json").json(),
            [{"topic": "a", "events": 5, "removed": 5, "dry_run": True}])
    t.equal(positions(t, "a"), ["1", "2", "3", "4", "5"])
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 3).out, "topic a: removed 2 of 5 events\n")
    t.equal(positions(t, "a"), ["3", "4", "5"])
    for place in ("earliest", "1", "1h", "2020-01-01"):
        for more in ([], ["--dry-run"]):
            t.contains(t.run("topics", "trim", "-t", "a", "--before", place, *more).out, "0 of 3 events")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", "2999-01-01", "--json").json(),
            [{"topic": "a", "events": 3, "removed": 3, "dry_run": False}])
    t.equal(t.run("topics", "--json").json()[0]["events"], 0)


@test
def trim_keeps_what_a_group_has_not_settled_and_names_it(t):
    send(t, "a", 6)
    settle(t, "a", "done", 6)
    settle(t, "a", "late", 2)
    told = "which a group has not settled: late (lag 4); --unread-too removes them as well\n"
    dry = t.run("topics", "trim", "-t", "a", "--before", 5, "--dry-run")
    t.equal(dry.out, "topic a: at most 4 of 6 events would be removed\n")
    t.contains(dry.err, "what a group has not settled stays: late (lag 4)")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 5, "--dry-run", "--json").json(),
            [{"topic": "a", "events": 6, "removed": 4, "at_most": True, "held_by": [{"group": "late", "lag": 4}], "dry_run": True}])
    some = t.run("topics", "trim", "-t", "a", "--before", 5, status=1)
    t.equal(some.out, "topic a: removed 2 of 6 events\n")
    t.contains(some.err, told)
    none = t.run("topics", "trim", "-t", "a", "--before", 5, status=2)
    t.equal(none.out, "topic a: removed 0 of 4 events\n")
    t.contains(none.err, told)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 5, "--json", status=2).json(),
            [{"topic": "a", "events": 4, "removed": 0, "held_by": [{"group": "late", "lag": 4}], "dry_run": False}])
    done = t.run("topics", "trim", "-t", "a", "--before", 3)
    t.equal((done.out, done.err), ("topic a: removed 0 of 4 events\n", done.err), "a point that the group has reached")
    t.lacks(done.err, "late")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 5, "--unread-too", "--dry-run").out,
            "topic a: 2 of 4 events would be removed\n")
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 5, "--unread-too").out, "topic a: removed 2 of 4 events\n")
    t.equal(positions(t, "a"), ["5", "6"])


@test
def a_position_after_the_end_empties_no_topic(t):
    send(t, "a", 3)
    for more in ([], ["--dry-run"], ["--unread-too"], ["--unread-too", "--json"]):
        done = t.run("topics", "trim", "-t", "a", "--before", 34, *more, status=2)
        t.contains(done.err, "position 34 is behind the end of topic a, which is 4; nothing was removed")
        t.equal(done.out, "")
    t.contains(t.run("topics", "trim", "-t", "a", "--before", "x3", status=2).err, '"x3" is not a position')
    t.equal(t.run("topics", "--json").json()[0]["events"], 3)
    t.equal(t.run("topics", "trim", "-t", "a", "--before", 4).out, "topic a: removed 3 of 3 events\n")


@test
def what_takes_longer_than_one_call_is_removed_whole(t):
    short = ("-o", "eventbus.consumer=main", "-o", "broker.main.connect_timeout=20ms")
    t.configure("producer = main\n[broker main]\nplugin = sqlite\npath = " + t.path("state") + "/bus.db\n")
    send(t, "a", 12000)
    t.equal(t.run(*short, "topics", "trim", "-t", "a", "--before", 8001).out, "topic a: removed 8000 of 12000 events\n")
    t.equal(t.run(*short, "topics", "delete", "-t", "a").out, "topic a: removed, with 4000 events\n")


# ---- groups delete ----

@test
def a_removed_group_can_be_made_again_where_it_stood(t):
    send(t, "a", 5)
    settle(t, "a", "g", 2)
    t.equal(t.run("groups", "delete", "-t", "a", "-g", "g", "--dry-run").out,
            "topic a, group g: would be removed at 3, lag 3\n")
    t.equal(t.run("groups", "-t", "a", "-g", "g", "--json").json()[0]["lag"], 3)
    t.equal(t.run("groups", "delete", "-t", "a", "-g", "g", "--json").json(),
            [{"topic": "a", "group": "g", "position": "3", "lag": 3, "dry_run": False}])
    t.equal(t.run("groups", "--json").json(), [])
    t.equal(t.run("topics", "--json").json()[0]["events"], 5)
    t.run("seek", "-t", "a", "-g", "g", "--to", "3", "--create")
    t.equal(t.run("groups", "-t", "a", "-g", "g", "--json").json()[0]["lag"], 3)
    t.equal(t.run("groups", "-t", "a", "delete", "-g", "g").out, "topic a, group g: removed at 3, lag 3\n")


@test
def a_group_with_live_members_is_not_removed(t):
    send(t, "a", 1)
    worker = t.start("consume", "-t", "a", "-g", "g", "--name", "lms-7")
    worker.until(lambda w: w.lines())
    t.contains(t.run("groups", "delete", "-t", "a", "-g", "g", "--dry-run", status=2).err,
               "group g of topic a would not be removed: it has 1 live member; stop them first")
    t.contains(t.run("groups", "delete", "-t", "a", "-g", "g", status=2).err, "group g of topic a cannot be removed", "lms-7")
    t.equal(len(t.run("groups", "--json").json()), 1, "groups")
    worker.kill9()
    t.until(lambda: t.run("groups", "--json").json()[0]["members"] == 0)
    t.run("groups", "delete", "-t", "a", "-g", "g")
    t.equal(t.run("groups", "--json").json(), [])


# ---- What is not there, and what cannot be ----

@test
def what_is_missing_is_2_with_the_nearest_name(t):
    send(t, "logins", 1)
    settle(t, "logins", "crm", 1)
    for words, told in (
        (["topics", "delete", "-t", "logisn"], "topic logisn does not exist (did you mean logins?); nothing was removed"),
        (["topics", "delete", "-t", "zzzzzzzz"], "topic zzzzzzzz does not exist; nothing was removed"),
        (["topics", "trim", "-t", "logisn", "--before", "1h"], "topic logisn does not exist (did you mean logins?)"),
        (["groups", "delete", "-t", "logisn", "-g", "crm"], "topic logisn does not exist (did you mean logins?)"),
        (["groups", "delete", "-t", "logins", "-g", "cmr"], "topic logins has no group cmr (did you mean crm?)"),
        (["groups", "delete", "-t", "logins", "-g", "zzzzzz"], "topic logins has no group zzzzzz; nothing was removed"),
        (["seek", "-t", "logisn", "-g", "crm", "--to", "1"], "topic logisn does not exist (did you mean logins?); nothing was made"),
        (["seek", "-t", "logins", "-g", "cmr", "--to", "1"], "topic logins has no group cmr (did you mean crm?); nothing was made"),
    ):
        for more in ([], ["--dry-run"]):
            t.contains(t.run(*words, *more, status=2).err, told)


@test
def calls_that_name_too_little_or_too_much_are_2(t):
    for words, told in (
        (["topics", "create"], "-t TOPIC is needed"),
        (["topics", "delete", "-t", "log-*"], "-t: log-* is a pattern"),
        (["topics", "trim", "-t", "a"], "-t TOPIC and --before PLACE are needed"),
        (["topics", "trim", "-t", "a", "--before", "2026-13-01"], "--before: "),
        (["groups", "delete", "-t", "a"], "-t TOPIC and -g GROUP are needed"),
        (["topics", "crate", "-t", "a"], 'topics: unknown "crate"; did you mean create?'),
        (["topics", "-t", "a"], "topics: unknown option -t"),
        (["create"], 'unknown verb "create"; did you mean topics create?'),
        (["topics", "create", "-t", "a", "b"], 'topics create: "b" is one word too many'),
        (["topics", "--wide", "create", "-t", "a"], "topics create: unknown option --wide"),
    ):
        done = t.run(*words, status=2)
        t.contains(done.err, told)
        t.equal(done.out, "")


@test
def a_plugin_without_the_op_is_5(t):
    use(t, "sample")
    for words, told in (
        (["topics", "create", "-t", "a"], "creating topics"),
        (["topics", "delete", "-t", "a"], "removing topics and groups"),
        (["topics", "delete", "-t", "a", "--dry-run"], "removing topics and groups"),
        (["topics", "trim", "-t", "a", "--before", "1h", "--dry-run"], "trimming topics"),
        (["groups", "delete", "-t", "a", "-g", "g"], "removing topics and groups"),
        (["topics"], "listing topics"),
        (["groups"], "listing groups"),
        (["seek", "-t", "a", "-g", "g", "--to", "1"], "moving groups"),
        (["consume", "-t", "a", "--exit-at-end"], "browsing topics"),
    ):
        t.contains(t.run(*words, status=5).err, f"plugin sample does not support {told}")


@test
def what_a_plugin_does_not_know_is_shown_as_unknown(t):
    use(t, "unknowing", UNKNOWING)
    t.equal(t.run("topics", "--json").json(), [{"topic": "logins", "partitions": None, "events": None, "bytes": None,
                                                 "oldest": None, "newest": None}])
    t.matches(t.run("topics").out, r"^logins +- +- +- +-$")
    row, = t.run("groups", "--json").json()
    t.equal((row["lag"], row["unsettled"], row["members"]), (None, None, None))
    t.matches(t.run("groups", "--wide").out, r"^logins +crm +- +p +q +- +- +- +-$")
    t.contains(t.run("topics", "delete", "-t", "logins", status=2).err,
               "topic logins, group crm: an unknown lag, an unknown number of live members")
    t.equal(t.run("topics", "delete", "-t", "logins", "--unread-too").out,
            "topic logins: removed, with an unknown number of events\n"
            "topic logins, group crm: removed, an unknown lag, an unknown number of live members\n")
    t.equal(t.run("topics", "trim", "-t", "logins", "--before", "1h").out,
            "topic logins: removed an unknown number of an unknown number of events\n")
    t.equal(t.run("topics", "trim", "-t", "logins", "--before", "1h", "--dry-run", "--unread-too", "--json").json(),
            [{"topic": "logins", "events": None, "removed": None, "dry_run": True}])
    t.equal(t.run("groups", "delete", "-t", "logins", "-g", "crm").out, "topic logins, group crm: removed at p, an unknown lag\n")


@test
def in_the_memory_of_the_command_there_is_nothing(t):
    t.configure("producer = main\nconsumer = main\n[broker main]\nplugin = memory\n")
    t.equal(t.run("topics", "create", "-t", "a").out, "topic a: made, with 1 partition\n")
    t.contains(t.run("topics", "create", "-t", "a", "--partitions", 2, status=2).err, "topic a with 2 partitions")
    for words in (["topics", "delete", "-t", "a"], ["topics", "trim", "-t", "a", "--before", "latest"],
                  ["groups", "delete", "-t", "a", "-g", "g"]):
        t.contains(t.run(*words, status=2).err, "topic a does not exist; nothing was removed")


main()
