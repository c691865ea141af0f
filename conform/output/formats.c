/* conform/output/formats.c - results and cases as text, JSON lines and TAP. */
#include "output/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/printable.h>

static const char *word(int32_t outcome) {
    return outcome == EB_CONFORM_PASS ? "pass" : outcome == EB_CONFORM_FAIL ? "fail" : "skip";
}

size_t ebc_character(const char *text, uint32_t *number) {
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
        size_t len = ebc_character(text, &number);

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

static void json_line(FILE *out, const struct ebc_line *line) {
    fputs("{\"case\":", out);
    put_json(out, line->name);
    fputs(",\"group\":", out);
    put_json(out, line->group);
    fprintf(out, ",\"result\":\"%s\",\"why\":", word(line->outcome));
    put_json(out, line->why);
    fprintf(out, ",\"seconds\":%.3f}\n", line->seconds);
}

static void json_end(const struct ebc_output *o, FILE *out) {
    fprintf(out, "{\"summary\":{\"pass\":%zu,\"fail\":%zu,\"skip\":%zu},\"plugin\":", ebc_output_count(o, EB_CONFORM_PASS),
            ebc_output_count(o, EB_CONFORM_FAIL), ebc_output_count(o, EB_CONFORM_SKIP));
    put_json(out, o->plugin);
    fprintf(out, ",\"seed\":%llu}\n", (unsigned long long)o->seed);
}

static void json_case(FILE *out, const struct eb_conform_case *of) {
    fprintf(out, "{\"case\":\"%s\",\"group\":\"%s\",\"needs\":\"%s\",\"about\":", of->name, of->group, of->needs);
    put_json(out, of->about);
    fputs("}\n", out);
}

/* ---- TAP ---- */

void ebc_put_line(FILE *out, const char *text, size_t most) {
    for (const char *end = text + most; text < end && *text;) {
        uint32_t number;
        size_t len = ebc_character(text, &number);

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
    ebc_put_line(stderr, len < 0 ? "out of memory" : text, len < 0 ? SIZE_MAX / 2 : (size_t)len);
    putc('\n', stderr);
    funlockfile(stderr);
    if (len >= 0)
        free(text);
}

static void tap_start(const struct ebc_output *o, FILE *out) {
    fputs("# ", out);
    ebc_put_line(out, o->plugin, strlen(o->plugin));
    fprintf(out, ", seed %llu\n", (unsigned long long)o->seed);
}

/* A point that was printed cannot be taken back: a case that fails later is a point of its own, one that is excused later a
 * remark. The plan stands at the end, where their number is known. */
static void tap_line(struct ebc_output *o, FILE *out, const struct ebc_line *line, bool revised) {
    bool failed = line->outcome == EB_CONFORM_FAIL, skipped = line->outcome == EB_CONFORM_SKIP;

    if (revised && !failed) {
        fprintf(out, "# %s: %s: ", line->group, line->name);
        ebc_put_line(out, line->why, strlen(line->why));
        putc('\n', out);
        return;
    }
    fprintf(out, "%s %zu - %s: %s", failed ? "not ok" : "ok", ++o->n_points, line->group, line->name);
    if (line->outcome != EB_CONFORM_PASS && line->why[0]) {
        fputs(skipped ? " # SKIP " : "\n# ", out);
        ebc_put_line(out, line->why, strlen(line->why));
    }
    putc('\n', out);
}

/* ---- text ---- */

/* Returns where the next part of "expected a; came b; breaks c" begins; NULL: there is no other. */
static const char *next_part(const char *why) {
    static const char *const begins[] = { "came ",
                                          "it ",
                                          "breaks \"",
                                          "seen in ",
                                          "its last call ",
                                          "closed ",
                                          "no instance ",
                                          "the heap ",
                                          "the plugin's last words: ",
                                          "to see it: " };

    while ((why = strstr(why, "; "))) {
        why += 2;
        for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
            if (strncmp(why, begins[i], strlen(begins[i])) == 0)
                return why;
    }
    return NULL;
}

static void put_why(FILE *out, const char *why) {
    while (why && *why) {
        const char *next = next_part(why);

        fputs("        ", out);
        ebc_put_line(out, why, next ? (size_t)(next - 2 - why) : strlen(why));
        putc('\n', out);
        why = next;
    }
}

static void text_start(const struct ebc_output *o, FILE *out) {
    ebc_put_line(out, o->plugin, strlen(o->plugin));
    fprintf(out, ", seed %llu\n", (unsigned long long)o->seed);
}

static void text_line(struct ebc_output *o, FILE *out, const struct ebc_line *line, bool revised) {
    if (!revised && strcmp(o->group, line->group) != 0) {
        snprintf(o->group, sizeof o->group, "%s", line->group);
        fprintf(out, "%s\n", line->group);
    }
    fprintf(out, "  %s  %-46s %7.3f s%s\n", line->outcome == EB_CONFORM_FAIL ? "FAIL" : word(line->outcome), line->name,
            line->seconds, revised ? ", in place of its result above" : "");
    put_why(out, line->why);
}

static void text_end(const struct ebc_output *o, FILE *out) {
    fprintf(out, "%zu passed, %zu failed, %zu skipped\n", ebc_output_count(o, EB_CONFORM_PASS),
            ebc_output_count(o, EB_CONFORM_FAIL), ebc_output_count(o, EB_CONFORM_SKIP));
}

static void text_case(FILE *out, const struct eb_conform_case *of) {
    fprintf(out, "%-10s %s: %s%s%s\n", of->group, of->name, of->about, of->needs[0] ? "; needs " : "", of->needs);
}

/* ---- the format of an output ---- */

void ebc_format_start(struct ebc_output *o, FILE *out) {
    if (o->format == EBC_TEXT)
        text_start(o, out);
    else if (o->format == EBC_TAP)
        tap_start(o, out);
}

void ebc_format_line(struct ebc_output *o, FILE *out, const struct ebc_line *line, bool revised) {
    if (o->format == EBC_JSON)
        json_line(out, line);
    else if (o->format == EBC_TAP)
        tap_line(o, out, line, revised);
    else
        text_line(o, out, line, revised);
}

void ebc_format_end(struct ebc_output *o, FILE *out) {
    if (o->format == EBC_JSON)
        json_end(o, out);
    else if (o->format == EBC_TAP)
        fprintf(out, "1..%zu\n", o->n_points);
    else
        text_end(o, out);
}

void ebc_format_case(const struct ebc_output *o, FILE *out, const struct eb_conform_case *of) {
    if (o->format == EBC_JSON)
        json_case(out, of);
    else
        text_case(out, of);
}
