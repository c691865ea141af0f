/* tests/unit/config/test_bind.c */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "files.h"

TestSuite(bind, .init = start_in_fresh_folder, .fini = remove_fresh_folder);

struct settings {
    const char *text, *none, *secret;
    const char *const *list, *const *pairs;
    int64_t yes, number, time, size, choice, limit;
};

/* clang-format off */
static const struct eb_option options[] = {
    { .key = "text", .type = EB_OPT_TEXT, .fallback = "${STATE}/x", .offset = offsetof(struct settings, text) },
    { .key = "none", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, none) },
    { .key = "secret", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .offset = offsetof(struct settings, secret) },
    { .key = "list", .type = EB_OPT_LIST, .offset = offsetof(struct settings, list) },
    { .key = "native.", .type = EB_OPT_PAIRS, .offset = offsetof(struct settings, pairs) },
    { .key = "yes", .type = EB_OPT_BOOL, .fallback = "yes", .offset = offsetof(struct settings, yes) },
    { .key = "number", .type = EB_OPT_INT, .fallback = "7", .offset = offsetof(struct settings, number) },
    { .key = "time", .type = EB_OPT_MS, .fallback = "5s", .min = 100, .max = 7200000,
      .offset = offsetof(struct settings, time) },
    { .key = "size", .type = EB_OPT_BYTES, .fallback = "64k", .min = 1024, .max = INT64_MAX,
      .offset = offsetof(struct settings, size) },
    { .key = "choice", .type = EB_OPT_CHOICE, .choices = "process|power", .fallback = "power",
      .offset = offsetof(struct settings, choice) },
    { .key = "limit", .type = EB_OPT_INT, .flags = EB_OPT_SECRET, .fallback = "1", .min = 1, .max = 9,
      .offset = offsetof(struct settings, limit) },
};
/* clang-format on */
enum { N_OPTIONS = sizeof options / sizeof *options };

static struct ebi_table table_for(struct settings *settings) {
    memset(settings, 0, sizeof *settings);
    return (struct ebi_table){ options, N_OPTIONS, sizeof *options, settings };
}

/* A configuration with these lines in [broker main], line 2 on, bound; to be freed. */
static struct ebi_config *bind(const char *lines, struct settings *settings) {
    struct ebi_bytes text = { 0 };
    struct ebi_table table = table_for(settings);
    struct eb_error err = { 0 };

    cr_assert(ebi_bytes_add_format(&text, "[broker main]\n%s", lines));
    struct ebi_config *config = load_text(text.data);

    cr_assert_eq(ebi_config_bind(config, "broker", "main", &table, 1, &err), EB_OK, "%s", err.text);
    ebi_bytes_free(&text);
    return config;
}

Test(bind, defaults) {
    struct settings s;
    struct ebi_config *config = bind("", &s);

    cr_assert_str_eq(s.text, "/home/someone/.local/state/eventbus/x");
    cr_assert_null(s.none);
    cr_assert_null(s.list);
    cr_assert_null(s.pairs);
    cr_assert_eq(s.yes, 1);
    cr_assert_eq(s.number, 7);
    cr_assert_eq(s.time, 5000);
    cr_assert_eq(s.size, 65536);
    cr_assert_eq(s.choice, 1);
    ebi_config_free(config);
}

Test(bind, a_section_that_is_not_there_is_one_without_keys) {
    struct settings s;
    struct ebi_table table = table_for(&s);
    struct ebi_config *config = load_text("");

    cr_assert_eq(ebi_config_bind(config, "broker", "nowhere", &table, 1, NULL), EB_OK);
    cr_assert_eq(s.number, 7);
    ebi_config_free(config);
}

Test(bind, texts_lists_and_pairs) {
    struct settings s;
    struct ebi_config *config = bind("text = a b\nnone = x\nlist = one two,three , four,\n  ,five\n"
                                     "native.linger.ms = 5\nnative.x = \n",
                                     &s);
    static const char *const list[] = { "one", "two", "three", "four", "five" };

    cr_assert_str_eq(s.text, "a b");
    cr_assert_str_eq(s.none, "x");
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(s.list[i], list[i]);
    cr_assert_null(s.list[5]);
    cr_assert_str_eq(s.pairs[0], "linger.ms");
    cr_assert_str_eq(s.pairs[1], "5");
    cr_assert_str_eq(s.pairs[2], "x");
    cr_assert_str_eq(s.pairs[3], "");
    cr_assert_null(s.pairs[4]);
    ebi_config_free(config);
}

Test(bind, an_empty_text_without_a_default_is_none) {
    struct settings s;
    struct ebi_config *config = bind("none =\nlist = ,\n", &s);

    cr_assert_null(s.none);
    cr_assert_null(s.list);
    ebi_config_free(config);
}

