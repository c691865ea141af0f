/* tests/unit/plugin/test_out_of_memory.c - loading and binding where memory runs out. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "../memory.h"
#include "folder.h"
#include "plugin/find.h"
#include "plugin/plugins.h"

/* Each allocation once: the failure is told as such; a sanitizer sees that nothing leaks. Answers how many there were. */
static unsigned fail_each(enum eb_status (*use)(void *, struct eb_error *), void *arg) {
    for (unsigned n = 1;; n++) {
        struct eb_error err = { 0 };

        fail_allocation(n);
        enum eb_status status = use(arg, &err);
        if (!allocation_failed())
            return n - 1;
        cr_assert_eq(status, EB_FATAL, "allocation %u: %s", n, err.text);
        cr_assert_eq(err.kind, EB_KIND_SYSTEM, "allocation %u: %s", n, err.text);
        cr_assert(strstr(err.text, "out of memory"), "allocation %u: %s", n, err.text);
    }
}

struct use {
    struct ebi_config *config;
    struct ebi_bus_settings bus;
    const char *name;
};

static enum eb_status bind(void *arg, struct eb_error *err) {
    struct use *use = arg;
    struct ebi_broker *broker = NULL;
    enum eb_status status = ebi_broker_bind(use->config, &use->bus, use->name, &broker, err);

    cr_assert_eq(status == EB_OK, broker != NULL);
    ebi_broker_free(broker);
    return status;
}

Test(out_of_memory, binding_a_broker_says_so_and_works_afterwards) {
    char *folder = folder_new(), *file = join(folder, "bus.ini"), *plugins = built("tests/plugins", NULL);
    const char *const files[] = { file, NULL };
    struct use use = { .bus = { .plugin_path = plugins, .plugin_trust = EBI_TRUST_ANY }, .name = "main" };

    write_file(file, "[broker main]\nplugin = picky\ntext = x\n[broker gone]\nplugin = pickey\n");
    cr_assert_eq(ebi_config_load(files, NULL, &use.config, NULL), EB_OK);
    cr_assert_gt(fail_each(bind, &use), 5);
    use.name = "gone";
    cr_assert_gt(fail_each(bind, &use), 3);
    use.name = "mian";
    cr_assert_gt(fail_each(bind, &use), 1);
    ebi_config_free(use.config);
    folder_free(folder);
    free(file);
    free(plugins);
}

static void count(void *arg, const char *name, const char *file, bool shadowed) {
    (void)name, (void)file, (void)shadowed;
    ++*(size_t *)arg;
}

Test(out_of_memory, a_walk_tells_all_or_nothing) {
    char *plugins = built("tests/plugins", NULL);
    size_t n = 0;

    fail_allocation(1);
    cr_assert_eq(ebi_plugin_walk(plugins, count, &n), EB_FATAL);
    cr_assert(allocation_failed());
    cr_assert_eq(n, 0);
    cr_assert_eq(ebi_plugin_walk(plugins, count, &n), EB_OK);
    cr_assert_gt(n, 0);
    free(plugins);
}
