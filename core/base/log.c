/* core/base/log.c - where lines for people go: see log.h. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/printable.h"

/* Texts of others may have megabytes. A reader that cuts lines (the journal does at 48 KB) would show the rest as a line of its own, whose
 * text others had then chosen. */
enum { TEXT_MOST = 4000, VALUE_MOST = 500 };

/* What standard error is, which decides the form of lines. */
enum place { PLAIN, TERMINAL, JOURNAL };

struct ebi_log {
    _Atomic int most; /* any thread */
    atomic_bool json;
    _Atomic int time; /* enum ebi_log_time */
    enum place place; /* set once */
    eb_log_sink sink;
    void *arg;
    pthread_mutex_t one_line; /* held while a line is written, or the sink is called */
};

/* Whether standard error is systemd's journal. JOURNAL_STREAM says which file that is: "DEVICE:INODE". Children inherit the variable with
 * another standard error, so the file must match. */
static bool is_journal(void) {
    const char *told = getenv("JOURNAL_STREAM");
    struct stat here;
    char mine[64];

    if (!told || fstat(STDERR_FILENO, &here) != 0)
        return false;
    snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t)here.st_dev, (uintmax_t)here.st_ino);
    return strcmp(told, mine) == 0;
}

static bool wants_colour(void) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static enum place place_of_stderr(void) {
    if (is_journal())
        return JOURNAL;
    return wants_colour() ? TERMINAL : PLAIN;
}

struct ebi_log *ebi_log_new(enum ebi_level most, bool json, eb_log_sink sink, void *arg) {
    struct ebi_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    if (pthread_mutex_init(&log->one_line, NULL) != 0) {
        free(log);
        return NULL;
    }
    log->sink = sink;
    log->arg = arg;
    log->place = place_of_stderr();
    ebi_log_set(log, most, json);
    return log;
}

void ebi_log_free(struct ebi_log *log) {
    if (!log)
        return;
    pthread_mutex_destroy(&log->one_line);
    free(log);
}

void ebi_log_set(struct ebi_log *log, enum ebi_level most, bool json) {
    atomic_store(&log->most, (int)most);
    atomic_store(&log->json, json);
}

void ebi_log_set_time(struct ebi_log *log, enum ebi_log_time time) {
    atomic_store(&log->time, (int)time);
}

bool ebi_log_takes(const struct ebi_log *log, enum ebi_level level) {
    return log && (int)level <= atomic_load_explicit(&log->most, memory_order_relaxed);
}

/* ---- Text ---- */

static const char *word_of(enum ebi_level level) {
    switch (level) {
    case EBI_ERROR:
        return "error";
    case EBI_WARNING:
        return "warning";
    case EBI_INFO:
        return "info";
    case EBI_DEBUG:
        break;
    }
    return "debug";
}

static const char *colour_of(enum ebi_level level) {
    switch (level) {
    case EBI_ERROR:
        return "\033[31m";
    case EBI_WARNING:
        return "\033[33m";
    case EBI_INFO:
    case EBI_DEBUG:
        break;
    }
    return "\033[2m";
}

/* Where a text is cut, between two characters; its length where it is not. */
static size_t end_of(const char *text, size_t most) {
    size_t len = strnlen(text, most + 1);

    if (len <= most)
        return len;
    for (len = most; len > most - 4 && ((unsigned char)text[len] & 0xC0) == 0x80; len--)
        ;
    return len;
}

static const char *mark_of(const char *text, size_t len) {
    return text[len] ? "…" : "";
}

static bool needs_quotes(const char *value) {
    return !*value || strpbrk(value, " \"=\\\t\n");
}

static bool add_text_field(struct ebi_bytes *line, const struct ebi_log_field *field) {
    const char *quote = needs_quotes(field->value) ? "\"" : "";
    size_t len = end_of(field->value, VALUE_MOST);

    return ebi_bytes_add_format(line, " %s=%s", field->name, quote) &&
           (*quote ? ebi_printable_add_quoted(line, field->value, len) : ebi_printable_add(line, field->value, len)) &&
           ebi_bytes_add_format(line, "%s%s", mark_of(field->value, len), quote);
}

static bool add_as_text(struct ebi_bytes *line, const char *text, const struct ebi_log_field *fields, size_t n) {
    size_t len = end_of(text, TEXT_MOST);

    if (!ebi_printable_add(line, text, len) || !ebi_bytes_add_text(line, mark_of(text, len)))
        return false;
    for (size_t i = 0; i < n; i++)
        if (fields[i].value && !add_text_field(line, &fields[i]))
            return false;
    return true;
}

/* "2026-11-23T20:00:00.123Z ", or with the offset of this place: "2026-11-23T21:00:00.123+01:00 ". Of the C library's
 * functions only localtime_r is called, and only for that: they take a lock, and strftime looks at a file. */