/* ---- Numbers: what is read, what is refused ---- */

static const struct {
    const char *line;
    size_t offset;
    int64_t want;
} numbers[] = {
    { "yes = yes", offsetof(struct settings, yes), 1 },
    { "yes = no", offsetof(struct settings, yes), 0 },
    { "yes = true", offsetof(struct settings, yes), 1 },
    { "yes = false", offsetof(struct settings, yes), 0 },
    { "yes = on", offsetof(struct settings, yes), 1 },
    { "yes = off", offsetof(struct settings, yes), 0 },
    { "yes = 1", offsetof(struct settings, yes), 1 },
    { "yes = 0", offsetof(struct settings, yes), 0 },
    { "yes = True", offsetof(struct settings, yes), 1 },
    { "number = 0", offsetof(struct settings, number), 0 },
    { "number = -5", offsetof(struct settings, number), -5 },
    { "number = +5", offsetof(struct settings, number), 5 },
    { "number = 9223372036854775807", offsetof(struct settings, number), INT64_MAX },
    { "number = -9223372036854775808", offsetof(struct settings, number), INT64_MIN },
    { "number = 9007199254740993", offsetof(struct settings, number), INT64_C(9007199254740993) },
    { "time = 100ms", offsetof(struct settings, time), 100 },
    { "time = 2h", offsetof(struct settings, time), 7200000 },
    { "size = 1k", offsetof(struct settings, size), 1024 },
    { "size = 10M", offsetof(struct settings, size), 10 << 20 },
    { "choice = process", offsetof(struct settings, choice), 0 },
    { "choice = power", offsetof(struct settings, choice), 1 },
};

Test(bind, numbers) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct settings s;
        struct ebi_config *config = bind(numbers[i].line, &s);
        int64_t got;

        memcpy(&got, (char *)&s + numbers[i].offset, sizeof got);
        cr_assert_eq(got, numbers[i].want, "%s: %lld", numbers[i].line, (long long)got);
        ebi_config_free(config);
    }
}

/* Binds [broker main] with these lines; what it is refused with is put into err. */
static void refused(const char *lines, struct eb_error *err) {
    struct settings s;
    struct ebi_table table = table_for(&s);
    struct ebi_bytes text = { 0 };

    cr_assert(ebi_bytes_add_format(&text, "[broker main]\n%s", lines));
    struct ebi_config *config = load_text(text.data);

    cr_assert_eq(ebi_config_bind(config, "broker", "main", &table, 1, err), EB_PERMANENT, "%s", lines);
    cr_assert_eq(err->kind, EB_KIND_CONFIG, "%s", err->text);
    ebi_bytes_free(&text);
    ebi_config_free(config);
}

static const struct {
    const char *lines, *error;
} bad[] = {
    { "yes = maybe", "t.ini:2: [broker main] yes: \"maybe\" is neither yes nor no" },
    { "yes =", "t.ini:2: [broker main] yes: is empty" },
    { "text =", "t.ini:2: [broker main] text: is empty; give it a value, or leave the key out for the default" },
    { "text = ${NOT_SET:-  }", "t.ini:2: [broker main] text: is empty" },
    { "number = ${NOT_SET:- }", "t.ini:2: [broker main] number: is empty" },
    { "number = 1.5", "t.ini:2: [broker main] number: \"1.5\" is not a whole number" },
    { "number = 9223372036854775808", "is not a whole number of 64 bits" },
    { "number = -9223372036854775809", "is not a whole number of 64 bits" },
    { "number = 0x10", "is not a whole number" },
    { "number = 5 5", "is not a whole number" },
    { "number = -", "is not a whole number" },
    { "time = 5", "\"5\" is not a duration; expected a number with ms, s, m, h or d" },
    { "time = 99ms", "\"99ms\" is out of range: 100ms to 2h" },
    { "time = 3h", "\"3h\" is out of range: 100ms to 2h" },
    { "size = 1023", "\"1023\" is out of range: at least 1k" },
    { "size = big", "\"big\" is not a size" },
    { "choice = pwer", "\"pwer\" is not one of process|power; did you mean \"power\"?" },
    { "choice = 1", "\"1\" is not one of process|power" },
    { "choice = Power", "did you mean \"power\"?" },
    { "number = 5\nnumer = 6", "t.ini:3: [broker main] has no key \"numer\"; did you mean \"number\"?" },
    { "colour = red", "t.ini:2: [broker main] has no key \"colour\"; its keys are text, none, secret, list, native." },
    { "native. = 5", "t.ini:2: [broker main] native. needs a name behind the dot" },
    { "number = 92233720368547758070", "is not a whole number of 64 bits" },
    { "native.x = ${file:no}", "t.ini:2: [broker main] native.x: cannot open no: No such file" },
    { "number = ${file:no}", "t.ini:2: [broker main] number: cannot open no: No such file" },
};

