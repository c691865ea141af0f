/* core/base/clock.c - now, and times as Python writes and reads them: see clock.h. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/units.h"

static const int64_t SECOND_US = 1000000, DAY_S = 86400;
static const int64_t FIRST_US = INT64_C(-62135596800) * 1000000;         /* 0001-01-01T00:00:00 */
static const int64_t LAST_US = INT64_C(253402300799) * 1000000 + 999999; /* 9999-12-31T23:59:59.999999 */

static int64_t read_clock_us(clockid_t id) {
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t ebi_now_us(void) {
    return read_clock_us(CLOCK_REALTIME);
}

int64_t ebi_ticks_us(void) {
    return read_clock_us(CLOCK_MONOTONIC);
}

int64_t ebi_boot_us(void) {
    return read_clock_us(CLOCK_BOOTTIME);
}

int64_t ebi_ticks_ms(void) {
    return ebi_ticks_us() / 1000;
}

/* ---- Calendar: the proleptic Gregorian one, as Python's ---- */

struct date {
    int64_t year, month, day;
};

/* The number of a day. Counts in years that begin in March, so that the leap day comes last; 1970-01-01 is day 0. Years from 0 on. */
static int64_t days_of(struct date date) {
    int64_t year = date.month > 2 ? date.year : date.year - 1;
    int64_t month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t leap_days = year / 4 - year / 100 + year / 400;

    return year * 365 + leap_days + (153 * month + 2) / 5 + date.day - 1 - 719468;
}

static struct date date_of(int64_t days) {
    int64_t since = days + 719468;                         /* days since 0000-03-01: not negative from year 1 on */
    int64_t era = since / 146097, of_era = since % 146097; /* 400 years each */
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    struct date date = { .year = era * 400 + year_of_era, .month = month + 3, .day = day };

    if (date.month > 12) {
        date.month -= 12;
        date.year++;
    }
    return date;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* ---- Writing ---- */

static char *put(char *text, int64_t number, int digits, char after) {
    for (int i = digits; i-- > 0; number /= 10)
        text[i] = (char)('0' + number % 10);
    text[digits] = after;
    return text + digits + 1;
}

static void print(int64_t us, bool always_micros, char *text) {
    us = us < FIRST_US ? FIRST_US : us > LAST_US ? LAST_US : us;
    int64_t micros = (us % SECOND_US + SECOND_US) % SECOND_US, seconds = (us - micros) / SECOND_US;
    int64_t of_day = (seconds % DAY_S + DAY_S) % DAY_S;
    struct date date = date_of((seconds - of_day) / DAY_S);

    text = put(text, date.year, 4, '-');
    text = put(text, date.month, 2, '-');
    text = put(text, date.day, 2, 'T');
    text = put(text, of_day / 3600, 2, ':');
    text = put(text, of_day / 60 % 60, 2, ':');
    text = put(text, of_day % 60, 2, '.');
    text = micros || always_micros ? put(text, micros, 6, '+') : text;
    memcpy(text - 1, "+00:00", sizeof "+00:00");
}

void ebi_iso_print(int64_t us, char text[EBI_ISO_ROOM]) {
    print(us, false, text);
}

void ebi_iso_print_micros(int64_t us, char text[EBI_ISO_ROOM]) {
    print(us, true, text);
}

/* ---- Reading ---- */

struct reader {
    const char *at, *end;
};

static bool take(struct reader *in, char c) {
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool take_number(struct reader *in, int digits, int64_t low, int64_t high, int64_t *number) {
    int64_t sum = 0;

    if (in->end - in->at < digits)
        return false;
    for (; digits > 0; digits--, in->at++) {
        unsigned digit = (unsigned char)*in->at - (unsigned)'0';

        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return sum >= low && sum <= high;
}

/* Reads YYYY-MM-DD or YYYYMMDD. */
static bool take_date(struct reader *in, struct date *date) {
    if (!take_number(in, 4, 1, 9999, &date->year))
        return false;
    bool dashes = take(in, '-');

    return take_number(in, 2, 1, 12, &date->month) && take(in, '-') == dashes &&
           take_number(in, 2, 1, days_in_month(date->year, date->month), &date->day);
}

static bool is_digit(const struct reader *in) {
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

/* Reads .5 or ,123456789: cut to microseconds, never rounded, as Python does. */
static bool take_fraction(struct reader *in, int64_t *micros) {
    int digits = 0;

    *micros = 0;
    if (!take(in, '.') && !take(in, ','))
        return true;
    if (!is_digit(in))
        return false;
    for (; is_digit(in); in->at++, digits++)
        if (digits < 6)
            *micros = *micros * 10 + (*in->at - '0');
    for (; digits < 6; digits++)
        *micros *= 10;
    return true;
}

/* Reads HH:MM[:SS[.f]] or HHMM[SS[.f]]. */
static bool take_time(struct reader *in, int64_t *us) {
    int64_t hour, minute, second = 0, micros = 0;

    if (!take_number(in, 2, 0, 23, &hour))
        return false;
    bool colons = take(in, ':');

    if (!take_number(in, 2, 0, 59, &minute))
        return false;
    if (colons ? take(in, ':') : is_digit(in))
        if (!take_number(in, 2, 0, 59, &second) || !take_fraction(in, &micros))
            return false;
    *us = (hour * 3600 + minute * 60 + second) * SECOND_US + micros;
    return true;
}

enum zone { ZONE_UTC, ZONE_NONE, ZONE_OTHER, ZONE_BROKEN };

/* Reads Z, +HH, +HH:MM, +HHMM, or the same with "-", to the end of the text. *offset: minutes before UTC. */
static enum zone take_zone(struct reader *in, int64_t *offset) {
    int64_t hours, minutes = 0;

    *offset = 0;
    if (in->at == in->end)
        return ZONE_NONE;
    if (take(in, 'Z') || take(in, 'z'))
        return in->at == in->end ? ZONE_UTC : ZONE_BROKEN;
    bool west = take(in, '-');
    if ((!west && !take(in, '+')) || !take_number(in, 2, 0, 23, &hours))
        return ZONE_BROKEN;
    if ((take(in, ':') || is_digit(in)) && !take_number(in, 2, 0, 59, &minutes))
        return ZONE_BROKEN;
    if (in->at != in->end)
        return ZONE_BROKEN;
    *offset = (hours * 60 + minutes) * (west ? -1 : 1);
    return *offset == 0 ? ZONE_UTC : ZONE_OTHER;
}

/* Returns the given text where it may be shown: it is short, and has only characters of times. Any other text may be anything, also a
 * person's name. */
static void refuse(struct eb_error *err, const char *text, size_t len, const char *why) {
    static const char of_times[] = "0123456789-+:.,TtZz ";
    size_t good = 0;

    while (good < len && text[good] && strchr(of_times, text[good]))
        good++;
    if (len > 0 && len <= 48 && good == len)
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "time \"%.*s\": %s", (int)len, text, why);
    else
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "time (%zu bytes, not shown): %s", len, why);
}

enum eb_status ebi_iso_read(const char *text, size_t len, int64_t *us, struct eb_error *err) {
    static const char *const why[] = {
        [ZONE_NONE] = "no zone; expected UTC, as in 2026-11-23T20:00:00.123456+00:00",
        [ZONE_OTHER] = "another zone than UTC; expected +00:00 or Z at its end",
        [ZONE_BROKEN] = "not a time; expected ISO 8601 in UTC, as in 2026-11-23T20:00:00.123456+00:00",
    };
    struct reader in = { text, text + len };
    enum zone zone = ZONE_BROKEN;
    struct date date;
    int64_t of_day, offset;

    if (take_date(&in, &date) && (take(&in, 'T') || take(&in, 't') || take(&in, ' ')) && take_time(&in, &of_day))
        zone = take_zone(&in, &offset);
    if (zone != ZONE_UTC) {
        refuse(err, text, len, why[zone]);
        return EB_PERMANENT;
    }
    *us = days_of(date) * DAY_S * SECOND_US + of_day;
    return EB_OK;
}

/* Reads YYYY-MM-DD, which is its first moment, or that and a time with any offset or none. */
static bool read_local(const char *text, int64_t *us) {
    struct reader in = { text, text + strlen(text) };
    int64_t of_day = 0, offset = 0;
    struct date date;

    if (!take_date(&in, &date))
        return false;
    if (in.at < in.end && (!(take(&in, 'T') || take(&in, 't') || take(&in, ' ')) || !take_time(&in, &of_day) ||
                           take_zone(&in, &offset) == ZONE_BROKEN))
        return false;
    *us = days_of(date) * DAY_S * SECOND_US + of_day - offset * 60 * SECOND_US;
    return true;
}

enum eb_status ebi_time_read(const char *text, int64_t now_us, int64_t *us, struct eb_error *err) {
    const char *ago = text + (*text == '-');
    int64_t ago_ms, ago_us, then;

    if (strcmp(text, "now") == 0) {
        then = now_us;
    } else if (ebi_units_ms(ago, strlen(ago), &ago_ms)) {
        if (__builtin_mul_overflow(ago_ms, 1000, &ago_us) || __builtin_sub_overflow(now_us, ago_us, &then))
            then = FIRST_US - 1;
    } else if (!read_local(text, &then)) {
        return ebi_error(
            err, EB_PERMANENT, EB_KIND_CONFIG,
            "\"%.40s\" is not a time; expected now, 15m, 2h or 7d (that long ago), a date as 2026-11-23, or a time "
            "as 2026-11-23T20:00:00+01:00, in UTC where it has no offset",
            text);
    }
    if (then < FIRST_US || then > LAST_US)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "\"%.40s\" is before the year 1, or after 9999", text);
    *us = then;
    return EB_OK;
}
