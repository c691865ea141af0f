/* tests/unit/plugin/test_bind.c - a broker's section with its plugin and the plugin's settings. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "folder.h"
#include "plugin/plugins.h"

/* As the test plugins' own. */
struct idle_settings {
    const char *text;
    int64_t number;
};

/* An INI file and what it says, with this build's test plugins in plugin_path. */
struct scene {
    char *folder, *file, *plugins;
    struct ebi_config *config;
    struct ebi_bus_settings bus;
};

static struct scene scene_new(const char *ini) {
    struct scene scene = { 0 };
    struct eb_error err = { 0 };

    scene.folder = folder_new();
    scene.file = join(scene.folder, "bus.ini");
    scene.plugins = built("tests/plugins", NULL);
    write_file(scene.file, ini);
    const char *const files[] = { scene.file, NULL };
    cr_assert_eq(ebi_config_load(files, NULL, &scene.config, &err), EB_OK, "%s", err.text);
    scene.bus.plugin_path = scene.plugins;
    scene.bus.plugin_trust = EBI_TRUST_ANY;
    return scene;
}

static void scene_free(struct scene *scene) {
    ebi_config_free(scene->config);
    folder_free(scene->folder);
    free(scene->file);
    free(scene->plugins);
}

Test(bind, settings_are_filled_by_both_tables) {
    struct scene scene = scene_new("[broker main]\nplugin = picky\ntext = hello\nconnect_timeout = 3s\n");
    struct ebi_broker *broker = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_broker_bind(scene.config, &scene.bus, "main", &broker, &err), EB_OK, "%s", err.text);
    const struct idle_settings *settings = broker->settings;
    cr_assert_str_eq(broker->name, "main");
    cr_assert_str_eq(broker->plugin->about.name, "picky");
    cr_assert_str_eq(settings->text, "hello");
    cr_assert_eq(settings->number, 7);
    cr_assert_str_eq(broker->own.plugin, "picky");
    cr_assert_eq(broker->own.connect_timeout, 3000);
    ebi_broker_free(broker);
    scene_free(&scene);
}

static void keep_line(void *arg, int level, const char *line) {
    (void)level;
    strcat(strcat(arg, line), "\n");
}

Test(bind, a_role_has_the_traits_of_its_settings_and_no_others) {
    static const struct {
        const char *ini;
        uint32_t traits, unlisted;
    } cases[] = { { "[broker main]\nplugin = picky\n", EB_T_ORDER, 0 },
                  { "[broker main]\nplugin = picky\nnumber = 8\n", 0, 0 },
                  { "[broker main]\nplugin = picky\nnumber = 9\n", EB_T_ORDER, EB_T_POWER } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene = scene_new(cases[i].ini);
        struct ebi_broker *broker = NULL;
        struct eb_error err = { 0 };
        char logged[2000] = "";
        struct ebi_log *log = ebi_log_new(EBI_DEBUG, false, keep_line, logged);

        cr_assert_eq(ebi_broker_bind(scene.config, &scene.bus, "main", &broker, &err), EB_OK, "%s", err.text);
        cr_expect_eq(broker->traits.producer, cases[i].traits, "case %zu", i);
        cr_expect_eq(broker->unlisted.producer, cases[i].unlisted, "case %zu", i);
        cr_expect_eq(broker->traits.consumer, 0, "it lists none");
        ebi_broker_log_unlisted(broker, log);
        cr_expect_eq(strstr(logged, "broker main: plugin picky (") && strstr(logged, "claims traits 0x2 for its producer"),
                     cases[i].unlisted != 0, "%s", logged);
        ebi_log_free(log);
        ebi_broker_free(broker);
        scene_free(&scene);
    }
}

