/* core/json/number.h - floating-point numbers as text and back, whatever locale the program has set. */
#ifndef EBI_NUMBER_H
#define EBI_NUMBER_H

#include <stddef.h>

enum { EBI_NUMBER_ROOM = 32 };

/* Writes the fewest digits that read back as the same number, as Python's repr does ("0.1", "1e+22", "-0.0"),
 * NUL-ended. Returns the length. The number must be finite. */
size_t ebi_print_double(double, char text[EBI_NUMBER_ROOM]);
size_t ebi_print_float(float, char text[EBI_NUMBER_ROOM]); /* that read back as the same float */

/* Returns the text that stands for a number that is not finite, since JSON has no such numbers: "NaN", "Infinity",
 * "-Infinity", with the quotes, as in JSON for Protocol Buffers. */
const char *ebi_non_finite_json(double);

/* Reads such a text at the beginning of `text`. Returns its length; 0: `text` begins otherwise. */
size_t ebi_read_non_finite_json(const char *text, size_t len, double *number);

/* Reads a number of JSON's form, NUL-ended. A number beyond the range is infinite. */
double ebi_parse_double(const char *text);
float ebi_parse_float(const char *text);

/* Computes digits * 10^exponent where one operation gives the exact result. Returns false where ebi_parse_double must
 * read the text instead. */
int ebi_quick_double(unsigned long long digits, int exponent, double *number);

#endif
