/* core/base/units.h - durations and sizes as users write them. */
#ifndef EBI_UNITS_H
#define EBI_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits and a unit: ms, s, m, h, d. "0" needs none. False: not that, or more than 64 bits hold. */
bool ebi_units_ms(const char *text, size_t len, int64_t *ms);

/* Digits, and k, M, G, T (powers of 1024; small letters too) where it is not bytes. False: as above. */
bool ebi_units_bytes(const char *text, size_t len, int64_t *bytes);

#endif
