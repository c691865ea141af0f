/* tests/unit/config/test_replace.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/replace.h"
#include "files.h"

TestSuite(replace, .init = start_in_fresh_folder, .fini = remove_fresh_folder);

static void set_variables(void) {
    setenv("HOST", "db.example", 1);
    setenv("EMPTY", "", 1);
    setenv("BRACES", "${HOST}", 1);
    setenv("STATE", "not ours", 1);
    unsetenv("UNSET");
    write_file("secret", " s3cr=et ;x\n");
    write_file("two", "one\ntwo\n\n");
    write_file("plain", "no newline");
    write_file("empty", "");
}

static const struct {
    const char *text, *want;
    bool secret;
} good[] = {
    { "", "", false },
    { "plain", "plain", false },
    { "$", "$", false },
    { "$$", "$$", false },
    { "a$b$", "a$b$", false },
    { "}", "}", false },
    { "${STATE}/bus.db", "/state/bus.db", false },
    { "${HOST}", "db.example", false },
    { "x${HOST}y${HOST}z", "xdb.exampleydb.examplez", false },
    { "${EMPTY}", "", false },
    { "${BRACES}", "${HOST}", false }, /* what comes in is not replaced again */
    { "${UNSET:-fallback}", "fallback", false },
    { "${EMPTY:-fallback}", "fallback", false },
    { "${HOST:-fallback}", "db.example", false },
    { "${UNSET:-}", "", false },
    { "${UNSET:-a:-b}", "a:-b", false },
    { "${UNSET:-${STATE}/x}", "/state/x", false },
    { "${UNSET:-${UNSET:-${HOST}}}", "db.example", false },
    { "${UNSET:-a$${b}", "a${b", false },
    { "${STATE:-x}", "/state", false },
    { "$${HOST}", "${HOST}", false },
    { "$${", "${", false },
    { "$$${HOST}", "$${HOST}", false },
    { "${file:secret}", " s3cr=et ;x", true },
    { "redis://:${file:secret}@h", "redis://: s3cr=et ;x@h", true },
    { "${file:two}", "one\ntwo\n", true },
    { "${file:plain}", "no newline", true },
    { "${file:empty}", "", true },
    { "${file:${UNSET:-secret}}", " s3cr=et ;x", true },
};

Test(replace, what_stands_for_what) {
    set_variables();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ebi_bytes out = { 0 };
        struct eb_error err = { 0 };
        bool secret = false;

        cr_assert_eq(ebi_replace(good[i].text, "/state", &out, &secret, &err), EB_OK, "%s: %s", good[i].text, err.text);
        cr_assert_str_eq(out.data, good[i].want, "%s: %s", good[i].text, out.data);
        cr_assert_eq(secret, good[i].secret, "%s", good[i].text);
        ebi_bytes_free(&out);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    { "${UNSET}", "environment variable UNSET is not set" },
    { "${", "without \"}\"" },
    { "a${HOST", "without \"}\"" },
    { "${UNSET:-${HOST}", "without \"}\"" },
    { "${}", "no variable's name" },
    { "${:-x}", "no variable's name" },
    { "${a b}", "no variable's name" },
    { "${1A}", "no variable's name" },
    { "${A-x}", "no variable's name" },
    { "${file:}", "names no file" },
    { "${file:nowhere}", "cannot open nowhere: No such file" },
    { "${file:.}", ".: cannot read: Is a directory" },
    { "${file:/dev/zero}", "/dev/zero: larger than 65536 bytes" },
    { "${A:-${B:-${C:-${D:-${E:-${F:-${G:-${H:-${I:-x}}}}}}}}}", "too often" },
};

Test(replace, what_cannot_be_replaced) {
    set_variables();
    for (const char *c = "ABCDEFGHI"; *c; c++)
        unsetenv((char[]){ *c, 0 });
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ebi_bytes out = { 0 };
        struct eb_error err = { 0 };
        bool secret = false;

        cr_assert_eq(ebi_replace(bad[i].text, "/state", &out, &secret, &err), EB_PERMANENT, "%s", bad[i].text);
        cr_assert_eq(err.kind, EB_KIND_CONFIG, "%s", bad[i].text);
        cr_assert(strstr(err.text, bad[i].why), "%s: %s", bad[i].text, err.text);
        ebi_bytes_free(&out);
    }
}

Test(replace, a_file_with_a_nul_is_no_text) {
    struct ebi_bytes out = { 0 };
    struct eb_error err = { 0 };
    bool secret = false;
    FILE *file = fopen("nul", "w");

    cr_assert_eq(fwrite("a\0b", 1, 3, file), 3);
    fclose(file);
    cr_assert_eq(ebi_replace("${file:nul}", "/state", &out, &secret, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "nul holds a NUL byte"), "%s", err.text);
    ebi_bytes_free(&out);
}

Test(replace, errors_do_not_show_the_value_around) {
    static const char *const cases[] = { "hunter2${UNSET}", "hunter2${", "${hunter2 x}", "hunter2${file:nowhere}" };
    struct ebi_bytes out = { 0 };
    struct eb_error err = { 0 };
    bool secret = false;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(ebi_replace(cases[i], "/state", &out, &secret, &err), EB_PERMANENT);
        cr_assert_not(strstr(err.text, "hunter2"), "%s", err.text);
    }
    ebi_bytes_free(&out);
}

Test(replace, a_value_does_not_grow_without_bound) {
    size_t len = 100000;
    char *big = malloc(len + 1);
    struct ebi_bytes text = { 0 }, out = { 0 };
    struct eb_error err = { 0 };
    bool secret = false;

    memset(big, 'x', len);
    big[len] = '\0';
    setenv("BIG", big, 1);
    for (int i = 0; i < 100; i++)
        cr_assert(ebi_bytes_add_text(&text, "${BIG}"));
    cr_assert_eq(ebi_replace(text.data, "/state", &out, &secret, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "longer than 1 MiB"), "%s", err.text);
    cr_assert_leq(out.len, 1 << 20);
    ebi_bytes_free(&text);
    ebi_bytes_free(&out);
    free(big);
}
