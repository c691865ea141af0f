/* tests/unit/config/test_memory.c */
#include <criterion/criterion.h>
#include <string.h>
#include "../memory.h"
#include "config/settings.h"
#include "files.h"

TestSuite(memory, .init = start_in_fresh_folder, .fini = remove_fresh_folder);

static void see(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    (void)option, (void)key, (void)value, (void)where;
    ++*(size_t *)arg;
}

/* Loads, binds and walks; what the first failure says. */
static enum eb_status use(struct eb_error *err) {
    static const char *const files[] = { "t.ini", NULL }, *const overrides[] = { "consume.c.group=g", NULL };
    struct ebi_consume_settings settings = { 0 };
    struct ebi_table table = ebi_consume_table(&settings);
    struct ebi_config *config;
    size_t seen = 0;
    enum eb_status status = ebi_config_load(files, overrides, &config, err);

    if (status != EB_OK)
        return status;
    status = ebi_config_bind(config, "consume", "c", &table, 1, err);
    if (status == EB_OK)
        status = ebi_config_walk(config, "consume", "c", &table, 1, see, &seen, err);
    ebi_config_free(config);
    return status;
}

/* Each allocation once: the failure is told as such, nothing is leaked (a sanitizer sees to that), nothing is half
 * there. */
Test(memory, when_it_runs_out_that_is_what_is_told) {
    unsigned n = 0;

    write_file("secret", "s\n");
    write_file("t.ini", "[eventbus]\nservice = ${HOME}\n[consume c]\ntopic = a, b,\n  c\nexec = ${file:secret}\n"
                        "retry.jitter = ${UNSET:-0.3}\n");
    for (;;) {
        struct eb_error err = { 0 };

        fail_allocation(++n);
        enum eb_status status = use(&err);
        if (!allocation_failed()) {
            cr_assert_eq(status, EB_OK, "%s", err.text);
            break;
        }
        cr_assert_eq(status, EB_FATAL, "allocation %u", n);
        cr_assert_eq(err.kind, EB_KIND_SYSTEM, "allocation %u: %s", n, err.text);
        cr_assert(strstr(err.text, "out of memory"), "allocation %u: %s", n, err.text);
    }
    cr_assert_gt(n, 50);
}
