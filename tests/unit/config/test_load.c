/* tests/unit/config/test_load.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/file.h"
#include "files.h"

TestSuite(load, .init = start_in_fresh_folder, .fini = remove_fresh_folder);

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct ebi_config *load(const char *const *files, const char *const *overrides) {
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_load(files, overrides, &config, &err), EB_OK, "%s", err.text);
    return config;
}

static void refused(const char *const *files, const char *const *overrides, const char *part) {
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_load(files, overrides, &config, &err), EB_PERMANENT, "expected: %s", part);
    cr_assert_null(config);
    cr_assert_eq(err.kind, EB_KIND_CONFIG, "%s", err.text);
    cr_assert(strstr(err.text, part), "expected: %s\nfound: %s", part, err.text);
}

static void check_text(const struct ebi_config *config, const char *kind, const char *name, const char *key, const char *want,
                       const char *where) {
    const char *text = ebi_config_text(config, kind, name, key);

    cr_assert_not_null(text, "[%s %s] %s", kind, name, key);
    cr_assert_str_eq(text, want, "[%s %s] %s: %s", kind, name, key, text);
    cr_assert_str_eq(ebi_config_where(config, kind, name, key), where, "[%s %s] %s: %s", kind, name, key,
                     ebi_config_where(config, kind, name, key));
}

/* ---- Layers ---- */

Test(load, later_files_override_single_keys) {
    write_file("a.ini", "[route login]\nevent = e\ntopic = t\n");
    write_file("b.ini", "[eventbus]\nservice = lms\n[route login]\nenabled = no\ntopic = u\n");
    struct ebi_config *config = load(NAMES("a.ini", "b.ini"), NULL);

    check_text(config, "route", "login", "event", "e", "a.ini:2");
    check_text(config, "route", "login", "topic", "u", "b.ini:5");
    check_text(config, "route", "login", "enabled", "no", "b.ini:4");
    check_text(config, "eventbus", "", "service", "lms", "b.ini:2");
    cr_assert_str_eq(ebi_config_where(config, "route", "login", NULL), "a.ini:1");
    cr_assert_str_eq(ebi_config_where(config, "route", "login", "key_field"), "default");
    cr_assert_str_eq(ebi_config_where(config, "route", "other", NULL), "default");
    cr_assert_null(ebi_config_text(config, "route", "login", "key_field"));
    cr_assert_null(ebi_config_text(config, "route", "other", "event"));
    ebi_config_free(config);
}

Test(load, a_default_of_the_program_counts_where_nothing_else_sets_its_key) {
    const char *const defaults[] = { "eventbus.service=d", "eventbus.topic_prefix=d", "broker.main.url=d",
                                     "eventbus.log_time=d", NULL };
    const char *const overrides[] = { "eventbus.topic_prefix=o", NULL };
    const struct ebi_config_sources from = { NAMES("a.ini"), overrides, defaults };
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };

    write_file("a.ini", "[eventbus]\nservice = lms\nlog_time =\n");
    cr_assert_eq(ebi_config_load_from(&from, &config, &err), EB_OK, "%s", err.text);
    check_text(config, "eventbus", "", "service", "lms", "a.ini:2");
    check_text(config, "eventbus", "", "log_time", "", "a.ini:3");
    check_text(config, "eventbus", "", "topic_prefix", "o", "-o");
    check_text(config, "broker", "main", "url", "d", "a default of the program");
    ebi_config_free(config);
}

Test(load, a_default_that_is_no_setting_is_refused_and_a_file_must_say_something_all_the_same) {
    struct ebi_config_sources from = { NAMES("a.ini"), NULL, NAMES("service=secret") };
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };

    write_file("a.ini", "[eventbus]\n");
    cr_assert_eq(ebi_config_load_from(&from, &config, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "a default of the program service: expected KIND.NAME.KEY=VALUE or eventbus.KEY=VALUE");
    write_file("a.ini", "");
    from.defaults = NAMES("eventbus.service=d");
    cr_assert_eq(ebi_config_load_from(&from, &config, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "holds no section"), "%s", err.text);
}

Test(load, a_key_twice_in_one_file_is_refused) {
    write_file("a.ini", "[route login]\ntopic = t\n[eventbus]\n[route login]\ntopic = u\n");
    refused(NAMES("a.ini"), NULL, "a.ini:5: [route login] has topic already at a.ini:2");
}

Test(load, a_continuation_is_no_repetition) {
    write_file("a.ini", "[route login]\ntopic = t\n  u\n  v\n");
    struct ebi_config *config = load(NAMES("a.ini"), NULL);

    check_text(config, "route", "login", "topic", "tuv", "a.ini:2");
    ebi_config_free(config);
}

