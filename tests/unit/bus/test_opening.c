/* tests/unit/bus/test_opening.c - what a worker is opened with: its section, its name, what the plugin can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "../memory.h"
#include "consume/state.h"
#include "worker_fixture.h"

TestSuite(opening, .init = working_begin, .timeout = 120);

Test(opening, what_a_plugin_cannot_do_with_these_settings_is_refused_at_the_start) {
    struct eb_consumer_options options = { .size = sizeof options, .section = "w", .from = "earliest" };
    char lacks[40];

    snprintf(lacks, sizeof lacks, "broker.m.lacks=%d", EB_T_HISTORY | EB_T_PATTERN);
    fixture_set("tests/fake_broker", fixture_broker("full", NULL, TASK "[consume p]\ntopic = t*\ngroup = g\n"));
    bus = fixture_bus((const char *const[]){ lacks, NULL });
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "plugin full keeps no history"), "%s", err.text);
    options = (struct eb_consumer_options){ .size = sizeof options, .section = "p" };
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "supports no patterns"), "%s", err.text);
    close_all();
}

Test(opening, what_a_plugin_cannot_do_is_refused_at_the_start) {
    struct eb_consumer_options options = { .size = sizeof options, .section = "w", .from = "earliest" };

    open_bus_on("without_consumer", NULL, TASK);
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    cr_assert(strstr(err.text, "without_consumer"), "%s", err.text);
    close_all();
    open_bus_on("without_traits", NULL, TASK "[consume p]\ntopic = t*\ngroup = g\n");
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "plugin without_traits keeps no history"), "%s", err.text);
    options.from = "latest";
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    eb_consumer_close(consumer);
    consumer = NULL;
    options = (struct eb_consumer_options){ .size = sizeof options, .section = "p" };
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "supports no patterns"), "%s", err.text);
    close_all();
}

Test(opening, without_descriptors_it_does_not_open) {
    struct rlimit before;

    open_bus_on("full", NULL, TASK);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
    enum eb_status status = open_worker(&err);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(status, EB_FATAL);
    cr_assert(strstr(err.text, "cannot make an eventfd"), "%s", err.text);
    close_all();
}

static enum eb_status open_with(const struct eb_consumer_options *options) {
    err = (struct eb_error){ 0 };
    enum eb_status status = eb_consumer_open(&consumer, bus, options, &err);

    if (status == EB_OK)
        eb_consumer_close(consumer);
    consumer = NULL;
    return status;
}

/* Opens with these; it is refused with that. */
static void refused(struct eb_consumer_options options, const char *why) {
    options.size = sizeof options;
    cr_assert_lt(open_with(&options), EB_OK, "%s", why);
    cr_assert(strstr(err.text, why), "%s, and not: %s", err.text, why);
}

static void taken(struct eb_consumer_options options) {
    options.size = sizeof options;
    cr_assert_eq(open_with(&options), EB_OK, "%s", err.text);
}

#define TOPICS(...)                                                                                                            \
    (const char *const[]) {                                                                                                    \
        __VA_ARGS__, NULL                                                                                                      \
    }

