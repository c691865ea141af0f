/* tests/unit/json/test_number.c - numbers and bytes as text. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json/base64.h"
#include "json/number.h"

static uint64_t state = 1;

static uint64_t draw(void) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return state ^ state >> 29;
}

/* As short as any that reads back: one digit fewer in the library's own printing does not. */
static void is_right(double number) {
    char text[EBI_NUMBER_ROOM], shorter[64];
    size_t len = ebi_print_double(number, text);
    int digits = 0;

    cr_assert_eq(len, strlen(text));
    cr_assert_lt(len, sizeof text);
    cr_assert_eq(memcmp(&(double){ ebi_parse_double(text) }, &number, sizeof number), 0, "%.17g became %s", number, text);
    for (const char *at = text + strspn(text, "-0."); *at && *at != 'e'; at++)
        digits += *at >= '0' && *at <= '9';
    for (const char *at = text + len; at > text && !strchr(text, 'e') && (at[-1] == '0' || at[-1] == '.'); at--)
        digits -= at[-1] == '0'; /* zeros that only fill places */
    if (digits > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, number);
        cr_assert_neq(strtod(shorter, NULL), number, "%s could be %s", text, shorter);
    }
}

Test(number, doubles_of_all_sizes_read_back_and_are_short) {
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = draw();
        double number;

        memcpy(&number, &bits, sizeof number);
        if (isfinite(number))
            is_right(number);
        is_right((double)(int64_t)(bits >> 20) / 1000);
        is_right((double)(bits >> 40));
    }
}

Test(number, floats_read_back_as_floats) {
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)draw();
        char text[EBI_NUMBER_ROOM];
        float number;

        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        ebi_print_float(number, text);
        cr_assert_eq(memcmp(&(float){ ebi_parse_float(text) }, &number, sizeof number), 0, "%.9g became %s", (double)number,
                     text);
    }
}

Test(number, what_is_read_quickly_is_what_the_library_reads) {
    for (int i = 0; i < 200000; i++) {
        unsigned long long digits = draw() >> (draw() % 50);
        int exponent = (int)(draw() % 50) - 25;
        char text[64];
        double quick;

        if (!ebi_quick_double(digits, exponent, &quick))
            continue;
        snprintf(text, sizeof text, "%llue%d", digits, exponent);
        cr_assert_eq(quick, strtod(text, NULL), "%s", text);
    }
}

/* A locale with a decimal comma, made here: none may be installed. False: it cannot be made. */
static bool set_comma(void) {
    static const char source[] = "LC_NUMERIC\ndecimal_point \"<U002C>\"\nthousands_sep \"\"\ngrouping -1\n"
                                 "END LC_NUMERIC\n";
    char folder[] = "/tmp/eventbus-locale-XXXXXX", command[256], path[64];
    bool set;
    FILE *file;

    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/comma", folder);
    file = fopen(path, "w");
    cr_assert(file && fputs(source, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "localedef -c -i %s --no-archive %s/xx_XX >%s/log 2>&1", path, folder, folder);
    set = system(command) >= 0 && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_NUMERIC, "xx_XX") &&
          strcmp(localeconv()->decimal_point, ",") == 0;
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
    return set;
}

/* A program with a decimal comma still writes JSON. */
Test(number, the_locale_does_not_matter) {
    char text[EBI_NUMBER_ROOM];

    if (!set_comma())
        cr_skip_test("no locale with a decimal comma can be made: localedef is missing");
    ebi_print_double(0.1234567890123, text);
    cr_assert_str_eq(text, "0.1234567890123");
    ebi_print_double(1.7976931348623157e308, text);
    cr_assert_str_eq(text, "1.7976931348623157e+308");
    cr_assert_eq(ebi_parse_double("1.5"), 1.5);
    cr_assert_eq(ebi_parse_float("1.5"), 1.5f);
    cr_assert_str_eq(localeconv()->decimal_point, ",");
}

/* ---- base64 ---- */

Test(base64, the_examples_of_its_standard) {
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[16], bytes[16];
        size_t len;

        *ebi_base64_write(text, pairs[i][0], strlen(pairs[i][0])) = '\0';
        cr_assert_str_eq(text, pairs[i][1]);
        cr_assert_eq(ebi_base64_len(strlen(pairs[i][0])), strlen(text));
        cr_assert(ebi_base64_read(bytes, &len, text, strlen(text)));
        cr_assert(len == strlen(pairs[i][0]) && memcmp(bytes, pairs[i][0], len) == 0);
    }
}

Test(base64, every_byte_comes_back_in_place) {
    char text[512];
    unsigned char bytes[256];
    size_t len;

    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    *ebi_base64_write(text, bytes, 256) = '\0';
    cr_assert(ebi_base64_read(text, &len, text, strlen(text)));
    cr_assert(len == 256 && memcmp(text, bytes, 256) == 0);
}

Test(base64, what_is_not_just_so_is_refused) {
    static const char *const wrong[] = { "Z",        "Zg",    "Zg=",  "Zh==", "Zm9=", "Z===", "====",
                                         "Zg==Zg==", "Zm9v=", "Z g=", "Zm9-", "Zm9_", "Zm=v", "\xc3\xa9zz" };
    char bytes[16];
    size_t len;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(ebi_base64_read(bytes, &len, wrong[i], strlen(wrong[i])), "%s was taken", wrong[i]);
    cr_assert_not(ebi_base64_read(bytes, &len, "Zm9vZm9v", 5));
}