Test(load, a_folder_is_its_ini_files_in_name_order) {
    cr_assert_eq(mkdir("conf", 0700), 0);
    write_file("conf/20-b.ini", "[eventbus]\nservice = b\n");
    write_file("conf/10-a.ini", "[eventbus]\nservice = a\ntopic_prefix = p\n");
    write_file("conf/99-c.ini~", "nonsense");
    write_file("conf/.hidden.ini", "nonsense");
    write_file("conf/.ini", "nonsense");
    struct ebi_config *config = load(NAMES("conf"), NULL);

    check_text(config, "eventbus", "", "service", "b", "conf/20-b.ini:2");
    check_text(config, "eventbus", "", "topic_prefix", "p", "conf/10-a.ini:3");
    ebi_config_free(config);
}

Test(load, a_configuration_that_holds_nothing_is_refused) {
    cr_assert_eq(mkdir("conf", 0700), 0);
    refused(NAMES("conf"), NULL, "conf holds no *.ini file");
    write_file("conf/x.txt", "[eventbus]\n");
    refused(NAMES("conf"), NULL, "conf holds no *.ini file");
    write_file("conf/x.ini", "; nothing\n");
    refused(NAMES("conf"), NULL, "conf holds no section");
    write_file("empty.ini", "");
    refused(NAMES("empty.ini"), NAMES("eventbus.service=x"), "empty.ini holds no section");
    write_file("eventbus.ini", "");
    refused(NULL, NULL, "./eventbus.ini holds no section");
    write_file("full.ini", "[eventbus]\n");
    ebi_config_free(load(NAMES("full.ini", "empty.ini"), NULL));
    ebi_config_free(load(NAMES("/dev/null"), NULL));
}

Test(load, overrides_come_last_and_the_last_of_them_wins) {
    write_file("a.ini", "[broker main]\nplugin = sqlite\n");
    struct ebi_config *config = load(NAMES("a.ini"), NAMES("broker.main.plugin=memory", "broker.main.rdkafka.linger.ms=5",
                                                           "consume.certs.retry.attempts=3", "eventbus.service=cms",
                                                           "eventbus.service=lms=x", "broker.main.url="));

    check_text(config, "broker", "main", "plugin", "memory", "-o");
    check_text(config, "broker", "main", "rdkafka.linger.ms", "5", "-o");
    check_text(config, "broker", "main", "url", "", "-o");
    check_text(config, "consume", "certs", "retry.attempts", "3", "-o");
    check_text(config, "eventbus", "", "service", "lms=x", "-o");
    cr_assert_str_eq(ebi_config_where(config, "broker", "main", NULL), "a.ini:1");
    cr_assert_str_eq(ebi_config_where(config, "consume", "certs", NULL), "-o");
    ebi_config_free(config);
}

Test(load, an_override_of_no_known_form_is_refused_without_its_value) {
    /* clang-format off */
    static const char *const bad[] = {
        "", "=", "service=hunter2", "eventbus=hunter2", "eventbus.=hunter2", "broker.main=hunter2",
        "broker.main.=hunter2",
        ".main.key=hunter2", "broker..key=hunter2", "broker.ma in.key=hunter2", "broker.main.k y=hunter2",
        "broker.main.key", "hunter=2.3.4", "br/oker.main.key=hunter2",
        "a234567890123456789012345678901234567890123456789012345678901234.main.key=hunter2", "service=hunter2.x.y",
        "broker.main=hunter2.x",
    };
    /* clang-format on */
    struct eb_error err;

    write_file("a.ini", "[eventbus]\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ebi_config *config = NULL;

        cr_assert_eq(ebi_config_load(NAMES("a.ini"), NAMES(bad[i]), &config, &err), EB_PERMANENT, "%s", bad[i]);
        cr_assert(strstr(err.text, "expected KIND.NAME.KEY=VALUE"), "%s", err.text);
        cr_assert_not(strstr(err.text, "hunter2"), "%s", err.text);
    }
}

/* ---- Which files ---- */

Test(load, what_cannot_be_read_is_an_error_that_names_it) {
    refused(NAMES("nowhere.ini"), NULL, "cannot open configuration nowhere.ini: No such file");
    cr_assert_eq(mkdir("conf", 0700), 0);
    cr_assert_eq(mkdir("conf/sub.ini", 0700), 0);
    refused(NAMES("conf"), NULL, "conf/sub.ini: cannot read: Is a directory");
    refused(NAMES("/dev/zero"), NULL, "/dev/zero: larger than 1048576 bytes");
}

