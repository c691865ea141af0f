/* cli/out.c - see out.h. */
#include "cli/out.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/printable.h"
#include "cli/report.h"

/* State of the one stream; the command writes from one thread at a time. */
static bool to_file;
static int trouble; /* errno of the first write that failed */

/* fwrite may report success although a line could not be written; only the stream's error flag shows it. */
static bool went(bool fine) {
    if ((!fine || ferror(stdout)) && !trouble)
        trouble = errno ? errno : EIO;
    return !trouble;
}

void cli_out_start(void) {
    struct stat about;

    to_file = fstat(STDOUT_FILENO, &about) == 0 && S_ISREG(about.st_mode);
    setvbuf(stdout, NULL, to_file ? _IOFBF : _IOLBF, 1 << 16);
}

bool cli_out(const void *data, size_t len) {
    errno = 0;
    return !trouble && (len == 0 || went(fwrite(data, 1, len, stdout) == len)); /* data may be NULL then */
}

bool cli_out_line(const char *text, size_t len) {
    return cli_out(text, len) && cli_out("\n", 1);
}

/* Escapes line by line: the newlines come from the caller, everything else may come from outside. */
static bool put_printable(const struct ebi_bytes *text) {
    struct ebi_bytes shown = { 0 };
    bool ok = true;

    for (size_t at = 0; ok && at < text->len;) {
        size_t len = strcspn(text->data + at, "\n");

        ok = ebi_printable_add(&shown, text->data + at, len) && (!text->data[at + len] || ebi_bytes_add(&shown, "\n", 1));
        at += len + 1;
    }
    errno = ENOMEM;
    ok = went(ok) && cli_out(shown.data, shown.len);
    ebi_bytes_free(&shown);
    return ok;
}

bool cli_outf(const char *format, ...) {
    struct ebi_bytes text = { 0 };
    va_list args;

    if (trouble)
        return false;
    va_start(args, format);
    errno = ENOMEM;
    bool ok = went(ebi_bytes_add_vformat(&text, format, args)) && put_printable(&text);
    va_end(args);
    ebi_bytes_free(&text);
    return ok;
}

bool cli_put(const char *text) {
    struct ebi_bytes shown = { 0 };

    errno = ENOMEM;
    bool ok = went(ebi_printable_add(&shown, text, strlen(text))) && cli_out(shown.data, shown.len);
    ebi_bytes_free(&shown);
    return ok;
}

bool cli_out_json(json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    struct ebi_bytes line = { 0 };
    bool made = text && ebi_bytes_add_text(&line, text) && ebi_printable_json(&line, 0);
    bool fine = made && cli_out_line(line.data, line.len);

    if (!made) {
        cli_tell("out of memory, or a text that is not UTF-8");
        errno = ENOMEM;
        went(false);
    }
    free(text);
    ebi_bytes_free(&line);
    json_decref(object);
    return fine;
}

bool cli_out_event(void) {
    return !trouble && (to_file || cli_out_now());
}

bool cli_out_now(void) {
    errno = 0;
    return !trouble && went(fflush(stdout) == 0);
}

int cli_out_end(int status) {
    if (!trouble && went(fflush(stdout) == 0))
        return status;
    if (trouble == EPIPE)
        return 0;
    cli_tell("cannot write to standard output: %s", strerror(trouble));
    return CLI_EXIT_BROKER;
}