Test(opening, the_section_is_named_or_the_only_one_or_that_of_topics_and_group) {
    open_bus_on("full", NULL, "");
    refused((struct eb_consumer_options){ 0 }, "no topic is given");
    refused((struct eb_consumer_options){ .topics = TOPICS("t") }, "no group is given");
    refused((struct eb_consumer_options){ .topics = TOPICS("t"), .group = "" }, "no group is given");
    refused((struct eb_consumer_options){ .topics = (const char *const[]){ NULL }, .group = "g" }, "no topic is given");
    close_all();

    open_bus_on("full", NULL,
                "[consume a]\ngroup = g\n[consume b]\ntopic = t\n[consume c]\ntopic = t u\ngroup = g\n"
                "[consume d]\ntopic = t u v\ngroup = h\nexec = true\n");
    refused((struct eb_consumer_options){ 0 }, "several [consume] sections");
    refused((struct eb_consumer_options){ .topics = TOPICS("t") }, "no group is given");
    refused((struct eb_consumer_options){ .section = "a" }, "has no topic");
    refused((struct eb_consumer_options){ .section = "b" }, "has no group");
    refused((struct eb_consumer_options){ .section = "x" }, "x");
    taken((struct eb_consumer_options){ .topics = TOPICS("u", "t"), .group = "g" });
    taken((struct eb_consumer_options){ .topics = TOPICS("t"), .group = "g" });
    taken((struct eb_consumer_options){ .topics = TOPICS("x", "t"), .group = "g" });
    taken((struct eb_consumer_options){ .topics = TOPICS("t", "u"), .group = "i" });
    close_all();

    open_bus_on("full", NULL, "[consume a]\ntopic = t\ngroup = g\nconcurrency = x\n");
    refused((struct eb_consumer_options){ .topics = TOPICS("t"), .group = "g" }, "concurrency");
    close_all();
    open_bus_on("full", NULL, TASK "retry.jitter = 7\n");
    refused((struct eb_consumer_options){ .section = "w" }, "retry.jitter");
    close_all();
    open_bus_on("full", NULL, TASK "exec = true\nwebhook = http://localhost\n");
    refused((struct eb_consumer_options){ .section = "w" }, "both exec and webhook");
    close_all();
    open_bus_on("full", NULL, TASK "webhook = ftp://localhost\n");
    refused((struct eb_consumer_options){ .section = "w" }, "is not an http:// or https:// URL");
    close_all();
    open_bus_on("full", NULL, TASK "webhook = https://localhost\n");
    taken((struct eb_consumer_options){ .section = "w" });
    close_all();
}

Test(opening, where_a_new_group_starts_is_checked) {
    open_bus_on("full", NULL, TASK);
    refused((struct eb_consumer_options){ .section = "w", .from = "" }, "--from: an empty place");
    taken((struct eb_consumer_options){ .section = "w", .from = "-15m" });
    fake.open_consumer = (struct fault){ EB_PERMANENT, 1 };
    refused((struct eb_consumer_options){ .section = "w", .from = "oldest" }, "the test wants it");
    cr_assert_not(strstr(err.text, "as a position"), "it was not the position's fault: %s", err.text);
    fake.open_consumer = (struct fault){ .status = EB_PERMANENT, .times = 1, .kind = EB_KIND_CONFIG };
    refused((struct eb_consumer_options){ .section = "w", .from = "oldest" }, "\"oldest\" is neither earliest, latest");
    fake.open_consumer = (struct fault){ .status = EB_PERMANENT, .times = 1, .kind = EB_KIND_CONFIG };
    refused((struct eb_consumer_options){ .section = "w", .from = "latest" }, "the test wants it");
    fake.open_consumer = (struct fault){ .status = EB_PERMANENT, .times = 1, .silent = true };
    refused((struct eb_consumer_options){ .section = "w" }, "broker m");
    close_all();
}