Test(load, without_any_file_the_embedded_broker_is_built_in) {
    if (access(EBI_CONFDIR "/eventbus.ini", F_OK) == 0)
        cr_skip_test("there is an installed configuration here, and that comes first");
    struct ebi_config *config = load(NULL, NULL);

    check_text(config, "eventbus", "", "producer", "main", "built-in:2");
    check_text(config, "eventbus", "", "consumer", "main", "built-in:3");
    check_text(config, "broker", "main", "plugin", "sqlite", "built-in:5");
    check_text(config, "broker", "main", "path", "/home/someone/.local/state/eventbus/bus.db", "built-in:6");
    cr_assert_null(ebi_config_next(config, "route", NULL));
    ebi_config_free(config);
}

Test(load, the_variable_comes_before_the_current_folder) {
    write_file("eventbus.ini", "[eventbus]\nservice = here\n");
    write_file("named.ini", "[eventbus]\nservice = named\n");
    struct ebi_config *config = load(NULL, NULL);

    check_text(config, "eventbus", "", "service", "here", "./eventbus.ini:2");
    ebi_config_free(config);
    setenv("EVENTBUS_CONFIG", "named.ini", 1);
    config = load(NULL, NULL);
    check_text(config, "eventbus", "", "service", "named", "named.ini:2");
    ebi_config_free(config);
    config = load((const char *const[]){ NULL }, NULL); /* an empty list is none */
    check_text(config, "eventbus", "", "service", "named", "named.ini:2");
    ebi_config_free(config);
    setenv("EVENTBUS_CONFIG", "nowhere.ini", 1);
    refused(NULL, NULL, "EVENTBUS_CONFIG: cannot open configuration nowhere.ini");
    setenv("EVENTBUS_CONFIG", "", 1);
    config = load(NULL, NULL);
    check_text(config, "eventbus", "", "service", "here", "./eventbus.ini:2");
    ebi_config_free(config);
}

static void check_passed_over(const char *what) {
    struct ebi_config *config = load(NULL, NULL);
    const char *service = ebi_config_text(config, "eventbus", "", "service");

    cr_assert(!service || strcmp(service, "planted") != 0, "%s", what);
    cr_assert_not_null(ebi_config_note(config), "%s", what);
    cr_assert(strstr(ebi_config_note(config), "./eventbus.ini is passed over"), "%s", ebi_config_note(config));
    cr_assert(strstr(ebi_config_note(config), what), "%s, and not: %s", what, ebi_config_note(config));
    ebi_config_free(config);
}

Test(load, a_file_here_that_all_can_write_is_passed_over_and_that_is_told) {
    write_file("eventbus.ini", "[eventbus]\nservice = planted\n");
    cr_assert_eq(chmod("eventbus.ini", 0666), 0);
    check_passed_over("everybody may write file");
    cr_assert_eq(chmod("eventbus.ini", 0664), 0);
    struct ebi_config *config = load(NULL, NULL);
    check_text(config, "eventbus", "", "service", "planted", "./eventbus.ini:2");
    cr_assert_null(ebi_config_note(config));
    ebi_config_free(config);
    cr_assert_eq(chmod("eventbus.ini", 0666), 0);
    config = load(NAMES("./eventbus.ini"), NULL); /* named by the user: read */
    check_text(config, "eventbus", "", "service", "planted", "./eventbus.ini:2");
    ebi_config_free(config);
}

/* The rule for plugins holds here too. */
Test(load, a_file_here_that_a_group_or_its_folder_lets_others_write_is_passed_over) {
    if (geteuid() != 0)
        cr_skip_test("only root can give files to a group that it is not in");
    write_file("eventbus.ini", "[eventbus]\nservice = planted\n");
    cr_assert_eq(chown("eventbus.ini", 0, 12345) | chmod("eventbus.ini", 0664), 0);
    check_passed_over("group 12345 may write file");
    cr_assert_eq(chmod("eventbus.ini", 0644) | mkdir("open", 0755) | chdir("open"), 0);
    write_file("eventbus.ini", "[eventbus]\nservice = planted\n");
    static const struct {
        mode_t mode;
        gid_t group;
        const char *why;
    } folders[] = { { 0777, 0, "everybody may write folder" },
                    { 0775, 12345, "group 12345 may write folder" },
                    { 01777, 0, NULL },
                    { 0755, 12345, NULL } };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        cr_assert_eq(chown(".", 0, folders[i].group) | chmod(".", folders[i].mode), 0);
        if (folders[i].why) {
            check_passed_over(folders[i].why);
            continue;
        }
        struct ebi_config *config = load(NULL, NULL);
        check_text(config, "eventbus", "", "service", "planted", "./eventbus.ini:2");
        ebi_config_free(config);
    }
    cr_assert_eq(chdir(".."), 0);
}

