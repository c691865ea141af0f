/* conform/runner/print.c - prints the results: as text, JSON lines, TAP or JUnit's XML. */
#include "runner/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/printable.h>

static const char *word(enum ebc_outcome outcome) {
    return outcome == EBC_PASS ? "pass" : outcome == EBC_FAIL ? "fail" : "skip";
}

static size_t count(const struct ebc_report *report, enum ebc_outcome outcome) {
    size_t n = 0;

    for (size_t i = 0; i < report->n; i++)
        n += report->results[i].outcome == outcome;
    return n;
}

/* Reads the UTF-8 character that `text` starts with. Returns its number of bytes; 0: it is not UTF-8. */
static size_t character(const char *text, uint32_t *number) {
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)text[0];
    size_t len = first < 0x80                    ? 1
                 : first >= 0xC2 && first < 0xE0 ? 2
                 : first >= 0xE0 && first < 0xF0 ? 3
                 : first >= 0xF0 && first < 0xF5 ? 4
                                                 : 0;

    *number = len < 2 ? first : first & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return 0;
        *number = *number << 6 | ((unsigned char)text[i] & 0x3F);
    }
    return len && (*number < least[len] || *number > 0x10FFFF || (*number >= 0xD800 && *number < 0xE000)) ? 0 : len;
}

/* ---- JSON ---- */

static void put_json_escape(FILE *out, uint32_t number) {
    if (number < 0x10000)
        fprintf(out, "\\u%04x", (unsigned)number);
    else
        fprintf(out, "\\u%04x\\u%04x", 0xD800U + (unsigned)((number - 0x10000) >> 10), 0xDC00U + (unsigned)(number & 0x3FF));
}

