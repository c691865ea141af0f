/* tests/unit/abi/test_frozen.c - plugins that were built from the frozen header of ABI 1.0 load today and do all that they did:
 * events are sent and received, a failure is tried again, what fails for good becomes a dead letter, the admin role works. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../fixture.h"
#include "../plugin/folder.h"
#include "base/log.h"
#include "plugin/admin.h"
#include "plugin/message.h"

#define FOLDER "tests/abi/1.0/plugins"
#define LOGIN "org.openedx.learning.auth.session.login.completed.v1"

enum { EVENTS = 40, FAILS_ONCE = 7, FAILS_ALWAYS = 11 };

static struct eb_bus *bus;
static struct eb_error err;
static int runs[EVENTS + 1], order[2 * EVENTS], n_order;

/* The receiver of every event: one worker thread runs it. */
static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *why) {
    int64_t user = 0;

    (void)arg;
    cr_assert_eq(eb_event_get_long(event, "user.id", &user, NULL), EB_OK);
    cr_assert(user >= 1 && user <= EVENTS);
    runs[user]++;
    if (user == FAILS_ALWAYS || (user == FAILS_ONCE && runs[user] == 1)) {
        snprintf(why->text, sizeof why->text, "not now");
        return why->status = user == FAILS_ALWAYS ? EB_PERMANENT : EB_RETRIABLE;
    }
    order[n_order++] = (int)user;
    return EB_OK;
}

static void open_bus(const char *plugin) {
    char sections[500];

    snprintf(sections, sizeof sections,
             "[broker m]\nplugin = %s\n[route login]\nevent = " LOGIN "\ntopic = t\nkey_field = user.pii.username\n"
             "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 1ms\nretry.max = 1ms\n",
             plugin);
    fixture_set(FOLDER, sections);
    bus = fixture_bus(NULL);
    cr_assert_eq(eb_connect(bus, NULL, "receive", receive, NULL, &err), EB_OK, "%s", err.text);
}

/* Sends EVENTS events of four keys. */
static void send_all(void) {
    char name[] = "user-0";

    for (int user = 1; user <= EVENTS; user++) {
        name[5] = (char)('0' + user % 4);
        struct eb_event *event = fixture_login(bus, user, name);
        cr_assert_eq(eb_send(event, NULL, &err), EB_OK, "%s", err.text);
        eb_event_free(event);
    }
    cr_assert_eq(eb_bus_flush(bus, 30000, &err), EB_OK, "%s", err.text);
}

static struct eb_consumer_counts work(void) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = "w", .exit_at_end = 1 };
    struct eb_consumer_counts counts = { .size = sizeof counts };
    struct eb_consumer *consumer = NULL;

    memset(runs, 0, sizeof runs);
    n_order = 0;
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_OK, "%s", err.text);
    eb_consumer_count(consumer, &counts);
    eb_consumer_close(consumer);
    return counts;
}

/* All but the one that fails, each once, in the order of its key. */
static void check_order(const char *plugin) {
    int last[4] = { 0 };

    cr_assert_eq(n_order, EVENTS - 1, "%s: %d events were received", plugin, n_order);
    for (int i = 0; i < n_order; i++) {
        cr_assert_gt(order[i], last[order[i] % 4], "%s: event %d came behind event %d of its key", plugin, order[i],
                     last[order[i] % 4]);
        last[order[i] % 4] = order[i];
    }
}

/* ---- The admin role ---- */

struct seen {
    struct eb_topic_info t, dlq;
    struct eb_group_info group;
    size_t n_groups, n_messages, n_with_data, n_moves;
    char after[24];
};

static int32_t on_topic(void *arg, const struct eb_topic_info *theirs) {
    struct seen *seen = arg;
    struct eb_topic_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (strcmp(info.name, "t") == 0)
        seen->t = info;
    else if (strcmp(info.name, "t.dlq") == 0)
        seen->dlq = info;
    else
        cr_assert_fail("topic %s", info.name);
    return 0;
}

static int32_t on_group(void *arg, const struct eb_group_info *theirs) {
    struct seen *seen = arg;

    ebi_sized_copy(&seen->group, sizeof seen->group, theirs);
    cr_assert_str_eq(seen->group.topic, "t");
    cr_assert_str_eq(seen->group.group, "g");
    seen->n_groups++;
    return 0;
}

static int32_t on_message(void *arg, const struct eb_message *theirs) {
    struct seen *seen = arg;
    struct eb_message message;

    ebi_sized_copy(&message, sizeof message, theirs);
    seen->n_messages++;
    seen->n_with_data += message.payload.len > 0 && message.n_attrs > 0 && !message.decode_error.data;
    return 0;
}

static int32_t on_move(void *arg, const struct eb_seek_info *theirs) {
    struct seen *seen = arg;
    struct eb_seek_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    snprintf(seen->after, sizeof seen->after, "%s", info.after);
    seen->n_moves++;
    return 0;
}

