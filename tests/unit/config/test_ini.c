/* tests/unit/config/test_ini.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/error.h"
#include "config/ini.h"

/* Writes down all that is told: "[kind|name]@line " and "key=<value>@line ". */
static enum eb_status note_section(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *err) {
    (void)err;
    cr_assert(ebi_bytes_add_format(arg, "[%s|%s]@%u ", kind, name, line));
    return EB_OK;
}

static enum eb_status note_key(void *arg, const char *key, const char *value, unsigned line, struct eb_error *err) {
    (void)err;
    cr_assert(ebi_bytes_add_format(arg, "%s=<%s>@%u ", key, value, line));
    return EB_OK;
}

/* What was told, to be freed; *status and *err as the reading ended. */
static char *read_all(const char *text, size_t len, enum eb_status *status, struct eb_error *err) {
    struct ebi_bytes told = { 0 };
    const struct ebi_ini_visitor visitor = { .arg = &told, .section = note_section, .key = note_key };
    char *exact = malloc(len + 1); /* so that a sanitizer sees a byte too many */

    memcpy(exact, text, len);
    exact = realloc(exact, len ? len : 1);
    cr_assert(ebi_bytes_add_text(&told, ""));
    *status = ebi_ini_read("x.ini", exact, len, &visitor, err);
    free(exact);
    return told.data;
}

static const struct {
    const char *text, *told;
} good[] = {
    { "", "" },
    { "\n", "" },
    { "; only a comment", "" },
    { "# another\n", "" },
    { "[eventbus]", "[eventbus|]@1 " },
    { "[eventbus]\nservice = lms\n", "[eventbus|]@1 service=<lms>@2 " },
    { "[eventbus]\nservice = lms", "[eventbus|]@1 service=<lms>@2 " },             /* no final newline */
    { "[eventbus]\r\nservice = lms\r\n\r\n", "[eventbus|]@1 service=<lms>@2 " },   /* CRLF */
    { "\xef\xbb\xbf[eventbus]\nservice=lms\n", "[eventbus|]@1 service=<lms>@2 " }, /* BOM */
    { "[broker main]\n[broker other]\n", "[broker|main]@1 [broker|other]@2 " },    /* empty sections count */
    { "[ broker \t main ] ; comment\n", "[broker|main]@1 " },
    { "[broker main];x\n[broker a-b_C9]#x\n", "[broker|main]@1 [broker|a-b_C9]@2 " },
    { "[a]\nk=v\n[b]\n[a]\nl=w\n", "[a|]@1 k=<v>@2 [b|]@3 [a|]@4 l=<w>@5 " }, /* a section twice is fine */
    { "[a]\nk:v\n", "[a|]@1 k=<v>@2 " },
    { "[a]\nk = a=b:c\n", "[a|]@1 k=<a=b:c>@2 " },
    { "[a]\nk =\nl = \n", "[a|]@1 k=<>@2 l=<>@3 " },
    { "[a]\nrdkafka.linger.ms = 5\n", "[a|]@1 rdkafka.linger.ms=<5>@2 " },
    { "[a]\nk = \"quotes stay\"\n", "[a|]@1 k=<\"quotes stay\">@2 " },
    { "[a]\nk = v ; comment\n", "[a|]@1 k=<v>@2 " },
    { "[a]\nk = v;w\n", "[a|]@1 k=<v;w>@2 " },
    { "[a]\nk = v # no comment\n", "[a|]@1 k=<v # no comment>@2 " },
    { "[a]\nk = caf\xc3\xa9\n", "[a|]@1 k=<caf\xc3\xa9>@2 " },
    { "[a]\nk = a\tb\n", "[a|]@1 k=<a\tb>@2 " },
    /* continuation */
    { "[a]\nk = one,\n  two\n\tthree\nl = x\n", "[a|]@1 k=<one,twothree>@2 l=<x>@5 " },
    { "[a]\nk = one ; c\n  two ; c\n", "[a|]@1 k=<onetwo>@2 " },
    { "[a]\nk =\n  one\n\n  ; c\n  two\n", "[a|]@1 k=<onetwo>@2 " },
    { "[a]\nk = one\n  l = two\n", "[a|]@1 k=<onel = two>@2 " },
    { "[a]\nk = one\n  [b]\n", "[a|]@1 k=<one[b]>@2 " },
    { "[a]\nk = one\n  two", "[a|]@1 k=<onetwo>@2 " },
    /* keys may be indented: deeper than its key is what goes on */
    { "[a]\n  k = one\n  l = two\n    three\n  m = x\n", "[a|]@1 k=<one>@2 l=<twothree>@3 m=<x>@5 " },
    { "  [a]\n  k = one\n  [b]\nl = x\n", "[a|]@1 k=<one>@2 [b|]@3 l=<x>@4 " },
};

