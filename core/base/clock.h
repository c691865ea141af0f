/* core/base/clock.h - clocks, and times as Python writes and reads them. */
#ifndef EBI_CLOCK_H
#define EBI_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

int64_t ebi_now_us(void);   /* wall clock, right or wrong: microseconds since 1970; nothing waits by it */
int64_t ebi_ticks_ms(void); /* monotonic, for waiting */
int64_t ebi_ticks_us(void);
int64_t ebi_boot_us(void); /* since the machine started, also while it slept */

enum { EBI_ISO_ROOM = 40 };

/* Python's datetime.isoformat() in UTC: 2026-11-23T20:00:00.123456+00:00, without microseconds when they are 0. What is
 * outside the years 1 to 9999 prints as their first or last microsecond. */
void ebi_iso_print(int64_t us, char text[EBI_ISO_ROOM]);

/* The same form always with six digits of microseconds: what CloudEvents JSON shows. */
void ebi_iso_print_micros(int64_t us, char text[EBI_ISO_ROOM]);

/* Reads a time in UTC: Z, -00:00, +0000, +00:00; basic form; a blank for the T; fractions of any length, cut to
 * microseconds; seconds may be left out. EB_PERMANENT, EB_KIND_DATA: not a time, no zone, or another zone than UTC. */
enum eb_status ebi_iso_read(const char *text, size_t len, int64_t *us, struct eb_error *);

/* A point in time as users give it: now; 15m or -15m (units as in units.h), which is before `now_us`; a date, which is its
 * first moment; a date and a time in ISO 8601 with any offset. Without an offset both are UTC, as all times that are shown.
 * EB_PERMANENT, EB_KIND_CONFIG: none of these. */
enum eb_status ebi_time_read(const char *text, int64_t now_us, int64_t *us, struct eb_error *);

#endif
