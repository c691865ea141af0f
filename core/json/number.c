/* core/json/number.c - see number.h. */
#include "json/number.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_EXACT = 22 }; /* powers of ten up to this one are exact doubles */
static const double tens[LAST_EXACT + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
static const uint64_t most_exact = UINT64_C(1) << 53;

/* Returns the C locale, for functions of the standard library that use the current one. This allocates nothing. */
static locale_t plain_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double ebi_parse_double(const char *text) {
    return strtod_l(text, NULL, plain_locale());
}

float ebi_parse_float(const char *text) {
    return strtof_l(text, NULL, plain_locale());
}

int ebi_quick_double(unsigned long long digits, int exponent, double *number) {
    if (digits > most_exact || exponent < -LAST_EXACT || exponent > LAST_EXACT)
        return false;
    *number = exponent < 0 ? (double)digits / tens[-exponent] : (double)digits * tens[exponent];
    return true; /* both are exact, so the one operation rounds as reading the text would */
}

static const struct {
    const char *json;
    double number;
} non_finite[] = { { "\"NaN\"", NAN }, { "\"Infinity\"", INFINITY }, { "\"-Infinity\"", -INFINITY } };

const char *ebi_non_finite_json(double number) {
    return non_finite[isnan(number) ? 0 : number > 0 ? 1 : 2].json;
}

size_t ebi_read_non_finite_json(const char *text, size_t len, double *number) {
    for (size_t i = 0; i < sizeof non_finite / sizeof *non_finite; i++) {
        size_t its = strlen(non_finite[i].json);

        if (its <= len && memcmp(text, non_finite[i].json, its) == 0) {
            *number = non_finite[i].number;
            return its;
        }
    }
    return 0;
}

enum width { FLOAT, DOUBLE };

/* A number: its digits, with the point behind the first of them, and its exponent. */
struct digits {
    char text[20];
    int count, exponent;
};

/* Splits "-d.ddde-XX". */
static struct digits split(const char *printed) {
    struct digits digits = { .count = 0 };

    for (; *printed && *printed != 'e'; printed++)
        if (*printed >= '0' && *printed <= '9')
            digits.text[digits.count++] = *printed;
    digits.exponent = atoi(printed + 1);
    while (digits.count > 1 && digits.text[digits.count - 1] == '0')
        digits.count--;
    return digits;
}

/* Splits a decimal of up to 6 places, as most are: a whole number divided by a power of ten, exactly. */
static bool few_places(double positive, struct digits *digits) {
    for (int places = 0; places <= 6; places++) {
        double whole = rint(positive * tens[places]);
        char text[24];

        if (whole >= 1e15)
            return false;
        if (whole / tens[places] != positive)
            continue;
        digits->count = snprintf(text, sizeof text, "%" PRIu64, (uint64_t)whole);
        digits->exponent = digits->count - 1 - places;
        while (digits->count > 1 && text[digits->count - 1] == '0')
            digits->count--;
        memcpy(digits->text, text, (size_t)digits->count);
        return true;
    }
    return false;
}

static bool reads_back(const char *printed, double positive, enum width width) {
    return width == FLOAT ? strtof(printed, NULL) == (float)positive : strtod(printed, NULL) == positive;
}

static struct digits shortest(double positive, enum width width) {
    struct digits digits;
    char printed[40];
    bool tiny = positive < (width == FLOAT ? 1e-36 : 1e-300); /* these have fewer significant digits than others */
    int count = tiny ? 1 : width == FLOAT ? 6 : 15;
    locale_t before;

    if (width == DOUBLE && few_places(positive, &digits))
        return digits;
    before = uselocale(plain_locale());
    do
        snprintf(printed, sizeof printed, "%.*e", count - 1, positive);
    while (!reads_back(printed, positive, width) && ++count <= 17);
    uselocale(before);
    return split(printed);
}

static char *put(char *text, const char *from, int count) {
    memcpy(text, from, (size_t)count);
    return text + count;
}

static char *put_zeros(char *text, int count) {
    memset(text, '0', (size_t)count);
    return text + count;
}

/* d.ddde+XX */
static char *put_scientific(char *text, const struct digits *digits) {
    *text++ = digits->text[0];
    if (digits->count > 1) {
        *text++ = '.';
        text = put(text, digits->text + 1, digits->count - 1);
    }
    return text + sprintf(text, "e%c%02d", digits->exponent < 0 ? '-' : '+', abs(digits->exponent));
}

static char *put_decimal(char *text, const struct digits *digits) {
    int before = digits->exponent + 1; /* places before the point */

    if (before <= 0) {
        text = put_zeros(put(text, "0.", 2), -before);
        return put(text, digits->text, digits->count);
    }
    if (digits->count <= before) {
        text = put_zeros(put(text, digits->text, digits->count), before - digits->count);
        return put(text, ".0", 2);
    }
    *(text = put(text, digits->text, before)) = '.';
    return put(text + 1, digits->text + before, digits->count - before);
}

static size_t print(double number, enum width width, char *text) {
    char *end = text;
    struct digits digits;

    if (signbit(number))
        *end++ = '-';
    if (number == 0) {
        end = put(end, "0.0", 3);
    } else {
        digits = shortest(fabs(number), width);
        if (digits.exponent < -4 || digits.exponent >= 16)
            end = put_scientific(end, &digits);
        else
            end = put_decimal(end, &digits);
    }
    *end = '\0';
    return (size_t)(end - text);
}

size_t ebi_print_double(double number, char text[EBI_NUMBER_ROOM]) {
    return print(number, DOUBLE, text);
}

size_t ebi_print_float(float number, char text[EBI_NUMBER_ROOM]) {
    return print(number, FLOAT, text);
}
