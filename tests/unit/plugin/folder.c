/* tests/unit/plugin/folder.c - see folder.h. */
#include "folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *built(const char *folder, const char *name) {
    char *path = NULL, *whole;

    cr_assert_gt(asprintf(&path, "%s/%s%s%s%s", getenv("top_builddir"), strcmp(folder, ".") == 0 ? ".libs" : folder,
                          name ? "/" : "", name ? name : "", name ? ".so" : ""),
                 0);
    whole = realpath(path, NULL);
    cr_assert(whole, "%s was not built", path);
    free(path);
    return whole;
}

char *folder_new(void) {
    const char *below = getenv("TMPDIR");
    char *path = NULL, *whole;

    cr_assert_gt(asprintf(&path, "%s/eventbus-test-XXXXXX", below ? below : "/tmp"), 0);
    cr_assert(mkdtemp(path));
    whole = realpath(path, NULL);
    free(path);
    return whole;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void folder_free(char *folder) {
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

char *join(const char *folder, const char *name) {
    char *path = NULL;

    cr_assert_gt(asprintf(&path, "%s/%s", folder, name), 0);
    return path;
}

void write_file(const char *file, const char *text) {
    FILE *to = fopen(file, "w");

    cr_assert(to);
    fputs(text, to);
    cr_assert_eq(fclose(to), 0);
}

void copy_file(const char *from, const char *to, size_t most) {
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    char part[4096];
    size_t n;

    cr_assert(in && out);
    while (most > 0 && (n = fread(part, 1, most < sizeof part ? most : sizeof part, in)) > 0) {
        cr_assert_eq(fwrite(part, 1, n, out), n);
        most -= n;
    }
    fclose(in);
    cr_assert_eq(fclose(out), 0);
}

size_t file_size(const char *file) {
    struct stat st;

    cr_assert_eq(stat(file, &st), 0);
    return (size_t)st.st_size;
}

size_t count_files(const char *folder, const char *suffix) {
    DIR *entries = opendir(folder);
    struct dirent *entry;
    size_t n = 0;

    cr_assert(entries);
    while ((entry = readdir(entries))) {
        size_t len = strlen(entry->d_name);
        n += len > strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0;
    }
    closedir(entries);
    return n;
}