Test(load, a_pipe_or_folder_here_of_that_name_is_passed_over) {
    cr_assert_eq(mkfifo("eventbus.ini", 0600), 0);
    check_passed_over("it is not a file");
    cr_assert_eq(unlink("eventbus.ini"), 0);
    cr_assert_eq(mkdir("eventbus.ini", 0700), 0);
    check_passed_over("it is not a file");
}

Test(load, a_file_here_of_another_user_is_passed_over) {
    if (geteuid() != 0)
        cr_skip_test("only root can give files away");
    write_file("eventbus.ini", "[eventbus]\nservice = planted\n");
    cr_assert_eq(chown("eventbus.ini", 12345, 12345), 0);
    check_passed_over("belongs to another user");
    write_file("mine.ini", "[eventbus]\nservice = planted\n");
    cr_assert_eq(unlink("eventbus.ini"), 0);
    cr_assert_eq(symlink("mine.ini", "eventbus.ini"), 0);
    struct ebi_config *config = load(NULL, NULL);
    check_text(config, "eventbus", "", "service", "planted", "./eventbus.ini:2");
    ebi_config_free(config);
    cr_assert_eq(lchown("eventbus.ini", 12345, 12345), 0);
    check_passed_over("belongs to another user");
    cr_assert_eq(lchown("eventbus.ini", 0, 0), 0);
    cr_assert_eq(chown("mine.ini", 12345, 12345), 0);
    check_passed_over("belongs to user 12345");
}

/* ---- The state folder, and ${...} ---- */

static void check_state(const char *want) {
    struct ebi_config *config;

    write_file("a.ini", "[eventbus]\nservice = ${STATE}\n");
    config = load(NAMES("a.ini"), NULL);
    cr_assert_str_eq(ebi_config_state(config), want, "%s", ebi_config_state(config));
    check_text(config, "eventbus", "", "service", want, "a.ini:2");
    ebi_config_free(config);
}

Test(load, the_state_folder) {
    check_state("/home/someone/.local/state/eventbus");
    setenv("XDG_STATE_HOME", "/xdg", 1);
    check_state("/xdg/eventbus");
    setenv("STATE_DIRECTORY", "/run/one", 1);
    check_state("/run/one");
    setenv("STATE_DIRECTORY", "/run/one:/run/two", 1);
    check_state("/run/one");
    setenv("STATE_DIRECTORY", "", 1);
    setenv("XDG_STATE_HOME", "relative", 1);
    check_state("/home/someone/.local/state/eventbus");
    setenv("XDG_STATE_HOME", "", 1);
    setenv("HOME", "", 1);
    check_state("/var/lib/eventbus");
    unsetenv("HOME");
    check_state("/var/lib/eventbus");
}

Test(load, a_variable_that_is_not_set_is_an_error_at_its_line) {
    unsetenv("UNSET");
    write_file("a.ini", "[eventbus]\n\nservice = x${UNSET}y\n");
    refused(NAMES("a.ini"), NULL,
            "a.ini:3: [eventbus] service: environment variable UNSET is not set; set it, or give a default: "
            "${UNSET:-default}");
    write_file("b.ini", "[eventbus]\nservice = x\n");
    ebi_config_free(load(NAMES("a.ini", "b.ini"), NULL)); /* nobody needs what is overridden */
    refused(NAMES("a.ini"), NAMES("eventbus.service=${UNSET}"), "-o: [eventbus] service: environment variable UNSET");
}

