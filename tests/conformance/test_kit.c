/* tests/conformance/test_kit.c - the kit's own promises: rules that quote the headers, cases that can be named. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/conform.h>
#include "runner/process.h"
#include "runner/cases.h"
#include "host/host.h"
#include "host/random.h"

/* A header's text as one line: comment marks and runs of blanks are one blank. */
static char *read_flat(const char *name) {
    const char *top = getenv("top_srcdir");
    char path[4096], *text = calloc(1, 1 << 20);
    size_t n = 0;
    int c, last = ' ';
    FILE *file;

    snprintf(path, sizeof path, "%s/include/eventbus/%s", top ? top : ".", name);
    file = fopen(path, "r");
    cr_assert(file && text, "%s", path);
    while ((c = getc(file)) != EOF) {
        if (c == '*' || c == '/' || isspace(c))
            c = ' ';
        if ((c != ' ' || last != ' ') && n < (1 << 20) - 1)
            text[n++] = (char)c;
        last = c;
    }
    fclose(file);
    return text;
}

/* The same of a sentence, so that a '/' or '*' inside compares. */
static void flatten(const char *from, char *to, size_t room) {
    size_t n = 0;

    for (; *from && n < room - 1; from++) {
        char c = *from == '*' || *from == '/' ? ' ' : *from;
        if (c != ' ' || (n > 0 && to[n - 1] != ' '))
            to[n++] = c;
    }
    to[n] = '\0';
}

Test(rules, each_sentence_stands_in_the_headers) {
    char *plugin = read_flat("plugin.h"), *error = read_flat("error.h");

    for (int rule = 0; rule < EBC_RULES; rule++) {
        const char *sentence = ebc_rule((enum ebc_rule)rule)->sentence;
        char flat[500] = "";

        cr_assert(sentence && strlen(sentence) > 9, "rule %d has no sentence", rule);
        flatten(sentence, flat, sizeof flat);
        cr_expect(strstr(plugin, flat) || strstr(error, flat), "not in plugin.h or error.h: \"%s\"", sentence);
    }
    free(plugin);
    free(error);
}

Test(rules, each_promise_and_suspect_is_a_case) {
    for (int rule = 0; rule < EBC_RULES; rule++) {
        const struct ebc_rule_text *text = ebc_rule((enum ebc_rule)rule);
        char *suspects = strdup(text->suspects ? text->suspects : ""), *rest = NULL;

        cr_expect(!text->promise || ebc_case_named(text->promise), "no case %s", text->promise);
        for (char *name = strtok_r(suspects, "|", &rest); name; name = strtok_r(NULL, "|", &rest))
            cr_expect(ebc_case_named(name), "no case %s", name);
        free(suspects);
    }
    cr_expect(ebc_case_named(EBC_LEAVES_PROCESS));
}