Test(ini, what_is_read) {
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct eb_error err = { 0 };
        enum eb_status status;
        char *told = read_all(good[i].text, strlen(good[i].text), &status, &err);

        cr_assert_eq(status, EB_OK, "case %zu: %s", i, err.text);
        cr_assert_str_eq(told, good[i].told, "case %zu: %s", i, told);
        free(told);
    }
}

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    const char *where, *why;
    /* clang-format off */
} bad[] = {
    { BYTES("[a]\nk = v\nnonsense\nl = w\n"), "x.ini:3: ", "neither [section] nor key = value" },
    { BYTES("[a]\nnonsense"), "x.ini:2: ", "neither [section] nor key = value" },
    { BYTES("k = v\n"), "x.ini:1: ", "before the first [section]" },
    { BYTES("[a]\n= v\n"), "x.ini:2: ", "no key" },
    { BYTES("[a]\nk k = v\n"), "x.ini:2: ", "a key is of letters" },
    { BYTES("[a]\nk/x = v\n"), "x.ini:2: ", "a key is of letters" },
    { BYTES("[a]\nk ;c = v\n"), "x.ini:2: ", "neither" },
    { BYTES("[a\nk = v\n"), "x.ini:1: ", "without \"]\"" },
    { BYTES("[a ;]\n"), "x.ini:1: ", "a section is [kind]" },
    { BYTES("[]\n"), "x.ini:1: ", "a section is [kind]" },
    { BYTES("[ ]\n"), "x.ini:1: ", "a section is [kind]" },
    { BYTES("[a b c]\n"), "x.ini:1: ", "a section is [kind]" },
    { BYTES("[a b.c]\n"), "x.ini:1: ", "a section is [kind]" },
    { BYTES("[a]b\n"), "x.ini:1: ", "text after a section" },
    { BYTES("[a] k = v\n"), "x.ini:1: ", "text after a section" },
    { BYTES("[a]\nk = v\0w\n"), "x.ini:2: ", "NUL" },
    { BYTES("[a]\n;\0\n"), "x.ini:2: ", "NUL" },
    { BYTES("\xff\xfe[\0a\0]\0"), "x.ini:1: ", "NUL" },                         /* UTF-16 */
    { BYTES("[a]\nk = \xff\n"), "x.ini:2: ", "not UTF-8" },
    { BYTES("\x7f" "ELF\x02\x01\x01"), "x.ini:1: ", "control character" },
    { BYTES("\x89PNG\r\n\x1a\n"), "x.ini:1: ", "not UTF-8" },
    { BYTES("[a]\nk = \x1b[31m\n"), "x.ini:2: ", "control character" },
    { BYTES("[a]\nk = \xc2\x9b" "31m\n"), "x.ini:2: ", "control character" },
    { BYTES("[a]\nk = \x7f\n"), "x.ini:2: ", "control character" },
    { BYTES("[a]\rk = v\r"), "x.ini:1: ", "control character" },                /* old Mac line ends */
    { BYTES("[a]\n\xef\xbb\xbfk = v\n"), "x.ini:2: ", "a key is of letters" },      /* that mark only in front */
};
/* clang-format on */

Test(ini, what_is_refused_and_where) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eb_error err = { 0 };
        enum eb_status status;

        free(read_all(bad[i].text, bad[i].len, &status, &err));
        cr_assert_eq(status, EB_PERMANENT, "case %zu", i);
        cr_assert_eq(err.kind, EB_KIND_CONFIG, "case %zu", i);
        cr_assert_eq(strncmp(err.text, bad[i].where, strlen(bad[i].where)), 0, "case %zu: %s", i, err.text);
        cr_assert(strstr(err.text, bad[i].why), "case %zu: %s", i, err.text);
    }
}

/* prefix, then n times c, then after. */
static char *long_text(const char *prefix, size_t n, char c, const char *after) {
    struct ebi_bytes text = { 0 };

    cr_assert(ebi_bytes_add_text(&text, prefix));
    for (size_t i = 0; i < n; i++)
        cr_assert(ebi_bytes_add(&text, &c, 1));
    cr_assert(ebi_bytes_add_text(&text, after));
    return text.data;
}

static void check_long(char *text, enum eb_status want, const char *part) {
    struct eb_error err = { 0 };
    enum eb_status status;
    char *told = read_all(text, strlen(text), &status, &err);

    cr_assert_eq(status, want, "%s", err.text);
    cr_assert(strstr(want == EB_OK ? told : err.text, part), "%s", want == EB_OK ? told : err.text);
    free(told);
    free(text);
}

