/* tests/conformance/test_kit.c - the kit's own promises: rules that quote the headers, cases that can be named. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inner.h"

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

static const char *const again[] = { "kit", NULL };
static const struct eb_conform_program program = { .name = "kit", .again = again };

/* What the arguments come to: "" or what is wrong. */
static void read_args(const char *const *words, struct ebc_args *args, char why[EBC_WHY_ROOM]) {
    char *argv[20] = { (char *)(uintptr_t)"kit" };
    int argc = 1;

    for (; *words; words++)
        argv[argc++] = (char *)(uintptr_t)*words;
    why[0] = '\0';
    if (ebc_args_read(argc, argv, &program, args, why))
        why[0] = '\0';
}

Test(arguments, are_taken_in_any_order) {
    const char *const words[] = { "-o", "a=1", "./x.so", "--only", "settling", "-o", "b=2", "--seed", "7", "--pace=2.5",
                                  "--tap", "--junit", "out.xml", NULL };
    struct ebc_args args;
    char why[EBC_WHY_ROOM];

    read_args(words, &args, why);
    cr_assert_str_empty(why);
    cr_assert_str_eq(args.file, "./x.so");
    cr_assert_str_eq(args.only, "settling");
    cr_assert_eq(args.n_options, 2);
    cr_assert_str_eq(args.options[1], "b=2");
    cr_assert_eq(args.seed, 7);
    cr_assert_eq(args.format, EBC_PRINT_TAP);
    cr_assert_str_eq(args.junit, "out.xml");
    cr_assert_float_eq(args.pace, 2.5, 1e-9);
    ebc_args_free(&args);
}

Test(arguments, what_is_wrong_is_named) {
    static const struct { const char *words[4], *want; } rows[] = {
        { { NULL }, "which plugin?" },
        { { "x.so", "y.so" }, "y.so comes after the plugin" },
        { { "x.so", "--only", "setling" }, "--only setling: there is no such case or group" },
        { { "x.so", "--seed", "-1" }, "--seed: expected a whole number" },
        { { "x.so", "--pace", "0" }, "--pace: expected a number" },
        { { "--frob", "x.so" }, "--frob is no option" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ebc_args args;
        char why[EBC_WHY_ROOM];

        read_args(rows[i].words, &args, why);
        cr_expect(strstr(why, rows[i].want), "expected \"%s\", came \"%s\"", rows[i].want, why);
        ebc_args_free(&args);
    }
}

Test(chance, is_the_same_for_the_same_seed) {
    struct ebc_random a = { 42 }, b = { 42 }, c = { 43 };
    uint64_t first = ebc_random(&a);

    cr_assert_eq(first, UINT64_C(0xBDD732262FEB6E95));
    cr_assert_eq(first, ebc_random(&b));
    cr_assert_neq(first, ebc_random(&c));
    cr_assert_neq(ebc_random_seed(1, "a"), ebc_random_seed(1, "b"));
}