Test(load, what_a_broker_lacks_waits_until_it_is_bound) {
    static const struct eb_option options[] = { { .key = "plugin", .type = EB_OPT_TEXT },
                                                { .key = "password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET } };
    const char *settings[1];
    struct ebi_table table = { options, 2, sizeof *options, settings };
    struct eb_error err = { 0 };

    unsetenv("UNSET");
    write_file("a.ini", "[broker other]\nplugin = x\npassword = ${UNSET}\n");
    struct ebi_config *config = load(NAMES("a.ini"), NULL);
    check_text(config, "broker", "other", "plugin", "x", "a.ini:2");
    cr_assert_null(ebi_config_text(config, "broker", "other", "password"));
    cr_assert_eq(ebi_config_bind(config, "broker", "other", &table, 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "a.ini:3: [broker other] password: environment variable UNSET is not set"), "%s", err.text);
    ebi_config_free(config);
    write_file("a.ini", "[broker other]\nplugin = ${UNSET}\n");
    refused(NAMES("a.ini"), NULL, "a.ini:2: [broker other] plugin: environment variable UNSET is not set");
}

/* ---- Sections ---- */

Test(load, sections_are_walked_in_the_order_of_their_first_appearance) {
    write_file("a.ini", "[route b]\n[consume x]\n[route a]\n[eventbus]\nservice = s\n");
    write_file("b.ini", "[route c]\n[route a]\nenabled = no\n");
    struct ebi_config *config = load(NAMES("a.ini", "b.ini"), NULL);
    const char *name = ebi_config_next(config, "route", NULL);

    cr_assert_str_eq(name, "b");
    name = ebi_config_next(config, "route", name);
    cr_assert_str_eq(name, "a");
    name = ebi_config_next(config, "route", name);
    cr_assert_str_eq(name, "c");
    cr_assert_null(ebi_config_next(config, "route", name));
    cr_assert_null(ebi_config_next(config, "eventbus", NULL));
    cr_assert_null(ebi_config_next(config, "broker", NULL));
    cr_assert(ebi_config_has(config, "route", "a"));
    cr_assert(ebi_config_has(config, "eventbus", ""));
    cr_assert_not(ebi_config_has(config, "route", "x"));
    ebi_config_free(config);
}

static const struct {
    const char *text, *why; /* NULL: good */
} sections[] = {
    { "[eventbus]\n[broker main]\n[route r]\n[consume c]\n", NULL },
    { "", NULL },
    { "\n[evntbus]\n", "t.ini:2: no section is of the kind \"evntbus\"; did you mean \"eventbus\"?" },
    { "[routes login]\n", "t.ini:1: no section is of the kind \"routes\"; did you mean \"route\"?" },
    { "[database]\n", "there are [eventbus], [broker NAME], [route NAME] and [consume NAME]" },
    { "[Broker main]\n", "did you mean \"broker\"?" },
    { "[eventbus lms]\n", "t.ini:1: [eventbus] takes no name, but has \"lms\"" },
    { "[broker]\n", "t.ini:1: [broker] needs a name: [broker NAME]" },
};

Test(load, sections_of_no_known_kind_or_form) {
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        struct ebi_config *config = load_text(sections[i].text);
        struct eb_error err = { 0 };
        enum eb_status status = ebi_config_check_sections(config, &err);

        cr_assert_eq(status, sections[i].why ? EB_PERMANENT : EB_OK, "case %zu: %s", i, err.text);
        cr_assert(!sections[i].why || strstr(err.text, sections[i].why), "case %zu: %s", i, err.text);
        ebi_config_free(config);
    }
}

Test(load, sections_and_keys_are_bounded) {
    FILE *file = fopen("many.ini", "w");

    for (int i = 0; i < 5000; i++)
        fprintf(file, "[route r%d]\n", i);
    fclose(file);
    refused(NAMES("many.ini"), NULL, "many.ini:4097: more than 4096 sections");
    file = fopen("many.ini", "w");
    fprintf(file, "[broker b]\n");
    for (int i = 0; i < 2000; i++)
        fprintf(file, "k%d = v\n", i);
    fclose(file);
    refused(NAMES("many.ini"), NULL, "many.ini:1026: [broker b] has more than 1024 keys");
}

Test(load, no_one_to_tell) {
    struct ebi_config *config = NULL;

    write_file("a.ini", "[eventbus]\nnonsense\n");
    cr_assert_eq(ebi_config_load(NAMES("a.ini"), NULL, &config, NULL), EB_PERMANENT);
    cr_assert_eq(ebi_config_load(NAMES("nowhere.ini"), NULL, &config, NULL), EB_PERMANENT);
    ebi_config_free(NULL);
}

Test(load, a_descriptor_is_read_to_its_end_and_no_further_than_the_limit) {
    struct ebi_bytes bytes = { 0 };
    struct eb_error err = { 0 };
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "12345", 5), 5);
    close(ends[1]);
    cr_assert(ebi_bytes_add_text(&bytes, "0"));
    cr_assert_eq(ebi_file_text("f", ends[0], 5, &bytes, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(bytes.data, "012345");
    cr_assert_eq(ebi_file_text("f", ends[0], 5, &bytes, &err), EB_PERMANENT, "it was closed");
    cr_assert_str_eq(err.text, "f: cannot read: Bad file descriptor");

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "123456", 6), 6);
    close(ends[1]);
    cr_assert_eq(ebi_file_text("f", ends[0], 5, &bytes, &err), EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_CONFIG);
    cr_assert_str_eq(err.text, "f: larger than 5 bytes");
    ebi_bytes_free(&bytes);
}
