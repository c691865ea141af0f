/* core/json/number.h - floating-point numbers as text and back, whatever locale the program has set. */
#ifndef EBI_NUMBER_H
#define EBI_NUMBER_H

#include <stddef.h>

enum { EBI_NUMBER_ROOM = 32 };

/* The fewest digits that read back as the same number, as Python's repr writes them ("0.1", "1e+22", "-0.0");
 * NUL-ended. Answers the length. The number is finite. */
size_t ebi_print_double(double, char text[EBI_NUMBER_ROOM]);
size_t ebi_print_float(float, char text[EBI_NUMBER_ROOM]);      /* so that it reads back as the same float */

/* JSON has no numbers for what is not finite. In its place stands a text, as in JSON for Protocol Buffers: "NaN",
 * "Infinity", "-Infinity", with its quotes. */
const char *ebi_non_finite_json(double);

/* The other way, for text that begins so: answers its length; 0: it does not. */
size_t ebi_read_non_finite_json(const char *text, size_t len, double *number);

/* Reads a number of JSON's form, NUL-ended; beyond the range: infinite. */
double ebi_parse_double(const char *text);
float ebi_parse_float(const char *text);

/* digits * 10^exponent, where that can be told exactly at once; false: let one of those above read the text. */
int ebi_quick_double(unsigned long long digits, int exponent, double *number);

#endif