static bool add_time(struct ebi_bytes *line, enum ebi_log_time how) {
    int64_t now = ebi_now_us();
    time_t seconds = (time_t)(now / 1000000);
    char text[EBI_ISO_ROOM];
    struct tm tm;

    if (how == EBI_LOG_NO_TIME)
        return true;
    long offset = how == EBI_LOG_LOCAL && localtime_r(&seconds, &tm) ? tm.tm_gmtoff : 0, minutes = labs(offset) / 60;
    ebi_iso_print_micros(now + offset * INT64_C(1000000), text);
    return how == EBI_LOG_UTC
               ? ebi_bytes_add_format(line, "%.23sZ ", text)
               : ebi_bytes_add_format(line, "%.23s%c%02ld:%02ld ", text, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* Writes the beginning of a line on standard error: the time, the program, and the level. */
static bool add_text_head(struct ebi_bytes *line, enum place place, enum ebi_log_time time, enum ebi_level level) {
    if (place == JOURNAL) /* the journal has the time and the program, and shows the level */
        return true;
    if (!add_time(line, time))
        return false;
    if (place == TERMINAL)
        return ebi_bytes_add_format(line, "eventbus: %s%s:\033[0m ", colour_of(level), word_of(level));
    return ebi_bytes_add_format(line, "eventbus: %s: ", word_of(level));
}

/* ---- JSON ---- */

static bool add_json_field(struct ebi_bytes *line, const char *name, const char *value, size_t most) {
    size_t len = end_of(value, most);

    if (!ebi_bytes_add_text(line, ",") || !ebi_bytes_add_json_string(line, name, strlen(name)) ||
        !ebi_bytes_add_text(line, ":") || !ebi_bytes_add_json_string(line, value, len))
        return false;
    if (!value[len])
        return true;
    line->len--; /* the ellipsis is within the quotes */
    return ebi_bytes_add_format(line, "%s\"", mark_of(value, len));
}

static bool add_as_json(struct ebi_bytes *line, enum ebi_level level, const char *text, const struct ebi_log_field *fields,
                        size_t n) {
    char now[EBI_ISO_ROOM];

    ebi_iso_print_micros(ebi_now_us(), now);
    if (!ebi_bytes_add_format(line, "{\"time\":\"%s\"", now) || !add_json_field(line, "level", word_of(level), VALUE_MOST) ||
        !add_json_field(line, "text", text, TEXT_MOST))
        return false;
    for (size_t i = 0; i < n; i++)
        if (fields[i].value && !add_json_field(line, fields[i].name, fields[i].value, VALUE_MOST))
            return false;
    return ebi_bytes_add_text(line, "}");
}

/* ---- Writing ---- */

static bool make_line(const struct ebi_log *log, struct ebi_bytes *line, enum ebi_level level, const char *text,
                      const struct ebi_log_field *fields, size_t n) {
    bool json = atomic_load(&log->json);

    if (!ebi_bytes_reserve(line, 256))
        return false;
    if (!log->sink && log->place == JOURNAL && !ebi_bytes_add_format(line, "<%d>", (int)level))
        return false;
    if (!log->sink && !json && !add_text_head(line, log->place, (enum ebi_log_time)atomic_load(&log->time), level))
        return false;
    if (json ? !add_as_json(line, level, text, fields, n) : !add_as_text(line, text, fields, n))
        return false;
    return log->sink || ebi_bytes_add_text(line, "\n");
}

/* Writes a line in one write, so that lines of several processes stay whole; only what a full disk or a signal cut is written
 * afterwards. */
static void write_all(const char *text, size_t len) {
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, text, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* this cannot be reported anywhere */
        text += done;
        len -= (size_t)done;
    }
}

void ebi_log_fields(struct ebi_log *log, enum ebi_level level, const char *text, const struct ebi_log_field *fields, size_t n) {
    static const char no_memory[] = "eventbus: error: out of memory, a log line is lost\n";
    struct ebi_bytes line = { 0 };
    int kept = errno;

    if (!ebi_log_takes(log, level))
        return;
    bool made = make_line(log, &line, level, text, fields, n);

    pthread_mutex_lock(&log->one_line);
    if (!made)
        write_all(no_memory, sizeof no_memory - 1);
    else if (log->sink)
        log->sink(log->arg, (int)level, line.data);
    else
        write_all(line.data, line.len);
    pthread_mutex_unlock(&log->one_line);
    ebi_bytes_free(&line);
    errno = kept;
}

void ebi_log_line(struct ebi_log *log, enum ebi_level level, const char *format, ...) {
    struct ebi_bytes text = { 0 };
    int kept = errno;
    va_list args;

    if (!ebi_log_takes(log, level))
        return;
    va_start(args, format);
    bool made = ebi_bytes_add_vformat(&text, format, args);

    va_end(args);
    ebi_log_fields(log, level, made ? text.data : format, NULL, 0);
    ebi_bytes_free(&text);
    errno = kept;
}