Test(ini, a_line_of_199_bytes_is_whole) {
    check_long(long_text("[a]\nk=", 197, 'x', "\nl=y\n"), EB_OK, "xx>@2 l=<y>@3");
}

Test(ini, a_longer_one_is_refused) {
    check_long(long_text("[a]\nk=", 198, 'x', "\nl=y\n"), EB_PERMANENT, "x.ini:2: a line of 200 bytes is too long (199 ");
    check_long(long_text("[a]\nk=v\n  ", 199, 'x', "\n"), EB_PERMANENT, "x.ini:3: a line of 199 bytes is too long");
    check_long(long_text("[a]\nk=", 1 << 20, 'x', "\n"), EB_PERMANENT, "x.ini:2: a line of 1048578 bytes is too long");
    check_long(long_text("", 1 << 20, 'x', ""), EB_PERMANENT, "x.ini:1: a line of 1048576 bytes is too long");
}

Test(ini, blanks_and_comments_may_be_long) {
    check_long(long_text("[a]\n;", 5000, 'x', "\nk=v\n"), EB_OK, "k=<v>@3");
    check_long(long_text("[a]\n", 5000, ' ', "\nk=v\n"), EB_OK, "k=<v>@3");
    check_long(long_text("[a]\nk=v", 5000, ' ', "\nl=w\n"), EB_OK, "k=<v>@2 l=<w>@3");
    check_long(long_text("[a] ;", 5000, 'x', "\nk=v\n"), EB_OK, "k=<v>@2");
}

Test(ini, a_section_name_of_49_bytes_is_whole_and_a_longer_one_refused) {
    check_long(long_text("[broker ", 42, 'n', "]\nk=v\n"), EB_OK, "nn]@1 k=<v>@2");
    check_long(long_text("[broker ", 43, 'n', "]\nk=v\n"), EB_PERMANENT, "x.ini:1: a section's name is too long");
    check_long(long_text("[", 50, ' ', "a]\nk=v\n"), EB_PERMANENT, "x.ini:1: a section's name is too long");
    check_long(long_text("[", 1 << 20, 'n', ""), EB_PERMANENT, "x.ini:1: \"[\" without \"]\"");
}

Test(ini, a_key_longer_than_inih_keeps_is_whole_where_its_value_goes_on) {
    check_long(long_text("[a]\n", 100, 'k', " = v\n  w\nl = x\n"), EB_OK, "kkk=<vw>@2 l=<x>@4");
}

Test(ini, a_long_value_goes_on_over_lines_and_is_bounded) {
    struct ebi_bytes text = { 0 };
    char want[64];

    cr_assert(ebi_bytes_add_text(&text, "[a]\nk ="));
    for (int i = 0; i < 400; i++)
        cr_assert(ebi_bytes_add_format(&text, "\n  %0150d", i));
    cr_assert(ebi_bytes_add_text(&text, "\nl = x\n"));
    snprintf(want, sizeof want, "0399>@2 l=<x>@403");
    check_long(text.data, EB_OK, want);

    text = (struct ebi_bytes){ 0 };
    cr_assert(ebi_bytes_add_text(&text, "[a]\nk ="));
    for (int i = 0; i < 500; i++)
        cr_assert(ebi_bytes_add_format(&text, "\n  %0150d", i));
    check_long(text.data, EB_PERMANENT, "a value is too long (64 KiB at most)");
}

static enum eb_status refuse_section(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *err) {
    (void)arg, (void)name, (void)line;
    return strcmp(kind, "bad") ? EB_OK : ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "not this section");
}

static enum eb_status refuse_key(void *arg, const char *key, const char *value, unsigned line, struct eb_error *err) {
    (void)arg, (void)value, (void)line;
    return strcmp(key, "bad") ? EB_OK : ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "not this key");
}

Test(ini, what_a_visitor_refuses_gets_the_line) {
    static const struct ebi_ini_visitor visitor = { .section = refuse_section, .key = refuse_key };
    static const char *const cases[][2] = {
        { "[a]\nk = v\n[bad]\n", "x.ini:3: not this section" },
        { "[a]\nbad = v\n  w\n\nk = v\n", "x.ini:2: not this key" },
        { "[a]\nbad = v", "x.ini:2: not this key" },
        { "[a]\nbad = v\n[b]\n", "x.ini:2: not this key" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };

        cr_assert_eq(ebi_ini_read("x.ini", cases[i][0], strlen(cases[i][0]), &visitor, &err), EB_PERMANENT);
        cr_assert_str_eq(err.text, cases[i][1], "%s", err.text);
    }
}