/* The same plugin in a second configuration, as a command beside the service has it. */
struct command {
    struct ebi_config *config;
    struct ebi_broker *broker;
    struct ebi_log *log;
    struct ebi_admin *admin;
};

static void hear(void *arg, int level, const char *text) {
    (void)arg, (void)level, (void)text;
}

static struct command command_new(void) {
    char *file = join(getenv("STATE_DIRECTORY"), "bus.ini"), *path = built(FOLDER, NULL);
    const char *const files[] = { file, NULL };
    const struct ebi_bus_settings settings = { .plugin_path = path, .plugin_trust = EBI_TRUST_ANY };
    struct command command = { .log = ebi_log_new(EBI_INFO, false, hear, NULL) };

    cr_assert_eq(ebi_config_load(files, NULL, &command.config, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_broker_bind(command.config, &settings, "m", &command.broker, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_admin_open(command.broker, "command", command.log, &command.admin, &err), EB_OK, "%s", err.text);
    free(file);
    free(path);
    return command;
}

static void command_free(struct command *command) {
    ebi_admin_close(command->admin);
    ebi_broker_free(command->broker);
    ebi_config_free(command->config);
    ebi_log_free(command->log);
}

static void check_lists(struct ebi_admin *admin, const char *plugin) {
    struct seen seen = { 0 };

    cr_assert_eq(ebi_admin_topics(admin, on_topic, &seen, &err), EB_OK, "%s: %s", plugin, err.text);
    cr_assert_eq(seen.t.messages, EVENTS, "%s", plugin);
    cr_assert_eq(seen.dlq.messages, 1, "%s", plugin);
    cr_assert_eq(seen.t.bytes, strcmp(plugin, "short") == 0 ? 0 : -1, "%s: bytes lie beyond the size of the short one", plugin);
    cr_assert_eq(ebi_admin_groups(admin, NULL, NULL, on_group, &seen, &err), EB_OK, "%s: %s", plugin, err.text);
    cr_assert_eq(seen.n_groups, 1, "%s", plugin);
    cr_assert_eq(seen.group.lag, 0, "%s", plugin);
    cr_assert_null(seen.group.state, "%s", plugin);
}

static void check_browse_and_seek(struct ebi_admin *admin, const char *plugin) {
    const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    struct seen seen = { 0 };

    if (strcmp(plugin, "cpp17") == 0) {
        cr_assert_eq(ebi_admin_browse(admin, "t", &earliest, on_message, &seen, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, "plugin cpp17 ") && strstr(err.text, "brows"), "%s", err.text);
        return;
    }
    cr_assert_eq(ebi_admin_browse(admin, "t", &earliest, on_message, &seen, &err), EB_OK, "%s: %s", plugin, err.text);
    cr_assert_eq(seen.n_messages, EVENTS, "%s", plugin);
    cr_assert_eq(seen.n_with_data, EVENTS, "%s", plugin);
    cr_assert_eq(ebi_admin_seek(admin, "t", "g", &earliest, 0, on_move, &seen, &err), EB_OK, "%s: %s", plugin, err.text);
    cr_assert_eq(seen.n_moves, 1, "%s", plugin);
    cr_assert_str_eq(seen.after, "0", "%s", plugin);
    cr_assert_eq(ebi_admin_seek(admin, "no-such-topic", "g", &earliest, 0, on_move, &seen, &err), EB_GONE, "%s", plugin);
}

/* ---- The tests ---- */

static void does_all_that_it_did(const char *plugin) {
    open_bus(plugin);
    send_all();
    struct eb_consumer_counts counts = work();
    check_order(plugin);
    cr_assert_eq(counts.retried, 1, "%s", plugin);
    cr_assert_eq(counts.dead_lettered, 1, "%s", plugin);
    cr_assert_eq(runs[FAILS_ONCE], 2, "%s", plugin);
    struct command command = command_new();
    check_lists(command.admin, plugin);
    check_browse_and_seek(command.admin, plugin);
    if (strcmp(plugin, "cpp17") != 0) { /* the group was moved to its beginning */
        work();
        check_order(plugin);
    }
    command_free(&command);
    cr_assert_eq(eb_bus_close(bus, 10000, &err), EB_OK, "%s", err.text);
    fixture_clear();
}

TestSuite(frozen, .timeout = 60);

Test(frozen, a_plugin_in_c11_works_as_it_did) {
    does_all_that_it_did("c11");
}

Test(frozen, a_plugin_in_cpp17_that_keeps_no_order_works_as_it_did) {
    does_all_that_it_did("cpp17");
}

Test(frozen, nothing_is_read_beyond_the_size_that_a_plugin_gives) {
    does_all_that_it_did("short");
}
