/* tests/unit/config/files.c - files to read configurations from: see files.h. */
#include "files.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/eb-test-config-XXXXXX";

void start_in_fresh_folder(void) {
    static const char *const unwanted[] = { "EVENTBUS_CONFIG", "STATE_DIRECTORY", "XDG_STATE_HOME", "STATE" };

    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        unsetenv(unwanted[i]);
    setenv("HOME", "/home/someone", 1);
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void remove_fresh_folder(void) {
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "w");

    cr_assert_not_null(file, "%s", name);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

struct ebi_config *load_text(const char *text) {
    static const char *const files[] = { "t.ini", NULL };
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };

    write_file("t.ini", strchr(text, '[') ? text : "[eventbus]\n");
    cr_assert_eq(ebi_config_load(files, NULL, &config, &err), EB_OK, "%s", err.text);
    return config;
}