/* %s stands for the file in what is said. */
static const struct {
    const char *ini, *broker;
    int32_t kind;
    const char *says;
} refused[] = {
    { "[broker main]\nplugin = picky\n\nnumbr = 3\n", "main", EB_KIND_CONFIG, "%s:4: [broker main]" },
    { "[broker main]\nplugin = picky\nnumber = 10\n", "main", EB_KIND_CONFIG, "%s:3: [broker main] number: " },
    { "[broker main]\nplugin = picky\ntext = bad\n", "main", EB_KIND_CONFIG,
      "%s:3: [broker main]: text and number do not go together" },
    { "[broker main]\nplugin = picky\ntext = silent\n", "main", EB_KIND_CONFIG,
      "%s:1: [broker main]: its plugin refuses these settings and does not say why" },
    { "\n[broker main]\ntext = x\n", "main", EB_KIND_CONFIG, "%s:2: [broker main] names no plugin; add plugin = NAME" },
    { "[broker main]\nplugin = picky\n", "mian", EB_KIND_CONFIG, "there is no section [broker mian]; did you mean main?" },
    { "[broker main]\nplugin = picky\n", "other", EB_KIND_CONFIG, "there is no section [broker other]; add it" },
    { "[broker main]\nplugin = pickey\n", "main", EB_KIND_PLUGIN,
      "%s:2: [broker main]: there is no plugin pickey (did you mean picky?)" },
    { "[broker main]\nplugin = future\ncolour = blue\n", "main", EB_KIND_CONFIG, "%s:3: [broker main] colour: " },
};

Test(bind, what_is_wrong_is_told_with_its_place) {
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct scene scene = scene_new(refused[i].ini);
        struct ebi_broker *broker = NULL;
        struct eb_error err = { 0 };
        const char *rest = strstr(refused[i].says, "%s");
        char *says = rest ? join(scene.folder, "bus.ini") : strdup(refused[i].says);

        if (rest) {
            says = realloc(says, strlen(says) + strlen(rest));
            strcat(says, rest + 2);
        }
        cr_assert_eq(ebi_broker_bind(scene.config, &scene.bus, refused[i].broker, &broker, &err), EB_PERMANENT, "%zu", i);
        cr_assert_eq(err.kind, refused[i].kind, "%s", err.text);
        cr_assert(strncmp(err.text, says, strlen(says)) == 0, "\"%s\" does not begin with \"%s\"", err.text, says);
        cr_assert(!broker);
        free(says);
        scene_free(&scene);
    }
}

Test(bind, with_nothing_configured_it_is_sqlite_with_its_defaults) {
    struct scene scene = scene_new("[eventbus]\n");
    char *other = built("tests/plugins/broken", "other_name"), *sqlite = join(scene.folder, "sqlite.so");
    struct ebi_broker *broker = NULL;
    struct eb_error err = { 0 };

    copy_file(other, sqlite, SIZE_MAX); /* it calls itself sqlite, and so here it is right */
    scene.bus.plugin_path = scene.folder;
    cr_assert_eq(ebi_broker_bind(scene.config, &scene.bus, "", &broker, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(broker->plugin->about.name, "sqlite");
    cr_assert_str_eq(broker->own.plugin, "sqlite");
    cr_assert_eq(broker->own.connect_timeout, 5000);
    cr_assert_eq(((const struct idle_settings *)broker->settings)->number, 7);
    ebi_broker_free(broker);
    scene_free(&scene);
    free(other);
    free(sqlite);
}

Test(bind, a_role_that_is_missing_is_named_with_the_file) {
    struct scene scene = scene_new("[broker main]\nplugin = picky\n");
    struct ebi_broker *broker;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_broker_bind(scene.config, &scene.bus, "main", &broker, NULL), EB_OK);
    cr_assert_eq(ebi_broker_needs(broker, true, true, false, &err), EB_OK);
    cr_assert_eq(ebi_broker_needs(broker, true, true, true, &err), EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_PLUGIN);
    cr_assert(strstr(err.text, "plugin picky of [broker main] has no admin role (/") && strstr(err.text, "/picky.so)"), "%s",
              err.text);
    ebi_broker_free(broker);
    ebi_broker_free(NULL);
    scene_free(&scene);
}
