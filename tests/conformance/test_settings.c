/* tests/conformance/test_settings.c - options of a plugin from KEY=VALUE, as authors give them to the kit. */
#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "host/settings.h"

struct settings {
    const char *url;
    const char *const *hosts, *const *native;
    int64_t on, count, lease, size, mode;
};

static const struct eb_option options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .fallback = "x://${STATE}/a", .offset = offsetof(struct settings, url) },
    { .key = "hosts", .type = EB_OPT_LIST, .offset = offsetof(struct settings, hosts) },
    { .key = "native.", .type = EB_OPT_PAIRS, .offset = offsetof(struct settings, native) },
    { .key = "on", .type = EB_OPT_BOOL, .fallback = "yes", .offset = offsetof(struct settings, on) },
    { .key = "count", .type = EB_OPT_INT, .min = 1, .max = 10, .offset = offsetof(struct settings, count) },
    { .key = "lease", .type = EB_OPT_MS, .fallback = "30s", .offset = offsetof(struct settings, lease) },
    { .key = "size", .type = EB_OPT_BYTES, .offset = offsetof(struct settings, size) },
    { .key = "mode", .type = EB_OPT_CHOICE, .choices = "process|power", .offset = offsetof(struct settings, mode) },
};

static const struct eb_plugin about = { .size = sizeof about,
                                        .name = "sample",
                                        .options = options,
                                        .n_options = 8,
                                        .option_size = sizeof *options,
                                        .settings_size = sizeof(struct settings) };

/* Fills from up to four texts; the caller frees. */
static bool fill(struct ebc_settings *settings, char why[EBC_WHY_ROOM], const char *a, const char *b) {
    const char *given[] = { a, b };

    return ebc_settings_fill(&about, given, (size_t)(a != NULL) + (b != NULL), "/run/state", settings, why);
}

Test(settings, defaults_stand_where_nothing_is_given) {
    struct ebc_settings settings;
    char why[EBC_WHY_ROOM];
    const struct settings *is;

    cr_assert(fill(&settings, why, NULL, NULL), "%s", why);
    is = settings.data;
    cr_assert_str_eq(is->url, "x:///run/state/a");
    cr_assert_eq(is->on, 1);
    cr_assert_eq(is->lease, 30000);
    cr_assert_eq(is->count, 0);
    cr_assert_null(is->hosts);
    ebc_settings_free(&settings);
}

Test(settings, numbers_are_read_with_their_units) {
    static const struct {
        const char *text;
        size_t offset;
        int64_t want;
    } rows[] = {
        { "lease=250ms", offsetof(struct settings, lease), 250 }, { "lease=5s", offsetof(struct settings, lease), 5000 },
        { "lease=2m", offsetof(struct settings, lease), 120000 }, { "lease=7d", offsetof(struct settings, lease), 604800000 },
        { "lease=0", offsetof(struct settings, lease), 0 },       { "size=512", offsetof(struct settings, size), 512 },
        { "size=64k", offsetof(struct settings, size), 65536 },   { "size=10M", offsetof(struct settings, size), 10485760 },
        { "count=10", offsetof(struct settings, count), 10 },     { "on=off", offsetof(struct settings, on), 0 },
        { "mode=power", offsetof(struct settings, mode), 1 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ebc_settings settings;
        char why[EBC_WHY_ROOM];
        int64_t is;

        cr_assert(fill(&settings, why, rows[i].text, NULL), "%s: %s", rows[i].text, why);
        memcpy(&is, (const char *)settings.data + rows[i].offset, sizeof is);
        cr_expect_eq(is, rows[i].want, "%s: %lld", rows[i].text, (long long)is);
        ebc_settings_free(&settings);
    }
}

Test(settings, what_is_wrong_is_named_with_what_was_expected) {
    static const struct {
        const char *a, *b, *want;
    } rows[] = {
        { "ulr=x", NULL, "-o ulr=x: plugin sample has no such option; it has url, hosts" },
        { "url", NULL, "-o url: expected KEY=VALUE" },
        { "native.=x", NULL, "no such option" },
        { "url=a", "url=b", "-o url is given twice" },
        { "lease=5", NULL, "-o lease: 5 is not a duration such as 250ms, 5s" },
        { "lease=99999999999999999d", NULL, "is not a duration" },
        { "count=11", NULL, "-o count: 11 is out of its range, 1 to 10" },
        { "count= 3", NULL, "is not a whole number" },
        { "on=maybe", NULL, "-o on: maybe is not yes or no" },
        { "mode=pow", NULL, "-o mode: pow is not process|power" },
        { "url=${EBC_NO_SUCH_VARIABLE}", NULL, "-o url: ${EBC_NO_SUCH_VARIABLE}: there is no environment variable" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ebc_settings settings;
        char why[EBC_WHY_ROOM] = "";

        cr_expect_not(fill(&settings, why, rows[i].a, rows[i].b), "%s was taken", rows[i].a);
        cr_expect(strstr(why, rows[i].want), "%s: \"%s\"", rows[i].a, why);
        ebc_settings_free(&settings);
    }
}

Test(settings, a_required_option_is_asked_for_with_its_help) {
    static const struct eb_option needed = {
        .key = "url", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .help = "Where it is"
    };
    struct eb_plugin plugin = about;
    struct ebc_settings settings;
    char why[EBC_WHY_ROOM];

    plugin.options = &needed;
    plugin.n_options = 1;
    cr_assert_not(ebc_settings_fill(&plugin, NULL, 0, "/", &settings, why));
    cr_assert_str_eq(why, "the plugin needs -o url=...: Where it is");
    ebc_settings_free(&settings);
}

Test(settings, variables_are_replaced_and_can_be_written) {
    struct ebc_settings settings;
    char why[EBC_WHY_ROOM];

    setenv("EBC_TEST_HOST", "far", 1);
    cr_assert(fill(&settings, why, "url=${EBC_TEST_HOST}:${EBC_NO_SUCH_VARIABLE:-80}$${x}$", NULL), "%s", why);
    cr_assert_str_eq(((struct settings *)settings.data)->url, "far:80${x}$");
    ebc_settings_free(&settings);
}

Test(settings, lists_and_pairs_end_with_NULL) {
    struct ebc_settings settings;
    const struct settings *is;
    char why[EBC_WHY_ROOM];

    cr_assert(fill(&settings, why, "hosts=a, b c", "native.linger.ms=5"), "%s", why);
    is = settings.data;
    cr_assert_str_eq(is->hosts[0], "a");
    cr_assert_str_eq(is->hosts[1], "b");
    cr_assert_str_eq(is->hosts[2], "c");
    cr_assert_null(is->hosts[3]);
    cr_assert_str_eq(is->native[0], "linger.ms");
    cr_assert_str_eq(is->native[1], "5");
    cr_assert_null(is->native[2]);
    ebc_settings_free(&settings);
}

Test(settings, a_secret_is_not_shown_when_it_is_wrong) {
    struct eb_option secret = { .key = "pin", .type = EB_OPT_INT, .flags = EB_OPT_SECRET };
    struct eb_plugin plugin = about;
    struct ebc_settings settings;
    const char *given[] = { "pin=hunter2" };
    char why[EBC_WHY_ROOM];

    plugin.options = &secret;
    plugin.n_options = 1;
    cr_assert_not(ebc_settings_fill(&plugin, given, 1, "/", &settings, why));
    cr_assert_null(strstr(why, "hunter2"), "%s", why);
    ebc_settings_free(&settings);
}