static void put_json(FILE *out, const char *text) {
    putc('"', out);
    while (text && *text) {
        uint32_t number;
        size_t len = character(text, &number);

        if (len == 0)
            fputs("\\ufffd", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (!eb_printable(number))
            put_json_escape(out, number);
        else
            fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
    putc('"', out);
}

static void print_json(const struct ebc_report *report) {
    for (size_t i = 0; i < report->n; i++) {
        const struct ebc_result *result = &report->results[i];

        fputs("{\"case\":", stdout);
        put_json(stdout, result->of->name);
        fputs(",\"group\":", stdout);
        put_json(stdout, result->of->group);
        printf(",\"result\":\"%s\",\"why\":", word(result->outcome));
        put_json(stdout, result->why);
        printf(",\"seconds\":%.3f}\n", result->seconds);
    }
    printf("{\"summary\":{\"pass\":%zu,\"fail\":%zu,\"skip\":%zu},\"plugin\":", count(report, EBC_PASS),
           count(report, EBC_FAIL), count(report, EBC_SKIP));
    put_json(stdout, report->plugin);
    printf(",\"seed\":%llu}\n", (unsigned long long)report->seed);
}

/* ---- TAP ---- */

/* Prints at most so many bytes on one line: a plugin's text must not end the line, nor control a terminal. */
static void put_line(FILE *out, const char *text, size_t most) {
    for (const char *end = text + most; text < end && *text;) {
        uint32_t number;
        size_t len = character(text, &number);

        if (len == 0 || !eb_printable(number))
            putc(len == 1 ? ' ' : '?', out);
        else
            fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
}

void ebc_print_error(const char *program, const char *format, ...) {
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    flockfile(stderr);
    fprintf(stderr, "%s: ", program);
    put_line(stderr, len < 0 ? "out of memory" : text, len < 0 ? SIZE_MAX / 2 : (size_t)len);
    putc('\n', stderr);
    funlockfile(stderr);
    if (len >= 0)
        free(text);
}

static void print_tap(const struct ebc_report *report) {
    printf("1..%zu\n# ", report->n);
    put_line(stdout, report->plugin, sizeof report->plugin);
    printf(", seed %llu\n", (unsigned long long)report->seed);
    for (size_t i = 0; i < report->n; i++) {
        const struct ebc_result *result = &report->results[i];
        bool skip = result->outcome == EBC_SKIP;

        printf("%s %zu - %s: %s%s", result->outcome == EBC_FAIL ? "not ok" : "ok", i + 1, result->of->group, result->of->name,
               skip                                         ? " # SKIP "
               : result->outcome == EBC_FAIL && result->why ? "\n# "
                                                            : "");
        if (result->outcome != EBC_PASS && result->why)
            put_line(stdout, result->why, strlen(result->why));
        putchar('\n');
    }
}

/* ---- text ---- */

/* Returns where the next part of "expected a; came b; breaks c" begins; NULL: there is no other. */
static const char *next_part(const char *why) {
    static const char *const begins[] = { "came ", "it ", "breaks \"", "seen in ", "the plugin's last words: " };

    while ((why = strstr(why, "; "))) {
        why += 2;
        for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
            if (strncmp(why, begins[i], strlen(begins[i])) == 0)
                return why;
    }
    return NULL;
}

static void print_why(const char *why) {
    while (why && *why) {
        const char *next = next_part(why);

        fputs("        ", stdout);
        put_line(stdout, why, next ? (size_t)(next - 2 - why) : strlen(why));
        putchar('\n');
        why = next;
    }
}

static void print_text(const struct ebc_report *report) {
    const char *group = "";

    put_line(stdout, report->plugin, sizeof report->plugin);
    printf(", seed %llu\n", (unsigned long long)report->seed);
    for (size_t i = 0; i < report->n; i++) {
        const struct ebc_result *result = &report->results[i];

        if (strcmp(group, result->of->group) != 0)
            printf("%s\n", group = result->of->group);
        printf("  %s  %-46s %7.3f s\n", result->outcome == EBC_FAIL ? "FAIL" : word(result->outcome), result->of->name,
               result->seconds);
        print_why(result->why);
    }
    printf("%zu passed, %zu failed, %zu skipped\n", count(report, EBC_PASS), count(report, EBC_FAIL), count(report, EBC_SKIP));
}

void ebc_print(const struct ebc_report *report) {
    if (report->format == EB_CONFORM_JSON)
        print_json(report);
    else if (report->format == EB_CONFORM_TAP)
        print_tap(report);
    else
        print_text(report);
}

static void list_json(const struct ebc_case *of, const char *needs) {
    printf("{\"case\":\"%s\",\"group\":\"%s\",\"needs\":\"%s\",\"about\":", of->name, of->group, needs);
    put_json(stdout, of->about);
    puts("}");
}

void eb_conform_list(const char *only, enum eb_conform_format format) {
    for (size_t i = 0; ebc_case_at(i); i++) {
        const struct ebc_case *at = ebc_case_at(i);
        char needs[EBC_NEEDS_ROOM];

        if (!ebc_selected(at, only))
            continue;
        ebc_case_needs(at, needs);
        if (format == EB_CONFORM_JSON)
            list_json(at, needs);
        else
            printf("%-10s %s: %s%s%s\n", at->group, at->name, at->about, needs[0] ? "; needs " : "", needs);
    }
}

/* ---- JUnit ---- */

static void put_xml(FILE *out, const char *text) {
    while (text && *text) {
        uint32_t number;
        size_t len = character(text, &number);
        const char *special = len == 1 ? strchr("<>&\"", *text) : NULL;

        if (special)
            fprintf(out, "&#%d;", *text);
        else if (len == 0 || !eb_printable(number))
            putc('?', out);
        else
            fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
}

static void put_testcase(FILE *out, const struct ebc_result *result) {
    fprintf(out, "  <testcase classname=\"conform.%s\" name=\"%s\" time=\"%.3f\"", result->of->group, result->of->name,
            result->seconds);
    if (result->outcome == EBC_PASS) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, "><%s message=\"", result->outcome == EBC_FAIL ? "failure" : "skipped");
    put_xml(out, result->why);
    fputs("\"/></testcase>\n", out);
}

bool ebc_write_junit(const struct ebc_report *report, const char *file, char why[EBC_WHY_ROOM]) {
    FILE *out = fopen(file, "we");
    bool written;

    if (!out) {
        snprintf(why, EBC_WHY_ROOM, "--junit %.1000s: cannot be written: %s", file, strerror(errno));
        return false;
    }
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    put_xml(out, report->plugin);
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", report->n, count(report, EBC_FAIL),
            count(report, EBC_SKIP));
    for (size_t i = 0; i < report->n; i++)
        put_testcase(out, &report->results[i]);
    fputs("</testsuite>\n", out);
    written = !ferror(out);
    if (fclose(out) != 0 || !written) {
        snprintf(why, EBC_WHY_ROOM, "--junit %.1000s: could not be written whole: %s", file, strerror(errno));
        return false;
    }
    return true;
}