Test(bind, what_is_refused) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eb_error err = { 0 };

        refused(bad[i].lines, &err);
        cr_assert(strstr(err.text, bad[i].error), "case %zu: %s", i, err.text);
    }
}

Test(bind, a_bad_value_is_shown_short_and_printable) {
    struct eb_error err = { 0 };

    setenv("ODD", "a\n\x1b[31m123456789012345678901234567890123456789012345678901234567890", 1);
    refused("number = ${ODD}", &err);
    cr_assert(strstr(err.text, "\"a??[31m12345678901234567890123456789012345678901234567890123...\" is not a who"), "%s",
              err.text);
}

Test(bind, secrets_are_not_shown_in_errors) {
    struct eb_error err = { 0 };

    refused("limit = hunter2", &err);
    cr_assert_str_eq(err.text, "t.ini:2: [broker main] limit: *** is not a whole number of 64 bits", "%s", err.text);
    refused("limit = 42", &err);
    cr_assert_str_eq(err.text, "t.ini:2: [broker main] limit: *** is out of range: 1 to 9", "%s", err.text);
    write_file("f", "hunter2\n");
    refused("number = ${file:f}", &err);
    cr_assert_str_eq(err.text, "t.ini:2: [broker main] number: *** is not a whole number of 64 bits", "%s", err.text);
    refused("choice = ${file:f}", &err);
    cr_assert_str_eq(err.text, "t.ini:2: [broker main] choice: *** is not one of process|power", "%s", err.text);
    write_file("f", "powr\n");
    refused("choice = ${file:f}", &err);
    cr_assert_not(strstr(err.text, "did you mean"), "%s", err.text);
    refused("pasword = hunter2", &err);
    cr_assert_not(strstr(err.text, "hunter2"), "%s", err.text);
}

/* ---- Required ---- */

static const struct eb_option needing[] = {
    { .key = "must", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .help = "What it is for" },
    { .key = "say", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .fallback = "", .offset = sizeof(char *) },
};

static const struct {
    const char *text, *error; /* NULL: good */
} required[] = {
    { "[route r]\nmust = x\nsay = y\n", NULL },
    { "[route r]\nmust = x\nsay =\n", NULL },
    { "\n[route r]\nsay = y\n", "t.ini:2: [route r] needs \"must\": What it is for" },
    { "[route r]\nmust =\nsay = y\n", "t.ini:2: [route r] must: is empty; it needs a value: What it is for" },
    { "[route r]\nmust = x\n", "t.ini:1: [route r] needs \"say\"" },
    { "", "default: [route r] needs \"must\"" },
};

Test(bind, required_keys) {
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        struct ebi_config *config = load_text(required[i].text);
        const char *settings[2] = { 0 };
        struct ebi_table table = { needing, 2, sizeof *needing, settings };
        struct eb_error err = { 0 };
        enum eb_status status = ebi_config_bind(config, "route", "r", &table, 1, &err);

        cr_assert_eq(status, required[i].error ? EB_PERMANENT : EB_OK, "case %zu: %s", i, err.text);
        cr_assert(!required[i].error || strstr(err.text, required[i].error), "case %zu: %s", i, err.text);
        ebi_config_free(config);
    }
}

/* ---- Several tables, and tables of other versions ---- */

Test(bind, several_tables_know_a_section_together) {
    static const struct eb_option core[] = {
        { .key = "plugin", .type = EB_OPT_TEXT },
        { .key = "number", .type = EB_OPT_INT, .fallback = "1", .offset = sizeof(char *) },
    };
    struct {
        const char *plugin;
        int64_t number;
    } known;
    struct settings s;
    struct ebi_table tables[] = { { core, 2, sizeof *core, &known }, table_for(&s) };
    struct ebi_config *config = load_text("[broker main]\nplugin = x\nnumber = 5\ntext = y\n");
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_bind(config, "broker", "main", tables, 2, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(known.plugin, "x");
    cr_assert_eq(known.number, 5);
    cr_assert_eq(s.number, 5);
    cr_assert_str_eq(s.text, "y");
    cr_assert_eq(ebi_config_bind(config, "broker", "main", tables, 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "t.ini:4: [broker main] has no key \"text\""), "%s", err.text);
    ebi_config_free(config);
}

struct longer_option {
    struct eb_option known;
    const char *since_1_1;
};

Test(bind, a_table_with_longer_options_is_read_by_its_own_stride) {
    static const struct longer_option longer[] = {
        { { .key = "a", .type = EB_OPT_INT, .fallback = "1" }, "x" },
        { { .key = "b", .type = EB_OPT_INT, .fallback = "2", .offset = sizeof(int64_t) }, "y" },
        { { .key = "c", .type = 99, .fallback = "?", .offset = 2 * sizeof(int64_t) }, "z" },
    };
    int64_t settings[3] = { 0 };
    struct ebi_table table = { &longer->known, 3, sizeof *longer, settings };
    struct ebi_config *config = load_text("[broker main]\nb = 5\n");
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_bind(config, "broker", "main", &table, 1, &err), EB_OK, "%s", err.text);
    cr_assert_eq(settings[0], 1);
    cr_assert_eq(settings[1], 5);
    cr_assert_eq(settings[2], 0); /* of a type from the future: left alone */
    ebi_config_free(config);
    config = load_text("[broker main]\nc = 5\n");
    cr_assert_eq(ebi_config_bind(config, "broker", "main", &table, 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "t.ini:2: [broker main] c: is of a type that this version does not know"), "%s", err.text);
    ebi_config_free(config);
}