Test(opening, a_name_is_one_for_files_and_used_once) {
    static const char *const bad[] = { "", "a/b", ".a", "a b" };
    static char long_name[300];
    char path[600];

    open_bus_on("full", NULL, TASK "[consume odd]\ntopic = t\ngroup = ../Z[x]{y}~@ 0_-.\n");
    memset(long_name, 'n', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused((struct eb_consumer_options){ .section = "w", .consumer = bad[i] }, "is not a consumer name");
    refused((struct eb_consumer_options){ .section = "w", .consumer = long_name }, "is not a consumer name");
    taken((struct eb_consumer_options){ .section = "w", .consumer = "one" });
    taken((struct eb_consumer_options){ .section = "odd", .consumer = "one" });
    snprintf(path, sizeof path, "%s/members/%%2E.%%2FZ%%5Bx%%5D%%7By%%7D%%7E%%40%%200_-./one", getenv("STATE_DIRECTORY"));
    struct stat st;
    cr_assert_eq(stat(path, &st), 0, "%s", path);
    cr_assert_eq(open_worker(&err), EB_OK);
    refused((struct eb_consumer_options){ .section = "w", .consumer = "two", .from = "" }, "empty place");
    eb_consumer_close(consumer);
    snprintf(path, sizeof path, "%s/members/g/two", getenv("STATE_DIRECTORY"));
    cr_assert_eq(mkdir(path, 0700), 0);
    refused((struct eb_consumer_options){ .section = "w", .consumer = "two" }, "already runs (cannot open");
    close_all();
}

Test(opening, a_route_that_is_none_is_refused_whether_the_reason_is_asked_for_or_not) {
    static const char *const routes[] = { "[route a]\ntopic = t\nkey_field =\nevent = no.such.signal\n",
                                          "[route a]\ntopic = t\nkey_field = no.such.field\nevent = " LOGIN "\n" };

    for (size_t i = 0; i < 2; i++) {
        fixture_set("tests/fake_broker", fixture_broker("full", NULL, routes[i]));
        cr_assert_eq(fixture_open(&bus, NULL, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, "[route a]") && strstr(err.text, "no.such."), "%s", err.text);
        cr_assert_eq(fixture_open(&bus, NULL, NULL), EB_PERMANENT);
        fixture_clear();
    }
}

Test(opening, memory_that_runs_out_opens_nothing_and_leaves_nothing) {
    static char group[300], name[190];
    const struct eb_consumer_options options = {
        .size = sizeof options, .section = "w", .group = group, .consumer = name, .from = "earliest"
    };
    bool failed = true;
    unsigned n = 0;

    memset(group, 'g', sizeof group - 1);
    memset(name, 'n', sizeof name - 1);
    group[250] = '\0';
    open_bus_on("full", NULL, TASK);
    while (failed) {
        fail_allocation(++n);
        enum eb_status status = open_with(&options);
        failed = allocation_failed();
        cr_assert(status == EB_OK || strstr(err.text, "memory"), "allocation %u: %s", n, err.text);
    }
    cr_assert_gt(n, 10);
    close_all();
}

Test(opening, what_is_given_as_empty_is_refused) {
    open_bus_on("full", NULL, TASK);
    refused((struct eb_consumer_options){ .section = "w", .broker = "" }, "the name of the broker is empty");
    refused((struct eb_consumer_options){ .section = "w", .broker = " " }, "the name of the broker is empty");
    refused((struct eb_consumer_options){ .section = "w", .topics = TOPICS("") }, "topic number 1 is empty");
    refused((struct eb_consumer_options){ .section = "w", .topics = TOPICS(" \t") }, "topic number 1 is empty");
    refused((struct eb_consumer_options){ .section = "w", .group = "" }, "has no group");
    refused((struct eb_consumer_options){ .section = "w", .group = " " }, "has no group");
    refused((struct eb_consumer_options){ .section = "" }, "there is no section");
    close_all();
}

Test(opening, two_sections_of_one_topic_and_group_are_not_guessed_from) {
    open_bus_on("full", NULL, "[consume a]\ntopic = t\ngroup = g\n[consume b]\ntopic = t\ngroup = g\n");
    refused((struct eb_consumer_options){ .topics = TOPICS("t"), .group = "g" },
            "[consume a] and [consume b] both have this topic");
    taken((struct eb_consumer_options){ .section = "b", .topics = TOPICS("t"), .group = "g" });
    close_all();
}

Test(opening, a_first_wait_longer_than_the_longest_is_refused_or_is_the_longest) {
    open_bus_on("full", NULL,
                "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 2m\n[consume max]\ntopic = t\ngroup = g\nretry.max = 1ms\n"
                "[consume both]\ntopic = t\ngroup = g\nretry.backoff = 2m\nretry.max = 1m\n");
    refused((struct eb_consumer_options){ .section = "both" }, "[consume both] retry.backoff is longer than retry.max");
    taken((struct eb_consumer_options){ .section = "max" });
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    cr_assert_eq(consumer->task.backoff.max_ms, 120000);
    close_all();
}
