/* tests/unit/config/test_settings.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/settings.h"
#include "files.h"

TestSuite(settings, .init = start_in_fresh_folder, .fini = remove_fresh_folder);

static void bind(struct ebi_config *config, const char *kind, const char *name, struct ebi_table table) {
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_bind(config, kind, name, &table, 1, &err), EB_OK, "%s", err.text);
}

Test(settings, the_bus_by_default) {
    struct ebi_config *config = load_text("");
    struct ebi_bus_settings s = { 0 };

    bind(config, "eventbus", "", ebi_bus_table(&s));
    cr_assert_str_eq(s.service, "");
    cr_assert_null(s.producer);
    cr_assert_null(s.consumer);
    cr_assert_str_eq(s.topic_prefix, "");
    cr_assert_str_eq(s.plugin_path, EBI_PLUGINDIR);
    cr_assert_str_eq(s.schema_path, "");
    cr_assert_eq(s.plugin_trust, EBI_TRUST_OWNER);
    cr_assert_eq(s.schema_limit, 1 << 20);
    cr_assert_eq(s.consumers_enabled, 1);
    cr_assert_eq(s.consecutive_errors_limit, 0);
    cr_assert_eq(ebi_settings_level(s.log_level), EBI_INFO);
    cr_assert_eq(s.log_format, 0);
    ebi_settings_audit(config, &s);
    cr_assert(s.audit_delivered && !s.audit_received && s.audit_processed);
    cr_assert_eq(s.queue_messages, 100000);
    cr_assert_eq(s.queue_bytes, 64 << 20);
    cr_assert_eq(s.queue_wait, 0);
    cr_assert_eq(s.batch_messages, 500);
    cr_assert_eq(s.batch_bytes, 1 << 20);
    cr_assert_eq(s.linger, 0);
    cr_assert_eq(s.delivery_timeout, 120000);
    ebi_config_free(config);
}

Test(settings, audit_decides_but_for_lines_that_are_switched_by_themselves) {
    static const struct {
        const char *text;
        bool delivered, received, processed;
    } cases[] = {
        { "audit = brief\n", true, false, true },
        { "audit = full\n", true, true, true },
        { "audit = off\n", false, false, false },
        { "audit_received = yes\n", true, true, true },
        { "audit = full\naudit_delivered = no\n", false, true, true },
        { "audit = off\naudit_processed = yes\n", false, false, true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_bus_settings s = { 0 };
        char text[128];

        snprintf(text, sizeof text, "[eventbus]\n%s", cases[i].text);
        struct ebi_config *config = load_text(text);
        bind(config, "eventbus", "", ebi_bus_table(&s));
        ebi_settings_audit(config, &s);
        cr_assert(s.audit_delivered == cases[i].delivered && s.audit_received == cases[i].received &&
                      s.audit_processed == cases[i].processed,
                  "%s", cases[i].text);
        ebi_config_free(config);
    }
}

Test(settings, log_levels_as_syslog_counts_them) {
    struct ebi_config *config = load_text("[eventbus]\nlog_level = warning\nlog_format = json\n");
    struct ebi_bus_settings s = { 0 };

    bind(config, "eventbus", "", ebi_bus_table(&s));
    cr_assert_eq(ebi_settings_level(s.log_level), EBI_WARNING);
    cr_assert_eq(s.log_format, 1);
    cr_assert_eq(ebi_settings_level(0), EBI_ERROR);
    cr_assert_eq(ebi_settings_level(3), EBI_DEBUG);
    ebi_config_free(config);
}

Test(settings, a_broker) {
    struct ebi_config *config = load_text("[broker main]\nplugin = sqlite\n");
    struct ebi_broker_settings s = { 0 };

    bind(config, "broker", "main", ebi_broker_table(&s));
    cr_assert_str_eq(s.plugin, "sqlite");
    cr_assert_eq(s.connect_timeout, 5000);
    ebi_config_free(config);
}

Test(settings, a_route) {
    struct ebi_config *config = load_text("[route r]\nevent = e\ntopic = t\nkey_field =\n");
    struct ebi_route_settings s = { 0 };

    bind(config, "route", "r", ebi_route_table(&s));
    cr_assert_str_eq(s.event, "e");
    cr_assert_str_eq(s.topic, "t");
    cr_assert_str_eq(s.key_field, "");
    cr_assert_eq(s.enabled, 1);
    ebi_config_free(config);
}

Test(settings, a_route_must_say_where_what_and_by_which_key) {
    static const char *const cases[][2] = {
        { "[route r]\ntopic = t\nkey_field = k\n", "t.ini:1: [route r] needs \"event\"" },
        { "[route r]\nevent = e\nkey_field = k\n", "t.ini:1: [route r] needs \"topic\"" },
        { "[route r]\nevent = e\ntopic = t\n", "t.ini:1: [route r] needs \"key_field\"" },
        { "[route r]\nevent = e\ntopic =\nkey_field = k\n", "t.ini:3: [route r] topic: is empty; it needs a value" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_config *config = load_text(cases[i][0]);
        struct ebi_route_settings s = { 0 };
        struct ebi_table table = ebi_route_table(&s);
        struct eb_error err = { 0 };

        cr_assert_eq(ebi_config_bind(config, "route", "r", &table, 1, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, cases[i][1]), "%s", err.text);
        ebi_config_free(config);
    }
}

Test(settings, a_worker_by_default) {
    struct ebi_config *config = load_text("[consume certs]\ntopic = a, b\ngroup = g\n");
    struct ebi_consume_settings s = { 0 };
    double jitter;

    bind(config, "consume", "certs", ebi_consume_table(&s));
    cr_assert_str_eq(s.topic[0], "a");
    cr_assert_str_eq(s.topic[1], "b");
    cr_assert_null(s.topic[2]);
    cr_assert_str_eq(s.group, "g");
    cr_assert(!s.exec && !s.webhook && !s.key_field && !s.dead_letter_broker);
    cr_assert_eq(s.concurrency, 1);
    cr_assert_eq(s.order, EBI_BY_KEY);
    cr_assert_eq(s.retry_attempts, 5);
    cr_assert_eq(s.retry_backoff, 1000);
    cr_assert_eq(s.retry_max, 60000);
    cr_assert_eq(ebi_read_share(s.retry_jitter, &jitter, NULL), EB_OK);
    cr_assert(jitter == 0.2);
    cr_assert_eq(s.on_unknown, 0);
    cr_assert_eq(s.on_failure, 0);
    cr_assert_str_eq(s.dead_letter_topic, "{topic}.dlq");
    cr_assert_eq(s.receiver_timeout, 60000);
    cr_assert_eq(s.drain_timeout, 30000);
    cr_assert_eq(s.max_in_flight, 1000);
    cr_assert_eq(s.max_in_flight_bytes, 16 << 20);
    ebi_config_free(config);
}

Test(settings, a_worker_with_all_of_it) {
    struct ebi_config *config = load_text("[consume c]\ntopic = a\ngroup = g\nexec = cat\nwebhook = http://x\n"
                                          "key_field = k\nconcurrency = 4\norder = strict\nretry.attempts = 3\n"
                                          "retry.backoff = 250ms\n"
                                          "retry.max = 2m\nretry.jitter = 0.5\non_unknown = skip\non_failure = stop\n"
                                          "dead_letter_topic = dead\ndead_letter_broker = other\n"
                                          "receiver_timeout = 5s\ndrain_timeout = 1m\nmax_in_flight = 10\n"
                                          "max_in_flight_bytes = 1M\n");
    struct ebi_consume_settings s = { 0 };

    bind(config, "consume", "c", ebi_consume_table(&s));
    cr_assert_str_eq(s.exec, "cat");
    cr_assert_str_eq(s.webhook, "http://x");
    cr_assert_str_eq(s.key_field, "k");
    cr_assert_eq(s.concurrency, 4);
    cr_assert_eq(s.order, EBI_STRICT);
    cr_assert_eq(s.retry_attempts, 3);
    cr_assert_eq(s.retry_backoff, 250);
    cr_assert_eq(s.retry_max, 120000);
    cr_assert_str_eq(s.retry_jitter, "0.5");
    cr_assert_eq(s.on_unknown, 1);
    cr_assert_eq(s.on_failure, 1);
    cr_assert_str_eq(s.dead_letter_topic, "dead");
    cr_assert_str_eq(s.dead_letter_broker, "other");
    cr_assert_eq(s.receiver_timeout, 5000);
    cr_assert_eq(s.drain_timeout, 60000);
    cr_assert_eq(s.max_in_flight, 10);
    cr_assert_eq(s.max_in_flight_bytes, 1 << 20);
    ebi_config_free(config);
}

static void check_table(struct ebi_table table) {
    for (size_t i = 0; i < table.n; i++) {
        const struct eb_option *option = &table.options[i];
        size_t len = option->help ? strlen(option->help) : 0;

        cr_assert(len > 10 && len < 120, "%s: help of %zu characters", option->key, len);
        cr_assert_neq(option->help[len - 1], '.', "%s", option->key);
        cr_assert(option->min == 0 || option->min <= option->max, "%s", option->key);
    }
}

Test(settings, every_option_explains_itself) {
    check_table(ebi_bus_table(NULL));
    check_table(ebi_broker_table(NULL));
    check_table(ebi_route_table(NULL));
    check_table(ebi_consume_table(NULL));
}

/* conf/eventbus.ini, as it is installed. */
Test(settings, the_installed_file_is_good_and_sends_nothing) {
    char path[4096];
    const char *files[] = { path, NULL };
    struct ebi_config *config = NULL;
    struct ebi_bus_settings bus = { 0 };
    struct eb_error err = { 0 };
    size_t routes = 0;

    snprintf(path, sizeof path, "%s/conf/eventbus.ini", getenv("top_srcdir"));
    cr_assert_eq(ebi_config_load(files, NULL, &config, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_config_check_sections(config, &err), EB_OK, "%s", err.text);
    bind(config, "eventbus", "", ebi_bus_table(&bus));
    cr_assert_str_eq(bus.producer, "main");
    cr_assert_str_eq(bus.consumer, "main");
    cr_assert_str_eq(ebi_config_text(config, "broker", "main", "plugin"), "sqlite");
    for (const char *name = NULL; (name = ebi_config_next(config, "route", name)); routes++) {
        struct ebi_route_settings route = { 0 };

        bind(config, "route", name, ebi_route_table(&route));
        cr_assert_eq(route.enabled, 0, "%s", name);
        cr_assert_eq(strncmp(route.event, "org.openedx.", 12), 0, "%s", route.event);
        cr_assert(*route.key_field, "%s", name);
    }
    cr_assert_eq(routes, 21);
    ebi_config_free(config);
}