Test(cases, names_are_unique_promises_in_their_group) {
    size_t n = 0;

    for (; ebc_case_at(n); n++) {
        const struct ebc_case *at = ebc_case_at(n);

        cr_expect_eq(ebc_case_named(at->name), at, "%s stands twice", at->name);
        cr_expect(strspn(at->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(at->name), "%s", at->name);
        cr_expect(ebc_selected(at, at->group) && ebc_selected(at, at->name) && ebc_selected(at, NULL));
        cr_expect_not(ebc_selected(at, "none"));
    }
    cr_expect_geq(n, 25);
}

Test(cases, each_says_on_one_line_what_it_tests) {
    for (size_t i = 0; ebc_case_at(i); i++) {
        const struct ebc_case *at = ebc_case_at(i);
        size_t len = at->about ? strlen(at->about) : 0;

        cr_expect(len > 10 && len <= 110 && !strpbrk(at->about, "\n\t") && at->about[len - 1] != '.',
                  "%s has no .about of 11 to 110 bytes", at->name);
    }
}

Test(cases, needs_are_roles_and_then_traits) {
    static const struct ebc_case none = { .name = "a" }, all = { .roles = EBC_ALL_ROLES,
                                                                 .producer = EB_T_ORDER,
                                                                 .consumer = EB_T_ORDER | EB_T_PROCESSES };
    char text[EBC_NEEDS_ROOM];

    ebc_case_needs(&none, text);
    cr_assert_str_eq(text, "");
    ebc_case_needs(&all, text);
    cr_assert_str_eq(text, "producer consumer admin EB_T_ORDER EB_T_PROCESSES");
}

/* ---- calls of the library that cannot run ---- */

static void refuses(const struct eb_conform *run, int status, int32_t kind, const char *text) {
    struct eb_error err = { 0 };

    cr_expect_eq(eb_conform_run(run, &err), status, "%s", text);
    cr_expect_eq(err.kind, kind, "%s", err.text);
    cr_expect(strstr(err.text, text), "expected \"%s\", came \"%s\"", text, err.text);
    cr_expect_eq(eb_conform_run(run, NULL), status, "without an error to fill");
}

Test(library, what_cannot_run_is_refused_with_the_reason) {
    const size_t size = sizeof(struct eb_conform);

    refuses(NULL, 2, EB_KIND_CONFIG, "struct eb_conform is NULL");
    refuses(&(struct eb_conform){ .file = "/dev/null" }, 2, EB_KIND_CONFIG,
            "the field size is 0: set it to sizeof(struct eb_conform)");
    refuses(&(struct eb_conform){ .size = size }, 2, EB_KIND_CONFIG, "the field file is NULL");
    refuses(&(struct eb_conform){ .size = size, .file = "/none.so" }, 5, EB_KIND_PLUGIN, "/none.so: No such file or directory");
    refuses(&(struct eb_conform){ .size = size, .file = "/dev/null", .only = "x" }, 2, EB_KIND_CONFIG,
            "there is no case or group \"x\"");
    refuses(&(struct eb_conform){ .size = size, .file = "/dev/null", .pace = 1000 }, 2, EB_KIND_CONFIG, "the pace is 1000");
    refuses(&(struct eb_conform){ .size = size, .file = "/dev/null", .up = "true" }, 2, EB_KIND_CONFIG,
            "--down and --up belong together");
    refuses(&(struct eb_conform){ .size = size, .file = "/dev/null" }, 2, EB_KIND_CONFIG, "call eb_conform_main first in main");
    refuses(&(struct eb_conform){ .size = size, .file = "/dev/null", .in_process = 1 }, 5, EB_KIND_PLUGIN, "/dev/null");
}

Test(library, a_program_that_ignores_its_children_is_refused) {
    const struct eb_conform run = { .size = sizeof run, .file = "/dev/null", .in_process = 1 };

    signal(SIGCHLD, SIG_IGN);
    refuses(&run, 2, EB_KIND_CONFIG, "SIGCHLD is ignored");
    signal(SIGCHLD, SIG_DFL);
}

Test(library, an_older_program_s_struct_is_shorter) {
    struct eb_conform run = {
        .size = offsetof(struct eb_conform, only), .file = "/dev/null", .only = "no such case", .in_process = 1
    };

    refuses(&run, 2, EB_KIND_CONFIG, "call eb_conform_main first in main"); /* what lies behind its size is not read */
}

Test(chance, is_the_same_for_the_same_seed) {
    struct ebc_random a = { 42 }, b = { 42 }, c = { 43 };
    uint64_t first = ebc_random(&a);

    cr_assert_eq(first, UINT64_C(0xBDD732262FEB6E95));
    cr_assert_eq(first, ebc_random(&b));
    cr_assert_neq(first, ebc_random(&c));
    cr_assert_neq(ebc_random_seed(1, "a"), ebc_random_seed(1, "b"));
}

/* ---- a machine that stands still ---- */

static jmp_buf out;
static char skipped[300];
static int made, last_false;

static void on_skip(struct ebc_test *t, const char *why) {
    (void)t;
    snprintf(skipped, sizeof skipped, "%s", why);
    longjmp(out, 1);
}

static const struct ebc_observer skips = { .skip = on_skip };

static bool attempt(struct ebc_test *t, int number) {
    (void)t;
    cr_assert_eq(number, made);
    return made++ > last_false;
}

Test(attempts, end_with_the_first_that_tells_something) {
    struct ebc_test t = { .observer = &skips };

    last_false = 1;
    if (setjmp(out) == 0)
        ebc_attempt(&t, attempt);
    cr_assert_eq(made, 3);
    cr_assert_str_empty(skipped);
}

Test(attempts, skip_the_case_when_none_tells_anything) {
    struct ebc_test t = { .observer = &skips };

    last_false = INT_MAX;
    if (setjmp(out) == 0)
        ebc_attempt(&t, attempt);
    cr_assert_eq(made, 4);
    cr_assert(strstr(skipped, "longer lease by -o"), "%s", skipped);
}