Test(bind, a_table_with_shorter_options_is_read_no_further_than_it_goes) {
    enum { SHORT = offsetof(struct eb_option, min) };
    char *shorter = malloc(2 * SHORT); /* no byte more: a sanitizer watches */
    const char *settings[1] = { 0 };
    struct ebi_table table = { (struct eb_option *)(void *)shorter, 2, SHORT, settings };
    struct ebi_config *config = load_text("[broker main]\na = 5\n");
    struct eb_error err = { 0 };

    memcpy(shorter, &(struct eb_option){ .key = "a", .type = EB_OPT_TEXT }, SHORT);
    memcpy(shorter + SHORT, &(struct eb_option){ .key = "b", .type = EB_OPT_LIST }, SHORT);
    cr_assert_eq(ebi_config_bind(config, "broker", "main", &table, 1, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(settings[0], "5");
    ebi_config_free(config);
    free(shorter);
}

static void *bind_often(void *config) {
    for (int i = 0; i < 1000; i++) {
        struct settings s;
        struct ebi_table table = table_for(&s);

        if (ebi_config_bind(config, "broker", "main", &table, 1, NULL) != EB_OK || s.number != 5)
            return config;
    }
    return NULL;
}

Test(bind, several_threads_may_bind) {
    struct ebi_config *config = load_text("[broker main]\nnumber = 5\nlist = a b\n");
    pthread_t threads[3];
    void *failed;

    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, bind_often, config), 0);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    ebi_config_free(config);
}

/* ---- Showing ---- */

static void note(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    (void)option;
    cr_assert(ebi_bytes_add_format(arg, "%s=%s@%s\n", key, value, where));
}

Test(bind, effective_values_with_their_origin_and_secrets_hidden) {
    static const struct eb_option core[] = { { .key = "plugin", .type = EB_OPT_TEXT },
                                             { .key = "number", .type = EB_OPT_INT, .fallback = "1" } };
    struct settings s;
    const struct ebi_table tables[] = { { core, 2, sizeof *core, NULL }, table_for(&s) };
    struct ebi_bytes told = { 0 };
    struct eb_error err = { 0 };

    write_file("f", "from a file\n");
    struct ebi_config *config = load_text("[broker main]\nplugin = x\nsecret = hunter2\ntime = 2m\nnone = ${file:f}\n"
                                          "native.sasl.password = hunter2\nnative.linger.ms = 5\nlimit = \n");
    cr_assert_eq(ebi_config_walk(config, "broker", "main", tables, 2, note, &told, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(told.data,
                     "plugin=x@t.ini:2\n"
                     "number=1@default\n"
                     "text=/home/someone/.local/state/eventbus/x@default\n"
                     "none=***@t.ini:5\n"
                     "secret=***@t.ini:3\n"
                     "list=@default\n"
                     "native.sasl.password=***@t.ini:6\n"
                     "native.linger.ms=5@t.ini:7\n"
                     "yes=yes@default\n"
                     "time=2m@t.ini:4\n"
                     "size=64k@default\n"
                     "choice=power@default\n"
                     "limit=@t.ini:8\n",
                     "%s", told.data);
    ebi_bytes_free(&told);
    ebi_config_free(config);
}

Test(bind, a_value_that_cannot_be_replaced_ends_the_walk) {
    struct settings s;
    const struct ebi_table table = table_for(&s);
    struct ebi_config *config = load_text("[broker main]\nnone = ${file:no}\n");
    struct ebi_bytes told = { 0 };
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_config_walk(config, "broker", "main", &table, 1, note, &told, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "t.ini:2: [broker main] none: cannot open no"), "%s", err.text);
    ebi_bytes_free(&told);
    ebi_config_free(config);
}
