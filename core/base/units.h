/* core/base/units.h - durations and sizes as users write them. */
#ifndef EBI_UNITS_H
#define EBI_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads digits and a unit: ms, s, m, h, d; "0" needs no unit. False: another text, or too large for 64 bits. */
bool ebi_units_ms(const char *text, size_t len, int64_t *ms);

/* Reads digits, with k, M, G or T (powers of 1024; small letters too) behind them or not. False: as above. */
bool ebi_units_bytes(const char *text, size_t len, int64_t *bytes);

#endif
